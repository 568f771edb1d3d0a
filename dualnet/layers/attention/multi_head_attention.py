"""MultiHeadAttention: several attentions side by side, each on projections of its own."""

from __future__ import annotations

from typing import Any

from ...serialization.configurable import attributes
from ..base.layer import Shape
from .base import ProjectedAttention, positive


class MultiHeadAttention(ProjectedAttention):
    """Every head projects query, key and value and attends; a last projection joins the heads  (arXiv:1706.03762)

    query: (batch, T, a)  value: (batch, S, b)  key: (batch, S, c), the value by default -> (batch, T, a)

    See ``ProjectedAttention`` for the other arguments.

    In the call: attention_mask (batch, T, S) says which query sees which key, query_mask (batch, T), value_mask and key_mask
    (batch, S) which positions are valid, by default the masks that the tensors carry. use_causal_mask: a
    query sees the keys up to its own position. return_attention_scores: the result is a pair, with the weights of
    the values (batch, num_heads, T, S), before the dropout. Without scores, and without dropout in training, the memory it takes is
    linear in T and S.

    cache (batch, 2, steps, num_heads, key_dim): keys and values of all steps, for a sequence that is generated step by step; the
    last result of the call is then the cache with those of this call, which were written from step cache_update_index on. Pass
    use_causal_mask too: the steps that follow are not yet there. Without an index the cache is only read, as that of an encoder is.
    value_mask and key_mask are for all steps, or for those of this call if the earlier ones are valid::

        import numpy as np
        from dualnet import layers, ops

        attend = layers.MultiHeadAttention(num_heads=2, key_dim=3)
        prompt = np.random.default_rng(0).normal(size=(1, 4, 6))
        cache = ops.zeros((1, 2, 8, 2, 3))  # batch, keys and values, steps, heads, size
        y, cache = attend(prompt, prompt, cache=cache, cache_update_index=0, use_causal_mask=True)
        for step in range(4, 8):
            x = y[:, -1:]  # the next token of a model, from its last output
            y, cache = attend(x, x, cache=cache, cache_update_index=step, use_causal_mask=True)

    Args:
        num_heads: how many attend.
        key_dim: the size of a projected query and key.
        value_dim: that of a projected value, key_dim by default.
        output_shape: the last axes of the result, one or several; those of the query by default.
        attention_axes: with more axes than one between batch and features, over which of them to attend; all by
            default, and the others are as the batch. Those below 0 count from the end of the query.
    """

    _config_attributes = attributes(output_shape="_output_shape")

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        output_shape: Any = None,
        attention_axes: Any = None,
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
        positive("MultiHeadAttention", num_heads=num_heads, key_dim=key_dim)
        if value_dim is not None:
            positive("MultiHeadAttention", value_dim=value_dim)
        if attention_axes is not None and not isinstance(attention_axes, (int, list, tuple)):
            raise ValueError(
                f"`attention_axes` must be an int, list, or tuple. Received: attention_axes={attention_axes}"
            )
        if output_shape is not None and not isinstance(output_shape, (int, list, tuple)):
            raise ValueError(
                "Invalid `output_shape`: expected None, an integer, or a tuple or list of integers. "
                f"Received: output_shape={output_shape!r} of type {type(output_shape).__name__}"
            )
        super().__init__(
            dropout, use_bias, sliding_window, flash_attention, use_gate, seed, activity_regularizer, locals(), **kwargs
        )
        self.num_heads = num_heads
        self.key_dim = key_dim
        self.value_dim = value_dim or key_dim
        self._output_shape = (output_shape,) if isinstance(output_shape, int) else output_shape and tuple(output_shape)
        self.attention_axes = (
            (attention_axes,) if isinstance(attention_axes, int) else attention_axes and tuple(attention_axes)
        )

    # The names that Keras has for them too.
    _query_dense = property(lambda self: self.query_dense)
    _key_dense = property(lambda self: self.key_dense)
    _value_dense = property(lambda self: self.value_dense)
    _output_dense = property(lambda self: self.output_dense)

    def build(self, query_shape: Any, value_shape: Any, key_shape: Any = None) -> None:  # type: ignore[override]
        key_shape = self._check_shapes(value_shape, key_shape)
        rank = len(query_shape)
        if rank < 3 or len(value_shape) != rank:
            raise ValueError(
                f"MultiHeadAttention layer {self.name!r} expects query and value with the same number of axes, at least 3, got "
                f"the shapes {tuple(query_shape)} and {tuple(value_shape)}"
            )
        self._axes = self._positive_axes(rank)
        heads = self.num_heads
        # In this order, which is that of the weights.
        self.query_dense = self._dense("query", query_shape, 1, (heads, self.key_dim))
        self.key_dense = self._dense("key", key_shape, 1, (heads, self.key_dim))
        if self.use_gate:
            self._gate_dense = self._dense("gate", query_shape, 1, (heads, self.value_dim), activation="sigmoid")
        self.value_dense = self._dense("value", value_shape, 1, (heads, self.value_dim))
        self._build_weighting()
        joined = (*query_shape[:-1], heads, self.value_dim)
        self.output_dense = self._dense("attention_output", joined, 2, self._output_sizes(query_shape))

    def _positive_axes(self, rank: int) -> tuple[int, ...]:
        """The attention axes of a query with ``rank`` axes, counted from the front."""
        if not self.attention_axes:
            return tuple(range(1, rank - 1))
        axes = tuple(axis + rank if axis < 0 else axis for axis in self.attention_axes)
        if not all(0 < axis < rank - 1 for axis in axes):
            raise ValueError(
                f"MultiHeadAttention layer {self.name!r}: attention_axes={self.attention_axes} for a query with {rank} axes: "
                "expected axes between the batch and the features"
            )
        return axes

    def _output_sizes(self, query_shape: Any) -> tuple[int, ...]:
        return self._output_shape or (query_shape[-1],)

    def compute_output_shape(  # type: ignore[override]
        self, query_shape: Any, value_shape: Any, key_shape: Any = None
    ) -> Shape:
        self._check_shapes(value_shape, key_shape)
        return (*query_shape[:-1], *self._output_sizes(query_shape))
