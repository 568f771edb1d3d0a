"""Accuracies: how often a prediction is right. The functions give 1.0 or 0.0 for each, the classes the mean."""

from __future__ import annotations

from typing import Any

import dualnet_backends as backends
from dualnet_backends import Backend

from .. import config
from ..core.op import primitive
from ..core.tensor import Array, Tensor, Xp
from ..core.tracing import before_write, live_tapes, live_views
from ..ops._common import NoGrad, class_ids, whole_numbers
from .reduction import MeanScore
from .state import same_rank

_HINT = (
    "For class probabilities use categorical_accuracy (one-hot targets) or sparse_categorical_accuracy (integer labels)"
)


def _labels(backend: Backend, name: str, y_true: Array, y_pred: Array) -> Array:
    """Integer labels in the shape of the predictions without their last axis."""
    y_true = whole_numbers(backend, y_true, name, "labels")
    if y_true.shape == y_pred.shape[:-1]:
        return y_true
    if y_true.shape == (*y_pred.shape[:-1], 1):
        return y_true[..., 0]
    raise ValueError(
        f"{name}: for y_pred of shape {y_pred.shape} the integer labels y_true must have shape {y_pred.shape[:-1]}, "
        f"got {y_true.shape}. For one-hot targets use {name.removeprefix('sparse_')}"
    )


def _check_one_hot(name: str, y_true: Array, y_pred: Array) -> None:
    """Refuse targets of another shape."""
    if y_true.shape != y_pred.shape or not y_pred.ndim:
        raise ValueError(
            f"{name}: y_true (one-hot) and y_pred must have the same shape, got {y_true.shape} and {y_pred.shape}. For "
            f"integer labels use sparse_{name}"
        )


@primitive
def accuracy(xp: Xp, y_true: Array, y_pred: Array, /) -> NoGrad:
    """Whether y_true == y_pred, element by element.  y_true, y_pred: one shape -> that shape"""
    y_true, y_pred = same_rank("accuracy", y_true, y_pred, _HINT)
    if y_true.dtype != y_pred.dtype:
        y_true = y_true.astype(y_pred.dtype)
    return (y_true == y_pred).astype(config.floatx()), None


@primitive
def binary_accuracy(backend: Backend, y_true: Array, y_pred: Array, /, threshold: float = 0.5) -> NoGrad:
    """Whether y_true (0 or 1) is what y_pred > threshold says.  y_true, y_pred: one shape -> that shape"""
    y_true, y_pred = same_rank("binary_accuracy", y_true, y_pred, _HINT)
    return backend.is_right_side(y_pred, y_true, threshold, config.floatx()), None


@primitive
def categorical_accuracy(backend: Backend, y_true: Array, y_pred: Array, /) -> NoGrad:
    """Whether the largest score is that of the true class.  y_true (one-hot), y_pred: (..., classes) -> (...)"""
    _check_one_hot("categorical_accuracy", y_true, y_pred)
    return backend.has_same_largest(y_pred, y_true, config.floatx()), None


@primitive
def sparse_categorical_accuracy(backend: Backend, y_true: Array, y_pred: Array, /) -> NoGrad:
    """Whether the largest score is that of the label.  y_true: (...) or (..., 1)  y_pred: (..., classes) -> (...)

    A label that is no class counts as wrong, as in Keras; one that is no whole number raises ``ValueError``.
    """
    labels = _labels(backend, "sparse_categorical_accuracy", y_true, y_pred)
    matches = backend.is_largest(y_pred, labels, config.floatx())
    return (matches[..., 0] if matches.ndim > 1 and matches.shape[-1] == 1 else matches), None


def _in_top_k(xp: Xp, labels: Array, scores: Array, k: int) -> Array:
    """Whether fewer than k scores are above that of the label.  labels: (...)  scores: (..., classes) -> (...)"""
    rows = scores.reshape(-1, scores.shape[-1])
    ids = class_ids(xp, labels).reshape(-1)
    valid = (ids >= 0) & (ids < rows.shape[1])  # a label of no class is never predicted
    own = rows[xp.arange(rows.shape[0]), xp.where(valid, ids, xp.zeros_like(ids))][:, None]
    own = xp.where(xp.isnan(own), -xp.inf, own)  # NaN is above nothing
    return (((rows > own).sum(axis=-1) < k) & valid).astype(config.floatx()).reshape(labels.shape)


