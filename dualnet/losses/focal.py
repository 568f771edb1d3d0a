"""Focal cross-entropies, in which easy examples have little weight (arXiv:1708.02002).

As in ``crossentropy.py``, what comes straight from a softmax or sigmoid is as exact as logits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import config, ops
from ..core.tensor import Tensor
from ..ops.nn.crossentropy_loss import _softmax_logits
from .crossentropy import categorical_pair, check_smoothing, floating_like
from .loss import LossFunctionWrapper
from .reduction import as_tensor, same_shape
from .targets import check_targets, takes_targets


def _focus(p: Tensor, gamma: float) -> Any:
    """(1 - p)^gamma"""
    # For gamma below 1 the slope at p = 1 would be infinite.
    return ops.power(ops.maximum(1 - p, config.epsilon()), gamma) if gamma else 1.0


@takes_targets(0, 1)
def binary_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """The mean over ``axis`` of (1 - q)^gamma times the binary cross-entropy, q being the probability of what is true.
    (batch, ..., n) -> (batch, ...)

    Args:
        y_true: 0, 1, or a probability.
        y_pred: p, or its logit.
        apply_class_balancing: whether class 1 weighs ``alpha`` and class 0 1 - ``alpha``.
        gamma: the exponent that reduces the weight of easy examples; 0 is the plain cross-entropy.
        label_smoothing: s moves the target to y (1 - s) + s / 2.

    Raises:
        ValueError: the shapes differ by more than a last axis of 1.
    """
    y_true, y_pred = same_shape("binary_focal_crossentropy", y_true, y_pred)
    check_targets(binary_focal_crossentropy, y_true)
    y_true = floating_like(y_true, y_pred)
    if label_smoothing:
        y_true = y_true * (1.0 - label_smoothing) + 0.5 * label_smoothing
    losses = ops.binary_crossentropy(y_true, y_pred, from_logits=from_logits)
    p = ops.sigmoid(y_pred) if from_logits else y_pred
    losses = _focus(y_true * p + (1 - y_true) * (1 - p), gamma) * losses
    if apply_class_balancing:
        losses = (y_true * alpha + (1 - y_true) * (1 - alpha)) * losses
    return ops.mean(losses, axis=axis)


@takes_targets(0, 1)
def categorical_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    alpha: float | Sequence[float] = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """-sum(alpha (1 - p)^gamma y log p) over ``axis``, p divided by its sum.  (batch, ..., classes) -> (batch, ...)

    Args:
        y_true: one-hot, or probabilities.
        y_pred: p, or logits.
        alpha: a weight, or one for each class.
        gamma: the exponent that reduces the weight of easy examples.
        label_smoothing: s moves the target to y (1 - s) + s / classes.

    Raises:
        ValueError: the shapes differ.
    """
    y_true, y_pred = categorical_pair("categorical_focal_crossentropy", y_true, y_pred, axis)
    check_targets(categorical_focal_crossentropy, y_true)
    if y_true.shape != y_pred.shape:
        raise ValueError(
            f"categorical_focal_crossentropy: y_true and y_pred must have the same shape, got {y_true.shape} and "
            f"{y_pred.shape}. The targets must be one-hot: dualnet.utils.to_categorical makes them from integer labels"
        )
    y_true = floating_like(y_true, y_pred)
    if label_smoothing:
        y_true = y_true * (1.0 - label_smoothing) + label_smoothing / y_true.shape[-1]
    logits = y_pred if from_logits else _softmax_logits(y_pred, axis)
    if logits is None:
        p = y_pred / ops.sum(y_pred, axis=axis, keepdims=True)
        p = ops.clip(p, config.epsilon(), 1 - config.epsilon())
        log_p = ops.log(p)
    else:
        log_p = ops.log_softmax(logits, axis=axis)
        p = ops.exp(log_p)
    weight = alpha if isinstance(alpha, (int, float, Tensor)) else as_tensor(alpha, str(p.dtype), like=p)
    return ops.negative(ops.sum(weight * _focus(p, gamma) * y_true * log_p, axis=axis))


class BinaryFocalCrossentropy(LossFunctionWrapper):
    """(1 - q)^gamma times the binary cross-entropy, q being the probability of what is true (arXiv:1708.02002).

    Args:
        apply_class_balancing: whether class 1 weighs ``alpha`` and class 0 1 - ``alpha``.
        alpha: the weight of class 1.
        gamma: the exponent that reduces the weight of easy examples.
        from_logits: whether ``y_pred`` holds logits, not probabilities.
        label_smoothing: s from 0 to 1 moves the targets to y (1 - s) + s / 2.
        axis: over which to average.
        reduction, name, dtype: those of ``Loss``.
    """

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "binary_focal_crossentropy",
        dtype: Any = None,
    ) -> None:
        check_smoothing("BinaryFocalCrossentropy", label_smoothing)
        super().__init__(
            binary_focal_crossentropy,
            reduction,
            name,
            dtype,
            apply_class_balancing=apply_class_balancing,
            alpha=alpha,
            gamma=gamma,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )


class CategoricalFocalCrossentropy(LossFunctionWrapper):
    """-sum(alpha (1 - p)^gamma y log p), for one-hot targets (arXiv:1708.02002).

    Args:
        alpha: a weight, or a list of one for each class.
        gamma: the exponent that reduces the weight of easy examples.
        from_logits: whether ``y_pred`` holds logits, not probabilities.
        label_smoothing: s from 0 to 1 moves the targets to y (1 - s) + s / classes.
        axis: of the classes.
        reduction, name, dtype: those of ``Loss``.
    """

    alpha: float | list[float]

    def __init__(
        self,
        alpha: float | Sequence[float] = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_focal_crossentropy",
        dtype: Any = None,
    ) -> None:
        check_smoothing("CategoricalFocalCrossentropy", label_smoothing)
        alpha = alpha if isinstance(alpha, (int, float)) else [float(a) for a in alpha]
        super().__init__(
            categorical_focal_crossentropy,
            reduction,
            name,
            dtype,
            alpha=alpha,
            gamma=gamma,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )
        self._weights: dict[str, Tensor] = {}  # a list of alphas on each device it was needed on

    def call(self, y_true: Any, y_pred: Any) -> Any:
        if isinstance(self.alpha, (int, float)):
            return super().call(y_true, y_pred)
        key = f"{y_pred.device}, {y_pred.dtype}"
        if key not in self._weights:  # sent once, not in every step
            self._weights[key] = as_tensor(self.alpha, str(y_pred.dtype), like=y_pred)
        return self.fn(y_true, y_pred, **{**self._fn_kwargs, "alpha": self._weights[key]})
