"""Counts of right and wrong predictions of two classes, at one threshold or several."""

from __future__ import annotations

from typing import Any

import dualnet_backends as backends

from .. import ops
from ..core.tensor import Tensor
from ..core.tracing import no_grad
from ..core.variables import Variable
from ..losses.targets import check_range
from ..serialization.configurable import attributes
from .metric import Metric
from .state import add_to, as_array, same_rank, weights_for
from .thresholds import Thresholds, as_list, only_top_k


class ConfusionMetric(Metric):
    """Base of the metrics computed from true and false positives and negatives at thresholds.

    ``_counts`` holds a variable of shape (thresholds,) for each number that is needed.
    """

    true_positives: Variable
    false_positives: Variable
    true_negatives: Variable
    false_negatives: Variable
    _counts: dict[str, Variable]
    _thresholds: Thresholds
    _hint = (
        "For scores of several classes give one-hot targets, and for one class of several class_id=, where there is one"
    )
    top_k: int | None = None
    class_id: int | None = None
    multi_label = False
    _label_weights: Tensor | None = None

    @property
    def thresholds(self) -> list[float]:
        """Predictions above a threshold count as 1. The constructor sets them, and with them the number of results."""
        return self._thresholds.values

    def _add_counters(
        self, *names: str, columns: tuple[int, ...] = (), backend: backends.Backend | None = None
    ) -> None:
        """Make the variables, which are attributes too; ``self._thresholds`` is set."""
        shape = (len(self._thresholds.values), *columns)
        self._counts = {name: self._add_zeros(name, shape, backend) for name in names}
        for name, variable in self._counts.items():
            setattr(self, name, variable)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch, without what the mask of ``y_pred`` leaves out.

        Args:
            y_true: 0 and 1; -1 or 2 raise ``ValueError`` (on the host).
            y_pred: numbers, as a rule from 0 to 1, of the same shape.
            sample_weight: a number, or a shape that fits the first axes.
        """
        with no_grad():
            self._add_batch(y_true, y_pred, sample_weight, getattr(y_pred, "_keras_mask", None))

    def _add_batch(self, y_true: Any, y_pred: Any, sample_weight: Any, mask: Any) -> None:
        state = next(iter(self._counts.values())).data
        backend = backends.of(state)
        true, pred = (as_array(x, backend) for x in (y_true, y_pred))
        true, pred = same_rank(self.name, true, pred, self._hint)
        check_range(self.name, true, 0, 1)
        pred = pred.astype(state.dtype, copy=False)
        if self.top_k is not None:
            pred = only_top_k(backend, pred, self.top_k)
        if self.class_id is not None:
            if pred.ndim < 2:
                raise ValueError(
                    "When class_id is provided, y_pred must be a 2D array with shape (num_samples, num_classes), "
                    f"found shape: {pred.shape}"
                )
            true, pred = true[..., self.class_id, None], pred[..., self.class_id, None]
        weight = weights_for(self.name, pred.shape, sample_weight, mask, backend, state.dtype)
        if self._label_weights is not None and not self.multi_label:
            labels = as_array(self._label_weights, backend, state.dtype)
            weight = labels if weight is None else weight * labels
        counts = self._thresholds.count(backend, true.astype(bool), pred, weight, list(self._counts), self.multi_label)
        for name, value in counts.items():
            add_to(self._counts[name], value)

    def _result(self, values: Tensor) -> Tensor:
        """One number for one threshold, else one for each."""
        return values[0] if values.shape == (1,) else values

    def _share(self, name: str, other: str) -> Tensor:
        """name / (name + other), 0 where both are."""
        return ops.divide_no_nan(self._counts[name], ops.add(self._counts[name], self._counts[other]))


class _Count(ConfusionMetric):
    """One of the four numbers."""

    _which: str
    _config_attributes = attributes(thresholds="init_thresholds")

    def __init__(self, thresholds: Any = None, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(name=name, dtype=dtype)
        self.init_thresholds = thresholds
        self._thresholds = Thresholds(as_list(thresholds, 0.5))
        self.accumulator = self._add_zeros("accumulator", (len(self.thresholds),))
        self._counts = {self._which: self.accumulator}

    def result(self) -> Tensor:
        return self._result(ops.copy(self.accumulator))


class TruePositives(_Count):
    """How many positives (y_true 1) are predicted to be (y_pred > threshold), or the sum of their weights.

    Args:
        thresholds: one or several from 0 to 1, 0.5 by default; several give as many results.
    """

    _which = "true_positives"


class TrueNegatives(_Count):
    """How many negatives (y_true 0) are predicted to be (y_pred <= threshold), or the sum of their weights.

    Args:
        thresholds: one or several from 0 to 1, 0.5 by default; several give as many results.
    """

    _which = "true_negatives"


class FalsePositives(_Count):
    """How many negatives (y_true 0) are predicted positive (y_pred > threshold), or the sum of their weights.

    Args:
        thresholds: one or several from 0 to 1, 0.5 by default; several give as many results.
    """

    _which = "false_positives"


class FalseNegatives(_Count):
    """How many positives (y_true 1) are predicted negative (y_pred <= threshold), or the sum of their weights.

    Args:
        thresholds: one or several from 0 to 1, 0.5 by default; several give as many results.
    """

    _which = "false_negatives"
