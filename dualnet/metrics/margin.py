"""Hinge losses, as metrics."""

from __future__ import annotations

from typing import Any

from ..losses import categorical_hinge, hinge, squared_hinge
from .reduction import MeanMetricWrapper


class Hinge(MeanMetricWrapper):
    """The mean of max(1 - y_true y_pred, 0), for targets of -1 and 1 (or 0 and 1)."""

    def __init__(self, name: str | None = "hinge", dtype: Any = None) -> None:
        super().__init__(hinge, name, dtype)


class SquaredHinge(MeanMetricWrapper):
    """The mean of max(1 - y_true y_pred, 0)^2, for targets of -1 and 1 (or 0 and 1)."""

    def __init__(self, name: str | None = "squared_hinge", dtype: Any = None) -> None:
        super().__init__(squared_hinge, name, dtype)


class CategoricalHinge(MeanMetricWrapper):
    """The mean of max(1 + the best wrong score - the score of the true class, 0), for one-hot targets."""

    def __init__(self, name: str | None = "categorical_hinge", dtype: Any = None) -> None:
        super().__init__(categorical_hinge, name, dtype)
