"""Arithmetic on two operands, with broadcasting.  x, y: shapes that broadcast -> the broadcast shape"""

from __future__ import annotations

from typing import Any

from ...core.dtypes import result_type
from ...core.op import primitive
from ...core.tensor import Tensor
from .. import shape_rules
from .._common import Array, Const, Op, Xp, promote, promote_floating, sum_to
from ..core.counting import nonzero
from ..registry import alias, op


@op("numpy", shape=shape_rules.elementwise)
def add(xp: Xp, x1: Array, x2: Array, /) -> Op:
    """x1 + x2"""
    x, y = promote(x1, x2)

    def backward(dz: Array) -> tuple[Array, Array]:
        return sum_to(xp, dz, x), sum_to(xp, dz, y)

    return x + y, backward


@op("numpy", shape=shape_rules.elementwise)
def subtract(xp: Xp, x1: Array, x2: Array, /) -> Op:
    """x1 - x2"""
    x, y = promote(x1, x2)

    def backward(dz: Array) -> tuple[Array, Array]:
        return sum_to(xp, dz, x), sum_to(xp, -dz, y)

    return xp.subtract(x, y), backward


@op("numpy", shape=shape_rules.elementwise)
def multiply(xp: Xp, x1: Array, x2: Array, /) -> Op:
    """x1 * x2"""
    x, y = promote(x1, x2)

    def backward(dz: Array) -> tuple[Array, Array]:
        return sum_to(xp, dz * y, x), sum_to(xp, dz * x, y)

    return x * y, backward


@op("numpy", shape=shape_rules.elementwise)
def divide(xp: Xp, x1: Array, x2: Array, /) -> Op:
    """x1 / x2; integers are divided as floating point numbers"""
    x, y = promote_floating(x1, x2)
    z = x / y

    def backward(dz: Array) -> tuple[Array, Array]:
        dx = dz / y
        return sum_to(xp, dx, x), sum_to(xp, -dx * z, y)

    return z, backward


true_divide = alias("true_divide", divide)


@op("numpy", shape=shape_rules.elementwise)
def divide_no_nan(xp: Xp, x1: Array, x2: Array, /) -> Op:
    """x1 / x2, and 0 where x2 is 0"""
    x, y = promote_floating(x1, x2)
    y = y if hasattr(y, "dtype") else xp.full((), y, dtype=x.dtype)
    zero = y == 0
    safe = xp.where(zero, xp.ones_like(y), y)
    z = xp.where(zero, xp.zeros_like(y), x / safe)

    def backward(dz: Array) -> tuple[Array, Array]:
        dx = xp.where(zero, xp.zeros_like(y), dz / safe)
        return sum_to(xp, dx, x), sum_to(xp, -dx * z, x2)

    return z, backward


@op("numpy", shape=shape_rules.elementwise)
def power(xp: Xp, x1: Array, x2: Array, /) -> Op:
    """x1 ** x2"""
    x, y = promote(x1, x2)
    z = x**y

    def backward(dz: Array) -> tuple[Array, Array | None]:
        # x ** (y - 1), and not z / x, which is 0 / 0 at x = 0.
        dx = sum_to(xp, dz * y * x ** (y - 1), x)
        if not hasattr(y, "shape"):
            return dx, None
        # d/dy x^y = x^y log x, whose limit at x = 0 is 0.
        log = xp.log(xp.where(x > 0, x, xp.ones_like(x)))
        return dx, sum_to(xp, dz * z * log, y)

    return z, backward


@op("numpy", shape=shape_rules.elementwise)
def floor_divide(xp: Xp, x1: Array, x2: Array, /) -> Const:
    """floor(x1 / x2)"""
    x, y = promote(x1, x2)
    return xp.floor_divide(x, y), None


@op("numpy", shape=shape_rules.elementwise)
def mod(xp: Xp, x1: Array, x2: Array, /) -> Op:
    """x1 - floor(x1 / x2) * x2: the remainder with the sign of x2"""
    x, y = promote(x1, x2)
    x = x.astype("int32") if x.dtype.kind == "b" else x
    quotient = xp.floor_divide(x, y)

    def backward(dz: Array) -> tuple[Array, Array]:
        return sum_to(xp, dz, x), sum_to(xp, -dz * quotient, y)

    return xp.mod(x, y), backward


