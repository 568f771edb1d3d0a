"""Functions of one operand, element by element.  x: any shape -> the same shape"""

from __future__ import annotations

import math

from dualnet_backends import Backend

from ...core.dtypes import standardize_dtype
from .. import shape_rules
from .._common import Array, Const, Op, Xp, floating, sum_to
from ..registry import alias, op


@op("numpy", shape=shape_rules.unchanged)
def negative(xp: Xp, x: Array, /) -> Op:
    """-x"""
    return -x, lambda dy: -dy


@op("numpy", shape=shape_rules.unchanged)
def absolute(xp: Xp, x: Array, /) -> Op:
    """|x|, with gradient 0 at 0"""
    return xp.abs(x), lambda dy: dy * xp.sign(x)


abs = alias("abs", absolute)


@op("numpy", shape=shape_rules.unchanged)
def sign(xp: Xp, x: Array, /) -> Const:
    """-1, 0 or 1"""
    return xp.sign(x), None


@op("numpy", shape=shape_rules.unchanged)
def square(xp: Xp, x: Array, /) -> Op:
    """x * x"""
    x = x.astype("int32") if x.dtype.kind == "b" else x
    return x * x, lambda dy: 2 * dy * x


@op("numpy", shape=shape_rules.unchanged)
def sqrt(xp: Xp, x: Array, /) -> Op:
    """The square root"""
    y = xp.sqrt(floating(x))
    return y, lambda dy: 0.5 * dy / y


@op("math", shape=shape_rules.unchanged)
def rsqrt(xp: Xp, x: Array, /) -> Op:
    """1 / sqrt(x)"""
    y = 1 / xp.sqrt(floating(x))
    return y, lambda dy: -0.5 * dy * y * y * y


@op("numpy", shape=shape_rules.unchanged)
def reciprocal(xp: Xp, x: Array, /) -> Op:
    """1 / x"""
    y = 1 / floating(x)
    return y, lambda dy: -dy * y * y


@op("numpy", shape=shape_rules.unchanged)
def exp(xp: Xp, x: Array, /) -> Op:
    """e ** x"""
    y = xp.exp(floating(x))
    return y, lambda dy: dy * y


@op("numpy", shape=shape_rules.unchanged)
def expm1(xp: Xp, x: Array, /) -> Op:
    """exp(x) - 1, exact for small x"""
    y = xp.expm1(floating(x))
    return y, lambda dy: dy * (y + 1)


@op("numpy", shape=shape_rules.unchanged)
def log(xp: Xp, x: Array, /) -> Op:
    """The natural logarithm"""
    x = floating(x)
    return xp.log(x), lambda dy: dy / x


@op("numpy", shape=shape_rules.unchanged)
def log1p(xp: Xp, x: Array, /) -> Op:
    """log(1 + x), exact for small x"""
    x = floating(x)
    return xp.log1p(x), lambda dy: dy / (1 + x)


@op("numpy", shape=shape_rules.unchanged)
def log2(xp: Xp, x: Array, /) -> Op:
    """The logarithm to base 2"""
    x = floating(x)
    return xp.log2(x), lambda dy: dy / (x * math.log(2))


@op("numpy", shape=shape_rules.unchanged)
def log10(xp: Xp, x: Array, /) -> Op:
    """The logarithm to base 10"""
    x = floating(x)
    return xp.log10(x), lambda dy: dy / (x * math.log(10))


@op("numpy", shape=shape_rules.unchanged)
def sin(xp: Xp, x: Array, /) -> Op:
    """The sine of an angle in radians"""
    x = floating(x)
    return xp.sin(x), lambda dy: dy * xp.cos(x)


@op("numpy", shape=shape_rules.unchanged)
def cos(xp: Xp, x: Array, /) -> Op:
    """The cosine of an angle in radians"""
    x = floating(x)
    return xp.cos(x), lambda dy: -dy * xp.sin(x)


@op("numpy", shape=shape_rules.unchanged)
def tan(xp: Xp, x: Array, /) -> Op:
    """The tangent of an angle in radians"""
    y = xp.tan(floating(x))
    return y, lambda dy: dy * (1 + y * y)


@op("numpy", shape=shape_rules.unchanged)
def arcsin(xp: Xp, x: Array, /) -> Op:
    """The angle in radians whose sine is x, in [-pi/2, pi/2]"""
    x = floating(x)
    return xp.arcsin(x), lambda dy: dy / xp.sqrt(1 - x * x)


