"""Losses of overlap, for segmentation: of the regions, not of each pixel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import config, ops
from ..core.tensor import Tensor
from .loss import LossFunctionWrapper
from .reduction import as_tensor, same_shape
from .targets import check_targets, takes_targets


def _pair(name: str, y_true: Any, y_pred: Any) -> tuple[Tensor, Tensor]:
    y_true, y_pred = same_shape(name, y_true, y_pred)
    if y_pred.data.dtype.kind in "biu":
        y_pred = ops.cast(y_pred, config.floatx())
    return as_tensor(y_true, str(y_pred.dtype)), y_pred


def _axes(axis: int | Sequence[int] | None) -> int | tuple[int, ...] | None:
    return axis if axis is None or isinstance(axis, int) else tuple(axis)


@takes_targets(0, 1)
def dice(y_true: Any, y_pred: Any, axis: int | Sequence[int] | None = None) -> Tensor:
    """1 - 2 sum(y_true y_pred) / (sum(y_true) + sum(y_pred)), the sums over ``axis``.

    Args:
        axis: one axis or several, by default all, which gives one number for the batch; ``(1, 2, 3)`` gives one for
            each image.

    Raises:
        ValueError: the shapes differ by more than a last axis of length 1.
    """
    y_true, y_pred = _pair("dice", y_true, y_pred)
    check_targets(dice, y_true)
    axes = _axes(axis)
    both = ops.sum(y_true * y_pred, axis=axes)
    either = ops.sum(y_true, axis=axes) + ops.sum(y_pred, axis=axes)
    return 1 - 2 * both / (either + config.epsilon())


@takes_targets(0, 1)
def tversky(
    y_true: Any, y_pred: Any, alpha: float = 0.5, beta: float = 0.5, axis: int | Sequence[int] | None = None
) -> Tensor:
    """1 - both / (both + alpha missed + beta wrong), with both = sum(y_true y_pred), missed = sum(y_true (1 - y_pred)) and
    wrong = sum((1 - y_true) y_pred), the sums over ``axis`` (arXiv:1706.05721).

    alpha and beta of one half give ``dice``. (Keras's documentation has alpha and beta the other way round; its numbers
    are these.)

    Args:
        axis: one axis or several, by default all, which gives one number for the batch.

    Raises:
        ValueError: the shapes differ by more than a last axis of length 1.
    """
    y_true, y_pred = _pair("tversky", y_true, y_pred)
    check_targets(tversky, y_true)
    axes = _axes(axis)
    both = ops.sum(y_true * y_pred, axis=axes)
    missed = ops.sum(y_true * (1 - y_pred), axis=axes)
    wrong = ops.sum((1 - y_true) * y_pred, axis=axes)
    return 1 - both / (both + alpha * missed + beta * wrong + config.epsilon())


class Dice(LossFunctionWrapper):
    """1 - 2 sum(y_true y_pred) / (sum(y_true) + sum(y_pred)).

    Args:
        axis: over which to sum, by default all.
        reduction, name, dtype: those of ``Loss``.
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "dice",
        axis: int | Sequence[int] | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(dice, reduction, name, dtype, axis=axis)


class Tversky(LossFunctionWrapper):
    """1 - both / (both + alpha missed + beta wrong), see ``tversky``.

    Args:
        alpha: the weight of what was missed.
        beta: the weight of what is wrong.
        axis: over which to sum, by default all.
        reduction, name, dtype: those of ``Loss``.
    """

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "tversky",
        axis: int | Sequence[int] | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(tversky, reduction, name, dtype, alpha=alpha, beta=beta, axis=axis)
