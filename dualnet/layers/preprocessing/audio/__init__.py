"""Layers that make spectrograms of sound."""
