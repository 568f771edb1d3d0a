"""Unique values, nonzero indices, counts. The shapes of most results depend on values: the host waits for the device."""

from __future__ import annotations

import builtins
import inspect
import math
from collections.abc import Iterable
from typing import Any

from dualnet_backends import Backend

from ...core.op import primitive
from ...core.tensor import Tensor
from ...core.tracing import abort_trace
from .._common import Array, Forward, NoGrad, Spec, Xp, floating
from .._sums import sum_dtype
from ..registry import op
from .create import _as_tensor, convert_to_tensor


@primitive
def _nonzero(xp: Xp, x: Array, /) -> Any:
    if x.ndim == 0:
        raise ValueError("nonzero: expected at least one axis, got a tensor without axes")
    return tuple(i.astype("int32") for i in xp.nonzero(x)), None


def _nonzero_shape(x: Any) -> tuple[Spec, ...]:
    return (Spec((None,), "int32"),) * x.ndim


@op("numpy", shape=_nonzero_shape)
def nonzero(x: Any, /) -> tuple[Tensor, ...]:
    """The indices of the nonzero elements, one int32 tensor for each axis.  x: any shape -> (count,) for each axis

    Their number depends on the values: the host waits for the device.
    """
    return _nonzero(x)  # type: ignore[return-value]


@primitive
def _unique(xp: Xp, x: Array, /, axis: int | None = None, size: int | None = None, fill_value: Any = None) -> Any:
    """(values, index, inverse, counts), padded or cut to ``size``"""
    values, index, inverse, counts = xp.unique(
        x, return_index=True, return_inverse=True, return_counts=True, axis=axis, equal_nan=False
    )
    inverse = inverse.reshape(x.shape if axis is None else -1)
    if size is not None:
        at = 0 if axis is None else axis % x.ndim
        n = values.shape[at]
        front = (builtins.slice(None),) * at
        values, index, counts = values[(*front, builtins.slice(0, size))], index[:size], counts[:size]
        if size > n:
            if n == 0 and fill_value is None:
                raise ValueError(f"unique: there are no values to fill {size} places with; give a fill_value")
            padding = xp.zeros((*values.shape[:at], size - n, *values.shape[at + 1 :]), dtype=values.dtype)
            padding[...] = values[(*front, builtins.slice(0, 1))] if fill_value is None else fill_value
            values = xp.concatenate([values, padding], axis=at)
            padding = xp.zeros((size - n,), dtype=index.dtype)
            counts = xp.concatenate([counts, padding])
            index = xp.concatenate([index, padding + (index[:1] if n else 0)])
    return (values, *(v.astype("int32") for v in (index, inverse, counts))), None


def _unique_shape(*args: Any, **options: Any) -> Any:
    bound = inspect.signature(unique).bind(*args, **options)
    bound.apply_defaults()
    x, _, return_index, return_inverse, return_counts, axis, size, _ = bound.args
    values: tuple[int | None, ...] = (size,)
    inverse = x.shape
    if axis is not None:
        at = axis % x.ndim
        values, inverse = (*x.shape[:at], size, *x.shape[at + 1 :]), (x.shape[at],)
    results = [Spec(values, x.dtype), Spec((size,), "int32"), Spec(inverse, "int32"), Spec((size,), "int32")]
    return _requested(results, return_index, return_inverse, return_counts)


@op("numpy", shape=_unique_shape)
def unique(
    x: Any,
    /,
    sorted: bool = True,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    size: int | None = None,
    fill_value: Any = None,
) -> Any:
    """The unique elements in ascending order (slices, along ``axis``). No two NaN are equal.

    Their number depends on the values: the host waits for the device. They have no gradient.

    Args:
        return_index: the index of each first occurrence.
        return_inverse: the index of each element among them, in the shape of x (or (n,) with an axis).
        return_counts: how often each occurs. All three are int32.
        size: cut to this length, or pad with ``fill_value`` (the first of them, by default) and a count of 0. They are
            sorted whatever ``sorted`` is.
    """
    results = _unique(x, axis=axis, size=size, fill_value=fill_value)
    return _requested(results, return_index, return_inverse, return_counts)


def _requested(results: Iterable[Any], *requests: bool) -> Any:
    """The first of the results, or a tuple of it and those requested of the others."""
    first, *others = results
    chosen = tuple(y for y, request in zip(others, requests) if request)
    return (first, *chosen) if chosen else first


