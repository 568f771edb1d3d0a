"""Attention, spelled out: two products of matrices and a softmax between them, in float32 at least."""

from __future__ import annotations

import math

import numpy as np

from ..sizes import Size
from .graph import Graph, T, exporter

_HIDDEN = -1e30  # the score of a key that is not seen; finite, so that a query that sees none gets the mean


@exporter("attention")
def attention(
    g: Graph, query: T, key: T, value: T, bias: T | None, mask: T | None, query_mask: T | None, key_mask: T | None,
    scale: float | None, is_causal: bool, window: int | None, offset: int, soft_cap: float | None, blind: str,
) -> T:  # fmt: skip
    heads, kv_heads, depth = query.shape[2], key.shape[2], query.shape[3]
    q, k, v = (g.transpose(T(g.wide(x).name, g.wide(x).dtype, x.shape), (0, 2, 1, 3)) for x in (query, key, value))
    if heads != kv_heads:  # heads of keys serve several of queries, in turn
        k, v = (_repeated(g, x, heads // kv_heads) for x in (k, v))
    factor = 1 / math.sqrt(depth) if scale is None else scale
    scores = g.op("MatMul", g.binary("Mul", q, factor), g.op("Transpose", k, perm=[0, 1, 3, 2]))
    if bias is not None:
        scores = g.op("Add", scores, g.cast(bias, scores.dtype))
    if soft_cap is not None:
        scores = g.binary("Mul", g.op("Tanh", g.binary("Div", scores, soft_cap)), soft_cap)
    seen: T | None = None
    if mask is not None:
        seen = _and(g, seen, g.cast(mask, "bool"))
    if query_mask is not None:
        seen = _and(g, seen, g.unsqueeze(g.cast(query_mask, "bool"), 1, 3))
    if key_mask is not None:
        seen = _and(g, seen, g.unsqueeze(g.cast(key_mask, "bool"), 1, 2))
    if is_causal or window is not None:
        seen = _and(g, seen, band(g, query.shape[1], key.shape[1], offset, is_causal, window))
    if seen is None:
        weights = g.op("Softmax", scores, axis=-1)
    else:
        weights = g.op("Softmax", g.where(seen, scores, _HIDDEN), axis=-1)
        if blind == "zero":
            weights = g.where(seen, weights, 0.0)
    y = g.op("MatMul", weights, v)
    return g.op("Transpose", y, perm=[0, 2, 1, 3])


def _and(g: Graph, x: T | None, y: T) -> T:
    return y if x is None else g.op("And", x, y)


def _repeated(g: Graph, x: T, times: int) -> T:
    """(batch, K, S, d) -> (batch, K * times, S, d)"""
    y = g.op("Expand", g.unsqueeze(x, 2), g.ints([1, 1, times, 1, 1]))
    batch, heads, steps, size = x.shape
    return T(
        g.op("Reshape", y, g.shape([batch, heads * times, steps, size])).name,
        x.dtype,
        (batch, heads * times, steps, size),
    )


def band(g: Graph, t: int | Size, s: int | Size, offset: int | T, is_causal: bool, window: int | None) -> T:
    """(T, S) of bool: which query sees which key by their positions."""
    if not isinstance(t, Size) and not isinstance(s, Size) and not isinstance(offset, T):
        ahead = np.arange(s) - np.arange(t)[:, None] - offset
        seen = np.ones(ahead.shape, bool)
        if is_causal:
            seen &= ahead <= 0
        if window is not None:
            seen &= np.abs(ahead) < window
        return g.constant(seen)
    positions = g.binary("Add", g.range(t), offset if not isinstance(offset, T) else g.cast(offset, "int64"))
    ahead_ = g.op("Sub", g.unsqueeze(g.range(s), 0), g.unsqueeze(positions, 1))
    seen_ = g.compare("LessOrEqual", ahead_, 0) if is_causal else None
    if window is not None:
        seen_ = _and(g, seen_, g.compare("Less", g.op("Abs", ahead_), window))
    if seen_ is None:
        return g.compare("Equal", ahead_, ahead_)
    return seen_


@exporter("attention_band")
def attention_band(g: Graph, query: T, key: T, offset: T | None, axis: int, is_causal: bool, window: int | None) -> T:
    return band(g, query.shape[axis], key.shape[axis], 0 if offset is None else offset, is_causal, window)
