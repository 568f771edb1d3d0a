"""Losses between distributions, and of counts."""

from __future__ import annotations

from typing import Any

from ..core.tensor import Tensor
from ..ops.nn import regression_loss as _error
from .loss import LossFunctionWrapper
from .reduction import same_shape


def kl_divergence(y_true: Any, y_pred: Any) -> Tensor:
    """The sum of y_true log(y_true / y_pred) over the last axis.  (batch, ..., n) -> (batch, ...)

    Both are clipped to [``epsilon()``, 1]. Raises ``ValueError`` when the shapes differ by more than a last axis of
    length 1.
    """
    return _error.kl_divergence(*same_shape("kl_divergence", y_true, y_pred))


def poisson(y_true: Any, y_pred: Any) -> Tensor:
    """The mean of y_pred - y_true log(y_pred) over the last axis.  (batch, ..., n) -> (batch, ...)

    Args:
        y_true: counts.
        y_pred: the expected counts, not negative.

    Raises:
        ValueError: the shapes differ by more than a last axis of length 1.
    """
    return _error.poisson(*same_shape("poisson", y_true, y_pred))


class KLDivergence(LossFunctionWrapper):
    """The sum of y_true log(y_true / y_pred): how far one distribution is from another. The arguments are those of
    ``Loss``."""

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str | None = "kl_divergence", dtype: Any = None
    ) -> None:
        super().__init__(kl_divergence, reduction, name, dtype)


class Poisson(LossFunctionWrapper):
    """The mean of y_pred - y_true log(y_pred), for counts. The arguments are those of ``Loss``."""

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str | None = "poisson", dtype: Any = None
    ) -> None:
        super().__init__(poisson, reduction, name, dtype)