@primitive
def top_k_categorical_accuracy(xp: Xp, y_true: Array, y_pred: Array, /, k: int = 5) -> NoGrad:
    """Whether the true class is among the k largest scores.  y_true (one-hot), y_pred: (..., classes) -> (...)"""
    _check_one_hot("top_k_categorical_accuracy", y_true, y_pred)
    return _in_top_k(xp, y_true.argmax(axis=-1), y_pred, k), None


@primitive
def sparse_top_k_categorical_accuracy(
    backend: Backend, y_true: Array, y_pred: Array, /, k: int = 5, from_sorted_ids: bool = False
) -> NoGrad:
    """Whether the label is among the k largest scores.  y_true: (...) or (..., 1)  y_pred: (..., classes) -> as y_true

    A label that is no class counts as wrong, as in Keras; one that is no whole number raises ``ValueError``.

    Args:
        from_sorted_ids: y_pred holds class ids instead, from the best on.
    """
    labels = _labels(backend, "sparse_top_k_categorical_accuracy", y_true, y_pred)
    if from_sorted_ids:
        correct = (y_pred[..., :k] == labels[..., None]).any(axis=-1).astype(config.floatx())
    else:
        correct = _in_top_k(backend.xp, labels, y_pred, k)
    return correct.reshape(y_true.shape), None


class Accuracy(MeanScore):
    """How often y_true == y_pred: both labels, or both values."""

    def __init__(self, name: str | None = "accuracy", dtype: Any = None) -> None:
        super().__init__(accuracy, name, dtype)


class BinaryAccuracy(MeanScore):
    """How often y_pred > threshold tells the target, 0 or 1.

    Args:
        threshold: 0.5 by default.
    """

    def __init__(self, name: str | None = "binary_accuracy", dtype: Any = None, threshold: float = 0.5) -> None:
        super().__init__(binary_accuracy, name, dtype, threshold=threshold)


class _LargestScore(MeanScore):
    """Base of the accuracies of which a backend adds up a whole batch at once, where it is neither masked nor weighted."""

    def update_state(  # type: ignore[override]
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> None:
        if not self._is_plain(y_true, y_pred, sample_weight):
            super().update_state(y_true, y_pred, sample_weight)
            return
        total, count = self.total.data, self.count.data
        if live_tapes or live_views:
            before_write(total, count)
        backends.of(total).add_largest(total, count, y_pred.data, y_true.data)

    def _is_plain(self, y_true: Any, y_pred: Any, sample_weight: Any) -> bool:
        """Whether these are tensors of the shapes that the function takes, on the device of the metric, and all that counts."""
        if sample_weight is not None or type(y_true) is not Tensor or type(y_pred) is not Tensor:
            return False
        true, pred = y_true.data, y_pred.data
        if getattr(y_pred, "_keras_mask", None) is not None or not type(true) is type(pred) is type(self.total.data):
            return False
        if self.fn is categorical_accuracy:
            return bool(pred.ndim > 1 and true.shape == pred.shape and pred.size)
        return bool(pred.ndim > 1 and true.shape == pred.shape[:-1] and pred.size and true.dtype.kind in "iu")


class CategoricalAccuracy(_LargestScore):
    """How often the largest score is that of the true class, for one-hot targets. Scores may be logits or
    probabilities.
    """

    def __init__(self, name: str | None = "categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(categorical_accuracy, name, dtype)


class SparseCategoricalAccuracy(_LargestScore):
    """How often the largest score is that of the label, for integer labels. Scores may be logits or probabilities.

    A label that is no class counts as wrong, as in Keras: there is no ``ignore_class`` here.
    """

    def __init__(self, name: str | None = "sparse_categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(sparse_categorical_accuracy, name, dtype)


class TopKCategoricalAccuracy(MeanScore):
    """How often the true class is among the k largest scores, for one-hot targets.

    Args:
        k: 5 by default.
    """

    def __init__(self, k: int = 5, name: str | None = "top_k_categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(top_k_categorical_accuracy, name, dtype, k=k)


class SparseTopKCategoricalAccuracy(MeanScore):
    """How often the label is among the k largest scores, for integer labels.

    Args:
        k: 5 by default.
        from_sorted_ids: whether ``y_pred`` holds class ids from the best on, instead of a score for each class.
    """

    def __init__(
        self,
        k: int = 5,
        name: str | None = "sparse_top_k_categorical_accuracy",
        dtype: Any = None,
        from_sorted_ids: bool = False,
    ) -> None:
        super().__init__(sparse_top_k_categorical_accuracy, name, dtype, k=k, from_sorted_ids=from_sorted_ids)
