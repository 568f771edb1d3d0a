"""More functions of one or two operands, element by element; two broadcast.  x: any shape -> the same shape"""

from __future__ import annotations

import math
from typing import Any

from ...core.dtypes import is_float
from .. import shape_rules
from .._common import Array, Const, Op, Xp, floating, promote, promote_floating, sum_to
from ..registry import op
from .arithmetic import _share

# The largest finite numbers.
_LARGEST = {"float16": 65504.0, "bfloat16": 3.3895313892515355e38, "float32": 3.4028234663852886e38}


@op("numpy", shape=shape_rules.unchanged)
def arcsinh(xp: Xp, x: Array, /) -> Op:
    """The number whose hyperbolic sine is x"""
    x = floating(x)
    return xp.arcsinh(x), lambda dy: dy / xp.sqrt(1 + x * x)


@op("numpy", shape=shape_rules.unchanged)
def arccosh(xp: Xp, x: Array, /) -> Op:
    """The nonnegative number whose hyperbolic cosine is x, x >= 1"""
    x = floating(x)
    return xp.arccosh(x), lambda dy: dy / xp.sqrt(x * x - 1)


@op("numpy", shape=shape_rules.unchanged)
def arctanh(xp: Xp, x: Array, /) -> Op:
    """The number whose hyperbolic tangent is x, -1 < x < 1"""
    x = floating(x)
    return xp.arctanh(x), lambda dy: dy / (1 - x * x)


@op("numpy", shape=shape_rules.elementwise)
def arctan2(xp: Xp, x1: Array, x2: Array, /) -> Op:
    """The angle in radians of the point with the coordinates (x2, x1), in [-pi, pi], with gradient 0 at the origin"""
    x, y = promote_floating(x1, x2)

    def backward(dz: Array) -> tuple[Array, Array]:
        square = x * x + y * y
        share = dz / xp.where(square == 0, xp.ones_like(square), square)
        return sum_to(xp, share * y, x), sum_to(xp, -share * x, y)

    return xp.arctan2(x, y), backward


@op("numpy", shape=shape_rules.unchanged)
def cbrt(xp: Xp, x: Array, /) -> Op:
    """The cube root"""
    y = xp.cbrt(floating(x))
    return y, lambda dy: dy / (3 * y * y)


@op("numpy", shape=shape_rules.unchanged)
def exp2(xp: Xp, x: Array, /) -> Op:
    """2 ** x"""
    y = xp.exp2(floating(x))
    return y, lambda dy: dy * y * math.log(2)


@op("numpy", shape=shape_rules.unchanged)
def deg2rad(xp: Xp, x: Array, /) -> Op:
    """Degrees as radians"""
    x = floating(x)
    return (x * (math.pi / 180)).astype(x.dtype, copy=False), lambda dy: dy * (math.pi / 180)


@op("numpy", shape=shape_rules.unchanged)
def rad2deg(xp: Xp, x: Array, /) -> Op:
    """Radians as degrees"""
    x = floating(x)
    return (x * (180 / math.pi)).astype(x.dtype, copy=False), lambda dy: dy * (180 / math.pi)


@op("numpy", shape=shape_rules.unchanged)
def fabs(xp: Xp, x: Array, /) -> Op:
    """|x| as a floating point number, with gradient 0 at 0"""
    x = floating(x)
    return xp.abs(x), lambda dy: dy * xp.sign(x)


@op("numpy", shape=shape_rules.elementwise)
def fmax(xp: Xp, x1: Array, x2: Array, /) -> Op:
    """The larger of the two, and the other where one is NaN; where they are equal each gets half the gradient"""
    x, y = promote(x1, x2)
    z = xp.fmax(x, y)
    return z, lambda dz: _share(xp, dz, x, y, z)


@op("numpy", shape=shape_rules.elementwise)
def fmin(xp: Xp, x1: Array, x2: Array, /) -> Op:
    """The smaller of the two, and the other where one is NaN; where they are equal each gets half the gradient"""
    x, y = promote(x1, x2)
    z = xp.fmin(x, y)
    return z, lambda dz: _share(xp, dz, x, y, z)


@op("numpy", shape=shape_rules.elementwise)
def fmod(xp: Xp, x1: Array, x2: Array, /) -> Op:
    """x1 - trunc(x1 / x2) * x2: the remainder with the sign of x1"""
    x, y = promote(x1, x2)
    x = x.astype("int32") if x.dtype.kind == "b" else x

    def backward(dz: Array) -> tuple[Array, Array]:
        return sum_to(xp, dz, x), sum_to(xp, -dz * xp.trunc(x / y), y)

    return xp.fmod(x, y), backward


@op("numpy", shape=shape_rules.elementwise)
def heaviside(xp: Xp, x1: Array, x2: Array, /) -> Op:
    """0 where x1 < 0, 1 where x1 > 0, x2 where x1 = 0"""
    x, y = promote_floating(x1, x2)
    zero = x == 0

    def backward(dz: Array) -> tuple[None, Array]:
        return None, sum_to(xp, dz * zero, y)

    return xp.where(zero, y, xp.where(x < 0, xp.zeros_like(x), xp.where(x > 0, xp.ones_like(x), x))), backward


