"""The op table: attention, query by query, and image quality."""

from __future__ import annotations

from typing import Any

import numpy as np

from dualnet.ops.image import quality as image_quality
from dualnet.ops.nn import attention

from .cases import B, F, Row, call, other


def attended(
    query: Any, key: Any, value: Any, bias: Any = None, mask: Any = None, scale: Any = None, is_causal: bool = False,
    attn_logits_soft_cap: Any = None, query_mask: Any = None, key_mask: Any = None, window: Any = None, offset: int = 0,
    blind: str = "mean",
) -> Any:  # fmt: skip
    batch, t, heads, depth = query.shape
    s, group = key.shape[1], heads // key.shape[2]
    shape = (batch, heads, t, s)
    bias = np.broadcast_to(0.0 if bias is None else bias, shape)
    mask = np.broadcast_to(True if mask is None else mask, shape)
    y = np.zeros((batch, t, heads, value.shape[3]))
    for b, i, n in np.ndindex(batch, t, heads):
        scores = key[b, :, n // group] @ query[b, i, n] * (depth**-0.5 if scale is None else scale) + bias[b, n, i]
        if attn_logits_soft_cap is not None:
            scores = np.tanh(scores / attn_logits_soft_cap) * attn_logits_soft_cap
        ahead = np.arange(s) - i - offset
        seen = mask[b, n, i] & ((ahead <= 0) | (not is_causal)) & (abs(ahead) < (window or np.inf))
        if query_mask is not None:
            seen &= query_mask[b, i]
        if key_mask is not None:
            seen &= key_mask[b]
        weights = np.exp(scores) * seen if seen.any() else np.full(s, blind == "mean", float)
        y[b, i, n] = weights / max(weights.sum(), 1e-300) @ value[b, :, n // group]
    return y


def masked(
    query: Any, key: Any, value: Any, bias: Any = None, mask: Any = None, query_mask: Any = None, key_mask: Any = None,
    soft_cap: Any = None, **options: Any,
) -> Any:  # fmt: skip
    """``attended`` with the parameters in the order of the op."""
    masks = {"query_mask": query_mask, "key_mask": key_mask}
    return attended(query, key, value, bias, mask, attn_logits_soft_cap=soft_cap, **masks, **options)


def band(
    query: Any, key: Any, offset: int | None = None, axis: int = 1, is_causal: bool = False, window: int | None = None
) -> Any:
    steps = [(t + (offset or 0), s) for t in range(query.shape[axis]) for s in range(key.shape[axis])]
    seen = [(not is_causal or s <= t) and (window is None or abs(s - t) < window) for t, s in steps]
    return np.array(seen).reshape(query.shape[axis], key.shape[axis])


Q, KEYS = F((3, 4, 2, 5)), F((3, 6, 2, 5))
ROWS: list[Row] = [
    other(
        attention.dot_product_attention,
        attended,
        call(Q, KEYS, F((3, 6, 2, 3))),
        call(Q, KEYS, KEYS, F((3, 2, 4, 6))),
        call(Q, KEYS, KEYS, F((1, 2, 1, 6)), B((3, 1, 4, 6))),
        call(Q, KEYS, KEYS, None, B((4, 6)), scale=0.7),
        call(Q, Q, Q, is_causal=True),
        call(Q, KEYS, KEYS, None, B((3, 2, 4, 6)), is_causal=True, attn_logits_soft_cap=1.5),
        call(F((2, 3, 6, 4)), F((2, 5, 2, 4)), F((2, 5, 2, 4)), F((6, 3, 5)), B((2, 6, 3, 5))),
        call(F((2, 3, 3, 4)), F((2, 5, 1, 4)), F((2, 5, 1, 7))),
    ),
    other(
        attention.attention,
        masked,
        call(Q, KEYS, KEYS, None, None, B((3, 4)), B((3, 6)), is_causal=True),
        call(KEYS, KEYS, F((3, 6, 2, 3)), None, B((6, 6)), is_causal=True, window=2, blind="zero"),
        call(KEYS, Q, Q, F((2, 1, 1)), None, B((3, 6)), window=2, scale=0.4),
        call(Q, KEYS, KEYS, F((3, 1, 4, 1)), None, None, B((3, 6)), is_causal=True, offset=2, soft_cap=2.0),
        call(
            F((2, 3, 4, 5)), F((2, 6, 2, 5)), F((2, 6, 2, 3)), None, None, B((2, 3)), offset=1, window=2, blind="zero"
        ),
    ),
    other(
        attention.attention_band,
        band,
        call(Q, KEYS),
        call(Q, KEYS, is_causal=True),
        call(Q, KEYS, 2, is_causal=True),
        call(KEYS, Q, None, 1, True, 2),
        call(F((3, 2, 5)), F((3, 2, 7)), axis=2, window=3),
        gradient="it goes by shapes alone",
    ),
    other(
        image_quality.psnr,
        lambda x, y, top: 20 * np.log10(top) - 10 * np.log10(np.mean((x - y) ** 2)),
        call(F((2, 4, 5, 3)), F((2, 4, 5, 3)), 2.0),
        call(F((4,)), F((4,)), 255),
    ),
]
