"""Agreement beyond chance."""

from __future__ import annotations

from typing import Any

import dualnet_backends as backends

from .. import config, ops
from ..core.placement import beside
from ..core.tensor import Array, Tensor
from ..core.tracing import no_grad
from .metric import Metric
from .state import add_to_matrix, as_array, backend_of, weights_for

WEIGHTAGES = (None, "linear", "quadratic")


class CohenKappa(Metric):
    """Cohen's kappa: 1 - (disagreement observed) / (disagreement by chance). 1 is full agreement, 0 that of chance.

    (Keras has none; this is what TensorFlow Addons had.)

    Where only one class was seen and predicted, chance leaves nothing to disagree on: the result is 0.

    Args:
        num_classes: from 2 on; None takes the columns of the first predictions, or 2 for a single one.
        weightage: None counts every disagreement as 1, "linear" by the distance of the two classes, "quadratic" by its
            square.
        sparse_labels: whether integer labels are meant where labels and predictions have one shape.
        regression: whether predictions are class ids as numbers, to be rounded.
        dtype: of the counts, by default ``floatx()``.
    """

    _direction = "up"

    def __init__(
        self,
        num_classes: int | None = None,
        name: str | None = "cohen_kappa",
        weightage: str | None = None,
        sparse_labels: bool = False,
        regression: bool = False,
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        if weightage not in WEIGHTAGES:
            raise ValueError(f"Unknown kappa weighting type {weightage!r}: expected one of {WEIGHTAGES}")
        if num_classes is not None and num_classes < 2:
            raise ValueError(f"CohenKappa: num_classes must be at least 2, got {num_classes}")
        self.num_classes, self.weightage = num_classes, weightage
        self.sparse_labels, self.regression = sparse_labels, regression
        self._built = False
        if num_classes is not None:
            self._build(num_classes)

    def _build(self, classes: int, backend: backends.Backend | None = None) -> None:
        self.conf_mtx = self._add_zeros("conf_mtx", (classes, classes), backend, self.dtype)
        self._built = True

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch, without what the mask of ``y_pred`` leaves out.

        Args:
            y_pred: a number for each class (batch, classes), the probability of class 1 (batch,) or (batch, 1) where
                there are two, or with ``regression`` the class as a number.
            y_true: one-hot of that shape, or integer labels.
            sample_weight: a number, or one per sample.
        """
        with no_grad():
            mask = getattr(y_pred, "_keras_mask", None)
            backend = backend_of(self.conf_mtx if self._built else y_pred)
            true, pred = as_array(y_true, backend), as_array(y_pred, backend)
            columns = pred.shape[-1] if pred.ndim > 1 and not self.regression else 1
            if not self._built:
                self._build(max(columns, 2), backend)
            total = self.conf_mtx.data
            if columns > 1 and true.shape == pred.shape and not self.sparse_labels:
                true = true.argmax(axis=-1)
            pred = pred.argmax(axis=-1) if columns > 1 else self._class_of(backend, pred, total.shape[0])
            if true.size != pred.size:
                raise ValueError(
                    f"{self.name}: expected one label for each prediction, or one-hot labels, got y_true of shape "
                    f"{ops.shape(y_true)} and y_pred of shape {ops.shape(y_pred)}"
                )
            true, pred = true.reshape(-1), pred.reshape(-1)
            weight = weights_for(self.name, true.shape, sample_weight, mask, backend, total.dtype)
            add_to_matrix(backend, total, true, pred, weight)

    def _class_of(self, backend: backends.Backend, pred: Array, classes: int) -> Array:
        if self.regression:
            return backend.xp.rint(pred)
        if classes > 2:
            raise ValueError(
                f"{self.name}: for {classes} classes y_pred must have a column for each, got shape {pred.shape}; class ids as "
                "numbers need regression=True"
            )
        return pred > 0.5

    def result(self) -> Tensor:
        if not self._built:
            return ops.zeros(())
        observed = self.conf_mtx
        total = ops.sum(observed)
        chance = ops.divide_no_nan(
            ops.sum(observed, axis=1, keepdims=True) * ops.sum(observed, axis=0, keepdims=True), total
        )
        with beside([observed]):
            ids = ops.arange(observed.shape[0], dtype=config.floatx())
        distance = ops.abs(ops.expand_dims(ids, 1) - ids)
        if self.weightage is None:
            distance = ops.cast(ops.greater(distance, 0), config.floatx())
        elif self.weightage == "quadratic":
            distance = distance * distance
        by_chance = ops.sum(chance * distance)
        ratio = ops.divide_no_nan(ops.sum(observed * distance), by_chance)
        return ops.where(ops.greater(by_chance, 0), 1 - ratio, 0.0)
