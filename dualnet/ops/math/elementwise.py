"""Signs, limits, rounding, dtypes and copies, element by element.  x: any shape -> the same shape"""

from __future__ import annotations

import math

from ...core.dtypes import is_float, standardize_dtype
from .. import shape_rules
from .._common import Array, Forward, NoGrad, Xp, fitting, floating, sum_to
from ..registry import alias, op


@op("numpy", shape=shape_rules.unchanged)
def negative(xp: Xp, x: Array, /) -> Forward:
    """-x"""
    return -x, lambda dy: -dy


@op("numpy", shape=shape_rules.unchanged)
def absolute(xp: Xp, x: Array, /) -> Forward:
    """|x|, with gradient 0 at 0"""
    return xp.abs(x), lambda dy: dy * xp.sign(x)


abs = alias("abs", absolute)


@op("numpy", shape=shape_rules.unchanged)
def fabs(xp: Xp, x: Array, /) -> Forward:
    """|x| as a floating point number, with gradient 0 at 0"""
    x = floating(x)
    return xp.abs(x), lambda dy: dy * xp.sign(x)


@op("numpy", shape=shape_rules.unchanged)
def sign(xp: Xp, x: Array, /) -> NoGrad:
    """-1, 0 or 1"""
    return xp.sign(x), None


@op("numpy", call=("x",), shape=shape_rules.elementwise)
def clip(xp: Xp, x: Array, x_min: Array, x_max: Array, /) -> Forward:
    """x limited to [x_min, x_max], which is x_max where the limits cross; the gradient goes to the one of the three that it is"""
    x = x.astype("int32") if x.dtype == "bool" else x

    def backward(dy: Array) -> tuple[Array, Array | None, Array | None]:
        below, above = x < x_min, x > x_max
        dx = sum_to(xp, dy * xp.logical_not(xp.logical_or(below, above)), x)
        # Limits that are numbers have no gradient.
        crossed = x_min > x_max
        dmin = (
            sum_to(xp, dy * xp.logical_and(below, xp.logical_not(crossed)), x_min) if hasattr(x_min, "dtype") else None
        )
        at_max = xp.logical_or(above, xp.logical_and(below, crossed))
        return dx, dmin, (sum_to(xp, dy * at_max, x_max) if hasattr(x_max, "dtype") else None)

    low, high = fitting(x, x_min), fitting(x, x_max)
    if hasattr(low, "dtype") or hasattr(high, "dtype") or low != low or high != high:
        y = xp.minimum(xp.maximum(x, low), high)  # NaN wherever a limit is, which CuPy's clip takes for no limit
    else:
        y = xp.clip(x, low, high)
    return (y.astype(x.dtype) if str(x.dtype) == "bfloat16" else y), backward  # NumPy promotes bfloat16 to float32


@op("numpy", shape=shape_rules.unchanged)
def floor(xp: Xp, x: Array, /) -> NoGrad:
    """The largest whole number <= x"""
    return xp.floor(floating(x)), None


@op("numpy", shape=shape_rules.unchanged)
def ceil(xp: Xp, x: Array, /) -> NoGrad:
    """The smallest whole number >= x"""
    return xp.ceil(floating(x)), None


@op("numpy", shape=shape_rules.unchanged)
def trunc(xp: Xp, x: Array, /) -> NoGrad:
    """x rounded towards 0"""
    return (xp.trunc(x) if is_float(x.dtype) else x), None


@op("numpy", shape=shape_rules.unchanged)
def round(xp: Xp, x: Array, /, decimals: int = 0) -> NoGrad:
    """Rounded to ``decimals`` decimals, halves to even"""
    return xp.round(x, decimals), None


_LARGEST = {"float16": 65504.0, "bfloat16": 3.3895313892515355e38, "float32": 3.4028234663852886e38}


@op("numpy", shape=shape_rules.unchanged)
def nan_to_num(
    xp: Xp, x: Array, /, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Forward:
    """x with ``nan`` in place of NaN, and ``posinf`` and ``neginf`` (default: the largest and smallest finite number) in
    place of infinities; no gradient flows to these."""
    if not is_float(x.dtype):
        return x, lambda dy: dy
    largest = _LARGEST.get(str(x.dtype), 1.7976931348623157e308)

    def number(value: float) -> Array:
        return xp.full((), value, dtype=x.dtype)

    y = xp.where(x == math.inf, number(largest if posinf is None else posinf), x)
    y = xp.where(x == -math.inf, number(-largest if neginf is None else neginf), y)
    return xp.where(xp.isnan(x), number(nan), y), lambda dy: dy * xp.isfinite(x)


@op("core", shape=shape_rules.unchanged)
def cast(xp: Xp, x: Array, /, dtype: str) -> Forward:
    """x in another dtype; the gradient comes back in the dtype of x"""
    before, y = x.dtype, x.astype(standardize_dtype(dtype), copy=False)
    if y.dtype.kind in "biu":
        return y, None  # type: ignore[return-value]  # an integer does not change with x, but in jumps
    return y, lambda dy: dy.astype(before)


@op("core", shape=shape_rules.unchanged_dtype)
def stop_gradient(xp: Xp, variable: Array, /) -> NoGrad:
    """The same value, through which no gradient flows"""
    return variable, None


@op("numpy", shape=shape_rules.unchanged_dtype)
def copy(xp: Xp, x: Array, /) -> Forward:
    """The same value in new memory"""
    return x.copy(), lambda dy: dy
