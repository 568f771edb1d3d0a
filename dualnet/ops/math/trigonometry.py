"""Trigonometric and hyperbolic functions, element by element; two operands broadcast.  x: any shape -> the same shape"""

from __future__ import annotations

import math

from .. import shape_rules
from .._common import Array, Forward, Xp, as_array, floating, promote_floating, sum_to
from ..registry import op


@op("numpy", shape=shape_rules.unchanged)
def sin(xp: Xp, x: Array, /) -> Forward:
    """The sine of an angle in radians"""
    x = floating(x)
    return xp.sin(x), lambda dy: dy * xp.cos(x)


@op("numpy", shape=shape_rules.unchanged)
def cos(xp: Xp, x: Array, /) -> Forward:
    """The cosine of an angle in radians"""
    x = floating(x)
    return xp.cos(x), lambda dy: -dy * xp.sin(x)


@op("numpy", shape=shape_rules.unchanged)
def tan(xp: Xp, x: Array, /) -> Forward:
    """The tangent of an angle in radians"""
    y = xp.tan(floating(x))
    return y, lambda dy: dy * (1 + y * y)


@op("numpy", shape=shape_rules.unchanged)
def arcsin(xp: Xp, x: Array, /) -> Forward:
    """The angle in radians whose sine is x, in [-pi/2, pi/2]"""
    x = floating(x)
    return xp.arcsin(x), lambda dy: dy / xp.sqrt(1 - x * x)


@op("numpy", shape=shape_rules.unchanged)
def arccos(xp: Xp, x: Array, /) -> Forward:
    """The angle in radians whose cosine is x, in [0, pi]"""
    x = floating(x)
    return xp.arccos(x), lambda dy: -dy / xp.sqrt(1 - x * x)


@op("numpy", shape=shape_rules.unchanged)
def arctan(xp: Xp, x: Array, /) -> Forward:
    """The angle in radians whose tangent is x, in (-pi/2, pi/2)"""
    x = floating(x)
    return xp.arctan(x), lambda dy: dy / (1 + x * x)


@op("numpy", shape=shape_rules.elementwise)
def arctan2(xp: Xp, x1: Array, x2: Array, /) -> Forward:
    """The angle in radians of the point with the coordinates (x2, x1), in [-pi, pi], with gradient 0 at the origin"""
    x, y = promote_floating(x1, x2)

    def backward(dz: Array) -> tuple[Array, Array]:
        square = x * x + y * y
        scaled = dz / xp.where(square == 0, xp.ones_like(square), square)
        return sum_to(xp, scaled * y, x), sum_to(xp, -scaled * x, y)

    return xp.arctan2(x, y), backward


@op("numpy", shape=shape_rules.elementwise)
def hypot(xp: Xp, x1: Array, x2: Array, /) -> Forward:
    """sqrt(x1^2 + x2^2) without overflow, with gradient 0 at the origin"""
    x, y = promote_floating(x1, x2)
    z = xp.hypot(x, as_array(xp, y, x))

    def backward(dz: Array) -> tuple[Array, Array]:
        scaled = dz / xp.where(z == 0, xp.ones_like(z), z)
        return sum_to(xp, scaled * x, x), sum_to(xp, scaled * y, y)

    return z, backward


@op("numpy", shape=shape_rules.unchanged)
def sinh(xp: Xp, x: Array, /) -> Forward:
    """The hyperbolic sine"""
    x = floating(x)
    return xp.sinh(x), lambda dy: dy * xp.cosh(x)


@op("numpy", shape=shape_rules.unchanged)
def cosh(xp: Xp, x: Array, /) -> Forward:
    """The hyperbolic cosine"""
    x = floating(x)
    return xp.cosh(x), lambda dy: dy * xp.sinh(x)


@op("numpy", shape=shape_rules.unchanged)
def arcsinh(xp: Xp, x: Array, /) -> Forward:
    """The number whose hyperbolic sine is x"""
    x = floating(x)
    return xp.arcsinh(x), lambda dy: dy / xp.sqrt(1 + x * x)


@op("numpy", shape=shape_rules.unchanged)
def arccosh(xp: Xp, x: Array, /) -> Forward:
    """The nonnegative number whose hyperbolic cosine is x, x >= 1"""
    x = floating(x)
    return xp.arccosh(x), lambda dy: dy / xp.sqrt(x * x - 1)


@op("numpy", shape=shape_rules.unchanged)
def arctanh(xp: Xp, x: Array, /) -> Forward:
    """The number whose hyperbolic tangent is x, -1 < x < 1"""
    x = floating(x)
    return xp.arctanh(x), lambda dy: dy / (1 - x * x)


@op("numpy", shape=shape_rules.unchanged)
def deg2rad(xp: Xp, x: Array, /) -> Forward:
    """Degrees as radians"""
    x = floating(x)
    return (x * (math.pi / 180)).astype(x.dtype, copy=False), lambda dy: dy * (math.pi / 180)


@op("numpy", shape=shape_rules.unchanged)
def rad2deg(xp: Xp, x: Array, /) -> Forward:
    """Radians as degrees"""
    x = floating(x)
    return (x * (180 / math.pi)).astype(x.dtype, copy=False), lambda dy: dy * (180 / math.pi)
