"""GroupedQueryAttention: heads of queries that share their keys and values."""

from __future__ import annotations

from typing import Any

from ..base.layer import Shape
from .base import ProjectedAttention, positive


class GroupedQueryAttention(ProjectedAttention):
    """Multi-head attention in which several heads of queries share a head of keys and values  (arXiv:2305.13245)

    query: (batch, T, a)  value, key: (batch, S, a) -> (batch, T, a)

    See ``ProjectedAttention`` for the other arguments, and ``MultiHeadAttention`` for the arguments of the call.

    Args:
        head_dim: the size of a projected query, key and value.
        num_query_heads: how many attend.
        num_key_value_heads: how many heads of keys and values there are; it divides the number of queries' heads, which
            take them in turn.
    """

    exported_as = (
        "GroupQueryAttention"  # in keras.layers and in configs; names and paths in files have that of the class
    )

    def __init__(
        self,
        head_dim: int,
        num_query_heads: int,
        num_key_value_heads: int,
        dropout: float = 0.0,
        use_bias: bool = True,
        sliding_window: int | None = None,
        flash_attention: bool | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        use_gate: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        positive(
            "GroupQueryAttention",
            head_dim=head_dim,
            num_query_heads=num_query_heads,
            num_key_value_heads=num_key_value_heads,
        )
        if num_query_heads % num_key_value_heads:
            raise ValueError(
                "`num_query_heads` must be divisible by `num_key_value_heads`. Received: "
                f"num_query_heads={num_query_heads}, num_key_value_heads={num_key_value_heads}"
            )
        super().__init__(
            dropout, use_bias, sliding_window, flash_attention, use_gate, seed, activity_regularizer, locals(), **kwargs
        )
        self.head_dim = head_dim
        self.num_query_heads = num_query_heads
        self.num_key_value_heads = num_key_value_heads

    def build(self, query_shape: Any, value_shape: Any, key_shape: Any = None) -> None:  # type: ignore[override]
        key_shape = self._check_shapes(value_shape, key_shape)
        if len(query_shape) != 3 or len(value_shape) != 3:
            raise ValueError(
                f"GroupQueryAttention layer {self.name!r} expects query and value of shape (batch, steps, features), got "
                f"{tuple(query_shape)} and {tuple(value_shape)}"
            )
        of_query = (self.num_query_heads, self.head_dim)
        of_key = (self.num_key_value_heads, self.head_dim)
        # In this order, which is that of the weights; files have them under these names.
        self._query_dense = self._dense("query", query_shape, 1, of_query)
        self._key_dense = self._dense("key", key_shape, 1, of_key)
        if self.use_gate:
            self._gate_dense = self._dense("gate", query_shape, 1, of_query, activation="sigmoid")
        self._value_dense = self._dense("value", value_shape, 1, of_key)
        self._build_weighting()
        self._output_dense = self._dense("attention_output", (*query_shape[:-1], *of_query), 2, (query_shape[-1],))

    def compute_output_shape(  # type: ignore[override]
        self, query_shape: Any, value_shape: Any, key_shape: Any = None
    ) -> Shape:
        if query_shape[-1] != value_shape[-1]:
            raise ValueError(
                f"The last dimension of `query_shape` and `value_shape` must be equal, but are {query_shape[-1]}, "
                f"{value_shape[-1]}. Received: query_shape={tuple(query_shape)}, value_shape={tuple(value_shape)}"
            )
        self._check_shapes(value_shape, key_shape)
        return tuple(query_shape)
