"""Losses of similarity: of the directions of two vectors, or of the embeddings of one class."""

from __future__ import annotations

from typing import Any

from .. import ops
from ..core.placement import beside
from ..core.tensor import Tensor
from ..ops.nn import regression_loss as _error
from .loss import LossFunctionWrapper, keeps_labels
from .reduction import as_tensor, same_shape


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Tensor:
    """Minus the cosine of the angle between y_true and y_pred along ``axis``: -1 for the same direction.
    (batch, ..., n) -> (batch, ...)

    It is 0 where one of them is 0. Raises ``ValueError`` when the shapes differ by more than a last axis of length 1.
    """
    return ops.negative(_error.cosine(*same_shape("cosine_similarity", y_true, y_pred), axis=axis))


class CosineSimilarity(LossFunctionWrapper):
    """Minus the cosine of the angle between y_true and y_pred: -1 for the same direction, 1 for the opposite one.

    Args:
        axis: of the vectors.
        reduction, name, dtype: those of ``Loss``.
    """

    def __init__(
        self,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "cosine_similarity",
        dtype: Any = None,
    ) -> None:
        super().__init__(cosine_similarity, reduction, name, dtype, axis=axis)


@keeps_labels
def circle(
    y_true: Any,
    y_pred: Any,
    ref_labels: Any = None,
    ref_embeddings: Any = None,
    remove_diagonal: bool = True,
    gamma: float = 80,
    margin: float = 0.4,
) -> Tensor:
    """The circle loss of each embedding: near to those of its class, far from all others (arXiv:2002.10857).

    A loss of 0 (an embedding without a partner in the batch, too) carries a mask that leaves it out of means.

    Args:
        y_true: integer labels (batch,) or (batch, 1).
        y_pred: embeddings of length 1 (batch, n) -> (batch,).
        ref_labels, ref_embeddings: what each is compared with, by default the batch itself.
        remove_diagonal: whether the i-th is left out of the comparison of the i-th.
        gamma: the scale.
        margin: the relaxation.

    Raises:
        ValueError: for other shapes.
    """
    y_pred = as_tensor(y_pred, like=y_true)
    labels = ops.cast(as_tensor(y_true, like=y_pred), "int32")
    references = y_pred if ref_embeddings is None else as_tensor(ref_embeddings, str(y_pred.dtype), like=y_pred)
    reference_labels = labels if ref_labels is None else ops.cast(as_tensor(ref_labels, like=y_pred), "int32")
    if (
        y_pred.ndim != 2
        or references.ndim != 2
        or (labels.size, reference_labels.size) != (y_pred.shape[0], references.shape[0])
    ):
        raise ValueError(
            "circle: expected a label for each embedding, with embeddings of shape (batch, n), got labels of shape "
            f"{labels.shape} for embeddings of shape {y_pred.shape}, and references of {reference_labels.shape} for {references.shape}"
        )
    same = ops.equal(ops.reshape(labels, (-1, 1)), ops.reshape(reference_labels, (1, -1)))
    other = ops.logical_not(same)
    if remove_diagonal:
        with beside([labels]):
            diagonal = ops.eye(labels.size, reference_labels.size, dtype="bool")
        same = ops.logical_and(same, ops.logical_not(diagonal))
    distance = ops.maximum(1 - ops.matmul(y_pred, ops.transpose(references)), 0)
    # What weighs most is what is farthest from where it should be.
    near = -gamma * ops.maximum(margin + distance, 0) * (margin - distance)
    far = gamma * ops.maximum(1 + margin - distance, 0) * (1 - margin - distance)
    # "Never", but finite: a row without a partner must not become NaN in the gradient.
    never = -3e4 if str(y_pred.dtype) == "float16" else -1e9
    losses = ops.softplus(
        ops.logsumexp(ops.where(same, near, never), axis=1) + ops.logsumexp(ops.where(other, far, never), axis=1)
    )
    losses._keras_mask = ops.greater(losses, 0)
    return losses


class Circle(LossFunctionWrapper):
    """The circle loss of embeddings (arXiv:2002.10857), for integer labels and embeddings of length 1.

    Args:
        gamma: the scale.
        margin: the relaxation.
        remove_diagonal: whether an embedding is not compared with itself.
        reduction, name, dtype: those of ``Loss``.
    """

    def __init__(
        self,
        gamma: float = 80.0,
        margin: float = 0.4,
        remove_diagonal: bool = True,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "circle",
        dtype: Any = None,
    ) -> None:
        super().__init__(circle, reduction, name, dtype, gamma=gamma, margin=margin, remove_diagonal=remove_diagonal)
