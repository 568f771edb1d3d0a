"""Hinge losses: those of support vector machines."""

from __future__ import annotations

from typing import Any

from ..core.tensor import Tensor
from ..ops.nn import hinge as _margin
from .loss import LossFunctionWrapper
from .reduction import same_shape
from .targets import check_targets, takes_targets


@takes_targets(-1, 1)
def hinge(y_true: Any, y_pred: Any) -> Tensor:
    """The mean of max(1 - y_true y_pred, 0) over the last axis.  (batch, ..., n) -> (batch, ...)

    Args:
        y_true: -1 and 1; if all are 0 or 1 they become -1 and 1.

    Raises:
        ValueError: the shapes differ by more than a last axis of length 1.
    """
    y_true, y_pred = same_shape("hinge", y_true, y_pred)
    check_targets(hinge, y_true)
    return _margin.hinge(y_true, y_pred)


@takes_targets(-1, 1)
def squared_hinge(y_true: Any, y_pred: Any) -> Tensor:
    """The mean of max(1 - y_true y_pred, 0)^2 over the last axis.  (batch, ..., n) -> (batch, ...)

    Args:
        y_true: -1 and 1; if all are 0 or 1 they become -1 and 1.

    Raises:
        ValueError: the shapes differ by more than a last axis of length 1.
    """
    y_true, y_pred = same_shape("squared_hinge", y_true, y_pred)
    check_targets(squared_hinge, y_true)
    return _margin.squared_hinge(y_true, y_pred)


@takes_targets(0, 1)
def categorical_hinge(y_true: Any, y_pred: Any) -> Tensor:
    """max(1 + the largest (1 - y_true) y_pred - sum(y_true y_pred), 0).  (batch, ..., classes) -> (batch, ...)

    Args:
        y_true: one-hot.

    Raises:
        ValueError: the shapes differ.
    """
    hint = "The targets must be one-hot: dualnet.utils.to_categorical makes them from integer labels"
    y_true, y_pred = same_shape("categorical_hinge", y_true, y_pred, hint)
    check_targets(categorical_hinge, y_true)
    return _margin.categorical_hinge(y_true, y_pred)


class Hinge(LossFunctionWrapper):
    """The mean of max(1 - y_true y_pred, 0), for targets of -1 and 1 (or 0 and 1). The arguments are those of ``Loss``."""

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str | None = "hinge", dtype: Any = None
    ) -> None:
        super().__init__(hinge, reduction, name, dtype)


class SquaredHinge(LossFunctionWrapper):
    """The mean of max(1 - y_true y_pred, 0)^2, for targets of -1 and 1 (or 0 and 1). The arguments are those of
    ``Loss``."""

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str | None = "squared_hinge", dtype: Any = None
    ) -> None:
        super().__init__(squared_hinge, reduction, name, dtype)


class CategoricalHinge(LossFunctionWrapper):
    """max(1 + the best wrong score - the score of the true class, 0), for one-hot targets. The arguments are those of
    ``Loss``."""

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str | None = "categorical_hinge", dtype: Any = None
    ) -> None:
        super().__init__(categorical_hinge, reduction, name, dtype)
