"""Pooling to a given output size, whatever the size of the input.  x: (batch, spatial..., channels), or channels first

Of n elements along an axis, output i of o takes those from floor(i n / o) up to ceil((i + 1) n / o): windows of at most two
sizes, which may share an element. As in ``pool.py`` each axis is pooled by itself, the last one first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._common import Array, Forward, Xp, floating
from ..registry import op
from ..shape_rules import Shape, shape_of
from ._windows import Sizes, first_spatial_axis, per_axis, spatial_rank

Windows = list[tuple[tuple[slice, ...], tuple[slice, ...]]]  # (elements of the input, element of the output)


def _adaptive_shape(inputs: Any, output_size: Sizes, data_format: str | None = None) -> Shape:
    shape = list(shape_of(inputs))
    for axis, size in _axes("adaptive pooling", shape_of(inputs), output_size, data_format):
        shape[axis] = size
    return tuple(shape)


@op("nn", shape=_adaptive_shape)
def adaptive_max_pool(xp: Xp, inputs: Array, /, output_size: Sizes, data_format: str | None = None) -> Forward:
    """The largest element of each window.  output_size: one number for all spatial axes, or one for each"""

    def gradient(dy: Array, x: Array, axis: int) -> Array:
        positions = xp.arange(x.shape[axis]).reshape((-1,) + (1,) * (x.ndim - axis - 1))
        return dy * (xp.expand_dims(xp.argmax(x, axis=axis), axis) == positions)

    return _pool(xp, inputs, _axes("adaptive_max_pool", inputs.shape, output_size, data_format), xp.max, gradient)


@op("nn", shape=_adaptive_shape)
def adaptive_average_pool(xp: Xp, inputs: Array, /, output_size: Sizes, data_format: str | None = None) -> Forward:
    """The mean of each window.  output_size: one number for all spatial axes, or one for each"""

    def gradient(dy: Array, x: Array, axis: int) -> Array:
        return dy / x.shape[axis]

    axes = _axes("adaptive_average_pool", inputs.shape, output_size, data_format)
    return _pool(xp, floating(inputs), axes, xp.mean, gradient)


def _pool(
    xp: Xp, x: Array, axes: list[tuple[int, int]], reduce: Callable[..., Array], gradient: Callable[..., Array]
) -> Forward:
    """Windows reduced axis by axis. gradient(dy, window, axis): the part of dy of each element of a window."""
    stages = [x]
    for axis, size in axes:
        x = stages[-1]
        y = xp.empty((*x.shape[:axis], size, *x.shape[axis + 1 :]), dtype=x.dtype)
        for window, cell in _windows(x.shape, axis, size):
            y[cell] = reduce(x[window], axis=axis, keepdims=True)
        stages.append(y)

    def backward(dy: Array) -> Array:
        for (axis, size), x in zip(reversed(axes), reversed(stages[:-1])):
            dx = xp.zeros(x.shape, dtype=dy.dtype)
            for window, cell in _windows(x.shape, axis, size):
                dx[window] += gradient(dy[cell], x[window], axis)
            dy = dx
        return dy

    return stages[-1], backward


def _axes(op: str, shape: Shape, output_size: Sizes, data_format: str | None) -> list[tuple[int, int]]:
    """(axis, output size) of the spatial axes, the last one first."""
    sizes = per_axis(op, "output_size", output_size, spatial_rank(op, shape))
    return list(enumerate(sizes, first_spatial_axis(op, data_format)))[::-1]


def _windows(shape: tuple[int, ...], axis: int, size: int) -> Windows:
    before, n = (slice(None),) * axis, shape[axis]
    return [((*before, slice(i * n // size, -(-(i + 1) * n // size))), (*before, slice(i, i + 1))) for i in range(size)]
