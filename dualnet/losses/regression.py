"""Losses between numbers."""

from __future__ import annotations

from typing import Any

from ..core.tensor import Tensor
from ..ops.nn import regression_loss as _error
from .loss import LossFunctionWrapper
from .reduction import same_shape


def mean_squared_error(y_true: Any, y_pred: Any) -> Tensor:
    """The mean of (y_true - y_pred)^2 over the last axis.  (batch, ..., n) -> (batch, ...)

    Raises ``ValueError`` when the shapes differ by more than a last axis of length 1.
    """
    return _error.mean_squared_error(*same_shape("mean_squared_error", y_true, y_pred))


def mean_absolute_error(y_true: Any, y_pred: Any) -> Tensor:
    """The mean of |y_true - y_pred| over the last axis.  (batch, ..., n) -> (batch, ...)

    Raises ``ValueError`` when the shapes differ by more than a last axis of length 1.
    """
    return _error.mean_absolute_error(*same_shape("mean_absolute_error", y_true, y_pred))


def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> Tensor:
    """100 times the mean of |y_true - y_pred| / |y_true| over the last axis.  (batch, ..., n) -> (batch, ...)

    A target smaller than ``epsilon()`` counts as ``epsilon()``. Raises ``ValueError`` when the shapes differ by more
    than a last axis of length 1.
    """
    return _error.mean_absolute_percentage_error(*same_shape("mean_absolute_percentage_error", y_true, y_pred))


def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> Tensor:
    """The mean of (log(1 + y_true) - log(1 + y_pred))^2 over the last axis.  (batch, ..., n) -> (batch, ...)

    Values smaller than ``epsilon()``, negative ones too, count as ``epsilon()``. Raises ``ValueError`` when the shapes
    differ by more than a last axis of length 1.
    """
    return _error.mean_squared_logarithmic_error(*same_shape("mean_squared_logarithmic_error", y_true, y_pred))


def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> Tensor:
    """The mean over the last axis of e^2 / 2 where |e| <= delta, else delta |e| - delta^2 / 2, with e = y_pred - y_true.
    (batch, ..., n) -> (batch, ...)

    Raises ``ValueError`` when the shapes differ by more than a last axis of length 1.
    """
    return _error.huber(*same_shape("huber", y_true, y_pred), delta=delta)


def pseudo_huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> Tensor:
    """The mean over the last axis of delta^2 (sqrt(1 + (e / delta)^2) - 1), with e = y_pred - y_true: like ``huber`` a
    parabola for small errors and a line for large ones, but smooth.  (batch, ..., n) -> (batch, ...)

    Raises ``ValueError`` when the shapes differ by more than a last axis of length 1.
    """
    return _error.pseudo_huber(*same_shape("pseudo_huber", y_true, y_pred), delta=delta)


def log_cosh(y_true: Any, y_pred: Any) -> Tensor:
    """The mean of log(cosh(y_pred - y_true)) over the last axis.  (batch, ..., n) -> (batch, ...)

    About e^2 / 2 for a small error e and |e| - log 2 for a large one. Raises ``ValueError`` when the shapes differ by
    more than a last axis of length 1.
    """
    return _error.log_cosh(*same_shape("log_cosh", y_true, y_pred))


class MeanSquaredError(LossFunctionWrapper):
    """The mean of (y_true - y_pred)^2. The arguments are those of ``Loss``."""

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str | None = "mean_squared_error", dtype: Any = None
    ) -> None:
        super().__init__(mean_squared_error, reduction, name, dtype)


class MeanAbsoluteError(LossFunctionWrapper):
    """The mean of |y_true - y_pred|. The arguments are those of ``Loss``."""

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str | None = "mean_absolute_error", dtype: Any = None
    ) -> None:
        super().__init__(mean_absolute_error, reduction, name, dtype)


class MeanAbsolutePercentageError(LossFunctionWrapper):
    """100 times the mean of |y_true - y_pred| / |y_true|. The arguments are those of ``Loss``."""

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_absolute_percentage_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(mean_absolute_percentage_error, reduction, name, dtype)


class MeanSquaredLogarithmicError(LossFunctionWrapper):
    """The mean of (log(1 + y_true) - log(1 + y_pred))^2. The arguments are those of ``Loss``."""

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_squared_logarithmic_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(mean_squared_logarithmic_error, reduction, name, dtype)


def _check_delta(name: str, delta: float) -> None:
    if not delta > 0:
        raise ValueError(
            f"{name}: delta, the error at which the loss turns from square to linear, must be positive, got {delta!r}"
        )


class Huber(LossFunctionWrapper):
    """e^2 / 2 where |e| <= delta, else delta |e| - delta^2 / 2, with e = y_pred - y_true.

    Args:
        delta: the error at which the square turns into a line.
        reduction, name, dtype: those of ``Loss``.
    """

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "huber_loss",
        dtype: Any = None,
    ) -> None:
        _check_delta("Huber", delta)
        super().__init__(huber, reduction, name, dtype, delta=delta)


class PseudoHuber(LossFunctionWrapper):
    """delta^2 (sqrt(1 + (e / delta)^2) - 1), with e = y_pred - y_true: ``Huber`` without its corner. (Keras has none.)

    Args:
        delta: the error at which the square turns into a line.
        reduction, name, dtype: those of ``Loss``.
    """

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "pseudo_huber",
        dtype: Any = None,
    ) -> None:
        _check_delta("PseudoHuber", delta)
        super().__init__(pseudo_huber, reduction, name, dtype, delta=delta)


class LogCosh(LossFunctionWrapper):
    """The mean of log(cosh(y_pred - y_true)). The arguments are those of ``Loss``."""

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str | None = "log_cosh", dtype: Any = None
    ) -> None:
        super().__init__(log_cosh, reduction, name, dtype)
