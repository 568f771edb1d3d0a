"""Embedding: a learned vector for each id."""

from __future__ import annotations

from typing import Any

from ... import ops
from ...ops.nn.embedding import embedding
from ...serialization.configurable import attributes
from ..base.layer import Shape
from ..base.lora import BaseKernel, Lora, MergedKernel
from ..base.weights import add_weight, set_weight_arguments


class Embedding(Lora):
    """A row of a learned table for each id.  x: ids of any shape -> (*shape, output_dim)

    embeddings: (input_dim, output_dim), uniform from -0.05 to 0.05 at first. input_length is accepted and not needed.
    quantization_config is for quantizing, which there is not.

    Args:
        input_dim: how many ids there are, 0 to input_dim - 1.
        output_dim: the length of a vector.
        mask_zero: 0 stands for no entry; layers that follow leave it out.
        weights: the table to begin with.
        lora_rank, lora_alpha: see ``enable_lora``.
    """

    embeddings: Any = MergedKernel("embeddings")
    _embeddings: Any = BaseKernel("embeddings")
    _lora_of = "embeddings"
    _config_attributes = attributes(activity_regularizer="activity_regularizer", weights="_no_weights")
    _no_weights = quantization_config = None  # the table is in the file of weights

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        weights: Any = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        quantization_config: Any = None,
        **kwargs: Any,
    ) -> None:
        for name, n in (("input_dim", input_dim), ("output_dim", output_dim)):
            if isinstance(n, bool) or not isinstance(n, int) or n <= 0:
                raise ValueError(
                    f"`{name}` must be a positive integer. Received: {name}={n!r} (of type {type(n).__name__})."
                )
        if quantization_config is not None:
            raise ValueError(f"Embedding: quantization_config is not supported, got {quantization_config!r}")
        length = kwargs.pop("input_length", None)
        super().__init__(**kwargs)
        if length is not None and self._batch_input_shape is None:  # the first layer of a model knows its input
            self._batch_input_shape = (None, *((length,) if isinstance(length, int) else tuple(length)))
        self.input_dim = input_dim
        self.output_dim = output_dim
        set_weight_arguments(self, locals(), "embeddings")
        self.mask_zero = mask_zero
        self.supports_masking = mask_zero
        self.autocast = False  # ids passed as floats are not rounded
        self._set_lora(lora_rank, lora_alpha)
        if weights is not None:
            self.build()
            self.set_weights(weights if isinstance(weights, list) and len(weights) == 1 else [weights])

    def build(self, input_shape: Any = None) -> None:
        if self.built:  # by __init__, for its weights=
            return
        self.embeddings = add_weight(self, (self.input_dim, self.output_dim), "embeddings")
        self._enable_requested_lora()

    def call(self, inputs: Any) -> Any:
        y = embedding(self._lora_weight(), inputs)
        if self.lora_enabled:  # only the rows that are asked for
            rows = ops.matmul(embedding(self.lora_embeddings_a, inputs), self.lora_embeddings_b)
            y = y + self._lora_scale() * rows
        if self.compute_dtype != self.dtype:
            y = ops.cast(y, self.compute_dtype)
        if self.mask_zero:
            y._keras_mask = self.compute_mask(inputs)
        return y

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return ops.not_equal(inputs, 0) if self.mask_zero else None

    def compute_output_shape(self, input_shape: Any) -> Shape:
        return (*input_shape, self.output_dim)
