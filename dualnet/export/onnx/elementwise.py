"""Functions of single elements: exponentials, logarithms, trigonometry."""

from __future__ import annotations

import math

from .comparison import signbit
from .graph import Graph, T, exporter

# Operators of one floating point input with the same meaning. True: runtimes have them for float64 too.
_UNARY = {
    "ceil": ("Ceil", True), "floor": ("Floor", True), "exp": ("Exp", True), "log": ("Log", True), "sqrt": ("Sqrt", True),
    "sin": ("Sin", True), "cos": ("Cos", False), "tan": ("Tan", False), "arcsin": ("Asin", False), "arccos": ("Acos", False),
    "arctan": ("Atan", False), "sinh": ("Sinh", False), "cosh": ("Cosh", False), "arcsinh": ("Asinh", False),
    "arccosh": ("Acosh", False), "arctanh": ("Atanh", False), "tanh": ("Tanh", True), "erf": ("Erf", False),
    "reciprocal": ("Reciprocal", True), "fabs": ("Abs", True),
}  # fmt: skip


def unary(g: Graph, kind: str, x: T, double: bool = True) -> T:
    """An operator of one floating point input; in float32 where runtimes have no other."""
    x = g.floating(x)
    return g.op(kind, g.cast(x, "float32") if x.dtype == "float64" and not double else x)


def log1p(g: Graph, x: T) -> T:
    """log(1 + x) that is exact for small x (Kahan): what 1 + x loses of x is put back by a quotient."""
    u = g.binary("Add", x, 1)
    rounded = g.binary("Sub", u, 1)
    exact = g.binary("Mul", g.op("Log", u), g.binary("Div", x, g.where(g.compare("Equal", rounded, 0), 1.0, rounded)))
    infinite = T(g.op("IsInf", u).name, "bool")
    return g.where(g.compare("Equal", rounded, 0), x, g.where(infinite, u, exact))


def expm1(g: Graph, x: T) -> T:
    """e^x - 1 that is exact for small x: 2 tanh(x / 2) / (1 - tanh(x / 2))."""
    small = g.compare("Less", g.op("Abs", x), 0.5)
    t = g.op("Tanh", g.binary("Mul", g.where(small, x, 0.0), 0.5))
    near = g.binary("Div", g.binary("Mul", t, 2), g.binary("Sub", 1, t))
    return g.where(small, near, g.binary("Sub", g.op("Exp", x), 1))


@exporter("square")
def square(g: Graph, x: T) -> T:
    x = g.cast(x, g.arithmetic(g.out_dtype))
    return g.op("Mul", x, x)


@exporter("rsqrt")
def rsqrt(g: Graph, x: T) -> T:
    return g.op("Reciprocal", g.op("Sqrt", g.floating(x)))


@exporter("cbrt")
def cbrt(g: Graph, x: T) -> T:
    x = g.floating(x)
    return g.op("Mul", g.op("Sign", x), g.binary("Pow", g.op("Abs", x), 1 / 3))


@exporter("exp2")
def exp2(g: Graph, x: T) -> T:
    return g.binary("Pow", 2.0, g.floating(x))


@exporter("expm1")
def expm1_(g: Graph, x: T) -> T:
    return expm1(g, g.floating(x))


@exporter("log1p")
def log1p_(g: Graph, x: T) -> T:
    return log1p(g, _double_or_single(g, g.floating(x)))


def _double_or_single(g: Graph, x: T) -> T:
    return g.cast(x, "float32") if x.dtype == "float16" else x


@exporter("log2")
def log2(g: Graph, x: T) -> T:
    return g.binary("Mul", g.op("Log", g.floating(x)), 1 / math.log(2))


@exporter("log10")
def log10(g: Graph, x: T) -> T:
    return g.binary("Mul", g.op("Log", g.floating(x)), 1 / math.log(10))


@exporter("logaddexp", "logaddexp2")
def logaddexp(g: Graph, x: T, y: T) -> T:
    x, y = g.cast(x, g.out_dtype), g.cast(y, g.out_dtype)
    unit = math.log(2) if g.call.name == "logaddexp2" else 1.0
    distance = g.op("Abs", g.op("Sub", x, y))
    small = g.binary("Div", log1p(g, g.op("Exp", g.binary("Mul", distance, -unit))), unit)
    same = g.compare("Equal", x, y)  # infinities, whose difference is not a number
    return g.op("Add", g.op("Max", x, y), g.where(same, math.log(2) / unit, small))


@exporter("ldexp")
def ldexp(g: Graph, x: T, y: T) -> T:
    return g.binary("Mul", x, g.binary("Pow", 2.0, g.cast(y, g.out_dtype), g.out_dtype), g.out_dtype)


@exporter("erfc")
def erfc(g: Graph, x: T) -> T:
    return g.binary("Sub", 1, unary(g, "Erf", x, False))


@exporter("sinc")
def sinc(g: Graph, x: T) -> T:
    x = g.binary("Mul", g.floating(x), math.pi)
    zero = g.compare("Equal", x, 0)
    return g.where(zero, 1.0, g.op("Div", g.op("Sin", x), g.where(zero, 1.0, x)))


@exporter("arctan2")
def arctan2(g: Graph, y: T, x: T) -> T:
    y, x = g.cast(y, "float32"), g.cast(x, "float32")
    zero = g.compare("Equal", x, 0)
    half = g.binary("Mul", g.op("Sign", y), math.pi / 2)
    angle_ = g.op("Atan", g.op("Div", y, g.where(zero, 1.0, x)))
    turn = g.where(signbit(g, y), g.cast(T("", "", (), -math.pi), "float32"), math.pi)
    left = g.where(g.compare("Equal", y, 0), turn, g.op("Add", angle_, turn))
    at_zero = g.where(
        g.op("And", g.compare("Equal", y, 0), signbit(g, x)), turn, g.where(g.compare("Equal", y, 0), y, half)
    )
    return g.where(zero, at_zero, g.where(g.compare("Less", x, 0), left, angle_))


@exporter("hypot")
def hypot(g: Graph, x: T, y: T) -> T:
    x, y = g.cast(x, g.out_dtype), g.cast(y, g.out_dtype)
    return g.op("Sqrt", g.op("Add", g.op("Mul", x, x), g.op("Mul", y, y)))


@exporter("deg2rad")
def deg2rad(g: Graph, x: T) -> T:
    return g.binary("Mul", g.floating(x), math.pi / 180)


@exporter("rad2deg")
def rad2deg(g: Graph, x: T) -> T:
    return g.binary("Mul", g.floating(x), 180 / math.pi)


for _name, (_kind, _double) in _UNARY.items():
    exporter(_name)(lambda g, x, kind=_kind, double=_double: unary(g, kind, x, double))
