"""Errors of numbers, as metrics."""

from __future__ import annotations

from typing import Any

from .. import ops
from ..core.op import primitive
from ..core.tensor import Array, Tensor, Xp
from ..losses import (
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
)
from ..losses.reduction import same_shape
from ..ops._common import Const, floating
from ..ops.nn import regression_loss as _error
from .reduction import MeanMetricWrapper, MeanScore


class MeanSquaredError(MeanMetricWrapper):
    """The mean of (y_true - y_pred)^2."""

    def __init__(self, name: str | None = "mean_squared_error", dtype: Any = None) -> None:
        super().__init__(mean_squared_error, name, dtype)


class MeanAbsoluteError(MeanMetricWrapper):
    """The mean of |y_true - y_pred|."""

    def __init__(self, name: str | None = "mean_absolute_error", dtype: Any = None) -> None:
        super().__init__(mean_absolute_error, name, dtype)


class MeanAbsolutePercentageError(MeanMetricWrapper):
    """100 times the mean of |y_true - y_pred| / |y_true|."""

    def __init__(self, name: str | None = "mean_absolute_percentage_error", dtype: Any = None) -> None:
        super().__init__(mean_absolute_percentage_error, name, dtype)


class MeanSquaredLogarithmicError(MeanMetricWrapper):
    """The mean of (log(1 + y_true) - log(1 + y_pred))^2."""

    def __init__(self, name: str | None = "mean_squared_logarithmic_error", dtype: Any = None) -> None:
        super().__init__(mean_squared_logarithmic_error, name, dtype)


class LogCoshError(MeanMetricWrapper):
    """The mean of log(cosh(y_pred - y_true))."""

    def __init__(self, name: str | None = "logcosh", dtype: Any = None) -> None:
        super().__init__(log_cosh, name, dtype)


def _cosine(y_true: Any, y_pred: Any, axis: int = -1) -> Tensor:
    """The cosine itself; the loss of that name is minus it."""
    return _error.cosine(*same_shape("cosine_similarity", y_true, y_pred), axis=axis)


class CosineSimilarity(MeanScore):
    """The mean cosine of the angle between y_true and y_pred: 1 for the same direction. (The loss of that name is minus
    it.)

    Args:
        axis: of the vectors.
    """

    def __init__(self, name: str | None = "cosine_similarity", dtype: Any = None, axis: int = -1) -> None:
        super().__init__(_cosine, name, dtype, axis=axis)


@primitive
def _squares(xp: Xp, y_true: Array, y_pred: Array, /) -> Const:
    y_pred = floating(y_pred)
    error = y_pred - y_true.astype(y_pred.dtype, copy=False)
    return error * error, None


def _squared_error(y_true: Any, y_pred: Any) -> Tensor:
    """(y_true - y_pred)^2, element by element."""
    return _squares(*same_shape("root_mean_squared_error", y_true, y_pred))


class RootMeanSquaredError(MeanMetricWrapper):
    """The square root of the mean of (y_true - y_pred)^2.

    Weights may be given for each element.
    """

    _direction = "down"

    def __init__(self, name: str | None = "root_mean_squared_error", dtype: Any = None) -> None:
        super().__init__(_squared_error, name, dtype)

    def result(self) -> Tensor:
        return ops.sqrt(super().result())
