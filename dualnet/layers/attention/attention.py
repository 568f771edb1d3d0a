"""Attention and AdditiveAttention: every query takes a weighted mean of the values, without projections."""

from __future__ import annotations

from typing import Any

from ... import ops
from ...core.seeds import SeedGenerator
from ...core.symbolic import KerasTensor
from ...ops.nn.attention import attention, attention_band
from ...ops.nn.noise import dropout
from ...serialization.configurable import attributes
from ..base.layer import Layer, Shape

_MASKED = {"float16": -6e4}  # the score of a pair that is masked, in other dtypes -2e38


class Attention(Layer):
    """softmax(scores) value, with scores that are products of query and key  (arXiv:1508.04025)

    [query (batch, T, dim), value (batch, S, size), key (batch, S, dim), the value by default] -> (batch, T, size)

    In the call: mask is [query_mask (batch, T), value_mask (batch, S)], by default those that the tensors carry; the result is 0 where
    the query is masked. use_causal_mask: a query sees the keys up to its own position. return_attention_scores: the result
    is a pair, with the weights of the values (batch, T, S), after the dropout.

    Args:
        use_scale: the scores are multiplied by a weight, ``scale``, a number that is 1 at first.
        score_mode: "dot", or "concat" for concat_score_weight sum(tanh(scale (query + key))) over the features; the first factor is
            a weight, a number that is 1 at first.
        dropout: of the weights of the values, while training.
        seed: of the dropout.
    """

    supports_masking = True
    _stream = "attention_dropout"

    def __init__(
        self,
        use_scale: bool = False,
        score_mode: str = "dot",
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if score_mode not in ("dot", "concat"):
            raise ValueError(
                "Invalid value for argument score_mode. Expected one of {'dot', 'concat'}. "
                f"Received: score_mode={score_mode}"
            )
        if isinstance(dropout, bool) or not isinstance(dropout, (int, float)) or not 0 <= dropout <= 1:
            raise ValueError(
                "Invalid value received for argument `dropout`. Expected a float value between 0 and 1. "
                f"Received: dropout={dropout!r} (layer {type(self).__name__})"
            )
        self.use_scale = use_scale
        self.score_mode = score_mode
        self.dropout = dropout
        self.seed = seed
        self.scale: Any = None
        self.concat_score_weight: Any = None
        if dropout > 0:
            self.seed_generator = SeedGenerator(seed, kind=self._stream)

    def build(self, input_shape: Any) -> None:
        self._check(input_shape)
        if self.use_scale:
            self.scale = self.add_weight((), name="scale", initializer="ones")
        if self.score_mode == "concat":
            self.concat_score_weight = self.add_weight((), name="concat_score_weight", initializer="ones")

    def call(
        self,
        inputs: Any,
        mask: Any = None,
        training: bool = False,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        self._check(inputs, mask)
        query, value = inputs[:2]
        key = inputs[2] if len(inputs) > 2 else value
        query_mask, value_mask = (None, None) if mask is None else mask[:2]
        is_dropped = bool(training and self.dropout > 0)
        weights: Any = None
        if self._is_fused(query) and not (is_dropped or return_attention_scores):
            y = self._fused(query, key, value, value_mask, use_causal_mask)
        else:
            scores = self._calculate_scores(query, key)
            seen = self._calculate_score_mask(scores, value_mask, use_causal_mask)
            if seen is not None:  # no weight is left to the others; where a query sees no key, all have the same
                scores = ops.where(seen, scores, _MASKED.get(scores.dtype, -2e38))
            weights = ops.softmax(scores)
            if is_dropped:
                weights = dropout(weights, self.dropout, *self.seed_generator.next())
            y = ops.matmul(weights, value)
        if query_mask is not None:
            y = ops.where(ops.expand_dims(ops.cast(query_mask, "bool"), -1), y, 0)
        return (y, weights) if return_attention_scores else y

    def _calculate_scores(self, query: Any, key: Any) -> Any:
        """(batch, T, S)"""
        if self.score_mode == "dot":
            scores = ops.matmul(query, ops.swapaxes(key, -2, -1))
            return scores if self.scale is None else scores * self.scale
        sums = ops.expand_dims(query, -2) + ops.expand_dims(key, -3)
        sums = sums if self.scale is None else sums * self.scale
        return self.concat_score_weight * ops.sum(ops.tanh(sums), axis=-1)

    def _calculate_score_mask(self, scores: Any, v_mask: Any, use_causal_mask: bool) -> Any:
        """Which query sees which key, broadcasting to the scores; None if every one sees all of them."""
        seen = None if v_mask is None else ops.expand_dims(ops.cast(v_mask, "bool"), -2)
        if not use_causal_mask:
            return seen
        causal = attention_band(scores, ops.swapaxes(scores, -2, -1), None, len(scores.shape) - 2, True)
        return ops.expand_dims(causal, 0) if seen is None else ops.logical_and(seen, causal)

    # -- products as one op, which holds no scores of long sequences ---------------------------------------------------

    def _is_fused(self, query: Any) -> bool:
        """Whether the scores are products, and not those of a subclass."""
        is_own = type(self)._calculate_scores is Attention._calculate_scores
        return is_own and self.score_mode == "dot" and len(query.shape) == 3

    def _fused(self, query: Any, key: Any, value: Any, value_mask: Any, use_causal_mask: bool) -> Any:
        if self.scale is not None:
            query = query * self.scale
        one_head = (ops.expand_dims(x, 2) for x in (query, key, value))
        value_mask = None if value_mask is None else ops.cast(value_mask, "bool")
        y = attention(*one_head, None, None, None, value_mask, scale=1.0, is_causal=use_causal_mask)
        return ops.squeeze(y, 2)

    # -- masks and shapes ----------------------------------------------------------------------------------------------

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """The mask of the query."""
        self._check(inputs, mask)
        return None if mask is None or mask[0] is None else ops.convert_to_tensor(mask[0])

    def compute_output_shape(self, input_shape: Any) -> Shape:
        self._check(input_shape)
        return (*input_shape[0][:-1], input_shape[1][-1])

    def compute_output_spec(
        self,
        inputs: Any,
        mask: Any = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
        use_causal_mask: bool = False,
    ) -> Any:
        self._check(inputs, mask)
        query, value = inputs[:2]
        y = KerasTensor((*query.shape[:-1], value.shape[-1]), dtype=self.compute_dtype)
        scores = KerasTensor((*query.shape[:-1], value.shape[-2]), dtype=self.compute_dtype)
        return (y, scores) if return_attention_scores else y

    def _check(self, inputs: Any, mask: Any = None) -> None:
        """``ValueError`` for what is no list of two or three."""
        name = type(self).__name__
        if not isinstance(inputs, list):
            raise ValueError(
                f"{name} layer must be called on a list of inputs, namely [query, value] or [query, value, key]. "
                f"Received: inputs={inputs}."
            )
        if not 2 <= len(inputs) <= 3:
            raise ValueError(
                f"{name} layer accepts inputs list of length 2 or 3, namely [query, value] or [query, value, key]. "
                f"Received length: {len(inputs)}."
            )
        if mask is not None and not isinstance(mask, list):
            raise ValueError(
                f"{name} layer mask must be a list, namely [query_mask, value_mask]. Received: mask={mask}."
            )
        if mask is not None and not 2 <= len(mask) <= 3:
            raise ValueError(
                f"{name} layer accepts mask list of length 2 or 3. Received length: {len(mask)}, mask={mask}."
            )


class AdditiveAttention(Attention):
    """softmax(scores) value, with scores sum(scale tanh(query + key)) over the features  (arXiv:1409.0473)

    [query (batch, T, dim), value (batch, S, size), key (batch, S, dim), the value by default] -> (batch, T, size)

    See ``Attention`` for the call.

    Args:
        use_scale: whether there is a weight ``scale``, one number for each feature; 1 without.
        dropout: of the weights of the values, while training.
        seed: of the dropout.
    """

    _config_attributes = attributes(score_mode=None)
    _stream = "additive_attention_dropout"

    def __init__(self, use_scale: bool = True, dropout: float = 0.0, **kwargs: Any) -> None:
        super().__init__(use_scale=use_scale, dropout=dropout, **kwargs)

    def build(self, input_shape: Any) -> None:
        self._check(input_shape)
        if self.use_scale:
            self.scale = self.add_weight((input_shape[0][-1],), name="scale", initializer="glorot_uniform")

    def _calculate_scores(self, query: Any, key: Any) -> Any:
        activations = ops.tanh(ops.expand_dims(query, -2) + ops.expand_dims(key, -3))
        return ops.sum(activations if self.scale is None else activations * self.scale, axis=-1)
