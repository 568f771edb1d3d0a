"""Losses with a margin: nothing to gain once an output is on the right side by 1, and the loss of noisy labels.

target: labels  output: scores -> one number per sample.  (..., n) -> (...)
"""

from __future__ import annotations

from typing import Any

from dualnet_backends import Backend

from ...core import settings
from ...core.op import primitive
from .. import shape_rules
from .._common import Array, Forward, Xp, class_ids, floating, label_error, sum_to


def _signs(xp: Xp, target: Array, dtype: Any) -> tuple[Array, Array]:
    """Labels as -1 and 1, and their slope: those that are all 0 or 1 are converted, without a look at them on the host."""
    t = target.astype(dtype, copy=False)
    binary = xp.all(xp.logical_or(t == 0, t == 1))
    return xp.where(binary, 2 * t - 1, t), xp.where(binary, xp.full((), 2, dtype=dtype), xp.full((), 1, dtype=dtype))


def _hinge(xp: Xp, target: Array, output: Array, squared: bool) -> Forward:
    output = floating(output)
    signs, slope = _signs(xp, target, output.dtype)
    margin = xp.maximum(1 - signs * output, 0)
    values = margin * margin if squared else margin
    n = max(values.shape[-1], 1)

    def backward(dy: Array, out: list[Any]) -> tuple[Array | None, Array]:
        dmargin = -(dy / n)[..., None] * (2 * margin if squared else margin > 0)
        dt = None if out[0] is False else sum_to(xp, dmargin * output * slope, target)
        return dt, sum_to(xp, dmargin * signs, output)

    return values.sum(axis=-1) / n, backward


@primitive(in_place_grads=True, shape=shape_rules.loss)
def hinge(xp: Xp, target: Array, output: Array, /) -> Forward:
    """The mean of max(1 - target output, 0); targets -1 and 1, or 0 and 1"""
    return _hinge(xp, target, output, squared=False)


@primitive(in_place_grads=True, shape=shape_rules.loss)
def squared_hinge(xp: Xp, target: Array, output: Array, /) -> Forward:
    """The mean of max(1 - target output, 0)^2; targets -1 and 1, or 0 and 1"""
    return _hinge(xp, target, output, squared=True)


@primitive(in_place_grads=True, shape=shape_rules.loss)
def categorical_hinge(xp: Xp, target: Array, output: Array, /) -> Forward:
    """max(1 + the largest (1 - target) output - sum(target output), 0); targets one-hot"""
    output = floating(output)
    t = target.astype(output.dtype, copy=False)
    wrong = (1 - t) * output
    worst = wrong.max(axis=-1, keepdims=True)
    margin = worst - (t * output).sum(axis=-1, keepdims=True) + 1

    def backward(dy: Array, out: list[Any]) -> tuple[Array | None, Array]:
        dmargin = dy[..., None] * (margin > 0)
        is_worst = (wrong == worst).astype(output.dtype)
        is_worst /= is_worst.sum(axis=-1, keepdims=True)  # equal maxima share the gradient
        dt = None if out[0] is False else sum_to(xp, -dmargin * output * (is_worst + 1), target)
        return dt, sum_to(xp, dmargin * (is_worst * (1 - t) - t), output)

    return xp.maximum(margin[..., 0], 0), backward


@primitive
def generalized_cross_entropy(backend: Backend, target: Array, output: Array, /, q: float = 0.5) -> Forward:
    """(1 - p^q) / q, p = output[target]: between cross-entropy (q to 0) and absolute error (q = 1)  (arXiv:1805.07836)

    target: integers (...)  output: probabilities (..., classes) -> (...)
    """
    xp, output = backend.xp, floating(output)
    try:
        valid = backend.valid_ids(class_ids(xp, target), output.shape[-1], "labels")
    except IndexError:
        raise label_error("categorical_generalized_cross_entropy", target, output.shape[-1]) from None
    hot = target[..., None] == xp.arange(output.shape[-1], dtype=target.dtype)
    p = xp.where(valid, xp.where(hot, output, xp.zeros_like(output)).sum(axis=-1), xp.nan)

    def backward(dy: Array) -> tuple[None, Array]:
        # The slope is infinite at 0, where a softmax that underflowed would make it NaN.
        slope = -dy * xp.maximum(p, settings.epsilon()) ** (q - 1)
        return None, xp.where(hot, slope[..., None], xp.zeros_like(output))

    return (1 - p**q) / q, backward
