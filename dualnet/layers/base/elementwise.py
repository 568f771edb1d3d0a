"""Elementwise: the base of layers that leave the shape as it is."""

from __future__ import annotations

from typing import Any

from .layer import Layer, Shape


class Elementwise(Layer):
    """Base of layers whose output has the shape and the mask of the input."""

    supports_masking = True

    def compute_output_shape(self, input_shape: Any) -> Shape:
        return tuple(input_shape)
