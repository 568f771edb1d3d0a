"""The layer of Inception-ResNet v2 that is in no other network."""

from __future__ import annotations

from typing import Any

from ..layers import Layer

__all__ = ["CustomScaleLayer"]


class CustomScaleLayer(Layer):
    """x + scale * residual, for ``[x, residual]`` of one shape. The scale keeps deep stacks of these modules stable.

    The name is that of Keras, which writes it into files.

    Args:
        scale: what the residual is multiplied by.
    """

    def __init__(self, scale: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = scale

    def call(self, inputs: Any) -> Any:
        x, residual = inputs
        return x + residual * self.scale

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape[0]
