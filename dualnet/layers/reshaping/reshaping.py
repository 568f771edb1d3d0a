"""Layers that change the shape and not the values."""

from __future__ import annotations

import math
from typing import Any

from ... import config, ops
from ..base.layer import Layer, Shape


class Flatten(Layer):
    """All axes but the batch as one.  x: (batch, ...) -> (batch, product)

    Args:
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
        sizes = input_shape[1:]
        return (input_shape[0], None if None in sizes else math.prod(sizes))


class Reshape(Layer):
    """The same values in another shape.  x: (batch, ...) -> (batch, *target_shape); one entry may be -1"""

    def __init__(self, target_shape: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.target_shape = (target_shape,) if isinstance(target_shape, int) else tuple(target_shape)
        if any(n is None or n < -1 for n in self.target_shape):
            raise ValueError(
                f"Reshape: each entry must be a non-negative integer, or -1 for one that follows from the others, got "
                f"target_shape={self.target_shape}"
            )
        if self.target_shape.count(-1) > 1:
            raise ValueError(
                f"Reshape: there may be at most one unknown dimension (-1), got target_shape={self.target_shape}"
            )
        self._build_at_init()

    def call(self, inputs: Any) -> Any:
        self.compute_output_shape(inputs.shape)  # a message with both shapes
        return ops.reshape(inputs, (inputs.shape[0], *self.target_shape))

    def compute_output_shape(self, input_shape: Any) -> Any:
        sizes, target = input_shape[1:], self.target_shape
        if None in sizes:
            return (input_shape[0], *(None if n == -1 else n for n in target))
        size, known = math.prod(sizes), math.prod(n for n in target if n != -1)
        if (known != size) if -1 not in target else (known == 0 or size % known):
            raise ValueError(f"Reshape: {size} values of shape {tuple(sizes)} do not fit into the shape {target}")
        return (input_shape[0], *(size // known if n == -1 else n for n in target))


class Permute(Layer):
    """Axes in another order.  x: (batch, ...) -> (batch, ...)

    Args:
        dims: which axis comes first, second, and so on; they count from 1, the batch being 0 and staying where it is.
    """

    def __init__(self, dims: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dims = tuple(dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ValueError(
                f"Permute: Invalid permutation dims={self.dims}: expected each of 1 to {len(self.dims)} once, such as (2, 1)"
            )
        self._build_at_init()

    def call(self, inputs: Any) -> Any:
        self.compute_output_shape(inputs.shape)  # a message with both ranks
        return ops.transpose(inputs, (0, *self.dims))

    def compute_output_shape(self, input_shape: Any) -> Shape:
        if len(input_shape) != len(self.dims) + 1:
            raise ValueError(
                f"Permute layer {self.name!r} with dims={self.dims} expects inputs with {len(self.dims) + 1} axes, got shape "
                f"{tuple(input_shape)}"
            )
        return (input_shape[0], *(input_shape[d] for d in self.dims))


class RepeatVector(Layer):
    """The input n times, along a new axis.  x: (batch, features) -> (batch, n, features)"""

    def __init__(self, n: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if isinstance(n, bool) or not isinstance(n, int):
            raise TypeError(f"RepeatVector: Expected an integer value for `n`, got {n!r}")
        if n < 1:
            raise ValueError(f"RepeatVector: `n` should be a positive integer, got {n}")
        self.n = n
        self._build_at_init()

    def call(self, inputs: Any) -> Any:
        self.compute_output_shape(inputs.shape)
        return ops.repeat(ops.expand_dims(inputs, 1), self.n, axis=1)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        if len(input_shape) != 2:
            raise ValueError(
                f"RepeatVector layer {self.name!r} expects inputs of shape (batch, features), got {tuple(input_shape)}"
            )
        return (input_shape[0], self.n, input_shape[1])
