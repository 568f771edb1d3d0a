"""ReversibleEmbedding: a table of vectors that is read both ways, from ids to vectors and from vectors to scores of ids."""

from __future__ import annotations

from typing import Any

from ... import ops
from ...core.dtypes import standardize_dtype
from ...core.symbolic import KerasTensor
from ...serialization.configurable import attributes
from ..base.layer import Shape
from ..base.weights import add_weight
from .embedding import Embedding


class ReversibleEmbedding(Embedding):
    """As ``Embedding``; called with ``reverse=True``, scores of the ids for vectors.  x: (..., output_dim) -> (..., input_dim)

    The other arguments: see ``Embedding``.

    Args:
        tie_weights: whether the reverse direction uses the same table; otherwise it has its own weight
            ``reverse_embeddings`` (output_dim, input_dim).
        reverse_dtype: compute dtype of the reverse direction, by default that of the layer.
        logit_soft_cap: scores are capped smoothly, to cap * tanh(score / cap).
    """

    _config_attributes = attributes(weights=None)

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        tie_weights: bool = True,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        reverse_dtype: Any = None,
        logit_soft_cap: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            input_dim,
            output_dim,
            embeddings_initializer,
            embeddings_regularizer,
            embeddings_constraint,
            mask_zero,
            **kwargs,
        )
        self.tie_weights = tie_weights
        self.reverse_dtype = None if reverse_dtype is None else standardize_dtype(reverse_dtype)
        self.logit_soft_cap = logit_soft_cap

    def build(self, input_shape: Any = None) -> None:
        super().build(input_shape)
        if not self.tie_weights:
            shape = (self.output_dim, self.input_dim)
            self.reverse_embeddings = add_weight(self, shape, "embeddings", name="reverse_embeddings")

    def call(self, inputs: Any, reverse: bool = False) -> Any:
        if not reverse:
            return super().call(inputs)
        table = ops.transpose(self.embeddings) if self.tie_weights else self.reverse_embeddings
        dtype = self.reverse_dtype or self.compute_dtype
        scores = ops.matmul(ops.cast(inputs, dtype), ops.cast(table, dtype))
        cap = self.logit_soft_cap
        return scores if cap is None else cap * ops.tanh(scores / cap)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return super().compute_mask(inputs, mask) if str(inputs.dtype).lstrip("u").startswith("int") else None

    def compute_output_shape(self, input_shape: Any, reverse: bool = False) -> Shape:
        return (*input_shape[:-1], self.input_dim) if reverse else (*input_shape, self.output_dim)

    def compute_output_spec(self, inputs: Any, reverse: bool = False) -> Any:
        dtype = (self.reverse_dtype if reverse else None) or self.compute_dtype
        return KerasTensor(self.compute_output_shape(inputs.shape, reverse), dtype)
