"""Arithmetic, elementwise functions and reductions."""
