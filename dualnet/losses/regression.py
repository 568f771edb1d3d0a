"""Losses between numbers."""

from __future__ import annotations

from typing import Any

from ..ops import loss as _loss
from ..tensor import Tensor
from .loss import LossFunctionWrapper
from .reduction import same_shape


def mean_squared_error(y_true: Any, y_pred: Any) -> Tensor:
    """The mean of (y_true - y_pred)^2 over the last axis.  (batch, ..., n) -> (batch, ...)

    Raises ``ValueError`` when the shapes differ by more than a last axis of length 1.
    """
    return _loss.mean_squared_error(*same_shape("mean_squared_error", y_true, y_pred))


def mean_absolute_error(y_true: Any, y_pred: Any) -> Tensor:
    """The mean of |y_true - y_pred| over the last axis.  (batch, ..., n) -> (batch, ...)

    Raises ``ValueError`` when the shapes differ by more than a last axis of length 1.
    """
    return _loss.mean_absolute_error(*same_shape("mean_absolute_error", y_true, y_pred))


class MeanSquaredError(LossFunctionWrapper):
    """The mean of (y_true - y_pred)^2. The arguments are those of ``Loss``."""

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_squared_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(mean_squared_error, reduction=reduction, name=name, dtype=dtype)


class MeanAbsoluteError(LossFunctionWrapper):
    """The mean of |y_true - y_pred|. The arguments are those of ``Loss``."""

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_absolute_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(mean_absolute_error, reduction=reduction, name=name, dtype=dtype)
