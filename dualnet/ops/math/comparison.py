"""Comparisons, logic, tests of elements, and the selection by a condition; operands broadcast."""

from __future__ import annotations

import math
from typing import Any

from ...core.dtypes import is_float, result_type
from ...core.op import primitive
from ...core.tensor import Tensor
from .. import shape_rules
from .._common import Array, Forward, NoGrad, Xp, as_array, floating, promote, promote_floating, sum_to
from ..core.counting import nonzero
from ..registry import op


@op("numpy", shape=shape_rules.elementwise)
def equal(xp: Xp, x1: Array, x2: Array, /) -> NoGrad:
    """x1 == x2"""
    return xp.equal(*promote(x1, x2)), None


@op("numpy", shape=shape_rules.elementwise)
def not_equal(xp: Xp, x1: Array, x2: Array, /) -> NoGrad:
    """x1 != x2"""
    return xp.not_equal(*promote(x1, x2)), None


@op("numpy", shape=shape_rules.elementwise)
def greater(xp: Xp, x1: Array, x2: Array, /) -> NoGrad:
    """x1 > x2"""
    return xp.greater(*promote(x1, x2)), None


@op("numpy", shape=shape_rules.elementwise)
def greater_equal(xp: Xp, x1: Array, x2: Array, /) -> NoGrad:
    """x1 >= x2"""
    return xp.greater_equal(*promote(x1, x2)), None


@op("numpy", shape=shape_rules.elementwise)
def less(xp: Xp, x1: Array, x2: Array, /) -> NoGrad:
    """x1 < x2"""
    return xp.less(*promote(x1, x2)), None


@op("numpy", shape=shape_rules.elementwise)
def less_equal(xp: Xp, x1: Array, x2: Array, /) -> NoGrad:
    """x1 <= x2"""
    return xp.less_equal(*promote(x1, x2)), None


@op("numpy", shape=shape_rules.elementwise)
def logical_and(xp: Xp, x1: Array, x2: Array, /) -> NoGrad:
    """Whether both are true (nonzero)"""
    return xp.logical_and(x1, x2), None


@op("numpy", shape=shape_rules.elementwise)
def logical_or(xp: Xp, x1: Array, x2: Array, /) -> NoGrad:
    """Whether either is true (nonzero)"""
    return xp.logical_or(x1, x2), None


@op("numpy", shape=shape_rules.elementwise)
def logical_xor(xp: Xp, x1: Array, x2: Array, /) -> NoGrad:
    """Whether exactly one is true (nonzero)"""
    return xp.logical_xor(x1, x2), None


@op("numpy", shape=shape_rules.unchanged)
def logical_not(xp: Xp, x: Array, /) -> NoGrad:
    """Whether x is false (zero)"""
    return xp.logical_not(x), None


@op("numpy", shape=shape_rules.unchanged)
def isnan(xp: Xp, x: Array, /) -> NoGrad:
    """Whether x is not a number"""
    return xp.isnan(x), None


@op("numpy", shape=shape_rules.unchanged)
def isinf(xp: Xp, x: Array, /) -> NoGrad:
    """Whether x is infinite"""
    return xp.isinf(x), None


@op("numpy", shape=shape_rules.unchanged)
def isposinf(xp: Xp, x: Array, /) -> NoGrad:
    """Whether x is plus infinity"""
    return xp.equal(floating(x), math.inf), None


@op("numpy", shape=shape_rules.unchanged)
def isneginf(xp: Xp, x: Array, /) -> NoGrad:
    """Whether x is minus infinity"""
    return xp.equal(floating(x), -math.inf), None


@op("numpy", shape=shape_rules.unchanged)
def isfinite(xp: Xp, x: Array, /) -> NoGrad:
    """Whether x is neither infinite nor NaN"""
    return xp.isfinite(x), None


@op("numpy", shape=shape_rules.unchanged)
def signbit(xp: Xp, x: Array, /) -> NoGrad:
    """Whether the sign bit is set, as in -0.0"""
    return (xp.signbit(x) if is_float(x.dtype) else xp.less(x, 0)), None


@op("numpy", call=("x1", "x2", "rtol", "atol"), shape=shape_rules.elementwise)
def isclose(xp: Xp, x1: Array, x2: Array, /, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> NoGrad:
    """Whether |x1 - x2| <= atol + rtol * |x2|, or both are the same infinity, or (``equal_nan``) both NaN"""
    x, y = promote_floating(x1, x2)
    return _close(xp, x, y, rtol, atol, equal_nan), None


@op("numpy", class_name="AllClose", shape=shape_rules.scalar)
def allclose(
    xp: Xp, x1: Array, x2: Array, /, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> NoGrad:
    """Whether ``isclose`` holds for all elements: a tensor without axes, which stays on the device"""
    x, y = promote_floating(x1, x2)
    return xp.all(_close(xp, x, y, rtol, atol, equal_nan)), None


def _close(xp: Xp, x: Array, y: Any, rtol: float, atol: float, equal_nan: bool) -> Array:
    # An infinity is close to itself alone: any number is less than rtol * inf away from it.
    y = as_array(xp, y, x)
    finite = xp.logical_and(xp.isfinite(x), xp.isfinite(y))
    difference = xp.where(finite, x, xp.zeros_like(x)) - xp.where(finite, y, xp.zeros_like(y))
    close = xp.logical_and(finite, xp.abs(difference) <= atol + rtol * xp.abs(y))
    close = xp.logical_or(close, x == y)
    return xp.logical_or(close, xp.logical_and(xp.isnan(x), xp.isnan(y))) if equal_nan else close


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
def _where(xp: Xp, condition: Array, x1: Array, x2: Array, /) -> Forward:
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