@op("numpy", shape=shape_rules.elementwise)
def hypot(xp: Xp, x1: Array, x2: Array, /) -> Op:
    """sqrt(x1^2 + x2^2) without overflow, with gradient 0 at the origin"""
    x, y = promote_floating(x1, x2)
    z = xp.hypot(x, y if hasattr(y, "dtype") else xp.full((), y, dtype=x.dtype))

    def backward(dz: Array) -> tuple[Array, Array]:
        share = dz / xp.where(z == 0, xp.ones_like(z), z)
        return sum_to(xp, share * x, x), sum_to(xp, share * y, y)

    return z, backward


@op("numpy", shape=shape_rules.elementwise)
def logaddexp(xp: Xp, x1: Array, x2: Array, /) -> Op:
    """log(exp(x1) + exp(x2)), without overflow"""
    return _log_of_sum(xp, xp.logaddexp, xp.exp, x1, x2)


@op("numpy", shape=shape_rules.elementwise)
def logaddexp2(xp: Xp, x1: Array, x2: Array, /) -> Op:
    """The logarithm to base 2 of 2^x1 + 2^x2, without overflow"""
    return _log_of_sum(xp, xp.logaddexp2, xp.exp2, x1, x2)


def _log_of_sum(xp: Xp, function: Any, power: Any, x1: Array, x2: Array) -> Op:
    x, y = promote_floating(x1, x2)
    z = function(x, y)

    def backward(dz: Array) -> tuple[Array, Array]:
        # At infinity x - z would be inf - inf.
        top = xp.where(xp.isfinite(z), z, xp.zeros_like(z))
        return sum_to(xp, dz * power(x - top), x), sum_to(xp, dz * power(y - top), y)

    return z, backward


@op("numpy", shape=shape_rules.elementwise)
def ldexp(xp: Xp, x1: Array, x2: Array, /) -> Op:
    """x1 * 2^x2, x2 integers.  Raises ``TypeError`` for others"""
    if getattr(getattr(x2, "dtype", None), "kind", "i") not in "iu" or isinstance(x2, float):
        raise TypeError(f"ldexp: expected integers as x2, got dtype {getattr(x2, 'dtype', type(x2).__name__)}")
    x = floating(x1)
    n = x2.astype("int32") if hasattr(x2, "dtype") else xp.full((), x2, dtype="int32")
    return xp.ldexp(x, n), lambda dz: (sum_to(xp, xp.ldexp(dz, n), x), None)


@op("numpy", shape=shape_rules.elementwise)
def nextafter(xp: Xp, x1: Array, x2: Array, /) -> Const:
    """The next floating point number after x1 towards x2"""
    x, y = promote_floating(x1, x2)
    return xp.nextafter(x, y if hasattr(y, "dtype") else xp.full((), y, dtype=x.dtype)), None


@op("numpy", shape=shape_rules.unchanged)
def nan_to_num(xp: Xp, x: Array, /, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Op:
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


@op("numpy", shape=shape_rules.unchanged)
def trunc(xp: Xp, x: Array, /) -> Const:
    """x rounded towards 0"""
    return (xp.trunc(x) if is_float(x.dtype) else x), None


@op("numpy", shape=shape_rules.unchanged)
def signbit(xp: Xp, x: Array, /) -> Const:
    """Whether the sign bit is set, as in -0.0"""
    return (xp.signbit(x) if is_float(x.dtype) else xp.less(x, 0)), None


@op("numpy", shape=shape_rules.unchanged)
def isposinf(xp: Xp, x: Array, /) -> Const:
    """Whether x is plus infinity"""
    return xp.equal(floating(x), math.inf), None


@op("numpy", shape=shape_rules.unchanged)
def isneginf(xp: Xp, x: Array, /) -> Const:
    """Whether x is minus infinity"""
    return xp.equal(floating(x), -math.inf), None


@op("numpy", call=("x1", "x2", "rtol", "atol"), shape=shape_rules.elementwise)
def isclose(xp: Xp, x1: Array, x2: Array, /, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Const:
    """Whether |x1 - x2| <= atol + rtol * |x2|, or both are the same infinity, or (``equal_nan``) both NaN"""
    x, y = promote_floating(x1, x2)
    return _close(xp, x, y, rtol, atol, equal_nan), None


@op("numpy", class_name="AllClose", shape=shape_rules.scalar)
def allclose(xp: Xp, x1: Array, x2: Array, /, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Const:
    """Whether ``isclose`` holds for all elements: a tensor without axes, which stays on the device"""
    x, y = promote_floating(x1, x2)
    return xp.all(_close(xp, x, y, rtol, atol, equal_nan)), None


def _close(xp: Xp, x: Array, y: Any, rtol: float, atol: float, equal_nan: bool) -> Array:
    # An infinity is close to itself alone: any number is less than rtol * inf away from it.
    y = y if hasattr(y, "dtype") else xp.full((), y, dtype=x.dtype)
    finite = xp.logical_and(xp.isfinite(x), xp.isfinite(y))
    gap = xp.where(finite, x, xp.zeros_like(x)) - xp.where(finite, y, xp.zeros_like(y))
    near = xp.logical_and(finite, xp.abs(gap) <= atol + rtol * xp.abs(y))
    near = xp.logical_or(near, x == y)
    return xp.logical_or(near, xp.logical_and(xp.isnan(x), xp.isnan(y))) if equal_nan else near
