"""Attention: every query takes a weighted mean of the values, weighted by how well their keys match it."""

from __future__ import annotations

import math
from typing import Any

from dualnet_backends import Backend
from dualnet_backends.kernels.attention import Attended, in_band

from ...core.dtypes import result_type
from ...core.op import primitive
from ...core.tensor import Tensor
from .. import shape_rules
from .._common import Array, Forward, NoGrad, Xp
from ..registry import op


@op("nn", call=("query", "key", "value", "bias", "mask", "scale"), shape=shape_rules.attention)
def dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    bias: Any = None,
    mask: Any = None,
    /,
    scale: float | None = None,
    is_causal: bool = False,
    flash_attention: bool | None = None,
    attn_logits_soft_cap: float | None = None,
) -> Tensor:
    """softmax(query key^T scale + bias) value, for each head  (arXiv:1706.03762)

    query: (batch, T, N, depth)  key: (batch, S, K, depth)  value: (batch, S, K, size) -> (batch, T, N, size)

    K heads of keys and values serve N heads of queries, N / K each in turn (arXiv:2305.13245). A query that sees no key
    gets the mean of all values. Scores of half precision are computed in float32. The memory it takes is linear in the lengths T
    and S: of the scores of long sequences there is never more than a block (arXiv:2112.05682).

    Args:
        bias: added before the softmax.
        mask: False where a query must not see a key; both broadcast to (batch, N, T, S).
        scale: 1 / sqrt(depth) by default.
        is_causal: query t sees only the keys up to t.
        attn_logits_soft_cap: limits the scores smoothly to plus or minus this.
        flash_attention: has no effect, since there is one kernel.
    """
    return attention(query, key, value, bias, mask, scale=scale, is_causal=is_causal, soft_cap=attn_logits_soft_cap)


@primitive(in_place_grads=True, shape=shape_rules.attention)
def attention(
    backend: Backend,
    query: Array,
    key: Array,
    value: Array,
    bias: Array | None = None,
    mask: Array | None = None,
    query_mask: Array | None = None,
    key_mask: Array | None = None,
    /,
    scale: float | None = None,
    is_causal: bool = False,
    window: int | None = None,
    offset: int = 0,
    soft_cap: float | None = None,
    blind: str = "mean",
) -> Forward:
    """``dot_product_attention`` with masks of positions and a window, none of which is made a (T, S) array.

    query_mask: (batch, T)  key_mask: (batch, S), false for positions that see nothing, and that are not seen.

    Args:
        window: a query sees the keys at most ``window - 1`` steps away.
        offset: how many keys there are before that of the first query.
        blind: what a query that sees no key gets, the "mean" of all values or "zero".
    """
    if any(x.ndim != 4 for x in (query, key, value)):
        raise ValueError(
            "`dot_product_attention` only supports 4D inputs. Received: "
            f"query.shape={query.shape}, key.shape={key.shape}, value.shape={value.shape}."
        )
    if query.shape[2] % max(key.shape[2], 1) or key.shape[2] != value.shape[2]:
        raise ValueError(
            "dot_product_attention: the heads of the queries must be a multiple of those of keys and values, which have as "
            f"many; got {query.shape[2]}, {key.shape[2]} and {value.shape[2]} heads"
        )
    if query.shape[::3] != key.shape[::3] or key.shape[:2] != value.shape[:2]:
        raise ValueError(
            "dot_product_attention: expected query (batch, T, heads, depth), key (batch, S, heads, depth) and value (batch, S, "
            f"heads, size), got the shapes {query.shape}, {key.shape} and {value.shape}"
        )
    xp = backend.xp
    dtype = result_type(query.dtype, key.dtype, value.dtype, float)
    work = "float64" if dtype == "float64" else "float32"
    (batch, t, n, depth), (s, k) = query.shape, key.shape[1:3]
    q, keys, values = (x.astype(work, copy=False) for x in (query, key, value))
    masks = [None if m is None else m.astype("bool", copy=False) for m in (mask, query_mask, key_mask)]
    attended = Attended(
        q.reshape((batch, t, k, n // k, depth)),
        keys,
        values,
        1 / math.sqrt(depth) if scale is None else scale,
        None if bias is None else _pairs(xp, bias.astype(work, copy=False), k),
        tuple(
            m
            for m in (
                None if masks[0] is None else _pairs(xp, masks[0], k),
                None if masks[1] is None else masks[1][:, None, None, None, :],
                None if masks[2] is None else masks[2][:, None, None, :, None],
            )
            if m is not None
        ),
        soft_cap,
        is_causal,
        window,
        offset,
    )
    result = backend.attention(attended)
    y = result.y.reshape((batch, t, n, value.shape[3]))
    unseeing: Any = None  # the queries that see no key, where they get the mean
    if blind == "mean" and attended.may_see_nothing:
        unseeing = xp.transpose(result.inv[:, :, :, 0] == 0, (0, 3, 1, 2)).reshape((batch, t, n, 1))
        mean = xp.sum(values, axis=1, keepdims=True) / max(s, 1)
        y = xp.where(unseeing, xp.repeat(mean, n // k, axis=2), y)

    def backward(dy: Array, out: list[Any]) -> tuple[Array | None, ...]:
        dy = dy.astype(work, copy=False)
        needs_bias = bias is not None and out[3] is not False
        dq, dkeys, dvalues, dbias = backend.attention_gradients(
            attended, result, dy.reshape(result.y.shape), needs_bias
        )
        if unseeing is not None:
            of_mean = xp.sum(dy * unseeing, axis=1).reshape((batch, 1, k, n // k, value.shape[3]))
            dvalues += xp.sum(of_mean, axis=3) / max(s, 1)
        if needs_bias and bias is not None:
            dbias = xp.swapaxes(dbias, -1, -2)
            dbias = dbias.reshape((dbias.shape[0], -1, *dbias.shape[3:])).reshape(bias.shape)
        return (dq.reshape(query.shape), dkeys, dvalues, dbias, None, None, None)

    return y.astype(dtype, copy=False), backward


def _pairs(xp: Xp, x: Array, heads: int) -> Array:
    """A bias or mask that broadcasts to (batch, N, T, S), as (batch, heads, N / heads, S, T), where axes may be 1."""
    x = x.reshape((1,) * (4 - x.ndim) + x.shape)
    group = (1, 1) if x.shape[1] == 1 else (heads, x.shape[1] // heads)
    return xp.swapaxes(x.reshape((x.shape[0], *group, *x.shape[2:])), -1, -2)


@primitive
def attention_band(
    xp: Xp,
    query: Array,
    key: Array,
    offset: Array | None = None,
    /,
    axis: int = 1,
    is_causal: bool = False,
    window: int | None = None,
) -> NoGrad:
    """Which query sees which key by their positions along an axis: (T, S), of bool.

    is_causal: position t sees the keys up to t. window: it sees those at most ``window - 1`` steps away, on both sides.
    offset: an integer, the position of the first query; 0 by default.
    """
    ahead = xp.arange(key.shape[axis]) - xp.arange(query.shape[axis])[:, None]
    return in_band(xp, ahead if offset is None else ahead - offset, is_causal, window), None
