"""Cosine similarity, and the root mean squared error."""

from __future__ import annotations

from typing import Any

from .. import ops
from ..core.op import primitive
from ..core.tensor import Array, Tensor, Xp
from ..losses.reduction import same_shape
from ..ops._common import NoGrad, floating
from ..ops.nn import regression_loss as _error
from .reduction import MeanMetricWrapper, MeanScore


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
def _squares(xp: Xp, y_true: Array, y_pred: Array, /) -> NoGrad:
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
