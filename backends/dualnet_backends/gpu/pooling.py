"""Pooling on the GPU: one kernel over all axes, and one for the gradient, which keeps nothing but x and y."""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import Any

import cupy as cp
import numpy as np

from ..kernels.pooling import Array, Axis, Gradient, Pooling
from .modules import contiguous, count_type, kernel, launch

_AXES = ("lengths", "counts", "sizes", "strides", "before")
_WINDOWS = np.dtype([(name, "i4", 3) for name in _AXES] + [("channels", "i4"), ("is_adaptive", "i4")])


class CupyPooling(Pooling):
    """Overrides for up to three spatial axes that lie side by side."""

    def max_pool(self, x: Array, axes: list[Axis]) -> tuple[Array, Gradient]:
        windows = _windows(x, axes)
        return super().max_pool(x, axes) if windows is None else _max_pool(x, axes, windows)

    def average_pool(self, x: Array, axes: list[Axis]) -> tuple[Array, Gradient]:
        windows = _windows(x, axes)
        return super().average_pool(x, axes) if windows is None else _average_pool(x, axes, windows)

    def adaptive_max_pool(self, x: Array, axes: list[tuple[int, int]]) -> tuple[Array, Gradient]:
        spatial = _adaptive(x, axes)
        windows = _windows(x, spatial)
        return super().adaptive_max_pool(x, axes) if windows is None else _max_pool(x, spatial, windows)

    def adaptive_average_pool(self, x: Array, axes: list[tuple[int, int]]) -> tuple[Array, Gradient]:
        spatial = _adaptive(x, axes)
        windows = _windows(x, spatial)
        return super().adaptive_average_pool(x, axes) if windows is None else _average_pool(x, spatial, windows)


def _max_pool(x: Array, axes: list[Axis], windows: Any) -> tuple[Array, Gradient]:
    x, y = contiguous(x), _empty(x, axes)
    launch(_kernel("max_pool", x), y.size, y, x, windows, cp.int64(y.size))

    def gradient(dy: Array) -> Array:
        dx = cp.empty(x.shape, dtype=x.dtype)
        dys = contiguous(dy.astype(x.dtype, copy=False))
        launch(_kernel("max_pool_gradient", x), dx.size, dx, dys, x, y, windows, cp.int64(dx.size))
        return dx.astype(dy.dtype, copy=False)

    return y, gradient


def _average_pool(x: Array, axes: list[Axis], windows: Any) -> tuple[Array, Gradient]:
    x, y = contiguous(x), _empty(x, axes)
    launch(_kernel("average_pool", x), y.size, y, x, windows, cp.int64(y.size))
    shape, dtype = x.shape, x.dtype  # all that the gradient keeps

    def gradient(dy: Array) -> Array:
        dx = cp.empty(shape, dtype=dtype)
        dys = contiguous(dy.astype(dtype, copy=False))
        launch(_kernel("average_pool_gradient", dx), dx.size, dx, dys, windows, cp.int64(dx.size))
        return dx.astype(dy.dtype, copy=False)

    return y, gradient


def _adaptive(x: Array, axes: list[tuple[int, int]]) -> list[Axis]:
    """Axes whose windows follow from their number. A stride of 0 says so."""
    return [Axis(at, x.shape[at], 0, 0, count, 0, 0) for at, count in axes]


def _windows(x: Array, axes: list[Axis]) -> Any:
    """The windows as the kernels take them, or None for those that the kernels do not know."""
    at = [axis.at for axis in reversed(axes)]
    is_known = x.dtype.char in "efd" and x.size > 0 and len(at) <= 3 and at == list(range(at[0], at[0] + len(at)))
    return _argument(tuple(axes), prod(x.shape[at[-1] + 1 :])) if is_known else None


@lru_cache(maxsize=1024)
def _argument(axes: tuple[Axis, ...], channels: int) -> Any:
    argument = np.zeros((), _WINDOWS)
    for name in _AXES:
        argument[name] = 0 if name == "before" else 1
    for i, axis in enumerate(axes):  # the last one first
        values = (axis.length, axis.windows, axis.size, axis.stride, axis.before)
        for name, value in zip(_AXES, values):
            argument[name][2 - i] = value
    argument["channels"], argument["is_adaptive"] = channels, axes[0].stride == 0
    return argument[()]


def _empty(x: Array, axes: list[Axis]) -> Array:
    """Memory for a number of each window."""
    shape = list(x.shape)
    for axis in axes:
        shape[axis.at] = axis.windows
    return cp.empty(tuple(shape), dtype=x.dtype)


def _kernel(name: str, x: Array) -> Any:
    """A kernel of pooling for arrays like x, the larger one."""
    return kernel("pooling", name, x.dtype.char, I=count_type(x.size))
