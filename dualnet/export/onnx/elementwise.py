"""Ops of single elements: arithmetic, comparisons, logic, powers, trigonometry."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...core.dtypes import result_type
from ..sizes import Size
from .graph import Graph, T, computed, exporter

# Operators of one floating point input with the same meaning. True: runtimes have them for float64 too.
_UNARY = {
    "ceil": ("Ceil", True), "floor": ("Floor", True), "exp": ("Exp", True), "log": ("Log", True), "sqrt": ("Sqrt", True),
    "sin": ("Sin", True), "cos": ("Cos", False), "tan": ("Tan", False), "arcsin": ("Asin", False), "arccos": ("Acos", False),
    "arctan": ("Atan", False), "sinh": ("Sinh", False), "cosh": ("Cosh", False), "arcsinh": ("Asinh", False),
    "arccosh": ("Acosh", False), "arctanh": ("Atanh", False), "tanh": ("Tanh", True), "erf": ("Erf", False),
    "reciprocal": ("Reciprocal", True), "fabs": ("Abs", True),
}  # fmt: skip
_COMPARISONS = {
    "equal": "Equal", "greater": "Greater", "greater_equal": "GreaterOrEqual", "less": "Less", "less_equal": "LessOrEqual",
}  # fmt: skip
_FLOATS = ("float16", "float32", "float64")


def unary(g: Graph, kind: str, x: T, double: bool = True) -> T:
    """An operator of one floating point input; in float32 where runtimes have no other."""
    x = g.floating(x)
    return g.op(kind, g.cast(x, "float32") if x.dtype == "float64" and not double else x)


def promoted(g: Graph, x: T, y: T) -> str:
    """The dtype in which two operands are computed."""
    kinds = [v.dtype or (int if isinstance(v.data, Size) else type(v.data)) for v in (x, y)]
    return g.arithmetic(computed(result_type(*kinds)))


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


def _register_tables() -> None:
    for name, (kind, double) in _UNARY.items():
        exporter(name)(lambda g, x, kind=kind, double=double: unary(g, kind, x, double))
    for name, kind in _COMPARISONS.items():
        exporter(name)(lambda g, x, y, kind=kind: _compare(g, kind, x, y))
    for name, kind in {"logical_and": "And", "logical_or": "Or", "logical_xor": "Xor"}.items():
        exporter(name)(lambda g, x, y, kind=kind: g.binary(kind, x, y, "bool"))
    for name, kind in {"bitwise_and": "And", "bitwise_or": "Or", "bitwise_xor": "Xor"}.items():
        exporter(name)(lambda g, x, y, kind=kind: _bitwise(g, kind, x, y))


_register_tables()


def _compare(g: Graph, kind: str, x: T, y: T) -> T:
    if "string" in (x.dtype, y.dtype):
        other = y if x.dtype == "string" else x
        text = g.constant(np.array(other.data, dtype=object), "string") if not other.name else other
        return g.op(kind, *((x, text) if x.dtype == "string" else (text, y)), dtype="bool")
    return g.compare(kind, *(g.cast(v, promoted(g, x, y)) for v in (x, y)))


@exporter("not_equal")
def not_equal(g: Graph, x: T, y: T) -> T:
    return g.op("Not", _compare(g, "Equal", x, y))


def _bitwise(g: Graph, kind: str, x: T, y: T) -> T:
    dtype = computed(result_type(*(v.dtype or type(v.data) for v in (x, y))))
    return g.binary(kind if dtype == "bool" else f"Bitwise{kind}", x, y, dtype)


@exporter("bitwise_not")
def bitwise_not(g: Graph, x: T) -> T:
    return g.op("Not" if x.dtype == "bool" else "BitwiseNot", x)


@exporter("bitwise_left_shift")
def left_shift(g: Graph, x: T, y: T) -> T:
    return g.binary("Mul", x, g.cast(g.binary("Pow", 2, g.cast(y, "int64"), "int64"), "int64"), "int64")


@exporter("bitwise_right_shift")
def right_shift(g: Graph, x: T, y: T) -> T:
    return _floor_quotient(g, g.cast(x, "int64"), g.binary("Pow", 2, g.cast(y, "int64"), "int64"))


@exporter("add")
def add(g: Graph, x: T, y: T) -> T:
    return _arithmetic(g, "Add", x, y)


@exporter("subtract")
def subtract(g: Graph, x: T, y: T) -> T:
    return _arithmetic(g, "Sub", x, y)


@exporter("multiply")
def multiply(g: Graph, x: T, y: T) -> T:
    return _arithmetic(g, "Mul", x, y)


@exporter("divide")
def divide(g: Graph, x: T, y: T) -> T:
    return g.binary("Div", x, y, g.out_dtype)


@exporter("power")
def power(g: Graph, x: T, y: T) -> T:
    if y.data is not None and not y.name and y.data == 2:
        x = g.cast(x, g.arithmetic(g.out_dtype))
        return g.op("Mul", x, x)
    return _arithmetic(g, "Pow", x, y)


@exporter("maximum")
def maximum(g: Graph, x: T, y: T) -> T:
    return _arithmetic(g, "Max", x, y)


@exporter("minimum")
def minimum(g: Graph, x: T, y: T) -> T:
    return _arithmetic(g, "Min", x, y)


def _arithmetic(g: Graph, kind: str, x: T, y: T) -> T:
    return g.binary(kind, x, y, g.arithmetic(g.out_dtype))


@exporter("fmax", "fmin")
def fmax(g: Graph, x: T, y: T) -> T:
    dtype = g.arithmetic(g.out_dtype)
    x, y = g.cast(x, dtype), g.cast(y, dtype)
    z = g.op("Max" if g.call.name == "fmax" else "Min", x, y)
    return g.where(_is_nan(g, x), y, g.where(_is_nan(g, y), x, z))


@exporter("floor_divide")
def floor_divide(g: Graph, x: T, y: T) -> T:
    dtype = g.arithmetic(g.out_dtype)
    return _floor_quotient(g, g.cast(x, dtype), g.cast(y, dtype))


def _floor_quotient(g: Graph, x: T, y: T) -> T:
    if x.dtype in _FLOATS:
        return g.op("Floor", g.op("Div", x, y))
    return g.op("Div", g.op("Sub", x, g.op("Mod", x, y)), y)


@exporter("mod")
def mod(g: Graph, x: T, y: T) -> T:
    dtype = g.arithmetic(g.out_dtype)
    x, y = g.cast(x, dtype), g.cast(y, dtype)
    if dtype not in _FLOATS:
        return g.op("Mod", x, y)
    rest = g.op("Mod", x, y, fmod=1)  # with the sign of x
    other_sign = g.op("Xor", g.compare("Less", rest, 0), g.compare("Less", y, 0))
    wrong = g.op("And", other_sign, g.op("Not", g.compare("Equal", rest, 0)))
    return g.where(wrong, g.op("Add", rest, y), rest)


@exporter("fmod")
def fmod(g: Graph, x: T, y: T) -> T:
    return g.op("Mod", *(g.cast(v, g.arithmetic(g.out_dtype)) for v in (x, y)), fmod=1)


@exporter("divide_no_nan")
def divide_no_nan(g: Graph, x: T, y: T) -> T:
    x, y = g.cast(x, g.out_dtype), g.cast(y, g.out_dtype)
    zero = g.compare("Equal", y, 0)
    return g.where(zero, 0.0, g.op("Div", x, g.where(zero, 1.0, y)))


@exporter("heaviside")
def heaviside(g: Graph, x: T, y: T) -> T:
    x, y = g.cast(x, g.out_dtype), g.cast(y, g.out_dtype)
    step = g.where(g.compare("Greater", x, 0), g.cast(T("", "", (), 1.0), x.dtype), 0.0)
    return g.where(g.compare("Equal", x, 0), y, g.where(_is_nan(g, x), x, step))


@exporter("negative")
def negative(g: Graph, x: T) -> T:
    return g.op("Neg", g.cast(x, g.arithmetic(g.out_dtype)))


@exporter("absolute")
def absolute(g: Graph, x: T) -> T:
    return g.op("Abs", g.cast(x, g.arithmetic(g.out_dtype)))


@exporter("sign")
def sign(g: Graph, x: T) -> T:
    x = g.cast(x, g.arithmetic(g.out_dtype))
    y = g.op("Sign", x)
    return g.where(_is_nan(g, x), x, y) if x.dtype in _FLOATS else y


@exporter("trunc")
def trunc(g: Graph, x: T) -> T:
    if x.dtype not in _FLOATS:
        return x
    return g.op("Mul", g.op("Sign", x), g.op("Floor", g.op("Abs", x)))


@exporter("round")
def round_(g: Graph, x: T, decimals: int) -> T:
    if x.dtype not in _FLOATS and decimals >= 0:
        return x
    x = g.floating(x)
    if decimals == 0:
        return g.op("Round", x)
    scale = 10.0 ** abs(decimals)
    before, after = ("Mul", "Div") if decimals > 0 else ("Div", "Mul")
    return g.binary(after, g.op("Round", g.binary(before, x, scale)), scale)


@exporter("clip")
def clip(g: Graph, x: T, x_min: T, x_max: T) -> T:
    dtype = g.arithmetic(g.out_dtype)
    return g.binary("Min", g.binary("Max", x, x_min, dtype), x_max, dtype)


@exporter("cast")
def cast(g: Graph, x: T, dtype: Any) -> T:
    out = g.out_dtype
    if x.dtype in _FLOATS and out in ("uint8", "int8", "uint16", "int16"):  # wraps around, as in NumPy
        x = g.cast(x, "int32")
    return g.cast(x, out)


@exporter("copy", "stop_gradient", "linear", "_without_gradient", "real", "conjugate")
def identity(g: Graph, x: T, *_: T, **options: Any) -> T:
    return x


@exporter("imag")
def imag(g: Graph, x: T) -> T:
    return g.binary("Mul", x, 0)


@exporter("angle")
def angle(g: Graph, x: T) -> T:
    x = g.floating(x)
    return g.where(g.compare("Less", x, 0), g.cast(T("", "", (), math.pi), x.dtype), 0.0)


@exporter("isreal")
def isreal(g: Graph, x: T) -> T:
    return g.op("Or", g.cast(x, "bool"), g.op("Not", g.cast(x, "bool")))


@exporter("_where")
def where(g: Graph, condition: T, x: T, y: T) -> T:
    dtype = g.out_dtype
    if dtype == "string":
        return g.op("Where", g.cast(condition, "bool"), x, y)
    return g.where(condition, g.cast(x, dtype), g.cast(y, dtype))


@exporter("logical_not")
def logical_not(g: Graph, x: T) -> T:
    return g.op("Not", g.cast(x, "bool"))


def _is_nan(g: Graph, x: T) -> T:
    if x.dtype not in _FLOATS:
        return g.op("Not", g.compare("Equal", g.cast(x, g.arithmetic(x.dtype)), g.cast(x, g.arithmetic(x.dtype))))
    return T(g.op("IsNaN", x).name, "bool")


@exporter("isnan")
def isnan(g: Graph, x: T) -> T:
    return _is_nan(g, x)


@exporter("isinf")
def isinf(g: Graph, x: T) -> T:
    return T(g.op("IsInf", _single(g, x)).name, "bool")


@exporter("isposinf")
def isposinf(g: Graph, x: T) -> T:
    return T(g.op("IsInf", _single(g, x), detect_negative=0).name, "bool")


@exporter("isneginf")
def isneginf(g: Graph, x: T) -> T:
    return T(g.op("IsInf", _single(g, x), detect_positive=0).name, "bool")


@exporter("isfinite")
def isfinite(g: Graph, x: T) -> T:
    x = _single(g, x)
    return g.op("Not", g.op("Or", T(g.op("IsNaN", x).name, "bool"), T(g.op("IsInf", x).name, "bool")))


def _single(g: Graph, x: T) -> T:
    return x if x.dtype in ("float32", "float64") else g.cast(x, "float32")


@exporter("signbit")
def signbit(g: Graph, x: T) -> T:
    if x.dtype not in _FLOATS:
        return g.compare("Less", g.cast(x, g.arithmetic(x.dtype)), 0)
    negative_zero = g.op("And", g.compare("Equal", x, 0), g.compare("Less", g.op("Reciprocal", x), 0))
    return g.op("Or", g.compare("Less", x, 0), negative_zero)


@exporter("isclose", "allclose")
def isclose(g: Graph, x: T, y: T, rtol: float, atol: float, equal_nan: bool) -> T:
    dtype = next((v.dtype for v in (x, y) if v.dtype in _FLOATS), "float32")
    x, y = g.cast(x, dtype), g.cast(y, dtype)
    finite = g.op("And", isfinite(g, x), isfinite(g, y))
    distance = g.op("Abs", g.op("Sub", g.where(finite, x, 0.0), g.where(finite, y, 0.0)))
    limit = g.binary("Add", g.binary("Mul", g.op("Abs", y), rtol), atol)
    close = g.op("Or", g.op("And", finite, g.compare("LessOrEqual", distance, limit)), g.compare("Equal", x, y))
    if equal_nan:
        close = g.op("Or", close, g.op("And", _is_nan(g, x), _is_nan(g, y)))
    if g.call.name == "allclose":
        return g.cast(g.reduce("ReduceMin", g.cast(close, "int32"), None), "bool")
    return close


@exporter("nan_to_num")
def nan_to_num(g: Graph, x: T, nan: float, posinf: float | None, neginf: float | None) -> T:
    if x.dtype not in _FLOATS:
        return x
    largest = float(np.finfo(x.dtype).max)
    y = g.where(
        g.compare("Equal", x, math.inf), g.cast(T("", "", (), largest if posinf is None else posinf), x.dtype), x
    )
    y = g.where(
        g.compare("Equal", x, -math.inf), g.cast(T("", "", (), -largest if neginf is None else neginf), x.dtype), y
    )
    return g.where(_is_nan(g, x), g.cast(T("", "", (), nan), x.dtype), y)


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
