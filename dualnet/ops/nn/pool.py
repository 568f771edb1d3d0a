"""Pooling: one number for each window.  x: (batch, spatial..., channels), channels first with ``data_format``

Windows are boxes, so each spatial axis is pooled by itself, the last one first: a window of k x k costs 2k passes and not
k * k, and of equal maxima the first in row-major order gets the gradient. A pass works on slices of its input, shifted
against each other; there is no scatter, so results do not depend on the order in which a GPU adds.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from dualnet_backends import Backend

from .._common import Array, Forward, Spec, Xp, floating
from ..registry import op
from ..shape_rules import Shape, float_dtype, shape_of
from ._windows import Sizes, first_spatial_axis, overhang, padding_of, per_axis, spatial_rank, window_count


class Axis(NamedTuple):
    """One spatial axis: its length, its windows (size, stride, count), and the padding before and after."""

    at: int
    length: int
    size: int
    stride: int
    windows: int
    before: int
    after: int

    def slices(self) -> list[tuple[slice, ...]]:
        """For each position in the window, the indices of the elements there, one for each window."""
        last = self.stride * (self.windows - 1) + 1
        return [(slice(None),) * self.at + (slice(i, i + last, self.stride),) for i in range(self.size)]

    @property
    def disjoint(self) -> bool:
        """Whether no element is in two windows."""
        return self.stride >= self.size

    @property
    def tiled(self) -> bool:
        """Whether every element is in one window and no more."""
        return self.stride == self.size and self.windows * self.size == self.length + self.before + self.after


def _pool_shape(op: str, inputs: Any, *args: Any, **options: Any) -> Shape:
    shape = list(shape_of(inputs))
    for axis in _axes(op, shape_of(inputs), *args, **options):
        shape[axis.at] = axis.windows
    return tuple(shape)


def _max_pool_shape(inputs: Any, *args: Any, **options: Any) -> Spec:
    return Spec(_pool_shape("max_pool", inputs, *args, **options), inputs.dtype)


def _average_pool_shape(inputs: Any, *args: Any, **options: Any) -> Spec:
    return Spec(_pool_shape("average_pool", inputs, *args, **options), float_dtype(inputs))


@op("nn", shape=_max_pool_shape)
def max_pool(
    backend: Backend,
    inputs: Array,
    /,
    pool_size: Sizes,
    strides: Sizes | None = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Forward:
    """The largest element of each window.

    Args:
        pool_size, strides: one number for all spatial axes, or one for each; strides are the pool size by default.
        padding: "valid" keeps windows inside the input, "same" lets them hang over its edges evenly, so that there are
            ceil(length / stride) of them.
    """
    xp = backend.xp
    axes = _axes("max_pool", inputs.shape, pool_size, strides, padding, data_format)
    stages = [_padded(xp, inputs, axes, _lowest(xp, inputs.dtype))]
    for axis in axes:
        stages.append(_reduce(backend, xp.maximum, stages[-1], axis))

    def backward(dy: Array) -> Array:
        for i in reversed(range(len(axes))):
            dy = _max_gradient(backend, dy, stages[i], stages[i + 1], axes[i])
        return _unpadded(dy, axes)

    return stages[-1], backward


@op("nn", shape=_average_pool_shape)
def average_pool(
    backend: Backend,
    inputs: Array,
    /,
    pool_size: Sizes,
    strides: Sizes | None = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Forward:
    """The mean of each window; what hangs over the edge of the input is not counted. Arguments: see ``max_pool``"""
    xp = backend.xp
    axes = _axes("average_pool", inputs.shape, pool_size, strides, padding, data_format)
    y = _padded(xp, floating(inputs), axes, 0)
    shapes = []
    for axis in axes:
        shapes.append(y.shape)
        y = _reduce(backend, xp.add, y, axis)
    y = _divide_by_counts(xp, y, axes)

    def backward(dy: Array) -> Array:
        dy = _divide_by_counts(xp, dy, axes)
        for axis, shape in zip(reversed(axes), reversed(shapes)):
            dy = _sum_gradient(backend, dy, shape, axis)
        return _unpadded(dy, axes)

    return y, backward


def _axes(
    op: str,
    shape: Shape,
    pool_size: Sizes,
    strides: Sizes | None = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> list[Axis]:
    """The spatial axes, the last one first. An unknown length has an unknown number of windows."""
    rank = spatial_rank(op, shape)
    first, padding = first_spatial_axis(op, data_format), padding_of(op, padding)
    sizes = per_axis(op, "pool_size", pool_size, rank)
    steps = sizes if strides is None else per_axis(op, "strides", strides, rank)
    spatial = []
    for at, size, stride in zip(range(first, first + rank), sizes, steps):
        length: Any = shape[at]
        count: Any = None if length is None else window_count(length, size, stride, padding)
        if length and count < 1:
            raise ValueError(
                f"{op}: a window of {sizes} does not fit into an input of shape {shape}: "
                'use a smaller pool_size or padding="same"'
            )
        padding_widths = (0, 0) if length is None else overhang(length, size, stride, padding)
        spatial.append(Axis(at, length, size, stride, count and max(count, 0), *padding_widths))
    return spatial[::-1]


def _lowest(xp: Xp, dtype: object) -> float | int:
    """The smallest value of a dtype."""
    kind = xp.dtype(dtype).kind
    return 0 if kind == "b" else xp.iinfo(dtype).min if kind in "iu" else -math.inf


def _padded(xp: Xp, x: Array, axes: list[Axis], fill: float) -> Array:
    if not any(a.before or a.after for a in axes):
        return x
    shape, inside = list(x.shape), [slice(None)] * x.ndim
    for a in axes:
        shape[a.at] += a.before + a.after
        inside[a.at] = slice(a.before, a.before + a.length)
    y = xp.full(tuple(shape), fill, dtype=x.dtype)
    y[tuple(inside)] = x
    return y


def _unpadded(dx: Array, axes: list[Axis]) -> Array:
    for a in axes:
        if a.before or a.after:
            dx = dx[(slice(None),) * a.at + (slice(a.before, a.before + a.length),)]
    return dx


def _reduce(backend: Backend, combine: Callable[..., Array], x: Array, axis: Axis) -> Array:
    """The elements of each window combined, two at a time."""
    first, *others = axis.slices()
    if not others:
        return backend.read_slice(x, first)
    y = backend.xp.empty((*x.shape[: axis.at], axis.windows, *x.shape[axis.at + 1 :]), dtype=x.dtype)

    def reduce(part: slice) -> None:
        xs, ys = x[part], y[part]
        for i, index in enumerate(others):
            combine(ys if i else backend.read_slice(xs, first), backend.read_slice(xs, index), out=ys)

    backend.split(len(x), reduce, x.size)
    return y


def _max_gradient(backend: Backend, dy: Array, x: Array, y: Array, axis: Axis) -> Array:
    """dy at the first element of each window that is the maximum y, 0 at the others."""
    if axis.size == axis.stride == 1:
        return dy
    dx = (backend.xp.empty if axis.tiled else backend.xp.zeros)(x.shape, dtype=dy.dtype)
    backend.split(len(x), lambda part: _write_max_gradient(backend, dx[part], dy[part], x[part], y[part], axis), x.size)
    return dx


def _write_max_gradient(backend: Backend, dx: Array, dy: Array, x: Array, y: Array, axis: Axis) -> None:
    xp = backend.xp
    *slices, last = axis.slices()
    earlier = None
    for index in slices:
        is_max = backend.read_slice(x, index) == y
        if earlier is None:
            first = earlier = is_max
        else:
            first = xp.greater(is_max, earlier)
            earlier = xp.logical_or(earlier, is_max)
        _add(backend, dx, index, dy, first, axis)
    # The last element is the maximum where no other was: one comparison less.
    _add(backend, dx, last, dy, None if earlier is None else xp.logical_not(earlier), axis)


def _add(backend: Backend, dx: Array, index: tuple[slice, ...], dy: Array, where: Array | None, axis: Axis) -> None:
    """dx[index] += dy * where; where no element is in two windows there is nothing yet to add to."""
    if axis.disjoint:
        backend.write_slice(dx, index, dy, where)
    else:
        dx[index] += dy if where is None else dy * where


def _sum_gradient(backend: Backend, dy: Array, shape: tuple[int, ...], axis: Axis) -> Array:
    """The gradient of the sum of a window: dy at every element of its window."""
    if axis.size == axis.stride == 1:
        return dy
    dx = (backend.xp.empty if axis.tiled else backend.xp.zeros)(shape, dtype=dy.dtype)
    for index in axis.slices():
        _add(backend, dx, index, dy, None, axis)
    return dx


def _divide_by_counts(xp: Xp, y: Array, axes: list[Axis]) -> Array:
    """Sums over windows divided by how many elements of the input each window holds."""
    inside = math.prod(a.size for a in axes if not (a.before or a.after))
    if inside > 1:
        y = y / inside
    for a in axes:
        if a.before or a.after:
            start = xp.arange(a.windows) * a.stride - a.before
            counts = xp.minimum(start + a.size, a.length) - xp.maximum(start, 0)
            y = y / counts.astype(y.dtype).reshape((-1,) + (1,) * (y.ndim - a.at - 1))
    return y
