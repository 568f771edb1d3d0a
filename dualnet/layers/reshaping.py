"""Layers that change the shape and not the values."""

from __future__ import annotations

import math
from typing import Any

from .. import config, ops
from .base import Layer


class Flatten(Layer):
    """All axes but the batch as one.  x: (batch, ...) -> (batch, product)

    data_format: "channels_first" moves the channels to the end before, so that weights fit both formats.
    """

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = data_format or config.image_data_format()
        if self.data_format not in ("channels_last", "channels_first"):
            raise ValueError(f'Flatten: expected "channels_last" or "channels_first", got {data_format!r}')
        self._build_at_init()

    def call(self, inputs: Any) -> Any:
        if self.data_format == "channels_first" and len(inputs.shape) > 2:
            inputs = ops.moveaxis(inputs, 1, -1)
        return ops.reshape(inputs, (inputs.shape[0], math.prod(inputs.shape[1:])))

    def compute_output_shape(self, input_shape: Any) -> Any:
        rest = input_shape[1:]
        return (input_shape[0], None if None in rest else math.prod(rest))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "data_format": self.data_format}


class Reshape(Layer):
    """The same values in another shape.  x: (batch, ...) -> (batch, *target_shape); one entry may be -1"""

    def __init__(self, target_shape: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.target_shape = (target_shape,) if isinstance(target_shape, int) else tuple(target_shape)
        if sum(n == -1 for n in self.target_shape) > 1:
            raise ValueError(f"Reshape: only one entry of target_shape may be -1, got {self.target_shape}")
        self._build_at_init()

    def call(self, inputs: Any) -> Any:
        self.compute_output_shape(inputs.shape)  # a message with both shapes
        return ops.reshape(inputs, (inputs.shape[0], *self.target_shape))

    def compute_output_shape(self, input_shape: Any) -> Any:
        rest, target = input_shape[1:], self.target_shape
        if None in rest:
            return (input_shape[0], *(None if n == -1 else n for n in target))
        size, known = math.prod(rest), math.prod(n for n in target if n != -1)
        if (known != size) if -1 not in target else (known == 0 or size % known):
            raise ValueError(f"Reshape: {size} values of shape {tuple(rest)} do not fit into the shape {target}")
        return (input_shape[0], *(size // known if n == -1 else n for n in target))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "target_shape": self.target_shape}
