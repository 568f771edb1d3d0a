"""Layers that prepare text, images and numbers for a model."""
