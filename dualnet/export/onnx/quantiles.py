"""Quantiles, by sorting."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ExportError
from .graph import Graph, T, exporter
from .reduction import sorted_values
from .shape import axes_of


@exporter("_quantile")
def quantile(g: Graph, x: T, q: T, axis: Any, method: str, keepdims: bool, unit: float, skip_nan: bool) -> T:
    """x: any shape  q: () or (m,), a constant -> q.shape + the axes that remain"""
    if skip_nan:
        raise ExportError(f"{g.call.where} of the elements that are not NaN is not exported to ONNX")
    if q.data is None or not isinstance(q.data, (int, float, np.ndarray)):
        raise ExportError(f"{g.call.where} with a q that is computed is not exported to ONNX")
    parts = np.asarray(q.data, "float64")
    axes = axes_of(x, axis)
    axes = list(range(x.rank)) if axes is None else sorted(axes)
    others = [a for a in range(x.rank) if a not in axes]
    moved = g.transpose(g.floating(x), [*others, *axes])
    rows = g.op("Reshape", moved, g.shape([*(x.shape[a] for a in others), -1]))  # (..., n)
    n = g.op("Shape", rows, dtype="int64", start=len(others))
    values = sorted_values(g, rows, n)
    low, high, weight = _between(g, np.clip(parts.reshape(-1) / unit, 0, 1), n, method)
    below, above = (g.op("Gather", values, g.cast(i, "int64"), axis=-1) for i in (low, high))
    weight = g.cast(weight, values.dtype)
    mixed = g.op("Add", g.binary("Mul", below, g.binary("Sub", 1, weight)), g.op("Mul", above, weight))
    y = g.where(g.compare("Equal", weight, 0), below, mixed)  # 0 times infinity would be NaN
    is_missing = g.cast(T(g.op("IsNaN", rows).name, "bool"), "int32")
    is_missing = g.cast(g.reduce("ReduceMax", is_missing, [len(others)], keepdims=True), "bool")
    y = g.where(is_missing, np.nan, y)
    order = [len(others), *range(len(others))]
    y = g.op("Transpose", y, perm=order) if parts.ndim else g.squeeze(y, len(others))
    return g.unsqueeze(y, *(a + parts.ndim for a in axes)) if keepdims and axes else y


def _between(g: Graph, parts: Any, n: T, method: str) -> tuple[T, T, T]:
    """The two indices around each position, and the weight of the upper one.  parts: (m,), from 0 to 1  n: (1,), how many there are"""
    position = g.op("Mul", g.constant(parts), g.cast(g.binary("Sub", n, 1), "float64"))
    if method == "nearest":  # halves round down
        position = g.op("Ceil", g.binary("Sub", position, 0.5))
    low, high = g.op("Floor", position), g.op("Ceil", position)
    if method == "lower":
        high = low
    elif method == "higher":
        low = high
    weight = g.op("Sub", position, low) if method == "linear" else g.binary("Mul", g.op("Sub", high, low), 0.5)
    return low, high, weight
