"""The layer table: attention, with masks of every kind."""

from __future__ import annotations

from typing import Any

import numpy as np

from .cases import B, Case, F, case

Q, V, K = F((2, 4, 5)), F((2, 6, 3)), F((2, 6, 4))
W = F((2, 6, 5))
IMAGE = F((2, 3, 4, 5))
T, S = B((2, 4)), B((2, 6))
INITIAL = {"class_name": "RandomUniform", "config": {"minval": -0.3, "maxval": 0.4, "seed": 3}}


def heads(*inputs: Any, **kwargs: Any) -> Case:
    """Multi-head attention on query, value and maybe key."""
    return case("MultiHeadAttention", *inputs, **{"num_heads": 2, "key_dim": 3, **kwargs}).but(
        separate=True, atol=1e-4, rtol=1e-4
    )


def grouped(*inputs: Any, **kwargs: Any) -> Case:
    """Attention with two heads of queries to each head of keys and values."""
    row = case(
        "GroupQueryAttention", *inputs, **{"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 2, **kwargs}
    )
    return row.but(separate=True, atol=1e-4, rtol=1e-4)


def listed(layer: str, *inputs: Any, **kwargs: Any) -> Case:
    """Attention without heads on a list of query, value and maybe key."""
    return case(layer, *inputs, **kwargs).but(atol=5e-5, rtol=5e-5)


X, Y, Z = F((2, 4, 5)), F((2, 6, 5)), F((2, 6, 3))
FIRST = np.array(
    [[True, True, False, True, False, True], [True, False, False, False, True, True]]
)  # every query sees a key
WITHOUT_HEADS: list[Case] = [
    listed("Attention", X, Y),
    listed("Attention", X, Z, Y),
    listed("Attention", X, Z, Y, use_scale=True),
    listed("Attention", X, Y, score_mode="concat"),
    listed("Attention", X, Z, Y, use_scale=True, score_mode="concat"),
    listed("Attention", X, Y, dropout=0.4, seed=3),  # which is for training
    listed("Attention", X, Y).called(use_causal_mask=True),
    listed("Attention", X, Y, use_scale=True).called(return_attention_scores=True),
    listed("Attention", X, Y).called(use_causal_mask=True, return_attention_scores=True),
    listed("Attention", X, Y).masked(T, S),
    listed("Attention", X, Z, Y, use_scale=True).masked(T, FIRST).called(use_causal_mask=True),
    listed("Attention", X, Y).masked(None, FIRST).called(return_attention_scores=True, use_causal_mask=True),
    listed("Attention", X, Y, score_mode="concat", use_scale=True).masked(T, FIRST).called(use_causal_mask=True),
    listed("Attention", F((2, 3, 4, 5)), F((2, 3, 6, 5))).called(return_attention_scores=True),
    listed("AdditiveAttention", X, Y),
    listed("AdditiveAttention", X, Z, Y, use_scale=False),
    listed("AdditiveAttention", X, Y, dropout=0.4, seed=3).called(return_attention_scores=True),
    listed("AdditiveAttention", X, Z, Y).masked(T, S),
    listed("AdditiveAttention", X, Y).masked(T, FIRST).called(use_causal_mask=True, return_attention_scores=True),
]


ROWS: list[Case] = [
    *WITHOUT_HEADS,
    heads(Q, Q),
    heads(Q, V),
    heads(Q, V, K),
    heads(Q, V, K, value_dim=4, use_bias=False, dropout=0.1),
    heads(Q, V, output_shape=7),
    heads(Q, V, output_shape=(3, 2), value_dim=2, dropout=0.1),
    heads(Q, V, use_gate=True, value_dim=4, dropout=0.1),
    heads(Q, V, dropout=0.3, seed=4),  # which is for training
    heads(Q, V, kernel_initializer=INITIAL, kernel_regularizer="l2", bias_constraint="non_neg"),
    heads(IMAGE, IMAGE),
    heads(IMAGE, F((2, 3, 6, 5)), attention_axes=2),
    heads(IMAGE, F((2, 5, 4, 2)), attention_axes=(1,), value_dim=4),
    heads(IMAGE, F((2, 2, 6, 5)), attention_axes=(2, 1)),
    heads(F((2, 3, 4, 2, 5)), F((2, 3, 4, 6, 5)), attention_axes=[-2], dropout=0.1),
    heads(Q, Q).called(use_causal_mask=True),
    heads(Q, V).called(use_causal_mask=True, return_attention_scores=True),
    heads(Q, Q, sliding_window=2),
    heads(Q, V, sliding_window=2).called(use_causal_mask=True, return_attention_scores=True),
    heads(Q, V, K).called(return_attention_scores=True, training=False),
    heads(IMAGE, IMAGE).called(return_attention_scores=True),
    heads(Q, V).called(attention_mask=B((2, 4, 6))),
    heads(Q, V).called(attention_mask=B((4, 6))),
    heads(Q, V).called(attention_mask=B((2, 2, 4, 6)), return_attention_scores=True),
    heads(Q, V, dropout=0.2).called(attention_mask=B((2, 4, 6)), use_causal_mask=True),
    heads(IMAGE, IMAGE).called(attention_mask=B((2, 3, 4, 3, 4)), return_attention_scores=True),
    heads(IMAGE, F((2, 3, 6, 5)), attention_axes=2).called(attention_mask=B((2, 4, 6))),
    heads(Q, V).called(value_mask=S),
    heads(Q, V, K).called(value_mask=S, key_mask=S, return_attention_scores=True),
    heads(Q, V)
    .called(query_mask=T, value_mask=S)
    .but(keras="Keras leaves out a query_mask that the query does not carry"),
    heads(Q, V, K, value_dim=4).but(keras="the fused op of JAX takes no other size of the values"),
    heads(Q, V).masked(T, S),
    heads(Q, V, K).masked(None, S, S).called(return_attention_scores=True),
    heads(Q, Q).masked(T, T).called(attention_mask=B((2, 4, 4)), use_causal_mask=True),
    grouped(Q, Q),
    grouped(Q, W, use_bias=False, kernel_regularizer="l2"),
    grouped(Q, W, W, use_gate=True).called(query_mask=T, value_mask=S, attention_mask=B((2, 4, 6))),
    grouped(Q, W, dropout=0.3, sliding_window=3).called(use_causal_mask=True),
    grouped(Q, W, num_key_value_heads=1).called(query_mask=T, value_mask=S, return_attention_scores=True),
]