@op("numpy", shape=shape_rules.unchanged)
def arccos(xp: Xp, x: Array, /) -> Op:
    """The angle in radians whose cosine is x, in [0, pi]"""
    x = floating(x)
    return xp.arccos(x), lambda dy: -dy / xp.sqrt(1 - x * x)


@op("numpy", shape=shape_rules.unchanged)
def arctan(xp: Xp, x: Array, /) -> Op:
    """The angle in radians whose tangent is x, in (-pi/2, pi/2)"""
    x = floating(x)
    return xp.arctan(x), lambda dy: dy / (1 + x * x)


@op("numpy", shape=shape_rules.unchanged)
def sinh(xp: Xp, x: Array, /) -> Op:
    """The hyperbolic sine"""
    x = floating(x)
    return xp.sinh(x), lambda dy: dy * xp.cosh(x)


@op("numpy", shape=shape_rules.unchanged)
def cosh(xp: Xp, x: Array, /) -> Op:
    """The hyperbolic cosine"""
    x = floating(x)
    return xp.cosh(x), lambda dy: dy * xp.sinh(x)


@op("math", shape=shape_rules.unchanged)
def erf(backend: Backend, x: Array, /) -> Op:
    """The error function, 2/sqrt(pi) times the integral of exp(-t^2) from 0 to x"""
    x = floating(x)
    return backend.erf(x), lambda dy: dy * (2 / math.sqrt(math.pi)) * backend.xp.exp(-x * x)


@op("numpy", call=("x",), shape=shape_rules.elementwise)
def clip(xp: Xp, x: Array, x_min: Array, x_max: Array, /) -> Op:
    """x limited to [x_min, x_max]; the gradient is 0 where it was outside"""
    x = x.astype("int32") if x.dtype == "bool" else x

    def backward(dy: Array) -> tuple[Array, None, None]:
        inside = xp.logical_and(x >= x_min, x <= x_max)
        return sum_to(xp, dy * inside, x), None, None

    y = xp.clip(x, x_min, x_max)
    return (y.astype(x.dtype) if str(x.dtype) == "bfloat16" else y), backward  # NumPy promotes bfloat16 to float32


@op("numpy", shape=shape_rules.unchanged)
def floor(xp: Xp, x: Array, /) -> Const:
    """The largest whole number <= x"""
    return xp.floor(floating(x)), None


@op("numpy", shape=shape_rules.unchanged)
def ceil(xp: Xp, x: Array, /) -> Const:
    """The smallest whole number >= x"""
    return xp.ceil(floating(x)), None


@op("numpy", shape=shape_rules.unchanged)
def round(xp: Xp, x: Array, /, decimals: int = 0) -> Const:
    """Rounded to ``decimals`` decimals, halves to even"""
    return xp.round(x, decimals), None


@op("numpy", shape=shape_rules.unchanged)
def isnan(xp: Xp, x: Array, /) -> Const:
    """Whether x is not a number"""
    return xp.isnan(x), None


@op("numpy", shape=shape_rules.unchanged)
def isinf(xp: Xp, x: Array, /) -> Const:
    """Whether x is infinite"""
    return xp.isinf(x), None


@op("numpy", shape=shape_rules.unchanged)
def isfinite(xp: Xp, x: Array, /) -> Const:
    """Whether x is neither infinite nor NaN"""
    return xp.isfinite(x), None


@op("numpy", shape=shape_rules.unchanged)
def logical_not(xp: Xp, x: Array, /) -> Const:
    """Whether x is false (zero)"""
    return xp.logical_not(x), None


@op("core", shape=shape_rules.unchanged)
def cast(xp: Xp, x: Array, /, dtype: str) -> Op:
    """x in another dtype; the gradient comes back in the dtype of x"""
    before = x.dtype

    def backward(dy: Array) -> Array:
        return dy.astype(before)

    y = x.astype(standardize_dtype(dtype), copy=False)
    if y.dtype.kind in "biu":
        return y, None  # type: ignore[return-value]  # an integer does not change with x, but in jumps
    return y, backward


@op("core", shape=shape_rules.unchanged_dtype)
def stop_gradient(xp: Xp, variable: Array, /) -> Const:
    """The same value, through which no gradient flows"""
    return variable, None


@op("numpy", shape=shape_rules.unchanged_dtype)
def copy(xp: Xp, x: Array, /) -> Op:
    """The same value in new memory"""
    return x.copy(), lambda dy: dy
