"""Indexing: parts of tensors by position."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ExportError
from ..sizes import Size
from .comparison import promoted
from .graph import Graph, T, exporter
from .shape import axis_of, shaped, sliced


@exporter("get_item")
def get_item(g: Graph, x: T, key: Any) -> T:
    """Slices first, then numbers and index tensors, then new axes."""
    parts = list(key) if isinstance(key, tuple) else [key]
    tensors = [p for p in parts if isinstance(p, (T, list, np.ndarray))]
    if any(isinstance(p, T) and p.dtype == "bool" for p in parts) or any(isinstance(p, bool) for p in parts):
        raise ExportError(f"{g.call.where} by a mask is not exported to ONNX: how long the result is depends on values")
    named = sum(p is not None and p is not Ellipsis for p in parts)
    rest: list[Any] = [slice(None)] * (x.rank - named)
    at = next((i for i, p in enumerate(parts) if p is Ellipsis), len(parts))
    parts = [*parts[:at], *rest, *parts[at + 1 :]]
    slices: dict[int, slice] = {}
    axis = 0
    for p in parts:
        if p is None:
            continue
        if isinstance(p, slice) and p != slice(None):
            slices[axis] = p
        axis += 1
    y = T(sliced(g, x, slices).name, x.dtype, x.shape)
    if len(tensors) > 1:
        return _by_several(g, y, [p for p in parts if p is not None], parts)
    # From the last axis to the first, so that those before keep their positions.
    axes = [p for p in parts if p is not None]
    for axis in reversed(range(len(axes))):
        p = axes[axis]
        if isinstance(p, slice):
            continue
        y = g.op("Gather", y, _index(g, p), axis=axis)
    return shaped(g, T(y.name, y.dtype)) if any(p is None for p in parts) else y


def _index(g: Graph, p: Any) -> T:
    if isinstance(p, T):
        return g.cast(p, "int64")
    if isinstance(p, Size):
        return g.op("Squeeze", g.size(p), g.ints([0]))
    return g.constant(np.asarray(p), "int64")


def _by_several(g: Graph, x: T, axes: list[Any], parts: list[Any]) -> T:
    """Index tensors for the first axes, one for each."""
    count = sum(not isinstance(p, slice) for p in axes)
    if any(isinstance(p, slice) for p in axes[:count]) or any(p is None for p in parts):
        raise ExportError(f"{g.call.where} by several index tensors is exported for the first axes only")
    indices = [_index(g, p) for p in axes[:count]]
    total = indices[0]
    for i in indices[1:]:
        total = g.op("Add", total, i)  # broadcast to their common shape
    shape = g.op("Shape", total, dtype="int64")
    stacked = [g.unsqueeze(g.op("Expand", i, shape), -1) for i in indices]
    return g.op("GatherND", x, g.op("Concat", *stacked, axis=-1))


@exporter("take")
def take(g: Graph, x: T, indices: T, axis: int | None) -> T:
    source = g.op("Reshape", x, g.ints([-1])) if axis is None else x
    return g.op("Gather", source, g.cast(indices, "int64"), axis=0 if axis is None else axis_of(x, axis))


@exporter("take_along_axis")
def take_along_axis(g: Graph, x: T, indices: T, axis: int | None) -> T:
    if axis is None:
        flat = [g.op("Reshape", v, g.ints([-1])) for v in (x, g.cast(indices, "int64"))]
        return g.op("GatherElements", *flat, axis=0)
    at = axis_of(x, axis)
    out = g.outputs[0].shape
    index = g.cast(indices, "int64")
    if tuple(indices.shape) != tuple(out):
        index = g.op("Expand", index, g.shape(out))
    if any(n != m for i, (n, m) in enumerate(zip(x.shape, out)) if i != at):
        x = g.expand(x, [n if i == at else m for i, (n, m) in enumerate(zip(x.shape, out))])
    return g.op("GatherElements", x, index, axis=at)


@exporter("_slice")
def slice_(g: Graph, x: T, start_indices: Any, shape: Any) -> T:
    if isinstance(start_indices, T):
        starts = g.cast(start_indices, "int64")
        stops = g.op("Add", starts, g.shape(shape))
        return g.op("Slice", x, starts, stops, g.ints(range(x.rank)))
    if any(isinstance(s, T) for s in start_indices):
        vectors = [
            g.op("Reshape", g.cast(s, "int64"), g.ints([1])) if isinstance(s, T) else g.size(s) for s in start_indices
        ]
        starts = g.op("Concat", *vectors, axis=0)
        return g.op("Slice", x, starts, g.op("Add", starts, g.shape(shape)), g.ints(range(x.rank)))
    slices = {}
    for axis, (start, size) in enumerate(zip(start_indices, shape)):
        if x.shape[axis] == size:
            continue
        if isinstance(start, Size) or isinstance(size, Size):
            raise ExportError(f"{g.call.where} of a size that is not known is not exported to ONNX")
        slices[axis] = slice(start, None if start + size == 0 else start + size)
    return sliced(g, x, slices)


@exporter("embedding")
def embedding(g: Graph, table: T, ids: T) -> T:
    return g.op("Gather", table, g.cast(ids, "int64"), axis=0)


@exporter("searchsorted")
def searchsorted(g: Graph, sequence: T, values: T, side: str) -> T:
    dtype = promoted(g, sequence, values)
    kind = "Greater" if side == "left" else "GreaterOrEqual"
    before = g.compare(kind, g.unsqueeze(g.cast(values, dtype), -1), g.cast(sequence, dtype))
    return g.reduce("ReduceSum", g.cast(before, "int32"), [-1])


@exporter("isin")
def isin(g: Graph, x: T, y: T, assume_unique: bool, invert: bool) -> T:
    dtype = promoted(g, x, y)
    flat = g.op("Reshape", g.cast(y, dtype), g.ints([-1]))
    equal = g.compare("Equal", g.unsqueeze(g.cast(x, dtype), -1), flat)
    found = g.cast(g.reduce("ReduceMax", g.cast(equal, "int32"), [-1]), "bool")
    return g.op("Not", found) if invert else found


@exporter("_unravel_index")
def unravel_index(g: Graph, indices: T, shape: Any) -> tuple[T, ...]:
    rest, results = g.cast(indices, "int64"), []
    total = int(np.prod(shape))
    rest = g.where(g.compare("Less", rest, 0), g.binary("Add", rest, total), rest)
    for n in reversed(shape):
        results.append(g.binary("Mod", rest, n))
        rest = g.binary("Div", rest, n)
    return tuple(reversed(results))
