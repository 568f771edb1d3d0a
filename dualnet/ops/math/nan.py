"""Reductions that ignore NaN.  x: any shape; axis: one axis, several, or None for all -> the shape without them

Where everything is NaN, sums are 0, products 1, indices -1, and the rest NaN.
"""

from __future__ import annotations

import math

from ...core.dtypes import is_float
from ...core.tensor import Tensor
from .. import shape_rules
from .._common import Array, Axis
from ..core.create import convert_to_tensor
from ..registry import op
from . import reduce
from .arithmetic import divide, equal, maximum, subtract, where
from .cumulative import _without_nan
from .elementwise import cast, isnan, logical_not, sqrt, square


@op("numpy", shape=shape_rules.reduction)
def nansum(x: Array, /, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The sum"""
    return reduce.sum(_without_nan(x, 0), axis=axis, keepdims=keepdims)


@op("numpy", shape=shape_rules.reduction)
def nanprod(x: Array, /, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The product"""
    return reduce.prod(_without_nan(x, 1), axis=axis, keepdims=keepdims)


def _tensor(x: Array) -> Array:
    return x if hasattr(x, "dtype") else convert_to_tensor(x)


@op("numpy", shape=shape_rules.reduction)
def nanmax(x: Array, /, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The largest element; equal maxima share the gradient equally"""
    x = _tensor(x)
    y = reduce.max(_without_nan(x, -math.inf), axis=axis, keepdims=keepdims)
    return where(reduce.all(isnan(x), axis=axis, keepdims=keepdims), math.nan, y) if is_float(x.dtype) else y


@op("numpy", shape=shape_rules.reduction)
def nanmin(x: Array, /, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The smallest element; equal minima share the gradient equally"""
    x = _tensor(x)
    y = reduce.min(_without_nan(x, math.inf), axis=axis, keepdims=keepdims)
    return where(reduce.all(isnan(x), axis=axis, keepdims=keepdims), math.nan, y) if is_float(x.dtype) else y


@op("numpy", shape=shape_rules.reduction)
def nanmean(x: Array, /, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The arithmetic mean"""
    x = _tensor(x)
    if not is_float(x.dtype):
        return reduce.mean(x, axis=axis, keepdims=keepdims)
    count = reduce.sum(cast(logical_not(isnan(x)), x.dtype), axis=axis, keepdims=keepdims)
    y = divide(nansum(x, axis=axis, keepdims=keepdims), maximum(count, 1.0))
    return where(equal(count, 0), math.nan, y)


@op("numpy", shape=shape_rules.reduction)
def nanvar(x: Array, /, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The variance: the mean squared distance from the mean (divided by n, not n - 1)"""
    x = _tensor(x)
    centred = subtract(x, nanmean(x, axis=axis, keepdims=True))
    if is_float(x.dtype):
        # NaN is restored after the square, whose gradient 2 * NaN * 0 would reach the mean and all the others.
        missing = isnan(x)
        squares = where(missing, math.nan, square(where(missing, 0.0, centred)))
    else:
        squares = square(centred)
    return nanmean(squares, axis=axis, keepdims=keepdims)


@op("numpy", shape=shape_rules.reduction)
def nanstd(x: Array, /, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The standard deviation: the square root of the variance, with gradient 0 where nothing varies"""
    y = nanvar(x, axis=axis, keepdims=keepdims)
    still = equal(y, 0)
    return where(still, 0.0, sqrt(where(still, 1.0, y)))


@op("numpy", shape=shape_rules.reduction)
def nanargmax(x: Array, /, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The index of the largest element (the first of equals), as int32"""
    return _nan_index(reduce.argmax, x, -math.inf, axis, keepdims)


@op("numpy", shape=shape_rules.reduction)
def nanargmin(x: Array, /, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The index of the smallest element (the first of equals), as int32"""
    return _nan_index(reduce.argmin, x, math.inf, axis, keepdims)


def _nan_index(find: Array, x: Array, worst: float, axis: int | None, keepdims: bool) -> Array:
    x = _tensor(x)
    i = find(_without_nan(x, worst), axis=axis, keepdims=keepdims)
    return where(reduce.all(isnan(x), axis=axis, keepdims=keepdims), -1, i) if is_float(x.dtype) else i
