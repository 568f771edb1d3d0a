"""Cross-entropies.

``from_logits=False`` (probabilities) is as exact as ``from_logits=True`` when ``y_pred`` comes straight from a
softmax or sigmoid: the loss is then computed from the logits of that activation.
"""

from __future__ import annotations

from typing import Any

from .. import ops
from ..core.tensor import Tensor
from ..core.warning import warn
from .loss import LossFunctionWrapper, keeps_labels
from .reduction import as_tensor, same_shape
from .targets import check_targets, takes_targets


@takes_targets(0, 1)
def binary_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Tensor:
    """The mean over ``axis`` of -y log p - (1 - y) log(1 - p).  (batch, ..., n) -> (batch, ...)

    Args:
        y_true: 0, 1, or a probability.
        y_pred: p, or its logit.
        label_smoothing: s moves the target to y (1 - s) + s / 2.

    Raises:
        ValueError: the shapes differ by more than a last axis of length 1, or a target is -1 or less, 2 or more (checked on
            the host).
    """
    y_true, y_pred = same_shape(
        "binary_crossentropy",
        y_true,
        y_pred,
        "One probability for each of several classes needs one-hot targets; integer labels go with "
        "sparse_categorical_crossentropy",
    )
    check_targets(binary_crossentropy, y_true)
    if label_smoothing:
        y_true = floating_like(y_true, y_pred) * (1.0 - label_smoothing) + 0.5 * label_smoothing
    losses = ops.binary_crossentropy(y_true, y_pred, from_logits=from_logits)
    if losses.shape[axis] == 1:
        return ops.squeeze(losses, axis)
    return ops.mean(losses, axis=axis)


@takes_targets(0, 1)
def categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Tensor:
    """-sum(y log p) over ``axis``, p divided by its sum.  (batch, ..., classes) -> (batch, ...)

    Args:
        y_true: one-hot, or probabilities.
        y_pred: p, or logits.
        label_smoothing: s moves the target to y (1 - s) + s / classes.

    Raises:
        ValueError: the shapes differ, or a target is -1 or less, 2 or more (checked on the host).
    """
    y_true, y_pred = categorical_pair("categorical_crossentropy", y_true, y_pred, axis)
    check_targets(categorical_crossentropy, y_true)
    if label_smoothing:
        y_true = floating_like(y_true, y_pred) * (1.0 - label_smoothing) + label_smoothing / y_true.shape[-1]
    return ops.categorical_crossentropy(y_true, y_pred, from_logits=from_logits, axis=axis)


@keeps_labels
def sparse_categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, ignore_class: int | None = None, axis: int = -1
) -> Tensor:
    """-log p[label], p divided by its sum.  labels: (batch, ...) or (batch, ..., 1)  p: (batch, ..., classes) ->
    (batch, ...)

    Args:
        y_true: integers from 0.
        y_pred: p, or logits.
        ignore_class: a label that counts for nothing; its loss is 0, and the result carries a mask that leaves it out
            of means.
        axis: of the classes.

    Raises:
        ValueError: for one-hot targets, a label outside the classes, or one that is no whole number. On a GPU, which cannot
            raise in the middle of a step, the loss of such a label is NaN.
    """
    y_pred = as_tensor(y_pred, like=y_true)
    y_true = as_tensor(y_true, like=y_pred)
    check_targets(sparse_categorical_crossentropy, y_true)
    if y_true.data.ndim == y_pred.data.ndim and y_true.data.shape[axis] == 1:
        y_true = ops.squeeze(y_true, axis)
    if ignore_class is None:
        return ops.sparse_categorical_crossentropy(y_true, y_pred, from_logits=from_logits, axis=axis)
    labels = ops.cast(y_true, "int32")  # unsigned labels could never equal -1
    valid = ops.not_equal(labels, ignore_class)
    labels = ops.where(valid, labels, 0)
    losses = ops.sparse_categorical_crossentropy(labels, y_pred, from_logits=from_logits, axis=axis)
    losses = ops.where(valid, losses, 0.0)
    losses._keras_mask = valid
    return losses


def categorical_pair(name: str, y_true: Any, y_pred: Any, axis: int) -> tuple[Tensor, Tensor]:
    """One-hot targets and the scores of classes, as tensors; one class alone gives a warning."""
    if isinstance(axis, bool):  # a positional argument out of order
        raise ValueError(f"`axis` must be of type `int`, got {axis!r}")
    y_pred = as_tensor(y_pred, like=y_true)
    if y_pred.data.shape and y_pred.data.shape[-1] == 1:
        warn(
            f"{name} of one class is always 0, and y_pred has shape {y_pred.shape}: for two classes use "
            f"{name.replace('categorical', 'binary')}, or an output of two units",
            SyntaxWarning,
        )
    return as_tensor(y_true, like=y_pred), y_pred


def floating_like(y_true: Tensor, y_pred: Tensor) -> Tensor:
    return as_tensor(y_true, str(y_pred.dtype)) if y_pred.data.dtype.kind == "f" else y_true


def check_smoothing(name: str, label_smoothing: float) -> None:
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"{name}: label_smoothing must be from 0 to 1, got {label_smoothing!r}")


class BinaryCrossentropy(LossFunctionWrapper):
    """-y log p - (1 - y) log(1 - p), for targets of 0 and 1.

    Args:
        from_logits: whether ``y_pred`` holds logits, not probabilities.
        label_smoothing: s from 0 to 1 moves the targets to y (1 - s) + s / 2.
        axis: over which to average.
        reduction, name, dtype: those of ``Loss``.
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "binary_crossentropy",
        dtype: Any = None,
    ) -> None:
        check_smoothing("BinaryCrossentropy", label_smoothing)
        super().__init__(
            binary_crossentropy,
            reduction,
            name,
            dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )


class CategoricalCrossentropy(LossFunctionWrapper):
    """-sum(y log p), for one-hot targets.

    Args:
        from_logits: whether ``y_pred`` holds logits, not probabilities.
        label_smoothing: s from 0 to 1 moves the targets to y (1 - s) + s / classes.
        axis: of the classes.
        reduction, name, dtype: those of ``Loss``.
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        check_smoothing("CategoricalCrossentropy", label_smoothing)
        super().__init__(
            categorical_crossentropy,
            reduction,
            name,
            dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )


class SparseCategoricalCrossentropy(LossFunctionWrapper):
    """-log p[label], for integer labels.

    Args:
        from_logits: whether ``y_pred`` holds logits, not probabilities.
        ignore_class: a label that counts for nothing (-1 or 255 in segmentation).
        axis: of the classes.
        reduction, name, dtype: those of ``Loss``.
    """

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        axis: int = -1,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            sparse_categorical_crossentropy,
            reduction,
            name,
            dtype,
            from_logits=from_logits,
            ignore_class=ignore_class,
            axis=axis,
        )
