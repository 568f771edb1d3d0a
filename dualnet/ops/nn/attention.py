"""Attention: every query takes a weighted mean of the values, weighted by how well their keys match it."""

from __future__ import annotations

import math

from dualnet_backends import Backend

from ...core.dtypes import result_type
from ...core.op import primitive
from .. import shape_rules
from .._common import Array, Forward, NoGrad, Xp, sum_to
from ..registry import op

# The score of a masked pair. Finite, so that a query with every key masked gets the mean of the values, not NaN.
_MASKED = {"float32": -0.7 * 3.4028234663852886e38, "float64": -0.7 * 1.7976931348623157e308}


@op("nn", call=("query", "key", "value", "bias", "mask", "scale"), shape=shape_rules.attention)
def dot_product_attention(
    backend: Backend,
    query: Array,
    key: Array,
    value: Array,
    bias: Array | None = None,
    mask: Array | None = None,
    /,
    scale: float | None = None,
    is_causal: bool = False,
    flash_attention: bool | None = None,
    attn_logits_soft_cap: float | None = None,
) -> Forward:
    """softmax(query key^T scale + bias) value, for each head  (arXiv:1706.03762)

    query: (batch, T, N, depth)  key: (batch, S, K, depth)  value: (batch, S, K, size) -> (batch, T, N, size)

    K heads of keys and values serve N heads of queries, N / K each in turn (arXiv:2305.13245). A query that sees no key
    gets the mean of all values. Scores of half precision are computed in float32.

    Args:
        bias: added before the softmax.
        mask: False where a query must not see a key; both broadcast to (batch, N, T, S).
        scale: 1 / sqrt(depth) by default.
        is_causal: query t sees only the keys up to t.
        attn_logits_soft_cap: limits the scores smoothly to plus or minus this.
        flash_attention: has no effect, since there is one kernel.
    """
    if any(x.ndim != 4 for x in (query, key, value)):
        raise ValueError(
            "`dot_product_attention` only supports 4D inputs. Received: "
            f"query.shape={query.shape}, key.shape={key.shape}, value.shape={value.shape}."
        )
    if query.shape[2] % key.shape[2] or key.shape[2] != value.shape[2]:
        raise ValueError(
            "dot_product_attention: the heads of the queries must be a multiple of those of keys and values, which have as "
            f"many; got {query.shape[2]}, {key.shape[2]} and {value.shape[2]} heads"
        )
    xp = backend.xp
    dtype = result_type(query.dtype, key.dtype, value.dtype, float)
    work = "float64" if dtype == "float64" else "float32"
    (batch, t, n, depth), (s, k) = query.shape, key.shape[1:3]
    factor = 1 / math.sqrt(depth) if scale is None else scale
    heads, scores_shape = (batch, k, n // k * t), (batch, n, t, s)
    q = _heads_first(xp, query, work).reshape((*heads, depth)) * factor
    keys, values = _heads_first(xp, key, work), _heads_first(xp, value, work)

    scores = backend.matmul(q, xp.swapaxes(keys, -1, -2)).reshape(scores_shape)
    if bias is not None:
        scores = scores + bias.astype(work, copy=False)
    if attn_logits_soft_cap is not None:
        capped = xp.tanh(scores / attn_logits_soft_cap)
        scores = capped * attn_logits_soft_cap
    visible = None if mask is None else mask.astype("bool", copy=False)
    if is_causal:
        causal = xp.arange(s) <= xp.arange(t)[:, None]
        visible = causal if visible is None else xp.logical_and(visible, causal)
    if visible is not None:
        scores = xp.where(visible, scores, xp.full_like(scores, _MASKED[work]))
    p = backend.softmax(scores, -1)
    y = backend.matmul(p.reshape((*heads, s)), values)

    def backward(dy: Array) -> tuple[Array | None, ...]:
        do = _heads_first(xp, dy, work).reshape((*heads, value.shape[3]))
        dvalues = backend.matmul(xp.swapaxes(p.reshape((*heads, s)), -1, -2), do)
        dp = backend.matmul(do, xp.swapaxes(values, -1, -2)).reshape(scores_shape)
        ds = p * (dp - xp.sum(dp * p, axis=-1, keepdims=True))
        if visible is not None:
            ds = ds * visible
        if attn_logits_soft_cap is not None:
            ds = ds * (1 - capped * capped)
        rows = ds.reshape((*heads, s))
        dq = backend.matmul(rows, keys).reshape((batch, n, t, depth)) * factor
        dkeys = backend.matmul(xp.swapaxes(rows, -1, -2), q)
        dbias = None if bias is None else sum_to(xp, ds, bias)
        return (*(xp.swapaxes(d, 1, 2) for d in (dq, dkeys, dvalues)), dbias, None)

    return xp.swapaxes(y.reshape((batch, n, t, value.shape[3])), 1, 2).astype(dtype, copy=False), backward


def _heads_first(xp: Xp, x: Array, dtype: str) -> Array:
    """(batch, steps, heads, size) -> (batch, heads, steps, size)"""
    return xp.ascontiguousarray(xp.swapaxes(x, 1, 2)).astype(dtype, copy=False)


@primitive
def attention_band(
    xp: Xp, query: Array, key: Array, /, axis: int = 1, is_causal: bool = False, window: int | None = None
) -> NoGrad:
    """Which query sees which key by their positions along an axis: (T, S), of bool.

    is_causal: position t sees the keys up to t. window: it sees those at most ``window - 1`` steps away, on both sides.
    """
    t, s = xp.arange(query.shape[axis])[:, None], xp.arange(key.shape[axis])
    visible = xp.ones((query.shape[axis], key.shape[axis]), dtype="bool")
    if is_causal:
        visible = xp.logical_and(visible, s <= t)
    if window is not None:
        visible = xp.logical_and(visible, xp.abs(s - t) < window)
    return visible, None
