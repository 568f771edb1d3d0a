"""The loss of sequences of labels without their times: speech, handwriting."""

from __future__ import annotations

from typing import Any

from .. import ops
from ..core.tensor import Tensor
from ..ops.nn.ctc import ctc_loss
from .loss import LossFunctionWrapper, keeps_labels
from .reduction import as_tensor


@keeps_labels
def ctc(y_true: Any, y_pred: Any) -> Tensor:
    """-log of the probability that y_pred reads y_true (Graves et al., ICML 2006).

    Infinite, with gradient 0, where there are fewer times than the labels need (one for each, and one more between two
    equal ones).

    Args:
        y_true: integer labels from 1, padded with 0 (batch, labels).
        y_pred: logits, class 0 being the blank (batch, times, classes) -> (batch,).

    Raises:
        ValueError: for other shapes.
    """
    y_pred = as_tensor(y_pred, like=y_true)
    labels = as_tensor(y_true, like=y_pred)
    if labels.ndim != 2:
        raise ValueError(
            "Targets `y_true` are expected to be a tensor of shape `(batch_size, max_length)` in integer format. "
            f"Received: y_true.shape={labels.shape}"
        )
    if y_pred.ndim != 3 or y_pred.shape[0] != labels.shape[0]:
        raise ValueError(
            "Logits `y_pred` are expected to be a tensor of shape `(batch_size, max_length, num_classes)`, with the "
            f"batch size of `y_true`. Received: y_pred.shape={y_pred.shape}, y_true.shape={labels.shape}"
        )
    labels = ops.cast(labels, "int32")
    counts = ops.sum(ops.cast(ops.not_equal(labels, 0), "int32"), axis=-1)
    times = ops.full_like(counts, y_pred.shape[1])
    return ctc_loss(labels, y_pred, counts, times)


class CTC(LossFunctionWrapper):
    """-log of the probability that the output reads the labels, whatever their times. The arguments are those of ``Loss``.

    y_true: integer labels from 1, padded with 0. y_pred: logits, class 0 being the blank.
    """

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str | None = "ctc", dtype: Any = None
    ) -> None:
        super().__init__(ctc, reduction, name, dtype)
