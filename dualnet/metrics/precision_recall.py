"""Precision and recall."""

from __future__ import annotations

from typing import Any

from ..core.tensor import Tensor
from ..serialization.configurable import attributes
from .confusion import ConfusionMetric
from .thresholds import ALWAYS_EXCEEDED, Thresholds, as_list


class _Share(ConfusionMetric):
    """True positives among something."""

    _direction = "up"
    _other: str
    _config_attributes = attributes(thresholds="init_thresholds")

    def __init__(
        self,
        thresholds: Any = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        self.init_thresholds, self.top_k, self.class_id = thresholds, top_k, class_id
        self._thresholds = Thresholds(as_list(thresholds, 0.5 if top_k is None else ALWAYS_EXCEEDED))
        self._add_counters("true_positives", self._other)

    def result(self) -> Tensor:
        return self._result(self._share("true_positives", self._other))


class Precision(_Share):
    """How many of what is predicted positive (y_pred > threshold) is: tp / (tp + fp), 0 where nothing is predicted.

    Args:
        thresholds: one or several from 0 to 1, 0.5 by default; several give as many results.
        top_k: take the k largest of each sample as predicted.
        class_id: of one class alone.
    """

    _other = "false_positives"


class Recall(_Share):
    """How many of the positives are predicted to be (y_pred > threshold): tp / (tp + fn), 0 where there are none.

    Args:
        thresholds: one or several from 0 to 1, 0.5 by default; several give as many results.
        top_k: take the k largest of each sample as predicted.
        class_id: of one class alone.
    """

    _other = "false_negatives"
