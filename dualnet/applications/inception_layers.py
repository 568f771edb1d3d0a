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

    def build(self, input_shape: Any) -> None:
        shapes = [tuple(shape) for shape in input_shape] if isinstance(input_shape[0], (list, tuple)) else []
        if len(shapes) != 2:
            raise ValueError(
                f"CustomScaleLayer takes a list of two tensors, [x, residual], got {len(shapes) or input_shape}"
            )
        if shapes[0] != shapes[1]:
            raise ValueError(f"x and the residual must be of one shape, got {shapes[0]} and {shapes[1]}")

    def call(self, inputs: Any) -> Any:
        x, residual = inputs
        return x + residual * self.scale

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape[0]
