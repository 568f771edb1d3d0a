"""Powers, roots, exponentials and logarithms, element by element; two operands broadcast.  x: any shape -> the same shape"""

from __future__ import annotations

import math
from typing import Any

from .. import shape_rules
from .._common import Array, Forward, Xp, floating, promote_floating, sum_to
from ..registry import op


@op("numpy", shape=shape_rules.unchanged)
def square(xp: Xp, x: Array, /) -> Forward:
    """x * x"""
    x = x.astype("int32") if x.dtype.kind == "b" else x
    return x * x, lambda dy: 2 * dy * x


@op("numpy", shape=shape_rules.unchanged)
def sqrt(xp: Xp, x: Array, /) -> Forward:
    """The square root"""
    y = xp.sqrt(floating(x))
    return y, lambda dy: 0.5 * dy / y


@op("math", shape=shape_rules.unchanged)
def rsqrt(xp: Xp, x: Array, /) -> Forward:
    """1 / sqrt(x)"""
    y = 1 / xp.sqrt(floating(x))
    return y, lambda dy: -0.5 * dy * y * y * y


@op("numpy", shape=shape_rules.unchanged)
def cbrt(xp: Xp, x: Array, /) -> Forward:
    """The cube root"""
    y = xp.cbrt(floating(x))
    return y, lambda dy: dy / (3 * y * y)


@op("numpy", shape=shape_rules.unchanged)
def reciprocal(xp: Xp, x: Array, /) -> Forward:
    """1 / x"""
    y = 1 / floating(x)
    return y, lambda dy: -dy * y * y


@op("numpy", shape=shape_rules.unchanged)
def exp(xp: Xp, x: Array, /) -> Forward:
    """e ** x"""
    y = xp.exp(floating(x))
    return y, lambda dy: dy * y


@op("numpy", shape=shape_rules.unchanged)
def expm1(xp: Xp, x: Array, /) -> Forward:
    """exp(x) - 1, exact for small x"""
    y = xp.expm1(floating(x))
    return y, lambda dy: dy * (y + 1)


@op("numpy", shape=shape_rules.unchanged)
def exp2(xp: Xp, x: Array, /) -> Forward:
    """2 ** x"""
    y = xp.exp2(floating(x))
    return y, lambda dy: dy * y * math.log(2)


@op("numpy", shape=shape_rules.elementwise)
def ldexp(xp: Xp, x1: Array, x2: Array, /) -> Forward:
    """x1 * 2^x2, x2 integers.  Raises ``TypeError`` for others"""
    if getattr(getattr(x2, "dtype", None), "kind", "i") not in "iu" or isinstance(x2, float):
        raise TypeError(f"ldexp: expected integers as x2, got dtype {getattr(x2, 'dtype', type(x2).__name__)}")
    x = floating(x1)
    n = x2.astype("int32") if hasattr(x2, "dtype") else xp.full((), x2, dtype="int32")
    return xp.ldexp(x, n), lambda dz: (sum_to(xp, xp.ldexp(dz, n), x), None)


@op("numpy", shape=shape_rules.unchanged)
def log(xp: Xp, x: Array, /) -> Forward:
    """The natural logarithm"""
    x = floating(x)
    return xp.log(x), lambda dy: dy / x


@op("numpy", shape=shape_rules.unchanged)
def log1p(xp: Xp, x: Array, /) -> Forward:
    """log(1 + x), exact for small x"""
    x = floating(x)
    return xp.log1p(x), lambda dy: dy / (1 + x)


@op("numpy", shape=shape_rules.unchanged)
def log2(xp: Xp, x: Array, /) -> Forward:
    """The logarithm to base 2"""
    x = floating(x)
    return xp.log2(x), lambda dy: dy / (x * math.log(2))


@op("numpy", shape=shape_rules.unchanged)
def log10(xp: Xp, x: Array, /) -> Forward:
    """The logarithm to base 10"""
    x = floating(x)
    return xp.log10(x), lambda dy: dy / (x * math.log(10))


@op("numpy", shape=shape_rules.elementwise)
def logaddexp(xp: Xp, x1: Array, x2: Array, /) -> Forward:
    """log(exp(x1) + exp(x2)), without overflow"""
    return _log_of_sum(xp, xp.logaddexp, xp.exp, x1, x2)


@op("numpy", shape=shape_rules.elementwise)
def logaddexp2(xp: Xp, x1: Array, x2: Array, /) -> Forward:
    """The logarithm to base 2 of 2^x1 + 2^x2, without overflow"""
    return _log_of_sum(xp, xp.logaddexp2, xp.exp2, x1, x2)


def _log_of_sum(xp: Xp, function: Any, power: Any, x1: Array, x2: Array) -> Forward:
    x, y = promote_floating(x1, x2)
    z = function(x, y)

    def share(term: Array) -> Array:
        """The part of the sum that a term is: e^(term - z). An infinite term is all of an infinite sum."""
        infinite = xp.isinf(z)
        top = xp.where(infinite, xp.zeros_like(z), z)
        return xp.where(infinite, term == math.inf, power(xp.where(infinite, top, term) - top))

    def backward(dz: Array) -> tuple[Array, Array]:
        return sum_to(xp, dz * share(x), x), sum_to(xp, dz * share(y), y)

    return z, backward
