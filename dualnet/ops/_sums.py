"""Sums and running sums of many numbers, the same on every device.

NumPy adds pairwise along the axis that lies together in memory, and one number after the other along every other axis, and in a
running sum. Of 3 million float32 numbers such a sum is off by percents: each addition rounds the sum so far.
"""

from __future__ import annotations

import builtins
import math
from typing import Any

from ..core.conversion import as_integers
from ..core.tensor import Array, Xp

_LONG = (
    2048  # numbers that may be added one after the other: the error stays below about 1e-5 of the sum of their sizes
)
_BLOCK = 128
_SUM_IN = {"float16": "float32", "bfloat16": "float32"}
_RUNNING_SUM_IN = {"float32": "float64", "complex64": "complex128", **_SUM_IN}


def normalize_axes(axis: Any, ndim: int) -> tuple[int, ...]:
    """Axes from 0 to ``ndim - 1``; those of None are all."""
    if axis is None:
        return tuple(range(ndim))
    axis = as_integers(axis)
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    for a in axes:
        if not -ndim <= a < ndim:
            raise ValueError(f"axis {a} is out of range for a tensor with {ndim} axes")
    return tuple(a % ndim for a in axes)


def exact_sum(xp: Xp, x: Array, axis: Any = None, keepdims: bool = False) -> Array:
    """``xp.sum`` of floating point numbers whose error does not grow with their number; half precision is summed in float32.

    Args:
        axis: an axis, or several, or None for all.
    """
    if x.size <= _LONG and x.dtype.itemsize > 2:  # the usual case of a small network, without a detour
        return xp.sum(x, axis=axis, keepdims=keepdims)
    dtype = _SUM_IN.get(str(x.dtype), x.dtype)
    axes = normalize_axes(axis, x.ndim)
    if math.prod(x.shape[a] for a in axes) <= _LONG:
        return xp.sum(x, axis=axes, keepdims=keepdims, dtype=dtype)
    if len(axes) == x.ndim:
        total = xp.sum(x.reshape(-1), dtype=dtype)
        return total.reshape((1,) * x.ndim) if keepdims else total
    with_ones = tuple(1 if a in axes else n for a, n in enumerate(x.shape))
    y = x
    for a in sorted(axes):
        y = _sum_along(xp, y, a, dtype)
    return y.reshape(with_ones if keepdims else tuple(n for a, n in enumerate(x.shape) if a not in axes))


def _sum_along(xp: Xp, x: Array, axis: int, dtype: Any) -> Array:
    """The sum along one axis, which stays with length 1: the sum of the sums of blocks."""
    n = x.shape[axis]
    if n <= _LONG:
        return xp.sum(x, axis=axis, keepdims=True, dtype=dtype)
    whole = n // _BLOCK * _BLOCK
    before = (slice(None),) * axis
    blocks = x[(*before, slice(whole))].reshape((*x.shape[:axis], n // _BLOCK, _BLOCK, *x.shape[axis + 1 :]))
    y = _sum_along(xp, xp.sum(blocks, axis=axis + 1, dtype=dtype), axis, dtype)
    return y if whole == n else y + xp.sum(x[(*before, slice(whole, None))], axis=axis, keepdims=True, dtype=dtype)


def exact_mean(xp: Xp, x: Array, axis: Any = None, keepdims: bool = False) -> Array:
    """``xp.mean`` with the sum of ``exact_sum``, in the dtype of ``x``."""
    if not x.size:
        return xp.mean(x, axis=axis, keepdims=keepdims)
    total = exact_sum(xp, x, axis, keepdims)
    return (total / (x.size // builtins.max(total.size, 1))).astype(x.dtype, copy=False)


def running(xp: Xp, name: str, x: Array, axis: int, dtype: Any) -> Array:
    """``xp.cumsum`` or ``xp.cumprod``, computed in the next larger dtype and then rounded once."""
    wide = _RUNNING_SUM_IN.get(str(dtype))
    y = getattr(xp, name)(x, axis=axis, dtype=wide or dtype)
    return y.astype(dtype) if wide else y


def sum_dtype(x: Array) -> Any:
    """The dtype in which rows of ``x`` are to be added one after the other: a larger one if there are many."""
    return _RUNNING_SUM_IN.get(str(x.dtype), x.dtype) if x.size > _LONG else x.dtype
