"""What the attention layers with projections share: their dense layers, which pairs see each other, and the weighting."""

from __future__ import annotations

import math
from functools import reduce
from typing import Any

from ... import initializers, ops, regularizers
from ...ops.nn.attention import attention_band
from ...serialization.configurable import attributes
from ..activation.activation import Softmax
from ..base.layer import Layer, Shape
from ..base.weights import set_weight_arguments
from ..core.einsum_dense import EinsumDense
from ..regularization.noise import Dropout


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
    ) -> Any:
        key = value if key is None else key
        combined = self._combined_mask(query, value, query_mask, value_mask, key_mask, attention_mask, use_causal_mask)
        q, k, v = self._query_dense(query), self._key_dense(key), self._value_dense(value)
        scale, scores = 1 / math.sqrt(q.shape[-1]), None
        if self._is_fused(q, return_attention_scores):
            y = ops.dot_product_attention(q, k, v, mask=with_heads(combined, 4), scale=scale)
        else:
            if q.shape[-2] != k.shape[-2]:  # each head of keys and values serves several heads of queries
                k, v = (ops.repeat(x, q.shape[-2] // k.shape[-2], axis=-2) for x in (k, v))
            to_scores, to_values = self._equations(len(query.shape))
            scores = ops.einsum(to_scores, q * scale, k)
            scores = self._softmax(scores, mask=with_heads(combined, len(scores.shape), len(self._axes)))
            dropped = self._dropout_layer(scores, training=training) if self.dropout > 0 else scores
            y = ops.einsum(to_values, dropped, v)
        if self.use_gate:
            y = y * self._gate_dense(query)
        y = self._output_dense(y)
        return (y, scores) if return_attention_scores else y

    def _combined_mask(
        self,
        query: Any,
        value: Any,
        query_mask: Any,
        value_mask: Any,
        key_mask: Any,
        attention_mask: Any,
        use_causal_mask: bool,
    ) -> Any:
        """All masks of a call combined, true where a query attends to a key; None without masks.

        query_mask: (batch, T)  value_mask, key_mask: (batch, S)  attention_mask: (batch, T, S), or what broadcasts to the scores
        """
        masks = [
            ops.expand_dims(ops.cast(mask, "bool"), axis)
            for mask, axis in ((query_mask, -1), (value_mask, -2), (key_mask, -2))
            if mask is not None
        ]
        if use_causal_mask or self.sliding_window is not None:
            if len(self._axes) > 1:
                raise ValueError(
                    f"{type(self).__name__} layer {self.name!r}: use_causal_mask and sliding_window go by the order of positions, "
                    f"which needs one attention axis, got attention_axes={self._axes}"
                )
            masks.append(attention_band(query, value, self._axes[0], use_causal_mask, self.sliding_window))
        if attention_mask is not None:
            masks.append(ops.cast(attention_mask, "bool"))
        return reduce(ops.logical_and, masks) if masks else None

    def _is_fused(self, query: Any, return_attention_scores: bool) -> bool:
        """Whether one op computes everything. Not where scores are returned or dropped, as in Keras: for a query without any
        key the op returns the mean of the values, and the separate steps return 0.
        """
        if self._flash_attention and return_attention_scores:
            raise ValueError(
                "Returning attention scores is not supported when flash attention is enabled. "
                "Please disable flash attention to access attention scores."
            )
        return not (self.dropout > 0 or return_attention_scores or len(query.shape) != 4)

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


def with_heads(combined: Any, rank: int, axes: int = 1) -> Any:
    """A mask with as many axes as the scores: that of the heads stands before the positions of query and key."""
    if combined is not None:
        for _ in range(rank - len(combined.shape)):
            combined = ops.expand_dims(combined, -2 * axes - 1)
    return combined


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
