"""Reductions, running sums, sorting."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .graph import Graph, T, exporter
from .shape import axes_of, axis_of, shaped


def _reduced(g: Graph, kind: str, x: T, axis: Any, keepdims: bool) -> T:
    return g.reduce(kind, x, axes_of(x, axis), keepdims) if x.rank else x


@exporter("sum")
def sum_(g: Graph, x: T, axis: Any, keepdims: bool) -> T:
    dtype = "float32" if x.dtype == "float16" else g.arithmetic(g.out_dtype)
    return _reduced(g, "ReduceSum", g.cast(x, dtype), axis, keepdims)


@exporter("mean")
def mean(g: Graph, x: T, axis: Any, keepdims: bool) -> T:
    return _reduced(g, "ReduceMean", _rank(g.wide(g.floating(x)), x), axis, keepdims)


def _rank(x: T, like: T) -> T:
    return T(x.name, x.dtype, like.shape, x.data)


def variance(g: Graph, x: T, axes: Sequence[int], keepdims: bool) -> tuple[T, T]:
    """(mean, variance) over axes, both with these axes of 1 where ``keepdims``."""
    centre = g.reduce("ReduceMean", x, axes, keepdims=True)
    centred = g.op("Sub", x, centre)
    spread = g.reduce("ReduceMean", g.op("Mul", centred, centred), axes, keepdims)
    return (centre if keepdims or not axes else g.squeeze(centre, *axes)), spread


@exporter("var")
def var(g: Graph, x: T, axis: Any, keepdims: bool) -> T:
    return variance(g, g.wide(g.floating(x)), axes_of(x, axis), keepdims)[1]


@exporter("std")
def std(g: Graph, x: T, axis: Any, keepdims: bool) -> T:
    return g.op("Sqrt", variance(g, g.wide(g.floating(x)), axes_of(x, axis), keepdims)[1])


@exporter("moments")
def moments(g: Graph, x: T, axes: Any, keepdims: bool, synchronized: bool) -> tuple[T, ...]:
    results = variance(g, g.wide(g.floating(x)), axes_of(x, axes), keepdims)
    if g.out_dtype == "float16":
        return tuple(g.binary("Max", g.binary("Min", v, 65504.0), -65504.0) for v in results)
    return results


@exporter("prod")
def prod(g: Graph, x: T, axis: Any, keepdims: bool, dtype: Any) -> T:
    inner = "float32" if g.out_dtype == "float16" else g.arithmetic(g.out_dtype)
    inner = "float32" if inner == "float64" else inner
    return _reduced(g, "ReduceProd", _rank(g.cast(x, inner), x), axis, keepdims)


@exporter("max", "min")
def max_(g: Graph, x: T, axis: Any, keepdims: bool, initial: Any) -> T:
    which, dtype = g.call.name.capitalize(), g.arithmetic(x.dtype)
    y = _reduced(g, f"Reduce{which}", _rank(g.cast(x, dtype), x), axis, keepdims)
    return y if initial is None else g.binary(which, y, initial)


@exporter("logsumexp")
def logsumexp(g: Graph, x: T, axis: Any, keepdims: bool) -> T:
    x, axes = _rank(g.wide(g.floating(x)), x), axes_of(x, axis)
    top = g.reduce("ReduceMax", x, axes, keepdims=True)
    infinite = T(g.op("IsInf", top).name, "bool")
    top = g.where(infinite, 0.0, top)
    total = g.reduce("ReduceSum", g.op("Exp", g.op("Sub", x, top)), axes, keepdims=True)
    y = g.op("Add", g.op("Log", total), top)
    return y if keepdims or not axes else g.squeeze(y, *axes)


@exporter("argmax", "argmin")
def argmax(g: Graph, x: T, axis: int | None, keepdims: bool) -> T:
    source = g.cast(x, g.arithmetic(x.dtype))
    if axis is None:
        source = g.op("Reshape", source, g.ints([-1]))
    kind = {"argmax": "ArgMax", "argmin": "ArgMin"}[g.call.name]
    y = g.op(kind, source, dtype="int64", axis=0 if axis is None else axis, keepdims=int(keepdims and axis is not None))
    return shaped(g, y) if axis is None and keepdims else y


@exporter("any")
def any_(g: Graph, x: T, axis: Any, keepdims: bool) -> T:
    return g.cast(_reduced(g, "ReduceMax", _rank(g.cast(g.cast(x, "bool"), "int32"), x), axis, keepdims), "bool")


@exporter("all")
def all_(g: Graph, x: T, axis: Any, keepdims: bool) -> T:
    return g.cast(_reduced(g, "ReduceMin", _rank(g.cast(g.cast(x, "bool"), "int32"), x), axis, keepdims), "bool")


@exporter("count_nonzero")
def count_nonzero(g: Graph, x: T, axis: Any) -> T:
    return _reduced(g, "ReduceSum", _rank(g.cast(g.cast(x, "bool"), "int32"), x), axis, False)


@exporter("_length")
def length(g: Graph, x: T, axis: Any, keepdims: bool) -> T:
    return _reduced(g, "ReduceL2", _rank(g.wide(g.floating(x)), x), axis, keepdims)


@exporter("cumsum")
def cumsum(g: Graph, x: T, axis: int | None, dtype: Any) -> T:
    x = g.cast(x, "float32" if g.out_dtype == "float16" else g.arithmetic(g.out_dtype))
    if axis is None:
        x, axis = g.op("Reshape", x, g.ints([-1])), 0
    return g.op("CumSum", x, g.constant(axis, "int64"))


@exporter("cumprod")
def cumprod(g: Graph, x: T, axis: int | None, dtype: Any) -> T:
    """A ``Scan`` that multiplies what comes by what was there."""
    from onnx import helper

    inner = "float32" if g.out_dtype in ("float16", "float64") else g.arithmetic(g.out_dtype)
    x_ = g.cast(x, inner)
    if axis is None:
        at, x_ = 0, g.op("Reshape", x_, g.ints([-1]))
        first = g.op("Gather", x_, g.constant(0, "int64"), axis=0)
    else:
        at = axis_of(x, axis)
        first = g.op("Gather", x_, g.constant(0, "int64"), axis=at)
    one = g.binary("Add", g.binary("Mul", first, 0), 1)
    body = g.body()
    state, part = T(body.unique("product"), inner), T(body.unique("factor"), inner)
    results = [body.op("Mul", state, part)]
    results.append(body.op("Identity", results[0]))
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(inner))
    before, after = ([helper.make_tensor_value_info(t.name, kind, None) for t in ts] for ts in ([state, part], results))
    proto = helper.make_graph(body.nodes, body.unique("step"), before, after)
    return g.ops(
        "Scan",
        one,
        x_,
        dtypes=(inner, inner),
        body=proto,
        num_scan_inputs=1,
        scan_input_axes=[at],
        scan_output_axes=[at],
    )[1]


# -- sorting ------------------------------------------------------------------------------------------------------------


def _sortable(g: Graph, x: T) -> T:
    return (
        x
        if x.dtype in ("float32", "float64", "int32", "int64")
        else g.cast(x, "float32" if x.dtype == "float16" else "int32")
    )


def sorted_(g: Graph, x: T, axis: int | None) -> tuple[T, T]:
    """(values, indices) in ascending order along an axis; None for the flattened tensor."""
    values = _sortable(g, x)
    if axis is None:
        n: Any = g.op("Size", x, dtype="int64")
        n, values, axis = g.op("Reshape", n, g.ints([1])), g.op("Reshape", values, g.ints([-1])), 0
    else:
        axis = axis_of(x, axis)
        n = g.size(x.shape[axis])
    return g.ops("TopK", values, n, dtypes=(None, "int64"), axis=axis, largest=0)  # type: ignore[return-value]


def sorted_values(g: Graph, x: T, n: T) -> T:
    """The values in ascending order along the last axis, which is n long."""
    return g.ops("TopK", _sortable(g, x), n, dtypes=(None, "int64"), axis=-1, largest=0)[0]


@exporter("sort")
def sort(g: Graph, x: T, axis: int | None) -> T:
    return sorted_(g, x, axis)[0]


@exporter("argsort", "argpartition")
def argsort(g: Graph, x: T, axis: int | None, **kth: Any) -> T:
    return sorted_(g, x, axis)[1]


@exporter("_top_indices")
def top_indices(g: Graph, x: T, k: int) -> T:
    return g.ops("TopK", _sortable(g, x), g.ints([k]), dtypes=(None, "int64"), axis=-1)[1]


@exporter("_take_distinct")
def take_distinct(g: Graph, x: T, indices: T) -> T:
    return g.op("GatherElements", x, g.cast(indices, "int64"), axis=-1)


@exporter("in_top_k")
def in_top_k(g: Graph, targets: T, predictions: T, k: int) -> T:
    targets, n = g.cast(targets, "int64"), predictions.shape[1]
    known = g.op("And", g.compare("GreaterOrEqual", targets, 0), g.op("Less", targets, g.size(n), dtype="bool"))
    classes = g.unsqueeze(g.where(known, targets, 0), 1)
    own = g.op("GatherElements", predictions, classes, axis=1)
    rank = g.reduce("ReduceSum", g.cast(g.compare("Greater", predictions, own), "int32"), [1])
    finite = g.compare("Less", g.op("Abs", g.squeeze(own, 1)), math.inf)
    return g.op("And", g.op("And", known, finite), g.compare("Less", rank, k))


@exporter("diagonal")
def diagonal(g: Graph, x: T, offset: int, axis1: int, axis2: int) -> T:
    a, b = axis_of(x, axis1), axis_of(x, axis2)
    order = [i for i in range(x.rank) if i not in (a, b)] + [a, b]
    n = g.outputs[0].shape[-1]
    m = g.range(n)
    rows, columns = (g.binary("Add", m, shift) for shift in (max(-offset, 0), max(offset, 0)))
    y = g.transpose(x, order)
    flat = g.op("Reshape", y, g.shape([*(x.shape[i] for i in order[:-2]), -1]))
    index = g.op("Add", g.op("Mul", rows, g.size(x.shape[b])), columns)
    return g.op("Gather", flat, index, axis=-1)


@exporter("tril", "triu")
def tril(g: Graph, x: T, k: int) -> T:
    y = g.op("Trilu", _trilu(g, x), g.constant(k, "int64"), upper=int(g.call.name == "triu"))
    return y


def _trilu(g: Graph, x: T) -> T:
    return (
        x
        if x.dtype in ("float32", "float64", "int64", "bool")
        else g.cast(x, "float32" if x.dtype == "float16" else "int64")
    )
