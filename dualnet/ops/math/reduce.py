"""Reductions.  x: any shape; axis: one axis, several, or None for all -> the shape without them (1 with keepdims)"""

from __future__ import annotations

import builtins
import math
from typing import Any

from ...core.dtypes import standardize_dtype
from .. import shape_rules
from .._common import Array, Axis, Forward, NoGrad, Xp, along_axis, floating
from .._sums import exact_mean, exact_sum
from .._sums import normalize_axes as _axes
from ..registry import alias, op

_SUM_DTYPE = {"bool": "int32", "int8": "int32", "int16": "int32", "uint8": "uint32", "uint16": "uint32"}

_PRODUCT_IN = {
    "float16": "float32",
    "bfloat16": "float32",
    "float32": "float64",
}  # every factor rounds the product so far


def _restore(y: Array, x: Array, axis: Axis) -> Array:
    """A reduced array with its reduced axes restored as ones, so that it broadcasts against ``x``."""
    axes = _axes(axis, x.ndim)
    return y.reshape(tuple(1 if i in axes else n for i, n in enumerate(x.shape)))


def _count(x: Array, axis: Axis) -> int:
    return math.prod(x.shape[a] for a in _axes(axis, x.ndim))


def _as_axis(axis: Any) -> Axis:
    return tuple(axis) if isinstance(axis, list) else axis


@op("numpy", shape=shape_rules.reduction)
def sum(xp: Xp, x: Array, /, axis: Axis = None, keepdims: bool = False) -> Forward:
    """The sum"""
    axis = _as_axis(axis)
    _axes(axis, x.ndim)
    if x.dtype.kind in "biu":
        y = xp.sum(x, axis=axis, keepdims=keepdims, dtype=_SUM_DTYPE.get(str(x.dtype), x.dtype))
    else:
        y = exact_sum(xp, x, axis, keepdims).astype(x.dtype, copy=False)
    return y, lambda dy: xp.broadcast_to(_restore(dy, x, axis), x.shape)


@op("numpy", shape=shape_rules.reduction)
def mean(xp: Xp, x: Array, /, axis: Axis = None, keepdims: bool = False) -> Forward:
    """The arithmetic mean"""
    axis = _as_axis(axis)
    x = floating(x)
    n = builtins.max(_count(x, axis), 1)
    y = exact_mean(xp, x, axis, keepdims)
    return y, lambda dy: xp.broadcast_to(_restore(dy / n, x, axis), x.shape)


@op("numpy", shape=shape_rules.reduction)
def prod(xp: Xp, x: Array, /, axis: Axis = None, keepdims: bool = False, dtype: Any = None) -> Forward:
    """The product.  dtype: of the result, and of the factors before it"""
    axis = _as_axis(axis)
    dtype = _SUM_DTYPE.get(str(x.dtype), x.dtype) if dtype is None else standardize_dtype(dtype)

    def backward(dy: Array) -> Array:
        # The product of all other elements, exact with zeros: products from the left times products from the right.
        axes = _axes(axis, x.ndim)
        front = tuple(a for a in range(x.ndim) if a not in axes)
        flat = xp.transpose(x, front + axes).reshape((*(x.shape[a] for a in front), _count(x, axis)))
        one = xp.ones_like(flat[..., :1])
        left = xp.cumprod(xp.concatenate([one, flat[..., :-1]], axis=-1), axis=-1)
        right = xp.cumprod(xp.concatenate([one, flat[..., :0:-1]], axis=-1), axis=-1)[..., ::-1]
        others = (left * right).reshape(tuple(x.shape[a] for a in front + axes))
        return _restore(dy, x, axis) * xp.moveaxis(others, tuple(range(x.ndim)), front + axes)

    wide = _PRODUCT_IN.get(str(dtype))
    y = xp.prod(x, axis=axis, keepdims=keepdims, dtype=wide or dtype)
    return (y.astype(dtype) if wide else y), backward


@op("numpy", shape=shape_rules.reduction)
def var(xp: Xp, x: Array, /, axis: Axis = None, keepdims: bool = False) -> Forward:
    """The variance: the mean squared distance from the mean (divided by n, not n - 1)"""
    axis = _as_axis(axis)
    x = floating(x)
    centred = x - exact_mean(xp, x, axis, keepdims=True)
    n = builtins.max(_count(x, axis), 1)
    y = exact_mean(xp, centred * centred, axis, keepdims)
    return y, lambda dy: _restore(dy, x, axis) * centred * (2 / n)


