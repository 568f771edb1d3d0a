"""Comparisons, logic and tests of elements."""

from __future__ import annotations

import math

import numpy as np

from ...core.dtypes import result_type
from ..sizes import Size
from .graph import FLOATS, Graph, T, computed, exporter

_COMPARISONS = {
    "equal": "Equal", "greater": "Greater", "greater_equal": "GreaterOrEqual", "less": "Less", "less_equal": "LessOrEqual",
}  # fmt: skip


def promoted(g: Graph, x: T, y: T) -> str:
    """The dtype in which two operands are computed."""
    kinds = [v.dtype or (int if isinstance(v.data, Size) else type(v.data)) for v in (x, y)]
    return g.arithmetic(computed(result_type(*kinds)))


def _compare(g: Graph, kind: str, x: T, y: T) -> T:
    if "string" in (x.dtype, y.dtype):
        other = y if x.dtype == "string" else x
        text = g.constant(np.array(other.data, dtype=object), "string") if not other.name else other
        return g.op(kind, *((x, text) if x.dtype == "string" else (text, y)), dtype="bool")
    return g.compare(kind, *(g.cast(v, promoted(g, x, y)) for v in (x, y)))


@exporter("not_equal")
def not_equal(g: Graph, x: T, y: T) -> T:
    return g.op("Not", _compare(g, "Equal", x, y))


@exporter("_where")
def where(g: Graph, condition: T, x: T, y: T) -> T:
    dtype = g.out_dtype
    if dtype == "string":
        return g.op("Where", g.cast(condition, "bool"), x, y)
    return g.where(condition, g.cast(x, dtype), g.cast(y, dtype))


@exporter("logical_not")
def logical_not(g: Graph, x: T) -> T:
    return g.op("Not", g.cast(x, "bool"))


def is_nan(g: Graph, x: T) -> T:
    if x.dtype not in FLOATS:
        return g.op("Not", g.compare("Equal", g.cast(x, g.arithmetic(x.dtype)), g.cast(x, g.arithmetic(x.dtype))))
    return T(g.op("IsNaN", x).name, "bool")


@exporter("isnan")
def isnan(g: Graph, x: T) -> T:
    return is_nan(g, x)


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
    if x.dtype not in FLOATS:
        return g.compare("Less", g.cast(x, g.arithmetic(x.dtype)), 0)
    negative_zero = g.op("And", g.compare("Equal", x, 0), g.compare("Less", g.op("Reciprocal", x), 0))
    return g.op("Or", g.compare("Less", x, 0), negative_zero)


@exporter("isclose", "allclose")
def isclose(g: Graph, x: T, y: T, rtol: float, atol: float, equal_nan: bool) -> T:
    dtype = next((v.dtype for v in (x, y) if v.dtype in FLOATS), "float32")
    x, y = g.cast(x, dtype), g.cast(y, dtype)
    finite = g.op("And", isfinite(g, x), isfinite(g, y))
    distance = g.op("Abs", g.op("Sub", g.where(finite, x, 0.0), g.where(finite, y, 0.0)))
    limit = g.binary("Add", g.binary("Mul", g.op("Abs", y), rtol), atol)
    close = g.op("Or", g.op("And", finite, g.compare("LessOrEqual", distance, limit)), g.compare("Equal", x, y))
    if equal_nan:
        close = g.op("Or", close, g.op("And", is_nan(g, x), is_nan(g, y)))
    if g.call.name == "allclose":
        return g.cast(g.reduce("ReduceMin", g.cast(close, "int32"), None), "bool")
    return close


@exporter("nan_to_num")
def nan_to_num(g: Graph, x: T, nan: float, posinf: float | None, neginf: float | None) -> T:
    if x.dtype not in FLOATS:
        return x
    largest = float(np.finfo(x.dtype).max)
    y = g.where(
        g.compare("Equal", x, math.inf), g.cast(T("", "", (), largest if posinf is None else posinf), x.dtype), x
    )
    y = g.where(
        g.compare("Equal", x, -math.inf), g.cast(T("", "", (), -largest if neginf is None else neginf), x.dtype), y
    )
    return g.where(is_nan(g, x), g.cast(T("", "", (), nan), x.dtype), y)


for _name, _kind in _COMPARISONS.items():
    exporter(_name)(lambda g, x, y, kind=_kind: _compare(g, kind, x, y))
for _name, _kind in {"logical_and": "And", "logical_or": "Or", "logical_xor": "Xor"}.items():
    exporter(_name)(lambda g, x, y, kind=_kind: g.binary(kind, x, y, "bool"))
