"""The harmonic mean of precision and recall."""

from __future__ import annotations

from functools import partial
from typing import Any

import dualnet_backends as backends

from .. import config, ops
from ..core.tensor import Tensor
from ..core.tracing import no_grad
from .metric import Metric
from .state import add_to, as_array, backend_of, weights_for

AVERAGES = (None, "micro", "macro", "weighted")


class FBetaScore(Metric):
    """(1 + beta^2) precision recall / (beta^2 precision + recall), for each class.

    With a single column and no threshold Keras takes every sample as positive, the largest of one being itself.

    Args:
        average: None gives one number for each class, "macro" their mean, "weighted" their mean by how frequent each
            is, "micro" the score of all classes counted together.
        beta: how much more recall matters than precision.
        threshold: what a prediction must exceed; None takes the largest of each sample, or for a single column 0.5.
    """

    _direction = "up"

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str | None = "fbeta_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        if average not in AVERAGES:
            raise ValueError(
                "Invalid `average` argument value. Expected one of: {None, 'micro', 'macro', 'weighted'}. "
                f"Received: average={average}"
            )
        if not isinstance(beta, float):
            raise ValueError(
                "Invalid `beta` argument value. It should be a Python float. "
                f"Received: beta={beta} of type '{type(beta)}'"
            )
        if beta <= 0.0:
            raise ValueError(f"Invalid `beta` argument value. It should be > 0. Received: beta={beta}")
        if threshold is not None:
            if not isinstance(threshold, float):
                raise ValueError(
                    "Invalid `threshold` argument value. It should be a Python float. "
                    f"Received: threshold={threshold} of type '{type(threshold)}'"
                )
            if threshold > 1.0 or threshold <= 0.0:
                raise ValueError(
                    "Invalid `threshold` argument value. It should verify 0 < threshold <= 1. "
                    f"Received: threshold={threshold}"
                )
        self.average, self.beta, self.threshold = average, beta, threshold
        self._built = False

    def _build(self, y_true_shape: Any, y_pred_shape: Any, backend: backends.Backend | None = None) -> None:
        if len(y_true_shape) != 2 or len(y_pred_shape) != 2:
            raise ValueError(
                "FBetaScore expects 2D inputs with shape (batch_size, output_dim). Received input shapes: "
                f"y_pred.shape={y_pred_shape} and y_true.shape={y_true_shape}."
            )
        shape = () if self.average == "micro" else (y_pred_shape[-1],)
        zeros = partial(self._add_zeros, shape=shape, backend=backend, dtype=self.dtype)
        self.true_positives, self.false_positives = zeros("true_positives"), zeros("false_positives")
        self.false_negatives, self.intermediate_weights = zeros("false_negatives"), zeros("intermediate_weights")
        self._built = True

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch, without what the mask of ``y_pred`` leaves out.

        Args:
            y_pred: (batch, classes).
            y_true: 0 and 1 of that shape, or integer labels (batch,) or (batch, 1).
            sample_weight: a number, or one per sample.
        """
        with no_grad():
            mask = getattr(y_pred, "_keras_mask", None)
            backend = backend_of(self.true_positives if self._built else y_pred)
            xp, dtype = backend.xp, self.dtype
            true, pred = as_array(y_true, backend), as_array(y_pred, backend, dtype)
            if pred.ndim == 2 and true.shape in ((pred.shape[0],), (pred.shape[0], 1)) and true.shape != pred.shape:
                labels = true.reshape(-1)
                true = labels[:, None] if pred.shape[1] == 1 else backend.one_hot(labels, pred.shape[1], dtype)
            if not self._built:
                self._build(true.shape, pred.shape, backend)
            if true.shape != pred.shape:
                raise ValueError(
                    f"{self.name}: y_true and y_pred must have the same shape, or y_true holds integer labels (batch,), got "
                    f"{true.shape} and {pred.shape}"
                )
            if self.threshold is not None:
                hit = pred > self.threshold
            elif pred.shape[1] == 1:
                hit = pred > 0.5
            else:
                hit = (pred >= pred.max(axis=-1, keepdims=True)) & (xp.abs(pred) > 1e-9)
            pred, true = hit.astype(dtype), true.astype(dtype, copy=False)
            weight = weights_for(self.name, pred.shape, sample_weight, mask, backend, dtype)
            axis = None if self.average == "micro" else 0
            both = pred * true
            for variable, values in (
                (self.true_positives, both),
                (self.false_positives, pred - both),
                (self.false_negatives, true - both),
                (self.intermediate_weights, true),
            ):
                add_to(variable, (values if weight is None else values * weight).sum(axis=axis))

    def result(self) -> Tensor:
        if not self._built:
            return ops.zeros(())
        eps, tp = config.epsilon(), self.true_positives
        precision = tp / (tp + self.false_positives + eps)
        recall = tp / (tp + self.false_negatives + eps)
        square = self.beta**2
        score: Tensor = (1 + square) * (precision * recall / (square * precision + recall + eps))
        if self.average == "weighted":
            weights = self.intermediate_weights / (ops.sum(self.intermediate_weights) + eps)
            return ops.sum(score * weights)
        return score if self.average is None else ops.mean(score)


class F1Score(FBetaScore):
    """2 precision recall / (precision + recall), for each class.

    Args:
        average, threshold: as for ``FBetaScore``.
    """

    def __init__(
        self,
        average: str | None = None,
        threshold: float | None = None,
        name: str | None = "f1_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(average=average, beta=1.0, threshold=threshold, name=name, dtype=dtype)
