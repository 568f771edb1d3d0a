"""The area under the curve of two rates, over all thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dualnet_backends as backends

from .. import config, ops
from ..core.tensor import Tensor
from ..core.tracing import no_grad
from ..serialization.configurable import attributes
from ..serialization.objects import deserialize_keras_object
from .confusion import ConfusionMetric
from .state import backend_of
from .thresholds import CONDITIONS, Thresholds, evenly

CURVES = ("ROC", "PR", "PRGAIN")
SUMMATION_METHODS = ("interpolation", "majoring", "minoring")


def _one_of(what: str, value: Any, names: Sequence[str]) -> str:
    for name in names:
        if isinstance(value, str) and value in (name, name.lower(), name.capitalize()):
            return name
    raise ValueError(f'Invalid {what} value: "{value}". Expected values are {list(names)}')


class AUC(ConfusionMetric):
    """The area under the ROC curve (or the precision-recall curve), from counts at thresholds.

    For ROC: the probability that a positive sample is scored above a negative one. It is exact up to how finely the
    thresholds cut; what matters is the order of the predictions, which should use the range from 0 to 1.

    Args:
        num_thresholds: 200 by default.
        curve: "ROC", "PR" (precision-recall) or "PRGAIN" (their gains).
        summation_method: "interpolation", "majoring" or "minoring": the heights between thresholds.
        thresholds: between 0 and 1, in place of evenly distributed ones.
        multi_label: the mean of the areas of the columns, instead of the area of all numbers.
        num_labels: the number of columns, else that of the first batch.
        label_weights: a weight for each label.
        from_logits: whether ``y_pred`` holds logits.
    """

    _direction = "up"
    _hint = "For scores of several classes give one-hot targets: dualnet.utils.to_categorical makes them"
    _config_attributes = attributes(thresholds=None)

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: Any = None,
        thresholds: Sequence[float] | None = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Sequence[float] | None = None,
        from_logits: bool = False,
    ) -> None:
        self.curve = _one_of("AUC curve", curve, CURVES)
        self.summation_method = _one_of("AUC summation method", summation_method, SUMMATION_METHODS)
        if thresholds is None and num_thresholds <= 1:
            raise ValueError(
                f"Argument `num_thresholds` must be an integer > 1. Received: num_thresholds={num_thresholds}"
            )
        if num_labels and not multi_label:
            raise ValueError("`num_labels` is needed only when `multi_label` is True.")
        super().__init__(name=name, dtype=dtype)
        inner = sorted(thresholds) if thresholds is not None else evenly(num_thresholds)[1:-1]
        self._inner_thresholds = None if thresholds is None else [float(t) for t in inner]
        self.num_thresholds = len(inner) + 2
        # The ends lie outside [0, 1]: the curve begins where all is positive and ends where nothing is.
        self._thresholds = Thresholds([-config.epsilon(), *inner, 1 + config.epsilon()])
        self.multi_label, self.num_labels = multi_label, num_labels
        self.from_logits = from_logits
        self.label_weights = None if label_weights is None else [float(w) for w in label_weights]
        if label_weights is not None:
            self._label_weights = ops.convert_to_tensor(self.label_weights, config.floatx())
        self._built = False
        if not multi_label:
            self._build(None)
        elif num_labels:
            self._build((None, num_labels))

    @property
    def thresholds(self) -> list[float]:
        """All thresholds, with the two beyond the ends."""
        return self._thresholds.values

    def _build(self, shape: Any, backend: backends.Backend | None = None) -> None:
        """Make the variables. shape: of the predictions, for ``multi_label``."""
        if shape is not None and len(shape) != 2:
            raise ValueError(
                f"`y_pred` must have rank 2 when `multi_label=True`. Found rank {len(shape)}. Full shape received for "
                f"`y_pred`: {shape}"
            )
        self._add_counters(*CONDITIONS, columns=() if shape is None else (shape[1],), backend=backend)
        self._built = True

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch, without what the mask of ``y_pred`` leaves out.

        Args:
            y_true: 0 and 1.
            y_pred: from 0 to 1, of the same shape; with ``multi_label`` (batch, labels).
            sample_weight: a number, or a shape that fits the first axes.
        """
        with no_grad():
            if not self._built:
                self._build(ops.shape(y_pred), backend_of(y_pred))
            scores = ops.sigmoid(y_pred) if self.from_logits else y_pred
            self._add_batch(y_true, scores, sample_weight, getattr(y_pred, "_keras_mask", None))

    def result(self) -> Tensor:
        if not self._built:
            return ops.zeros(())
        if self.curve == "PR" and self.summation_method == "interpolation":
            return self._total(self._interpolated_pr())
        x, y = self._curve()
        left, right = y[:-1], y[1:]
        if self.summation_method == "interpolation":
            heights = (left + right) / 2.0
        else:
            heights = (ops.minimum if self.summation_method == "minoring" else ops.maximum)(left, right)
        return self._total((x[:-1] - x[1:]) * heights)

    def _curve(self) -> tuple[Tensor, Tensor]:
        """The points (x, y) of the curve, at each threshold."""
        tp, fp, tn, fn = self.true_positives, self.false_positives, self.true_negatives, self.false_negatives
        recall = ops.divide_no_nan(tp, ops.add(tp, fn))
        if self.curve == "ROC":
            return ops.divide_no_nan(fp, ops.add(fp, tn)), recall
        if self.curve == "PR":
            return recall, ops.divide_no_nan(tp, ops.add(tp, fp))
        # Flach and Kull, Precision-Recall-Gain Curves (NIPS 2015).
        odds = ops.divide_no_nan(ops.add(tp, fn), ops.add(tn, fp))
        nothing = ops.equal(tp, 0)
        recall_gain = ops.where(nothing, 0.0, 1.0 - odds * ops.divide_no_nan(fn, tp))
        precision_gain = ops.where(nothing, 1.0, 1.0 - odds * ops.divide_no_nan(fp, tp))
        return ops.maximum(recall_gain, 0.0), precision_gain

    def _interpolated_pr(self) -> Tensor:
        """The areas between thresholds of the precision-recall curve, on which true positives are interpolated against
        false ones (Davis and Goadrich, ICML 2006)."""
        tp = self.true_positives
        p = ops.add(tp, self.false_positives)
        dtp, dp = tp[:-1] - tp[1:], p[:-1] - p[1:]
        slope = ops.divide_no_nan(dtp, ops.maximum(dp, 0.0))
        intercept = tp[1:] - slope * p[1:]
        both = ops.logical_and(ops.greater(p[:-1], 0), ops.greater(p[1:], 0))
        ratio = ops.where(both, ops.divide_no_nan(p[:-1], ops.maximum(p[1:], 0.0)), 1.0)
        positives = ops.maximum(tp[1:] + self.false_negatives[1:], 0.0)
        return ops.divide_no_nan(slope * (dtp + intercept * ops.log(ratio)), positives)

    def _total(self, areas: Tensor) -> Tensor:
        if not self.multi_label:
            return ops.sum(areas)
        by_label = ops.sum(areas, axis=0)
        if self._label_weights is None:
            return ops.mean(by_label)
        weights = self._label_weights
        return ops.divide_no_nan(ops.sum(by_label * weights), ops.sum(weights))

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        return config if self._inner_thresholds is None else {**config, "thresholds": self._inner_thresholds}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> AUC:
        return cls(**deserialize_keras_object(config))  # Keras writes label_weights as a tensor
