"""Averages, differences, integrals and correlations along axes."""

from __future__ import annotations

import math
from typing import Any

from ...core import settings
from ...core.dtypes import is_float
from ...core.tensor import Tensor
from .. import shape_rules
from .._common import Array, Axis, Spec
from ..core.create import _as_tensor, convert_to_tensor
from ..core.indexing import _slice_axis
from ..core.shape import broadcast_to, expand_dims, ndim, reshape, shape, squeeze, swapaxes
from ..linalg.diagonals import diagonal
from ..linalg.linear import matmul
from ..registry import op
from .arithmetic import add, divide, multiply, subtract
from .comparison import equal, not_equal, where
from .elementwise import cast, clip
from .exponential import sqrt
from .reduce import max, mean, min, sum


@op("numpy", call=("x", "weights"))
def average(x: Array, /, axis: Axis = None, weights: Array | None = None) -> Tensor:
    """The weighted mean along ``axis`` (all of x by default), sum(x * weights) / sum(weights).

    Args:
        weights: in the shape of x, or a vector along a single ``axis``; None: ``mean``.
    """
    if weights is None:
        return mean(x, axis=axis)
    x_shape, weights_shape = shape(x), shape(weights)
    if weights_shape != x_shape:
        if not isinstance(axis, int):
            raise ValueError(
                f"average: weights of shape {weights_shape} for x of shape {x_shape} need one axis, got axis={axis}"
            )
        if weights_shape != (x_shape[axis],):
            raise ValueError(f"average: expected weights of shape {x_shape} or {(x_shape[axis],)}, got {weights_shape}")
        weights = reshape(weights, tuple(x_shape[axis] if i == axis % len(x_shape) else 1 for i in range(len(x_shape))))
    return divide(sum(multiply(x, weights), axis=axis), sum(broadcast_to(weights, x_shape), axis=axis))


@op("numpy", shape=shape_rules.reduction)
def ptp(x: Array, /, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The largest element minus the smallest ("peak to peak")"""
    return subtract(max(x, axis=axis, keepdims=keepdims), min(x, axis=axis, keepdims=keepdims))


@op("numpy")
def diff(a: Array, /, n: int = 1, axis: int = -1) -> Tensor:
    """Each element minus the previous one along ``axis``, n times: n elements fewer. For booleans: whether they differ"""
    if n < 0:
        raise ValueError(f"diff: expected n >= 0, got {n}")
    a = convert_to_tensor(a)
    if ndim(a) == 0:
        raise ValueError("diff: expected a tensor with at least one axis, got a scalar")
    for _ in range(n):
        following, before = _slice_axis(a, axis, 1, None), _slice_axis(a, axis, None, -1)
        a = not_equal(following, before) if str(a.dtype) == "bool" else subtract(following, before)
    return a


@op("numpy")
def trapezoid(y: Array, /, x: Array | None = None, dx: float = 1.0, axis: int = -1) -> Tensor:
    """The integral along ``axis`` by the trapezoidal rule, of y at the points x, or ``dx`` apart.

    Args:
        x: the shape of y, or a vector along ``axis``.
    """
    y = _as_tensor(y)
    y = cast(y, "int32") if str(y.dtype) == "bool" else y  # the sum of two booleans is one
    middle = divide(add(_slice_axis(y, axis, 1, None), _slice_axis(y, axis, None, -1)), 2)
    if x is None:
        return sum(multiply(middle, dx), axis=axis)
    width: Any = diff(x, axis=axis if ndim(x) > 1 else -1)
    if ndim(x) == 1:
        width = reshape(width, tuple(-1 if i == axis % ndim(y) else 1 for i in range(ndim(y))))
    return sum(multiply(middle, width), axis=axis)


def _corrcoef_shape(x: Any) -> Spec:
    dtype = str(x.dtype)
    return Spec((x.shape[0], x.shape[0]) if len(x.shape) > 1 else (), dtype if is_float(dtype) else settings.floatx())


@op("numpy", shape=_corrcoef_shape)
def corrcoef(x: Array, /) -> Tensor:
    """Pearson's correlations of the rows.  x: (variables, observations) -> (variables, variables); (n,) -> ()

    A constant row has no correlation: NaN.
    """
    x = convert_to_tensor(x)
    x = x if is_float(x.dtype) else multiply(x, 1.0)
    rows = expand_dims(x, 0) if ndim(x) == 1 else x
    centred = subtract(rows, mean(rows, axis=1, keepdims=True))
    covariance = matmul(centred, swapaxes(centred, 0, 1))
    variance = diagonal(covariance)
    deviation = sqrt(where(equal(variance, 0), math.nan, variance))
    y = clip(divide(divide(covariance, expand_dims(deviation, 0)), expand_dims(deviation, 1)), -1.0, 1.0)
    return squeeze(y) if ndim(x) == 1 else y
