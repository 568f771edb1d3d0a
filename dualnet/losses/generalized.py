"""A cross-entropy for labels some of which are wrong."""

from __future__ import annotations

from typing import Any

from .. import ops
from ..core.tensor import Tensor
from ..ops.nn import hinge as _margin
from .loss import LossFunctionWrapper, keeps_labels
from .reduction import as_tensor
from .targets import check_targets


@keeps_labels
def categorical_generalized_cross_entropy(y_true: Any, y_pred: Any, q: float) -> Tensor:
    """(1 - p^q) / q, with p the probability of the label (arXiv:1805.07836).  labels: (batch, ...) or (batch, ..., 1)
    p: (batch, ..., classes) -> (batch, ...)

    Args:
        q: from 0 (near cross-entropy) to 1 (the absolute error).

    Raises:
        ValueError: for one-hot targets.
    """
    y_pred = as_tensor(y_pred, like=y_true)
    labels = as_tensor(y_true, like=y_pred)
    check_targets(categorical_generalized_cross_entropy, labels)
    if labels.ndim == y_pred.ndim and labels.shape[-1] == 1:
        labels = ops.squeeze(labels, -1)
    if labels.shape != y_pred.shape[:-1]:
        raise ValueError(
            f"categorical_generalized_cross_entropy: for y_pred of shape {y_pred.shape} the integer labels y_true must have "
            f"shape {y_pred.shape[:-1]}, got {labels.shape}. From one-hot targets, take the argmax"
        )
    return _margin.generalized_cross_entropy(ops.cast(labels, "int32"), y_pred, q)


class CategoricalGeneralizedCrossEntropy(LossFunctionWrapper):
    """(1 - p^q) / q, with p the probability of the label: bears wrong labels better than cross-entropy does
    (arXiv:1805.07836).

    Args:
        q: between 0 (near cross-entropy) and 1 (near the absolute error).
        reduction, name, dtype: those of ``Loss``.
    """

    def __init__(
        self,
        q: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_generalized_cross_entropy",
        dtype: Any = None,
    ) -> None:
        if not 0 < q < 1:
            raise ValueError(f"q must be in the interval (0, 1), got {q!r}")
        super().__init__(categorical_generalized_cross_entropy, reduction, name, dtype, q=q)
