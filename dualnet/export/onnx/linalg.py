"""Matrix products: dense layers, matmul, Einstein sums."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...ops.linalg.einsum import _parse
from .activation import activated
from .graph import Graph, T, exporter
from .shape import shaped


@exporter("dense")
def dense(g: Graph, x: T, kernel: T, bias: T | None, activation: str) -> T:
    return _dense(g, x, kernel, bias, activation)


def _dense(g: Graph, x: T, kernel: T, bias: T | None, activation: str) -> T:
    dtype = g.out_dtype
    x_, kernel = g.cast(x, dtype), g.cast(kernel, dtype)
    if x.rank == 2 and bias is not None and dtype != "float16":
        return activated(g, g.op("Gemm", x_, kernel, g.cast(bias, dtype)), activation)
    y = g.op("MatMul", x_, kernel)
    return activated(g, y if bias is None else g.op("Add", y, g.cast(bias, dtype)), activation)


@exporter("dense_axes")
def dense_axes(g: Graph, x: T, kernel: T, bias: T | None, summed: int, activation: str) -> T:
    inner, outer = _product(kernel.shape[:summed]), _product(kernel.shape[summed:])
    free = x.shape[: x.rank - summed]
    rows = g.reshape(x, [*free, inner]) if summed != 1 else x
    weight = g.reshape_constant(kernel, [inner, outer])
    weight = T(weight.name, weight.dtype, (inner, outer))
    flat_bias = None if bias is None else g.reshape_constant(bias, [outer])
    y = _dense(g, T(rows.name, rows.dtype, (*free, inner)), weight, flat_bias, activation)
    return shaped(g, y) if len(kernel.shape) - summed != 1 else y


def _product(numbers: Sequence[int]) -> int:
    result = 1
    for n in numbers:
        result *= n
    return result


@exporter("matmul")
def matmul(g: Graph, x: T, y: T) -> T:
    dtype = g.arithmetic(g.out_dtype)
    return g.op("MatMul", g.cast(x, dtype), g.cast(y, dtype))


@exporter("_einsum")
def einsum(g: Graph, *operands: T, subscripts: str, widen: bool) -> T:
    """ONNX has the same notation, but operands without the ellipsis of others and broadcast axes of 1 are safer spelled out."""
    terms, output = _parse(subscripts, [x.rank for x in operands])
    letters = {label: label for term in terms for label in term if len(label) == 1}
    unused = iter(c for c in "zyxwvutsrqponmlkjihgfedcbaZYXWVUTSRQPONMLKJIHGFEDCBA" if c not in letters)
    for label in dict.fromkeys(a for term in (*terms, output) for a in term):
        if label not in letters:
            letters[label] = next(unused)
    sizes: dict[str, Any] = {}
    for term, x in zip(terms, operands):
        for label, n in zip(term, x.shape or ()):
            if sizes.get(label, 1) == 1:
                sizes[label] = n
    groups, tensors = [], []
    dtype = g.arithmetic(g.out_dtype)
    for term, x in zip(terms, operands):
        y = g.cast(x, "float32" if dtype == "float16" else dtype)
        one = [i for i, (label, n) in enumerate(zip(term, x.shape or ())) if n == 1 and sizes[label] != 1]
        if one:  # an axis of 1 that broadcasts is left out
            y = g.squeeze(y, *one)
        groups.append("".join(letters[a] for i, a in enumerate(term) if i not in one))
        tensors.append(y)
    equation = f"{','.join(groups)}->{''.join(letters[a] for a in output)}"
    return g.op("Einsum", *tensors, equation=equation)


@exporter("cdist")
def cdist(g: Graph, x: T, y: T) -> T:
    x, y = g.cast(x, g.out_dtype), g.cast(y, g.out_dtype)
    difference = g.op("Sub", g.unsqueeze(x, -2), g.unsqueeze(y, -3))
    return g.reduce("ReduceL2", difference, [-1])


@exporter("det")
def det(g: Graph, x: T) -> T:
    return g.op("Det", g.floating(x))
