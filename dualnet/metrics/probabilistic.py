"""Distances of distributions, and losses of counts, as metrics."""

from __future__ import annotations

from typing import Any

from ..losses import kl_divergence, poisson
from .reduction import MeanMetricWrapper


class KLDivergence(MeanMetricWrapper):
    """The mean of sum(y_true log(y_true / y_pred))."""

    def __init__(self, name: str | None = "kl_divergence", dtype: Any = None) -> None:
        super().__init__(kl_divergence, name, dtype)


class Poisson(MeanMetricWrapper):
    """The mean of y_pred - y_true log(y_pred), for counts."""

    def __init__(self, name: str | None = "poisson", dtype: Any = None) -> None:
        super().__init__(poisson, name, dtype)
