"""Arithmetic on two operands, with broadcasting.  x1, x2: shapes that broadcast -> the broadcast shape"""

from __future__ import annotations

from typing import Any

from .. import shape_rules
from .._common import Array, Forward, NoGrad, Xp, as_array, promote, promote_floating, refuse_gradient, sum_to
from ..registry import alias, op


@op("numpy", shape=shape_rules.elementwise)
def add(xp: Xp, x1: Array, x2: Array, /) -> Forward:
    """x1 + x2"""
    x, y = promote(x1, x2)
    return x + y, lambda dz: (sum_to(xp, dz, x), sum_to(xp, dz, y))


@op("numpy", shape=shape_rules.elementwise)
def subtract(xp: Xp, x1: Array, x2: Array, /) -> Forward:
    """x1 - x2"""
    x, y = promote(x1, x2)
    return xp.subtract(x, y), lambda dz: (sum_to(xp, dz, x), sum_to(xp, -dz, y))


@op("numpy", shape=shape_rules.elementwise)
def multiply(xp: Xp, x1: Array, x2: Array, /) -> Forward:
    """x1 * x2"""
    x, y = promote(x1, x2)
    return x * y, lambda dz: (sum_to(xp, dz * y, x), sum_to(xp, dz * x, y))


@op("numpy", shape=shape_rules.elementwise)
def divide(xp: Xp, x1: Array, x2: Array, /) -> Forward:
    """x1 / x2; integers are divided as floating point numbers"""
    x, y = promote_floating(x1, x2)
    z = x / y

    def backward(dz: Array) -> tuple[Array, Array]:
        dx = dz / y
        return sum_to(xp, dx, x), sum_to(xp, -dx * z, y)

    return z, backward


true_divide = alias("true_divide", divide)


@op("numpy", shape=shape_rules.elementwise)
def divide_no_nan(xp: Xp, x1: Array, x2: Array, /) -> Forward:
    """x1 / x2, and 0 where x2 is 0"""
    x, y = promote_floating(x1, x2)
    y = as_array(xp, y, x)
    zero = y == 0
    safe = xp.where(zero, xp.ones_like(y), y)
    z = xp.where(zero, xp.zeros_like(y), x / safe)

    def backward(dz: Array) -> tuple[Array, Array]:
        dx = xp.where(zero, xp.zeros_like(y), dz / safe)
        return sum_to(xp, dx, x), sum_to(xp, -dx * z, x2)

    return z, backward


@op("numpy", shape=shape_rules.elementwise)
def power(xp: Xp, x1: Array, x2: Array, /) -> Forward:
    """x1 ** x2.  Integers to negative integers raise ``ValueError``; on a GPU, which cannot raise, exponents in a tensor give 0"""
    x, y = promote(x1, x2)
    if x.dtype.kind in "biu" and type(y) is int and y < 0:
        raise ValueError(
            f"power: expected an exponent >= 0 for integers, got {y}: make x floating point, for example with ops.cast"
        )
    z = x**y

    def backward(dz: Array) -> tuple[Array, Array | None]:
        # x ** (y - 1), and not z / x, which is 0 / 0 at x = 0. Where y is 0 the derivative is 0, at x = 0 too: 0 * x ** 0.
        dx = sum_to(xp, dz * y * x ** (y - (y != 0)), x)
        if not hasattr(y, "shape"):
            return dx, None
        # d/dy x^y = x^y log x, whose limit at x = 0 is 0.
        log = xp.log(xp.where(x > 0, x, xp.ones_like(x)))
        return dx, sum_to(xp, dz * z * log, y)

    return z, backward


@op("numpy", shape=shape_rules.elementwise)
def floor_divide(xp: Xp, x1: Array, x2: Array, /) -> NoGrad:
    """floor(x1 / x2)"""
    return xp.floor_divide(*promote(x1, x2)), None


@op("numpy", shape=shape_rules.elementwise)
def mod(xp: Xp, x1: Array, x2: Array, /) -> Forward:
    """x1 - floor(x1 / x2) * x2: the remainder with the sign of x2"""
    x, y = promote(x1, x2)
    x = x.astype("int32") if x.dtype.kind == "b" else x
    quotient = xp.floor_divide(x, y)
    return xp.mod(x, y), lambda dz: (sum_to(xp, dz, x), sum_to(xp, -dz * quotient, y))


@op("numpy", shape=shape_rules.elementwise)
def fmod(xp: Xp, x1: Array, x2: Array, /) -> Forward:
    """x1 - trunc(x1 / x2) * x2: the remainder with the sign of x1"""
    x, y = promote(x1, x2)
    x = x.astype("int32") if x.dtype.kind == "b" else x
    return xp.fmod(x, y), lambda dz: (sum_to(xp, dz, x), sum_to(xp, -dz * xp.trunc(x / y), y))


@op("numpy", shape=shape_rules.elementwise)
def maximum(xp: Xp, x1: Array, x2: Array, /) -> Forward:
    """The larger of the two, element by element; where they are equal each gets half the gradient"""
    return _extreme(xp, xp.maximum, x1, x2)


@op("numpy", shape=shape_rules.elementwise)
def minimum(xp: Xp, x1: Array, x2: Array, /) -> Forward:
    """The smaller of the two, element by element; where they are equal each gets half the gradient"""
    return _extreme(xp, xp.minimum, x1, x2)


@op("numpy", shape=shape_rules.elementwise)
def fmax(xp: Xp, x1: Array, x2: Array, /) -> Forward:
    """The larger of the two, and the other where one is NaN; where they are equal each gets half the gradient"""
    return _extreme(xp, xp.fmax, x1, x2)


@op("numpy", shape=shape_rules.elementwise)
def fmin(xp: Xp, x1: Array, x2: Array, /) -> Forward:
    """The smaller of the two, and the other where one is NaN; where they are equal each gets half the gradient"""
    return _extreme(xp, xp.fmin, x1, x2)


def _extreme(xp: Xp, function: Any, x1: Array, x2: Array) -> Forward:
    """The larger or smaller of the two; the gradient flows to whichever it is, half to each where both are."""
    x, y = promote(x1, x2)
    z = function(x, y)

    def backward(dz: Array) -> tuple[Array, Array]:
        from_x, from_y = (x == z).astype(dz.dtype), (y == z).astype(dz.dtype)
        dz = dz / xp.maximum(from_x + from_y, 1)  # NaN is equal to neither
        return sum_to(xp, dz * from_x, x), sum_to(xp, dz * from_y, y)

    return z, backward


@op("numpy", shape=shape_rules.elementwise)
def heaviside(xp: Xp, x1: Array, x2: Array, /) -> Forward:
    """0 where x1 < 0, 1 where x1 > 0, x2 where x1 = 0"""
    x, y = promote_floating(x1, x2)
    zero = x == 0
    step = xp.where(x < 0, xp.zeros_like(x), xp.where(x > 0, xp.ones_like(x), x))
    return xp.where(zero, y, step), lambda dz: (None, sum_to(xp, dz * zero, y))


@op("numpy", shape=shape_rules.elementwise, in_place_grads=True)
def nextafter(xp: Xp, x1: Array, x2: Array, /) -> Forward:
    """The next floating point number after x1 towards x2.  Its gradient raises ``NotImplementedError``"""
    x, y = promote_floating(x1, x2)

    def backward(dy: Array, out: Any) -> tuple[None, None]:
        refuse_gradient("nextafter", out)
        return None, None

    return xp.nextafter(x, as_array(xp, y, x)), backward
