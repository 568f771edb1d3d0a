"""Arithmetic, limits, rounding and dtypes, element by element."""

from __future__ import annotations

import math
from typing import Any

from ...core.dtypes import result_type
from .comparison import is_nan
from .graph import FLOATS, Graph, T, computed, exporter


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
    return g.where(is_nan(g, x), y, g.where(is_nan(g, y), x, z))


@exporter("floor_divide")
def floor_divide(g: Graph, x: T, y: T) -> T:
    dtype = g.arithmetic(g.out_dtype)
    return _floor_quotient(g, g.cast(x, dtype), g.cast(y, dtype))


def _floor_quotient(g: Graph, x: T, y: T) -> T:
    if x.dtype in FLOATS:
        return g.op("Floor", g.op("Div", x, y))
    return g.op("Div", g.op("Sub", x, g.op("Mod", x, y)), y)


@exporter("mod")
def mod(g: Graph, x: T, y: T) -> T:
    dtype = g.arithmetic(g.out_dtype)
    x, y = g.cast(x, dtype), g.cast(y, dtype)
    if dtype not in FLOATS:
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
    return g.where(g.compare("Equal", x, 0), y, g.where(is_nan(g, x), x, step))


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
    return g.where(is_nan(g, x), x, y) if x.dtype in FLOATS else y


@exporter("trunc")
def trunc(g: Graph, x: T) -> T:
    if x.dtype not in FLOATS:
        return x
    return g.op("Mul", g.op("Sign", x), g.op("Floor", g.op("Abs", x)))


@exporter("round")
def round_(g: Graph, x: T, decimals: int) -> T:
    if x.dtype not in FLOATS and decimals >= 0:
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
    if x.dtype in FLOATS and out in ("uint8", "int8", "uint16", "int16"):  # wraps around, as in NumPy
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


for _name, _kind in {"bitwise_and": "And", "bitwise_or": "Or", "bitwise_xor": "Xor"}.items():
    exporter(_name)(lambda g, x, y, kind=_kind: _bitwise(g, kind, x, y))
