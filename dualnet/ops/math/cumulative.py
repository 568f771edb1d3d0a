"""Running sums and products, and those that ignore NaN.  x: any shape -> the same shape"""

from __future__ import annotations

from ...core.dtypes import is_float, result_type, standardize_dtype
from ...core.tensor import Tensor
from .. import shape_rules
from .._common import Array, Forward, Xp, along_axis
from .._sums import running
from ..core.create import _as_tensor
from ..registry import op
from .comparison import isnan, where


@op("numpy", shape=shape_rules.along)
def cumsum(xp: Xp, x: Array, /, axis: int | None = None, dtype: str | None = None) -> Forward:
    """The running sum along an axis (None: of the flattened tensor)"""
    flat, at = along_axis(x, axis)
    dtype = standardize_dtype(dtype) if dtype else result_type(x.dtype, "int32" if x.dtype == bool else x.dtype)
    y = running(xp, "cumsum", flat, at, dtype)
    return y, lambda dy: xp.flip(running(xp, "cumsum", xp.flip(dy, at), at, dy.dtype), at).reshape(x.shape)


@op("numpy", shape=shape_rules.along)
def cumprod(xp: Xp, x: Array, /, axis: int | None = None, dtype: str | None = None) -> Forward:
    """The running product along an axis (None: of the flattened tensor)"""
    shape = x.shape
    result_dtype = standardize_dtype(dtype) if dtype else result_type(x.dtype, "int32" if x.dtype == bool else x.dtype)
    flat, at = along_axis(x, axis)
    y = running(xp, "cumprod", flat, at, result_dtype)

    def backward(dy: Array) -> Array:
        dy = dy.reshape(y.shape)
        # dx_i = y_(i-1) s_i with s_i = dy_i + x_(i+1) s_(i+1): no division, so zeros are no special case. The recurrence
        # is solved over distances 1, 2, 4 ...: s_i = b_i + a_i s_(i + distance).
        front, b = xp.moveaxis(flat, at, 0).astype(dy.dtype, copy=False), xp.moveaxis(dy, at, 0)
        n = front.shape[0]
        one, zero = xp.ones_like(front[:1]), xp.zeros_like(front[:1])
        a = xp.concatenate([front[1:], zero], axis=0) if n else front
        distance = 1
        while distance < n:
            padding = xp.broadcast_to(zero, (distance, *front.shape[1:]))
            b = b + a * xp.concatenate([b[distance:], padding], axis=0)
            a = a * xp.concatenate([a[distance:], padding], axis=0)
            distance *= 2
        before = xp.concatenate([one, xp.moveaxis(y, at, 0)[:-1].astype(dy.dtype, copy=False)], axis=0) if n else b
        return xp.moveaxis(before * b, 0, at).reshape(shape)

    return y, backward


@op("numpy", shape=shape_rules.along)
def nancumsum(x: Array, /, axis: int | None = None, dtype: str | None = None) -> Tensor:
    """The running sum along an axis (None: of the flattened tensor), NaN counting as 0"""
    return cumsum(_without_nan(x, 0), axis=axis, dtype=dtype)


@op("numpy", shape=shape_rules.along)
def nancumprod(x: Array, /, axis: int | None = None, dtype: str | None = None) -> Tensor:
    """The running product along an axis (None: of the flattened tensor), NaN counting as 1"""
    return cumprod(_without_nan(x, 1), axis=axis, dtype=dtype)


def _without_nan(x: Array, value: float) -> Array:
    """x with NaN, which only floating point numbers can be, replaced by ``value``."""
    x = _as_tensor(x)
    return where(isnan(x), value, x) if is_float(x.dtype) else x
