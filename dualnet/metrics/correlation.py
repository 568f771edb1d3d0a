"""Correlations of targets and predictions."""

from __future__ import annotations

from typing import Any

from .. import config
from ..core.op import primitive
from ..core.tensor import Array, Tensor, Xp
from ..losses.reduction import same_shape
from ..ops._common import NoGrad, floating
from .reduction import MeanScore


def _centred(y_true: Array, y_pred: Array, axis: int) -> tuple[Array, Array, Array, Array]:
    """Both minus their means along an axis, and the means."""
    y_pred = floating(y_pred)
    y_true = y_true.astype(y_pred.dtype, copy=False)
    m, n = y_true.mean(axis=axis, keepdims=True), y_pred.mean(axis=axis, keepdims=True)
    return y_true - m, y_pred - n, m, n


@primitive
def _pearson(xp: Xp, y_true: Array, y_pred: Array, /, axis: int = -1) -> NoGrad:
    a, b, _, _ = _centred(y_true, y_pred, axis)
    spread = xp.sqrt((a * a).mean(axis=axis) * (b * b).mean(axis=axis))
    flat = spread == 0
    ratio = (a * b).mean(axis=axis) / xp.where(flat, xp.ones_like(spread), spread)
    return xp.where(flat, xp.full((), xp.nan, dtype=spread.dtype), ratio), None


@primitive
def _concordance(xp: Xp, y_true: Array, y_pred: Array, /, axis: int = -1) -> NoGrad:
    a, b, m, n = _centred(y_true, y_pred, axis)
    spread = ((a * a + b * b).mean(axis=axis, keepdims=True) + (m - n) ** 2).mean(axis=axis)
    return 2 * (a * b).mean(axis=axis) / (spread + config.epsilon()), None


def pearson_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> Tensor:
    """The covariance of y_true and y_pred along ``axis`` over the product of their standard deviations: from -1 to 1.
    (batch, ..., n) -> (batch, ...)

    NaN where one of them does not vary. Raises ``ValueError`` when the shapes differ by more than a last axis of 1.
    """
    return _pearson(*same_shape("pearson_correlation", y_true, y_pred), axis=axis)


def concordance_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> Tensor:
    """2 covariance / (the sum of the variances + the squared difference of the means) along ``axis``: like the
    correlation, but 1 only where the values are equal.  (batch, ..., n) -> (batch, ...)

    Raises ``ValueError`` when the shapes differ by more than a last axis of length 1.
    """
    return _concordance(*same_shape("concordance_correlation", y_true, y_pred), axis=axis)


class PearsonCorrelation(MeanScore):
    """The mean of Pearson's correlation of y_true and y_pred, from -1 to 1.

    Args:
        axis: along which they vary.
    """

    def __init__(self, name: str | None = "pearson_correlation", dtype: Any = None, axis: int = -1) -> None:
        super().__init__(pearson_correlation, name, dtype, axis=axis)


class ConcordanceCorrelation(MeanScore):
    """The mean of the concordance correlation of y_true and y_pred: like the correlation, but 1 only where they are
    equal.

    Args:
        axis: along which they vary.
    """

    def __init__(self, name: str | None = "concordance_correlation", dtype: Any = None, axis: int = -1) -> None:
        super().__init__(concordance_correlation, name, dtype, axis=axis)
