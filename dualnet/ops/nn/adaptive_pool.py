"""Pooling to a given output size, whatever the size of the input.  x: (batch, spatial..., channels), or channels first

Of n elements along an axis, output i of o takes those from floor(i n / o) up to ceil((i + 1) n / o): windows of at most two
sizes, which may share an element. As in ``pool.py`` each axis is pooled by itself, the last one first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._common import Array, Op, Xp, floating
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
def adaptive_max_pool(xp: Xp, inputs: Array, /, output_size: Sizes, data_format: str | None = None) -> Op:
    """The largest element of each window.  output_size: one number for all spatial axes, or one for each"""
    axes = _axes("adaptive_max_pool", inputs.shape, output_size, data_format)
    stages = [inputs]
    for axis, size in axes:
        stages.append(_reduce(xp, xp.max, stages[-1], axis, size))

    def backward(dy: Array) -> Array:
        for (axis, size), x in zip(reversed(axes), reversed(stages[:-1])):
            dx = xp.zeros(x.shape, dtype=dy.dtype)
            for window, cell in _windows(x.shape, axis, size):
                part = x[window]
                positions = xp.arange(part.shape[axis]).reshape((-1,) + (1,) * (x.ndim - axis - 1))
                dx[window] += dy[cell] * (xp.expand_dims(xp.argmax(part, axis=axis), axis) == positions)
            dy = dx
        return dy

    return stages[-1], backward


@op("nn", shape=_adaptive_shape)
def adaptive_average_pool(xp: Xp, inputs: Array, /, output_size: Sizes, data_format: str | None = None) -> Op:
    """The mean of each window.  output_size: one number for all spatial axes, or one for each"""
    axes = _axes("adaptive_average_pool", inputs.shape, output_size, data_format)
    y, shapes = floating(inputs), []
    for axis, size in axes:
        shapes.append(y.shape)
        y = _reduce(xp, xp.mean, y, axis, size)

    def backward(dy: Array) -> Array:
        for (axis, size), shape in zip(reversed(axes), reversed(shapes)):
            dx = xp.zeros(shape, dtype=dy.dtype)
            for window, cell in _windows(shape, axis, size):
                dx[window] += dy[cell] / (window[axis].stop - window[axis].start)
            dy = dx
        return dy

    return y, backward


def _axes(op: str, shape: Shape, output_size: Sizes, data_format: str | None) -> list[tuple[int, int]]:
    """(axis, output size) of the spatial axes, the last one first."""
    sizes = per_axis(op, "output_size", output_size, spatial_rank(op, shape))
    return list(enumerate(sizes, first_spatial_axis(op, data_format)))[::-1]


def _windows(shape: tuple[int, ...], axis: int, size: int) -> Windows:
    before, n = (slice(None),) * axis, shape[axis]
    return [((*before, slice(i * n // size, -(-(i + 1) * n // size))), (*before, slice(i, i + 1))) for i in range(size)]


def _reduce(xp: Xp, reduce: Callable[..., Array], x: Array, axis: int, size: int) -> Array:
    y = xp.empty((*x.shape[:axis], size, *x.shape[axis + 1 :]), dtype=x.dtype)
    for window, cell in _windows(x.shape, axis, size):
        y[cell] = reduce(x[window], axis=axis, keepdims=True)
    return y
