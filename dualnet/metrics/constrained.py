"""The best of one measure of two classes, at the thresholds where another is good enough."""

from __future__ import annotations

from typing import Any

from .. import ops
from ..core.tensor import Tensor
from .confusion import ConfusionMetric
from .thresholds import CONDITIONS, Thresholds, evenly

# Each measure is a share of two of the counts.
_SENSITIVITY = _RECALL = ("true_positives", "false_negatives")
_SPECIFICITY = ("true_negatives", "false_positives")
_PRECISION = ("true_positives", "false_positives")


class _Constrained(ConfusionMetric):
    """The largest ``_objective`` at the thresholds where ``_constraint`` is at least ``value``; 0 if there are none."""

    _direction = "up"
    _objective: tuple[str, str]
    _constraint: tuple[str, str]
    _argument: str

    def __init__(self, value: float, num_thresholds: int, class_id: int | None, name: str | None, dtype: Any) -> None:
        if not 0 <= value <= 1:
            raise ValueError(
                f"Argument `{self._argument}` must be in the range [0, 1]. Received: {self._argument}={value}"
            )
        if num_thresholds <= 0:
            raise ValueError(
                f"Argument `num_thresholds` must be an integer > 0. Received: num_thresholds={num_thresholds}"
            )
        super().__init__(name=name, dtype=dtype)
        self.num_thresholds, self.class_id = num_thresholds, class_id
        self._thresholds = Thresholds([0.5] if num_thresholds == 1 else evenly(num_thresholds))
        self._add_counters(*CONDITIONS)

    @property
    def value(self) -> Any:
        """How large ``_constraint`` has to be: the argument of the class."""
        return getattr(self, self._argument)

    def result(self) -> Tensor:
        satisfied = ops.greater_equal(self._share(*self._constraint), self.value)
        return ops.max(ops.where(satisfied, self._share(*self._objective), 0.0))


class SensitivityAtSpecificity(_Constrained):
    """The best sensitivity tp / (tp + fn) at which the specificity tn / (tn + fp) is at least ``specificity``.

    Args:
        specificity: from 0 to 1.
        num_thresholds: how many to try, 200 by default.
        class_id: of one class alone.
    """

    _objective, _constraint, _argument = _SENSITIVITY, _SPECIFICITY, "specificity"

    def __init__(
        self,
        specificity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(specificity, num_thresholds, class_id, name, dtype)
        self.specificity = specificity


class SpecificityAtSensitivity(_Constrained):
    """The best specificity tn / (tn + fp) at which the sensitivity tp / (tp + fn) is at least ``sensitivity``.

    Args:
        sensitivity: from 0 to 1.
        num_thresholds: how many to try, 200 by default.
        class_id: of one class alone.
    """

    _objective, _constraint, _argument = _SPECIFICITY, _SENSITIVITY, "sensitivity"

    def __init__(
        self,
        sensitivity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(sensitivity, num_thresholds, class_id, name, dtype)
        self.sensitivity = sensitivity


class PrecisionAtRecall(_Constrained):
    """The best precision tp / (tp + fp) at which the recall tp / (tp + fn) is at least ``recall``.

    Args:
        recall: from 0 to 1.
        num_thresholds: how many to try, 200 by default.
        class_id: of one class alone.
    """

    _objective, _constraint, _argument = _PRECISION, _RECALL, "recall"

    def __init__(
        self,
        recall: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(recall, num_thresholds, class_id, name, dtype)
        self.recall = recall


class RecallAtPrecision(_Constrained):
    """The best recall tp / (tp + fn) at which the precision tp / (tp + fp) is at least ``precision``.

    Args:
        precision: from 0 to 1.
        num_thresholds: how many to try, 200 by default.
        class_id: of one class alone.
    """

    _objective, _constraint, _argument = _RECALL, _PRECISION, "precision"

    def __init__(
        self,
        precision: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(precision, num_thresholds, class_id, name, dtype)
        self.precision = precision
