"""Reductions that ignore NaN.  x: any shape; axis: one axis, several, or None for all -> the shape without them

Where everything is NaN, sums are 0, products 1, indices -1, and the rest NaN.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from ...core.dtypes import is_float
from ...core.tensor import Tensor
from .. import shape_rules
from .._common import Array, Axis
from ..core.create import _as_tensor
from ..registry import op
from . import reduce
from .arithmetic import divide, maximum, subtract
from .comparison import equal, isnan, logical_not, where
from .cumulative import _without_nan
from .elementwise import cast
from .exponential import sqrt, square


@op("numpy", shape=shape_rules.reduction)
def nansum(x: Array, /, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The sum"""
    return reduce.sum(_without_nan(x, 0), axis=axis, keepdims=keepdims)


@op("numpy", shape=shape_rules.reduction)
def nanprod(x: Array, /, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The product"""
    return reduce.prod(_without_nan(x, 1), axis=axis, keepdims=keepdims)


@op("numpy", shape=shape_rules.reduction)
def nanmax(x: Array, /, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The largest element; equal maxima share the gradient equally"""
    return _ignoring_nan(reduce.max, x, -math.inf, math.nan, axis, keepdims)


@op("numpy", shape=shape_rules.reduction)
def nanmin(x: Array, /, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The smallest element; equal minima share the gradient equally"""
    return _ignoring_nan(reduce.min, x, math.inf, math.nan, axis, keepdims)


@op("numpy", shape=shape_rules.reduction)
def nanmean(x: Array, /, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The arithmetic mean"""
    x = _as_tensor(x)
    if not is_float(x.dtype):
        return reduce.mean(x, axis=axis, keepdims=keepdims)
    count = reduce.sum(cast(logical_not(isnan(x)), x.dtype), axis=axis, keepdims=keepdims)
    y = divide(nansum(x, axis=axis, keepdims=keepdims), maximum(count, 1.0))
    return where(equal(count, 0), math.nan, y)


@op("numpy", shape=shape_rules.reduction)
def nanvar(x: Array, /, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The variance: the mean squared distance from the mean (divided by n, not n - 1)"""
    x = _as_tensor(x)
    centred = subtract(x, nanmean(x, axis=axis, keepdims=True))
    if is_float(x.dtype):
        # NaN is restored after the square, whose gradient 2 * NaN * 0 would reach the mean and all the others.
        is_nan = isnan(x)
        squares = where(is_nan, math.nan, square(where(is_nan, 0.0, centred)))
    else:
        squares = square(centred)
    return nanmean(squares, axis=axis, keepdims=keepdims)


@op("numpy", shape=shape_rules.reduction)
def nanstd(x: Array, /, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The standard deviation: the square root of the variance, with gradient 0 where nothing varies"""
    y = nanvar(x, axis=axis, keepdims=keepdims)
    constant = equal(y, 0)
    return where(constant, 0.0, sqrt(where(constant, 1.0, y)))


@op("numpy", shape=shape_rules.reduction)
def nanargmax(x: Array, /, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The index of the largest element (the first of equals), as int32"""
    return _ignoring_nan(reduce.argmax, x, -math.inf, -1, axis, keepdims)


@op("numpy", shape=shape_rules.reduction)
def nanargmin(x: Array, /, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The index of the smallest element (the first of equals), as int32"""
    return _ignoring_nan(reduce.argmin, x, math.inf, -1, axis, keepdims)


def _ignoring_nan(
    reduction: Callable[..., Tensor], x: Array, neutral: float, of_nan: float, axis: Axis, keepdims: bool
) -> Tensor:
    """The reduction with NaN replaced by its neutral element, and ``of_nan`` where everything is NaN."""
    x = _as_tensor(x)
    y = reduction(_without_nan(x, neutral), axis=axis, keepdims=keepdims)
    return where(reduce.all(isnan(x), axis=axis, keepdims=keepdims), of_nan, y) if is_float(x.dtype) else y
