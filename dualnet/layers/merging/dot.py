"""Dot: the product of two batches of tensors, sample by sample."""

from __future__ import annotations

import math
from typing import Any

from ... import ops
from ..base.layer import Shape
from .merging import Merge


class Dot(Merge):
    """The dot product over one axis of each of two inputs.  x: [(batch, a..., n), (batch, b..., n)] -> (batch, a..., b...)

    The result has two axes at least.

    Args:
        axes: the axis to sum over, one number for both inputs or a pair; not 0, the batch.
        normalize: scale both to length 1 along it first, which makes the product the cosine of their angle.
    """

    def __init__(self, axes: Any, normalize: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(axes, int):
            if not isinstance(axes, (list, tuple)):
                raise TypeError(f"Dot: axes must be a whole number or a pair of them, got {axes!r}")
            if len(axes) != 2 or not all(isinstance(a, int) for a in axes):
                raise ValueError(f"Dot: axes must be a whole number or a pair of them, got {axes!r}")
            axes = list(axes)
        self.axes = axes
        self.normalize = normalize

    def call(self, inputs: Any) -> Any:
        if not isinstance(inputs, (list, tuple)):
            raise ValueError(self._not_a_list(inputs))
        shapes = [tuple(x.shape) for x in inputs]
        out = self.compute_output_shape(shapes)
        if shapes[0][0] != shapes[1][0]:
            raise ValueError(f"Dot: Cannot do a dot product of different batch sizes: got the shapes {shapes}")
        x, y = inputs
        a, b = self._axes_of(*shapes)
        if self.normalize:
            x, y = _normalized(x, a), _normalized(y, b)
        # (batch, other axes of x, n) @ (batch, n, other axes of y)
        x, y = ops.moveaxis(x, a, -1), ops.moveaxis(y, b, 1)
        batch, n = y.shape[:2]
        rows, columns = math.prod(x.shape[1:-1]), math.prod(y.shape[2:])
        z = ops.matmul(ops.reshape(x, (batch, rows, n)), ops.reshape(y, (batch, n, columns)))
        return ops.reshape(z, (batch, *out[1:]))

    def _axes_of(self, first: tuple[Any, ...], second: tuple[Any, ...]) -> tuple[int, int]:
        """The axis of each input, counted from the front."""
        axes = [self.axes] * 2 if isinstance(self.axes, int) else self.axes
        result = []
        for shape, axis in zip((first, second), axes):
            if len(shape) < 2 or not -len(shape) <= axis < len(shape) or axis % len(shape) == 0:
                raise ValueError(
                    f"Dot: axes={self.axes} for the shapes {first} and {second}: expected an axis of each input, not the batch"
                )
            result.append(axis % len(shape))
        return result[0], result[1]

    def compute_output_shape(self, input_shape: Any) -> Shape:
        shapes = self._shapes(input_shape)
        if len(shapes) != 2:
            raise ValueError(f"A `Dot` layer should be called on a list of 2 inputs, got {len(shapes)}: {shapes}")
        x, y = shapes
        a, b = self._axes_of(x, y)
        if x[a] != y[b] and None not in (x[a], y[b]):
            raise ValueError(f"Dot: Incompatible input shapes {x} and {y}: {x[a]} != {y[b]} along axes={self.axes}")
        out = (x[0], *x[1:a], *x[a + 1 :], *y[1:b], *y[b + 1 :])
        return out if len(out) > 1 else (*out, 1)

    def compute_mask(self, inputs: Any, mask: Any = None) -> None:
        return None


def _normalized(x: Any, axis: int) -> Any:
    """x divided by its length along an axis; zeros stay zeros."""
    return x * ops.rsqrt(ops.maximum(ops.sum(ops.square(x), axis=axis, keepdims=True), 1e-24))


def dot(inputs: Any, axes: Any = -1, **kwargs: Any) -> Any:
    """The dot product over an axis of each of two inputs (see ``Dot``)."""
    return Dot(axes=axes, **kwargs)(inputs)
