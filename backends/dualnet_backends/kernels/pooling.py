"""Pooling: one number for each window, and the strided slices of which it is composed: the reference kernels.

Windows are boxes, so each spatial axis is pooled by itself, the last one first: a window of k x k costs 2k passes and not
k * k, and of equal maxima the first in row-major order gets the gradient. A pass works on slices of its input, shifted
against each other; there is no scatter, so results do not depend on the order in which a GPU adds.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

Array = Any
Index = tuple[slice, ...]
Gradient = Callable[[Array], Array]


class Axis(NamedTuple):
    """One spatial axis: its length, its windows (size, stride, count), and the padding before and after."""

    at: int
    length: int
    size: int
    stride: int
    windows: int
    before: int
    after: int

    def slices(self) -> list[Index]:
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


class Pooling:
    """The pooling kernels of ``Backend``."""

    xp: Any

    if TYPE_CHECKING:  # defined by Backend

        def split(self, n: int, function: Callable[[slice], Any], size: int | None = None) -> None: ...

    def max_pool(self, x: Array, axes: list[Axis]) -> tuple[Array, Gradient]:
        """The largest element of each window, and the function that makes the gradient of x from that of the result.

        axes: the spatial axes, the last one first. What hangs over the edge of x is not looked at.
        """
        xp = self.xp
        stages = [_padded(xp, x, axes, _lowest(xp, x.dtype))]
        for axis in axes:
            stages.append(self._reduced(xp.maximum, stages[-1], axis))

        def gradient(dy: Array) -> Array:
            for i in reversed(range(len(axes))):
                dy = self._max_gradient(dy, stages[i], stages[i + 1], axes[i])
            return _unpadded(dy, axes)

        return stages[-1], gradient

    def average_pool(self, x: Array, axes: list[Axis]) -> tuple[Array, Gradient]:
        """The mean of each window of floats, and its gradient, as for ``max_pool``. What hangs over the edge is not counted."""
        xp, shapes, y = self.xp, [], _padded(self.xp, x, axes, 0)
        for axis in axes:
            shapes.append(y.shape)
            y = self._reduced(xp.add, y, axis)

        def gradient(dy: Array) -> Array:
            dy = _divide_by_counts(xp, dy, axes)
            for axis, shape in zip(reversed(axes), reversed(shapes)):
                dy = self._sum_gradient(dy, shape, axis)
            return _unpadded(dy, axes)

        return _divide_by_counts(xp, y, axes), gradient

    def adaptive_max_pool(self, x: Array, axes: list[tuple[int, int]]) -> tuple[Array, Gradient]:
        """The largest element of each of as many windows as there are to be outputs, and the gradient, as for ``max_pool``.

        Of n elements along an axis, output i of o takes those from floor(i n / o) up to ceil((i + 1) n / o): windows of at most two
        sizes, which may share an element.

        axes: (axis, outputs) of the spatial axes, the last one first.
        """
        xp = self.xp

        def gradient(dy: Array, x: Array, axis: int) -> Array:
            positions = xp.arange(x.shape[axis]).reshape((-1,) + (1,) * (x.ndim - axis - 1))
            return dy * (xp.expand_dims(xp.argmax(x, axis=axis), axis) == positions)

        return self._adapted(x, axes, xp.max, gradient)

    def adaptive_average_pool(self, x: Array, axes: list[tuple[int, int]]) -> tuple[Array, Gradient]:
        """The mean of each window of floats. Everything else is as for ``adaptive_max_pool``"""
        return self._adapted(x, axes, self.xp.mean, lambda dy, x, axis: dy / x.shape[axis])

    def read_slice(self, x: Array, index: Index) -> Array:
        """x[index], read-only: a view or a copy.  index: it ends with the slice of one axis, as ``(slice(None), slice(0, None, 2))``"""
        return x[index]

    def write_slice(self, x: Array, index: Index, values: Array, where: Array | None = None) -> None:
        """x[index] = values, or values * where.  where: booleans of the shape of values"""
        if where is None:
            x[index] = values
        else:
            self.xp.multiply(values, where, out=x[index])

    def _reduced(self, combine: Callable[..., Array], x: Array, axis: Axis) -> Array:
        """The elements of each window combined, two at a time."""
        first, *others = axis.slices()
        if not others:
            return self.read_slice(x, first)
        y = self.xp.empty((*x.shape[: axis.at], axis.windows, *x.shape[axis.at + 1 :]), dtype=x.dtype)

        def reduce(part: slice) -> None:
            xs, ys = x[part], y[part]
            for i, index in enumerate(others):
                combine(ys if i else self.read_slice(xs, first), self.read_slice(xs, index), out=ys)

        self.split(len(x), reduce, x.size)
        return y

    def _max_gradient(self, dy: Array, x: Array, y: Array, axis: Axis) -> Array:
        """dy at the first element of each window that is the maximum y, 0 at the others."""
        if axis.size == axis.stride == 1:
            return dy
        dx = (self.xp.empty if axis.tiled else self.xp.zeros)(x.shape, dtype=dy.dtype)
        self.split(len(x), lambda part: self._write_max_gradient(dx[part], dy[part], x[part], y[part], axis), x.size)
        return dx

    def _write_max_gradient(self, dx: Array, dy: Array, x: Array, y: Array, axis: Axis) -> None:
        xp = self.xp
        *slices, last = axis.slices()
        earlier = None
        for index in slices:
            is_max = self.read_slice(x, index) == y
            if earlier is None:
                first = earlier = is_max
            else:
                first = xp.greater(is_max, earlier)
                earlier = xp.logical_or(earlier, is_max)
            self._add(dx, index, dy, first, axis)
        # The last element is the maximum where no other was: one comparison less.
        self._add(dx, last, dy, None if earlier is None else xp.logical_not(earlier), axis)

    def _add(self, dx: Array, index: Index, dy: Array, where: Array | None, axis: Axis) -> None:
        """dx[index] += dy * where; where no element is in two windows there is nothing yet to add to."""
        if axis.disjoint:
            self.write_slice(dx, index, dy, where)
        else:
            dx[index] += dy if where is None else dy * where

    def _sum_gradient(self, dy: Array, shape: tuple[int, ...], axis: Axis) -> Array:
        """The gradient of the sum of a window: dy at every element of its window."""
        if axis.size == axis.stride == 1:
            return dy
        dx = (self.xp.empty if axis.tiled else self.xp.zeros)(shape, dtype=dy.dtype)
        for index in axis.slices():
            self._add(dx, index, dy, None, axis)
        return dx

    def _adapted(
        self, x: Array, axes: list[tuple[int, int]], reduce: Callable[..., Array], gradient: Callable[..., Array]
    ) -> tuple[Array, Gradient]:
        """Windows reduced axis by axis. gradient(dy, window, axis): the part of dy of each element of a window."""
        xp, stages = self.xp, [x]
        for axis, size in axes:
            x = stages[-1]
            y = xp.empty((*x.shape[:axis], size, *x.shape[axis + 1 :]), dtype=x.dtype)
            for window, cell in _adaptive_windows(x.shape, axis, size):
                y[cell] = reduce(x[window], axis=axis, keepdims=True)
            stages.append(y)

        def backward(dy: Array) -> Array:
            for (axis, size), x in zip(reversed(axes), reversed(stages[:-1])):
                dx = xp.zeros(x.shape, dtype=dy.dtype)
                for window, cell in _adaptive_windows(x.shape, axis, size):
                    dx[window] += gradient(dy[cell], x[window], axis)
                dy = dx
            return dy

        return stages[-1], backward


def _adaptive_windows(shape: tuple[int, ...], axis: int, size: int) -> list[tuple[Index, Index]]:
    """(elements of the input, element of the output) of each window along an axis"""
    before, n = (slice(None),) * axis, shape[axis]
    return [((*before, slice(i * n // size, -(-(i + 1) * n // size))), (*before, slice(i, i + 1))) for i in range(size)]


def _lowest(xp: Any, dtype: object) -> float | int:
    """The smallest value of a dtype."""
    kind = xp.dtype(dtype).kind
    return 0 if kind == "b" else xp.iinfo(dtype).min if kind in "iu" else -math.inf


def _padded(xp: Any, x: Array, axes: list[Axis], fill: float) -> Array:
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


def _divide_by_counts(xp: Any, y: Array, axes: list[Axis]) -> Array:
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
