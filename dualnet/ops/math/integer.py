"""Functions of whole numbers, element by element, with broadcasting; ``TypeError`` for floating point ones. None has a gradient."""

from __future__ import annotations

from typing import Any

from .. import shape_rules
from .._common import Array, NoGrad, Xp, promote
from ..registry import alias, op


def _integers(name: str, x: Array, y: Any, booleans: bool = True) -> tuple[Array, Any]:
    allowed = "biu" if booleans else "iu"
    for v in (x, y):
        kind = v.dtype.kind if hasattr(v, "dtype") else {bool: "b", int: "i"}.get(type(v), "f")
        if kind not in allowed:
            what = "integers or booleans" if booleans else "integers"
            raise TypeError(f"{name}: expected {what}, got {getattr(v, 'dtype', type(v).__name__)}")
    return promote(x, y)


@op("numpy", shape=shape_rules.elementwise)
def bitwise_and(xp: Xp, x: Array, y: Array, /) -> NoGrad:
    """The bits that are set in both"""
    return xp.bitwise_and(*_integers("bitwise_and", x, y)), None


@op("numpy", shape=shape_rules.elementwise)
def bitwise_or(xp: Xp, x: Array, y: Array, /) -> NoGrad:
    """The bits that are set in either"""
    return xp.bitwise_or(*_integers("bitwise_or", x, y)), None


@op("numpy", shape=shape_rules.elementwise)
def bitwise_xor(xp: Xp, x: Array, y: Array, /) -> NoGrad:
    """The bits that are set in exactly one"""
    return xp.bitwise_xor(*_integers("bitwise_xor", x, y)), None


@op("numpy", shape=shape_rules.unchanged)
def bitwise_not(xp: Xp, x: Array, /) -> NoGrad:
    """All bits inverted; for booleans, not x"""
    _integers("bitwise_not", x, 0)
    return xp.invert(x), None


bitwise_invert = alias("bitwise_invert", bitwise_not)


@op("numpy", shape=shape_rules.elementwise)
def bitwise_left_shift(xp: Xp, x: Array, y: Array, /) -> NoGrad:
    """The bits of x shifted left by y: x * 2^y"""
    return xp.left_shift(*_shifted(*_integers("bitwise_left_shift", x, y))), None


@op("numpy", shape=shape_rules.elementwise)
def bitwise_right_shift(xp: Xp, x: Array, y: Array, /) -> NoGrad:
    """The bits of x shifted right by y: floor(x / 2^y)"""
    return xp.right_shift(*_shifted(*_integers("bitwise_right_shift", x, y))), None


def _shifted(x: Array, y: Any) -> tuple[Array, Any]:
    return (x.astype("int32"), y.astype("int32")) if x.dtype.kind == "b" and hasattr(y, "dtype") else (x, y)


left_shift = alias("left_shift", bitwise_left_shift)
right_shift = alias("right_shift", bitwise_right_shift)


@op("numpy", shape=shape_rules.elementwise)
def gcd(xp: Xp, x1: Array, x2: Array, /) -> NoGrad:
    """The greatest common divisor"""
    return xp.gcd(*_integers("gcd", x1, x2, booleans=False)), None


@op("numpy", shape=shape_rules.elementwise)
def lcm(xp: Xp, x1: Array, x2: Array, /) -> NoGrad:
    """The least common multiple"""
    return xp.lcm(*_integers("lcm", x1, x2, booleans=False)), None
