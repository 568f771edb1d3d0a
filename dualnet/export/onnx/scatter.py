"""Writing parts of tensors, and matrices made of vectors."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ExportError
from ..sizes import Size
from .graph import Graph, T, exporter


@exporter("_slice_update")
def slice_update(g: Graph, x: T, updates: T, start_indices: Any) -> T:
    """A window is replaced: the elements of the updates, spread over the shape of x, where they lie."""
    if isinstance(start_indices, T) and start_indices.data is not None:
        start_indices = np.asarray(start_indices.data).reshape(-1).tolist()
    if isinstance(start_indices, T) or any(isinstance(s, (T, Size)) for s in start_indices):
        raise ExportError(f"{g.call.where} at a place that is computed is not exported to ONNX")
    begins = []
    for start, n, m in zip(start_indices, x.shape, updates.shape):
        if isinstance(n, Size) and (n != m or start != 0):
            raise ExportError(f"{g.call.where} along an axis of unknown length is not exported to ONNX")
        begins.append(start + n if start < 0 else start)
    ends = [0 if isinstance(n, Size) else n - m - b for n, m, b in zip(x.shape, updates.shape, begins)]
    inner = g.arithmetic(x.dtype)
    widths = g.ints([*begins, *ends])
    spread = g.op("Pad", g.cast(updates, inner), widths, g.constant(np.zeros((), inner)))
    inside = g.op(
        "Pad", g.expand(g.constant(np.ones((), "int32")), updates.shape), widths, g.constant(np.zeros((), "int32"))
    )
    return g.where(g.cast(inside, "bool"), spread, g.cast(x, inner))


@exporter("_flat_indices")
def flat_indices(g: Graph, indices: T, shape: Any, name: str) -> T:
    count = indices.shape[-1]
    ids = g.cast(indices, "int64")
    sizes = g.shape(shape[:count])
    ids = g.op("Where", g.compare("Less", ids, 0), g.op("Add", ids, sizes), ids, dtype="int64")
    strides: list[T] = []
    step: T = g.ints([1])
    for n in reversed(shape[:count]):
        strides.insert(0, step)
        step = g.op("Mul", step, g.size(n))
    weights = strides[0] if count == 1 else g.op("Concat", *strides, axis=0)
    return g.op("Reshape", g.reduce("ReduceSum", g.op("Mul", ids, weights), [-1]), g.ints([-1]))


@exporter("_write_rows")
def write_rows(g: Graph, x: T, indices: T, rows: T) -> T:
    return g.op("ScatterND", x, g.unsqueeze(g.cast(indices, "int64"), 1), g.cast(rows, x.dtype))


@exporter("_diagonal_matrix")
def diagonal_matrix(g: Graph, x: T, k: int) -> T:
    n = x.shape[-1]
    if isinstance(n, Size):
        raise ExportError(f"{g.call.where} of a vector of unknown length is not exported to ONNX")
    spread = np.zeros((n, n + abs(k), n + abs(k)), "float32")
    i = np.arange(n)
    spread[i, i + max(-k, 0), i + max(k, 0)] = 1
    return g.op("Einsum", g.cast(x, "float32"), g.constant(spread), equation="...i,ijk->...jk")


@exporter("vander")
def vander(g: Graph, x: T, N: Any, increasing: bool) -> T:
    dtype = g.arithmetic(g.out_dtype)
    powers = g.range(g.outputs[0].shape[1], dtype)
    if not increasing:
        powers = g.binary("Sub", g.op("ReduceMax", powers, g.ints([0]), keepdims=1), powers)
    return g.op("Pow", g.unsqueeze(g.cast(x, dtype), 1), powers)


@exporter("kron")
def kron(g: Graph, x: T, y: T) -> T:
    rank = max(x.rank, y.rank)
    a, b = ((1,) * (rank - v.rank) + tuple(v.shape or ()) for v in (x, y))
    dtype = g.arithmetic(g.out_dtype)
    left = g.op("Reshape", g.cast(x, dtype), g.shape([n for m in a for n in (m, 1)]))
    right = g.op("Reshape", g.cast(y, dtype), g.shape([n for m in b for n in (1, m)]))
    return g.op("Reshape", g.op("Mul", left, right), g.shape(g.outputs[0].shape))


@exporter("_bincount")
def bincount(g: Graph, x: T, weights: T | None, length: int) -> T:
    hot = g.compare("Equal", g.unsqueeze(g.cast(x, "int64"), -1), g.range(length))
    dtype = "float32" if g.out_dtype.startswith("float") else "int32"
    counts = g.cast(hot, dtype)
    if weights is not None:
        counts = g.op("Mul", counts, g.unsqueeze(g.cast(weights, dtype), -1))
    return g.reduce("ReduceSum", counts, [x.rank - 1])


@exporter("unfold")
def unfold(g: Graph, x: T, **options: Any) -> T:
    windows = _windows(g, x.shape[2:], **options)
    p, q = windows.padding
    padded = g.op("Pad", x, g.ints([0, 0, p, q, 0, 0, p, q])) if p or q else x
    parts = []
    for _, _, (_, rows, columns) in list(windows.keys()):
        bounds = [g.ints([getattr(s, name) for s in (rows, columns)]) for name in ("start", "stop")]
        part = g.op("Slice", padded, *bounds, g.ints([2, 3]), g.ints([rows.step, columns.step]))
        parts.append(g.unsqueeze(part, 2))
    y = parts[0] if len(parts) == 1 else g.op("Concat", *parts, axis=2)
    return g.reshape(T(y.name, y.dtype), g.outputs[0].shape)


@exporter("fold")
def fold(g: Graph, x: T, output_size: Any, **options: Any) -> T:
    size = (output_size, output_size) if isinstance(output_size, int) else tuple(output_size)
    windows = _windows(g, size, **options)
    p, q = windows.padding
    return g.op(
        "Col2Im", x, g.ints(size), g.ints(windows.kernel), dilations=list(windows.dilation), pads=[p, q, p, q],
        strides=list(windows.stride),
    )  # fmt: skip


def _windows(g: Graph, size: Any, kernel_size: Any, dilation: Any, padding: Any, stride: Any) -> Any:
    from ...ops.nn.patches import _Windows

    if any(isinstance(n, Size) for n in size):
        raise ExportError(f"{g.call.where} of images of unknown size is not exported to ONNX")
    return _Windows(tuple(size), kernel_size, dilation, padding, stride)
