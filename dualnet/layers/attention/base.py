"""What the attention layers with projections share: their dense layers, which pairs see each other, and the weighting."""

from __future__ import annotations

import math
from typing import Any

from ... import initializers, ops, regularizers
from ...ops.nn.attention import attention
from ...serialization.configurable import attributes
from ..activation.activation import Softmax
from ..base.layer import Layer, Shape
from ..base.weights import set_weight_arguments
from ..core.einsum_dense import EinsumDense
from ..regularization.noise import Dropout
from .cache import cache_of
from .visible import Visible, with_heads


class ProjectedAttention(Layer):
    """Base of attention layers that project query, key and value to heads, and the result back.

    The initializers, regularizers and constraints are those of each projection, ``activity_regularizer`` too.

    Args:
        dropout: of the weights, while training.
        sliding_window: a query sees the keys at most ``sliding_window - 1`` steps away.
        use_gate: the result of each head is multiplied by the sigmoid of another projection of the query
            (arXiv:2505.06708).
        flash_attention: has no effect, as there is one kernel, but True with dropout or with attention scores is an
            error.
        seed: of the dropout.
    """

    supports_masking = True
    _config_attributes = attributes(
        activity_regularizer="output_regularizer", flash_attention="_flash_attention", arguments=None
    )
    _axes: tuple[int, ...] = (1,)  # of query and value, over which they attend
    _query_dense: Any
    _key_dense: Any
    _value_dense: Any
    _gate_dense: Any
    _output_dense: Any
    _softmax: Softmax
    _dropout_layer: Any = None

    def __init__(
        self,
        dropout: float,
        use_bias: bool,
        sliding_window: int | None,
        flash_attention: bool | None,
        use_gate: bool,
        seed: int | None,
        activity_regularizer: Any,
        arguments: dict[str, Any],
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if sliding_window is not None:
            whole = isinstance(sliding_window, int) and not isinstance(sliding_window, bool)
            if not whole or sliding_window < 1:
                raise ValueError(
                    f"`sliding_window` must be `None` or a positive integer. Received: sliding_window={sliding_window}"
                )
        if flash_attention and dropout > 0:
            raise ValueError(
                "Dropout is not supported when flash attention is enabled. Please set dropout to 0.0, or leave "
                f"flash_attention at None. Received: dropout={dropout}"
            )
        self._rate = dropout
        self.use_bias = use_bias
        self.sliding_window = sliding_window
        self._flash_attention = flash_attention
        set_weight_arguments(self, arguments, "kernel", "bias")
        self.output_regularizer = regularizers.get(activity_regularizer)  # of the projections, not of this layer
        self.use_gate = use_gate
        self.seed = seed

    @property
    def dropout(self) -> float:
        """The rate of the dropout of the weights."""
        return self._rate

    @dropout.setter
    def dropout(self, rate: float) -> None:
        self._rate = rate
        if self._dropout_layer is not None:
            self._dropout_layer.rate = rate

    # -- the projections -----------------------------------------------------------------------------------------

    def _dense(self, name: str, input_shape: Any, summed: int, sizes: tuple[int, ...], activation: Any = None) -> Any:
        """A dense layer from the last ``summed`` axes of the input to axes of ``sizes``, built for the input."""
        letters = iter("abcdefghijklmnopqrstuvwxyz")
        free = "".join(next(letters) for _ in input_shape[:-summed])
        contracted = "".join(next(letters) for _ in range(summed))
        outputs = "".join(next(letters) for _ in sizes)
        dense = EinsumDense(
            f"{free}{contracted},{contracted}{outputs}->{free}{outputs}",
            output_shape=(*(None for _ in free[1:]), *sizes),
            activation=activation,
            bias_axes=outputs if self.use_bias else None,
            kernel_initializer=_clone(self.kernel_initializer),
            bias_initializer=_clone(self.bias_initializer),
            kernel_regularizer=self.kernel_regularizer,
            bias_regularizer=self.bias_regularizer,
            activity_regularizer=self.output_regularizer,
            kernel_constraint=self.kernel_constraint,
            bias_constraint=self.bias_constraint,
            dtype=self.dtype_policy,
            name=name,
        )
        dense.build(input_shape)
        return dense

    def _build_weighting(self) -> None:
        """The softmax over the last axes of the scores, and the dropout after it."""
        axes = len(self._axes)
        self._softmax = Softmax(axis=-1 if axes == 1 else list(range(-axes, 0)), dtype=self.dtype_policy)
        self._dropout_layer = Dropout(self.dropout, seed=self.seed, dtype=self.dtype_policy)

    # -- attending ----------------------------------------------------------------------------------------------

    def call(
        self,
        query: Any,
        value: Any,
        key: Any = None,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
        attention_mask: Any = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
        use_causal_mask: bool = False,
        cache: Any = None,
        cache_update_index: Any = None,
    ) -> Any:
        key = value if key is None else key
        cached = cache_of(self, cache, cache_update_index)
        if cached is None or cached.index is not None:
            k, v = self._key_dense(key), self._value_dense(value)
            if cached is not None:
                value_mask, key_mask = cached.mask(value_mask, v), cached.mask(key_mask, k)
                k, v = cached.update(k, v)
        else:
            k, v = cached.keys, cached.values
        position = 0 if cached is None or cached.index is None else cached.index
        visible = Visible(
            query_mask, value_mask, key_mask, attention_mask, use_causal_mask, self.sliding_window, position
        )
        if visible.has_band and len(self._axes) > 1:
            raise ValueError(
                f"{type(self).__name__} layer {self.name!r}: use_causal_mask and sliding_window go by the order of positions, "
                f"which needs one attention axis, got attention_axes={self._axes}"
            )
        q = self._query_dense(query)
        y, scores = self._attend(q, k, v, visible, return_attention_scores, training)
        if self.use_gate:
            y = y * self._gate_dense(query)
        results = [self._output_dense(y)]
        if return_attention_scores:
            results.append(scores)
        if cached is not None:
            results.append(cached.array)
        return tuple(results) if len(results) > 1 else results[0]

    def _attend(self, q: Any, k: Any, v: Any, visible: Visible, needs_scores: bool, training: Any) -> tuple[Any, Any]:
        """The result of each head, and the scores if they were computed."""
        if self._flash_attention and needs_scores:
            raise ValueError(
                "Returning attention scores is not supported when flash attention is enabled. "
                "Please disable flash attention to access attention scores."
            )
        scale = 1 / math.sqrt(q.shape[-1])
        if not (needs_scores or len(q.shape) != 4 or (self.dropout > 0 and training)):
            # What a query without any key gets is what it gets in Keras, which computes the scores where there is dropout.
            blind = "zero" if self.dropout > 0 else "mean"
            tensors, options = visible.for_op(q, k)
            return attention(q, k, v, *tensors, scale=scale, blind=blind, **options), None
        combined = visible.combined(q, k, self._axes[0])
        if q.shape[-2] != k.shape[-2]:  # each head of keys and values serves several heads of queries
            k, v = (ops.repeat(x, q.shape[-2] // k.shape[-2], axis=-2) for x in (k, v))
        to_scores, to_values = self._equations(len(q.shape) - 1)
        scores = ops.einsum(to_scores, q * scale, k)
        scores = self._softmax(scores, mask=with_heads(combined, len(scores.shape), len(self._axes)))
        dropped = self._dropout_layer(scores, training=training) if self.dropout > 0 else scores
        return ops.einsum(to_values, dropped, v), scores

    def _equations(self, rank: int) -> tuple[str, str]:
        """Of the scores, from query and key, and of the result, from scores and value, for inputs with ``rank`` axes.

        All are (batch, ..., heads, features); the scores have the attention axes of the query, then those of the key, last.
        """
        of_query = "abcdefghijklm"[: rank - 1]
        of_key = "".join(a.upper() if i in self._axes else a for i, a in enumerate(of_query))
        batch = "".join(a for i, a in enumerate(of_query) if i not in self._axes)
        positions = "".join(of_query[i] for i in self._axes)
        scores = f"{batch}n{positions}{positions.upper()}"
        return f"{of_query}nx,{of_key}nx->{scores}", f"{scores},{of_key}nx->{of_query}nx"

    def _check_shapes(self, value_shape: Any, key_shape: Any) -> Shape:
        """The shape of the keys."""
        if key_shape is None:
            return tuple(value_shape)
        if tuple(value_shape[1:-1]) != tuple(key_shape[1:-1]):
            raise ValueError(
                "All dimensions of `value` and `key`, except the last one, must be equal. "
                f"Received: value_shape={tuple(value_shape)} and key_shape={tuple(key_shape)}"
            )
        return tuple(key_shape)


def positive(layer: str, **sizes: Any) -> None:
    """``ValueError`` unless all are whole numbers above 0."""
    for name, value in sizes.items():
        if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
            raise ValueError(
                f"Received an invalid value for argument `{name}`, expected a positive integer. Received: {name}={value!r} "
                f"(layer {layer})"
            )


def _clone(initializer: Any) -> Any:
    """A copy of an initializer, so that one without a seed draws different values for each projection."""
    return initializer.clone() if isinstance(initializer, initializers.Initializer) else initializer