@primitive
def _bincount(backend: Backend, x: Array, weights: Array | None = None, /, length: int = 0) -> Forward:
    """How often each of the numbers below ``length`` occurs in each row, or the sum of its weights.  (..., n) -> (..., length)"""
    xp = backend.xp
    rows = math.prod(x.shape[:-1])
    slots = (x.astype("int64").reshape(rows, x.shape[-1]) + (xp.arange(rows) * length)[:, None]).reshape(-1)
    if weights is None:
        counted = xp.ones(slots.shape, dtype="int32")
    else:
        counted = weights.astype("int32") if weights.dtype == "bool" else weights
    y = xp.zeros((rows * length,), dtype=sum_dtype(counted))
    backend.scatter_add(y, slots, counted.astype(y.dtype, copy=False).reshape(-1))
    return y.astype(counted.dtype, copy=False).reshape((*x.shape[:-1], length)), lambda dy: (
        None,
        dy.reshape(-1)[slots].reshape(x.shape),
    )


def _bincount_shape(x: Any, weights: Any = None, minlength: int = 0, sparse: bool = False) -> Spec:
    return Spec((*x.shape[:-1], None), "int32" if weights is None else str(_as_tensor(weights).dtype))


@op("numpy", shape=_bincount_shape)
def bincount(x: Any, /, weights: Any = None, minlength: int = 0, sparse: bool = False) -> Tensor:
    """How often each number occurs, or the sum of its weights.  x: (n,) or (rows, n) of integers -> (length,) or (rows, length)

    length: one more than the largest number, and at least ``minlength``; it depends on the values: the host waits for
    the device. Negative numbers raise ``ValueError``.

    Args:
        weights: in the shape of x; the result has their dtype, else int32.
    """
    if sparse:
        raise ValueError("bincount: sparse tensors are not supported; leave sparse=False")
    x = convert_to_tensor(x)
    if x.dtype.kind not in "biu":
        raise TypeError(f"bincount: expected whole numbers, got dtype {x.dtype}")
    if x.ndim not in (1, 2):
        raise ValueError(f"bincount: expected a tensor of shape (n,) or (rows, n), got {x.shape}")
    if weights is not None:
        weights = convert_to_tensor(weights)
        if weights.shape != x.shape:
            raise ValueError(f"bincount: expected weights in the shape {x.shape} of x, got {weights.shape}")
    abort_trace("the largest number is read on the host")  # the length of the result depends on it
    least, most = (int(x.data.min()), int(x.data.max())) if x.size else (0, -1)
    if least < 0:
        raise ValueError(f"bincount: expected numbers from 0 on, got {least}")
    return _bincount(x, weights, length=builtins.max(most + 1, minlength))


@primitive
def _histogram(backend: Backend, x: Array, /, bins: int = 10, range: tuple[float, float] | None = None) -> NoGrad:
    xp = backend.xp
    x = floating(x)
    if range is None:
        low, high = xp.min(x), xp.max(x)
        width = xp.where(low == high, 0.5, 0.0).astype(x.dtype)  # all elements equal: a range of width 1 around them
        low, high = low - width, high + width
    else:
        low, high = (xp.full((), v, dtype=x.dtype) for v in range)
    steps = xp.arange(bins + 1)
    edges = low + (high - low) * (steps.astype(x.dtype) / bins)
    edges = xp.where(steps == bins, high, edges)  # exact in spite of rounding
    slots = xp.searchsorted(edges, x, side="right") - 1
    slots = xp.where(x == high, bins - 1, slots)  # the last bin holds its upper edge
    slots = xp.where(xp.logical_and(slots >= 0, slots < bins), slots, bins)
    counts = xp.zeros((bins + 1,), dtype=x.dtype)
    backend.scatter_add(counts, slots, xp.ones(x.shape, dtype=x.dtype))
    return (counts[:bins], edges), None


@op("numpy")
def histogram(x: Any, /, bins: int = 10, range: tuple[float, float] | None = None) -> tuple[Tensor, Tensor]:
    """How many elements lie in each of ``bins`` equally wide bins, and their edges.  x: (n,) -> (bins,), (bins + 1,)

    A bin holds its lower edge, the last one its upper edge too. Both results are floating point, without a gradient.

    Args:
        range: (lowest, highest) edge, by default the smallest and largest element; what lies outside is not counted.
    """
    if not isinstance(bins, int) or isinstance(bins, bool):
        raise TypeError(f"histogram: expected bins to be an integer, got {bins!r}")
    if bins < 1:
        raise ValueError(f"histogram: expected at least one bin, got bins={bins}")
    if range is not None and (len(range) != 2 or not range[0] < range[1]):
        raise ValueError(f"histogram: expected range=(lowest, highest), the second larger, got {range}")
    x = convert_to_tensor(x)
    if len(x.shape) != 1 or x.shape[0] == 0:
        raise ValueError(f"histogram: expected a tensor of shape (n,) with elements, got {x.shape}")
    return _histogram(x, bins=bins, range=range)  # type: ignore[return-value]