@op("numpy", shape=shape_rules.elementwise)
def maximum(xp: Xp, x1: Array, x2: Array, /) -> Op:
    """The larger of the two, element by element; where they are equal each gets half the gradient"""
    x, y = promote(x1, x2)
    z = xp.maximum(x, y)

    def backward(dz: Array) -> tuple[Array, Array]:
        return _share(xp, dz, x, y, z)

    return z, backward


@op("numpy", shape=shape_rules.elementwise)
def minimum(xp: Xp, x1: Array, x2: Array, /) -> Op:
    """The smaller of the two, element by element; where they are equal each gets half the gradient"""
    x, y = promote(x1, x2)
    z = xp.minimum(x, y)

    def backward(dz: Array) -> tuple[Array, Array]:
        return _share(xp, dz, x, y, z)

    return z, backward


def _share(xp: Xp, dz: Array, x: Array, y: Array, z: Array) -> tuple[Array, Array]:
    """The gradient to whichever of x and y is z; half to each where both are."""
    from_x, from_y = (x == z).astype(dz.dtype), (y == z).astype(dz.dtype)
    dz = dz / xp.maximum(from_x + from_y, 1)  # NaN is equal to neither
    return sum_to(xp, dz * from_x, x), sum_to(xp, dz * from_y, y)


@op("numpy", shape=shape_rules.elementwise)
def equal(xp: Xp, x1: Array, x2: Array, /) -> Const:
    """x1 == x2"""
    x, y = promote(x1, x2)
    return xp.equal(x, y), None


@op("numpy", shape=shape_rules.elementwise)
def not_equal(xp: Xp, x1: Array, x2: Array, /) -> Const:
    """x1 != x2"""
    x, y = promote(x1, x2)
    return xp.not_equal(x, y), None


@op("numpy", shape=shape_rules.elementwise)
def greater(xp: Xp, x1: Array, x2: Array, /) -> Const:
    """x1 > x2"""
    x, y = promote(x1, x2)
    return xp.greater(x, y), None


@op("numpy", shape=shape_rules.elementwise)
def greater_equal(xp: Xp, x1: Array, x2: Array, /) -> Const:
    """x1 >= x2"""
    x, y = promote(x1, x2)
    return xp.greater_equal(x, y), None


@op("numpy", shape=shape_rules.elementwise)
def less(xp: Xp, x1: Array, x2: Array, /) -> Const:
    """x1 < x2"""
    x, y = promote(x1, x2)
    return xp.less(x, y), None


@op("numpy", shape=shape_rules.elementwise)
def less_equal(xp: Xp, x1: Array, x2: Array, /) -> Const:
    """x1 <= x2"""
    x, y = promote(x1, x2)
    return xp.less_equal(x, y), None


@op("numpy", shape=shape_rules.elementwise)
def logical_and(xp: Xp, x1: Array, x2: Array, /) -> Const:
    """Whether both are true (nonzero)"""
    return xp.logical_and(x1, x2), None


@op("numpy", shape=shape_rules.elementwise)
def logical_or(xp: Xp, x1: Array, x2: Array, /) -> Const:
    """Whether either is true (nonzero)"""
    return xp.logical_or(x1, x2), None


@op("numpy", shape=shape_rules.elementwise)
def logical_xor(xp: Xp, x1: Array, x2: Array, /) -> Const:
    """Whether exactly one is true (nonzero)"""
    return xp.logical_xor(x1, x2), None


@op("numpy", shape=shape_rules.where)
def where(condition: Any, x1: Any = None, x2: Any = None, /) -> Tensor:
    """x1 where the condition holds, else x2. With neither, the indices at which it holds, as ``nonzero``"""
    if x1 is None and x2 is None:
        indices: Any = nonzero(condition)
        return indices
    if x1 is None or x2 is None:
        raise ValueError("where: expected both x1 and x2, or neither, got one of them")
    return _where(condition, x1, x2)


@primitive(shape=shape_rules.elementwise)
def _where(xp: Xp, condition: Array, x1: Array, x2: Array, /) -> Op:
    dtype = result_type(*(v.dtype if hasattr(v, "dtype") else v for v in (x1, x2)))
    x, y = (v.astype(dtype, copy=False) if hasattr(v, "dtype") else xp.full((), v, dtype=dtype) for v in (x1, x2))

    def backward(dz: Array) -> tuple[None, Array | None, Array | None]:
        zero = xp.zeros_like(dz)
        return (
            None,
            sum_to(xp, xp.where(condition, dz, zero), x1),
            sum_to(xp, xp.where(condition, zero, dz), x2),
        )

    return xp.where(condition, x, y), backward
