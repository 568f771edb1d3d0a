"""Quantiles: the values below which given fractions of the elements lie."""

from __future__ import annotations

from typing import Any

from dualnet_backends import Backend

from ...core.op import primitive
from ...core.tensor import Tensor
from .._common import Array, Axis, Forward, Xp, floating
from .._sums import normalize_axes as _axes
from ..registry import op
from .reduce import _as_axis, _count

METHODS = ("linear", "lower", "higher", "midpoint", "nearest")


def _between(xp: Xp, position: Array, method: str) -> tuple[Array, Array, Array]:
    """The two indices around a fractional position, and the weight of the upper one."""
    low, high = xp.floor(position), xp.ceil(position)
    if method == "nearest":  # halves round down, as in Keras on JAX
        low = high = xp.ceil(position - 0.5)
    elif method == "lower":
        high = low
    elif method == "higher":
        low = high
    weight = position - low if method == "linear" else (high - low) * 0.5
    return low.astype("int64"), high.astype("int64"), weight


@primitive
def _quantile(
    backend: Backend,
    x: Array,
    q: Array,
    /,
    axis: Axis = None,
    method: str = "linear",
    keepdims: bool = False,
    unit: float = 1,
    skip_nan: bool = False,
) -> Forward:
    """The q-quantiles over ``axis``, with q in parts of ``unit``.  x: any shape  q: () or (m,) -> q.shape + the others"""
    xp = backend.xp
    if method not in METHODS:
        raise ValueError(f"expected one of the methods {', '.join(METHODS)}, got {method!r}")
    x = floating(x)
    q = q.astype("float64") if hasattr(q, "dtype") else xp.full((), q, dtype="float64")
    if q.ndim > 1:
        raise ValueError(f"expected q to be a number or of shape (m,), got shape {q.shape}")
    axes = _axes(_as_axis(axis), x.ndim)
    first = tuple(range(len(axes)))
    transposed = xp.moveaxis(x, axes, first)
    n = _count(x, axes)
    if n == 0:
        raise ValueError(f"expected at least one element to take a quantile of, got shape {x.shape} and axis={axis}")
    rows = transposed.reshape(n, x.size // n)
    order = xp.argsort(rows, axis=0, kind="stable")
    values = xp.take_along_axis(rows, order, axis=0)  # NaN comes last
    missing = xp.isnan(values)
    width = rows.shape[1]
    last = xp.maximum(n - 1 - xp.sum(missing, axis=0), 0) if skip_nan else n - 1
    position = xp.clip(q.reshape(-1, 1) / unit, 0, 1) * last
    low, high, weight = _between(xp, position, method)
    columns = xp.arange(width)
    low, high, weight = low * width + columns, high * width + columns, weight.astype(x.dtype)
    flat = values.reshape(-1)
    below, above = flat[low], flat[high]
    y = xp.where(weight == 0, below, below * (1 - weight) + above * weight)  # 0 * infinity would be NaN
    if not skip_nan:
        y = xp.where(missing[-1], values[-1], y)
    remaining = tuple(1 if a in axes else n for a, n in enumerate(x.shape) if keepdims or a not in axes)

    def backward(dy: Array) -> tuple[Array, Any]:
        dy = dy.reshape(y.shape)
        dvalues = xp.zeros(flat.shape, dtype=dy.dtype)
        backend.scatter_add(dvalues, low.reshape(-1), (dy * (1 - weight)).reshape(-1))
        backend.scatter_add(dvalues, high.reshape(-1), (dy * weight).reshape(-1))
        dx = xp.zeros(rows.shape, dtype=dy.dtype)
        xp.put_along_axis(dx, order, dvalues.reshape(rows.shape), 0)
        return xp.moveaxis(dx.reshape(transposed.shape), first, axes), _dq(dy)

    def _dq(dy: Array) -> Any:
        # Only between two elements does a quantile move with q; the other methods jump.
        if method != "linear":
            return None
        slope = xp.where(weight == 0, xp.zeros_like(below), above - below) * (last / unit)
        inside = xp.logical_and(q >= 0, q <= unit)
        return (xp.sum(dy * slope, axis=1).reshape(q.shape) * inside).astype(dy.dtype)

    return y.reshape(q.shape + remaining), backward


@op("numpy")
def quantile(x: Any, q: Any, /, axis: Axis = None, method: str = "linear", keepdims: bool = False) -> Tensor:
    """The values that fractions ``q`` of the elements do not exceed.  x: any shape -> the shape of q + the remaining axes

    NaN among the elements gives NaN.

    Args:
        q: from 0 to 1, a number or (m,); clipped to that range.
        method: between two elements "linear", "lower", "higher", "midpoint" or "nearest" (halves round down).
    """
    return _quantile(x, q, axis=axis, method=method, keepdims=keepdims)


@op("numpy")
def percentile(x: Any, q: Any, /, axis: Axis = None, method: str = "linear", keepdims: bool = False) -> Tensor:
    """As ``quantile``, with q from 0 to 100"""
    return _quantile(x, q, axis=axis, method=method, keepdims=keepdims, unit=100)


@op("numpy")
def median(x: Any, /, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The middle element in order of size, or the mean of the two in the middle"""
    return _quantile(x, 0.5, axis=axis, keepdims=keepdims)


@op("numpy")
def nanquantile(x: Any, q: Any, /, axis: Axis = None, method: str = "linear", keepdims: bool = False) -> Tensor:
    """As ``quantile``, of the elements that are not NaN; NaN where there are none"""
    return _quantile(x, q, axis=axis, method=method, keepdims=keepdims, skip_nan=True)


@op("numpy")
def nanpercentile(x: Any, q: Any, /, axis: Axis = None, method: str = "linear", keepdims: bool = False) -> Tensor:
    """As ``percentile``, of the elements that are not NaN; NaN where there are none"""
    return _quantile(x, q, axis=axis, method=method, keepdims=keepdims, unit=100, skip_nan=True)


@op("numpy")
def nanmedian(x: Any, /, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """As ``median``, of the elements that are not NaN; NaN where there are none"""
    return _quantile(x, 0.5, axis=axis, keepdims=keepdims, skip_nan=True)
