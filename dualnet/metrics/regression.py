"""Errors of numbers, as metrics."""

from __future__ import annotations

from typing import Any

from .. import ops
from ..autodiff import primitive
from ..losses import mean_absolute_error, mean_squared_error
from ..losses.reduction import same_shape
from ..ops._common import Const, floating
from ..tensor import Array, Tensor, Xp
from .reduction import MeanMetricWrapper


class MeanSquaredError(MeanMetricWrapper):
    """The mean of (y_true - y_pred)^2.

    name: "mean_squared_error" by default. dtype: of the result, by default ``floatx()``.
    """

    _direction = "down"

    def __init__(self, name: str | None = "mean_squared_error", dtype: Any = None) -> None:
        super().__init__(mean_squared_error, name, dtype)


class MeanAbsoluteError(MeanMetricWrapper):
    """The mean of |y_true - y_pred|.

    name: "mean_absolute_error" by default. dtype: of the result, by default ``floatx()``.
    """

    _direction = "down"

    def __init__(self, name: str | None = "mean_absolute_error", dtype: Any = None) -> None:
        super().__init__(mean_absolute_error, name, dtype)


@primitive
def _squares(xp: Xp, y_true: Array, y_pred: Array) -> Const:
    y_pred = floating(y_pred)
    error = y_pred - y_true.astype(y_pred.dtype, copy=False)
    return error * error, None


def _squared_error(y_true: Any, y_pred: Any) -> Tensor:
    """(y_true - y_pred)^2, element by element."""
    return _squares(*same_shape("root_mean_squared_error", y_true, y_pred))


class RootMeanSquaredError(MeanMetricWrapper):
    """The square root of the mean of (y_true - y_pred)^2.

    name: "root_mean_squared_error" by default. dtype: of the result, by default ``floatx()``. Weights may be given for
    each element.
    """

    _direction = "down"

    def __init__(self, name: str | None = "root_mean_squared_error", dtype: Any = None) -> None:
        super().__init__(_squared_error, name, dtype)

    def result(self) -> Tensor:
        return ops.sqrt(super().result())