@op("numpy", shape=shape_rules.reduction)
def std(xp: Xp, x: Array, /, axis: Axis = None, keepdims: bool = False) -> Forward:
    """The standard deviation: the square root of the variance"""
    axis = _as_axis(axis)
    x = floating(x)
    centred = x - exact_mean(xp, x, axis, keepdims=True)
    y = xp.sqrt(exact_mean(xp, centred * centred, axis, keepdims))
    n = builtins.max(_count(x, axis), 1)
    # The gradient is 0 where nothing varies, as in norm, not 0 / 0.
    return y, lambda dy: _restore(dy / xp.where(y == 0, xp.ones_like(y), y), x, axis) * centred / n


def _extreme(xp: Xp, name: str, x: Array, axis: Axis, keepdims: bool, initial: float | None) -> Forward:
    """The maximum or minimum of x and ``initial``, without NumPy's keyword, which CuPy lacks."""
    axis = _as_axis(axis)
    if initial is None:
        y = getattr(xp, name)(x, axis=axis, keepdims=keepdims)
    elif _count(x, axis) == 0:
        y = xp.full(xp.sum(x, axis=axis, keepdims=keepdims).shape, initial, dtype=x.dtype)
    else:
        least = xp.full((), initial, dtype=x.dtype)
        y = getattr(xp, f"{name}imum")(getattr(xp, name)(x, axis=axis, keepdims=keepdims), least)

    def backward(dy: Array) -> Array:
        hit = (x == _restore(y, x, axis)).astype(dy.dtype)
        return hit * _restore(dy, x, axis) / xp.maximum(xp.sum(hit, axis=axis, keepdims=True), 1)

    return y, backward


@op("numpy", shape=shape_rules.reduction)
def max(xp: Xp, x: Array, /, axis: Axis = None, keepdims: bool = False, initial: float | None = None) -> Forward:
    """The largest element, at least ``initial``; equal maxima share the gradient equally"""
    return _extreme(xp, "max", x, axis, keepdims, initial)


@op("numpy", shape=shape_rules.reduction)
def min(xp: Xp, x: Array, /, axis: Axis = None, keepdims: bool = False, initial: float | None = None) -> Forward:
    """The smallest element, at most ``initial``; equal minima share the gradient equally"""
    return _extreme(xp, "min", x, axis, keepdims, initial)


amax = alias("amax", max)
amin = alias("amin", min)


@op("math", shape=shape_rules.reduction)
def logsumexp(xp: Xp, x: Array, /, axis: Axis = None, keepdims: bool = False) -> Forward:
    """log(sum(exp(x))), without overflow"""
    axis = _as_axis(axis)
    x = floating(x)
    top = xp.max(x, axis=axis, keepdims=True)
    top = xp.where(xp.isfinite(top), top, xp.zeros_like(top))
    total = xp.log(exact_sum(xp, xp.exp(x - top), axis, keepdims=True).astype(x.dtype, copy=False)) + top
    y = total if keepdims else xp.squeeze(total, _axes(axis, x.ndim))
    return y, lambda dy: _restore(dy, x, axis) * xp.exp(x - total)


@op("numpy", shape=shape_rules.reduction)
def argmax(xp: Xp, x: Array, /, axis: int | None = None, keepdims: bool = False) -> NoGrad:
    """The index of the largest element (the first of equals), as int32"""
    source, at = along_axis(x, axis)
    return _index(xp.argmax(source, axis=at), x, axis, keepdims), None


@op("numpy", shape=shape_rules.reduction)
def argmin(xp: Xp, x: Array, /, axis: int | None = None, keepdims: bool = False) -> NoGrad:
    """The index of the smallest element (the first of equals), as int32"""
    source, at = along_axis(x, axis)
    return _index(xp.argmin(source, axis=at), x, axis, keepdims), None


def _index(i: Array, x: Array, axis: int | None, keepdims: bool) -> Array:
    i = i.astype("int32")
    return _restore(i, x, axis) if keepdims else i


@op("numpy", shape=shape_rules.reduction)
def any(xp: Xp, x: Array, /, axis: Axis = None, keepdims: bool = False) -> NoGrad:
    """Whether any element is true"""
    return xp.any(x, axis=_as_axis(axis), keepdims=keepdims), None


@op("numpy", shape=shape_rules.reduction)
def all(xp: Xp, x: Array, /, axis: Axis = None, keepdims: bool = False) -> NoGrad:
    """Whether all elements are true"""
    return xp.all(x, axis=_as_axis(axis), keepdims=keepdims), None


@op("numpy", shape=shape_rules.reduction)
def count_nonzero(xp: Xp, x: Array, /, axis: Axis = None) -> NoGrad:
    """How many elements are not zero, as int32"""
    return xp.count_nonzero(x, axis=_as_axis(axis)).astype("int32"), None
