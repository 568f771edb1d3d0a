"""Activations that are exactly 0 on an interval: shrinkage, thresholds and sparse distributions; gates and squareplus.

x: any shape -> the same shape, unless it says otherwise
"""

from __future__ import annotations

from .. import shape_rules
from .._common import Array, Forward, Xp, floating, promote
from .._elementwise import elementwise
from ..registry import op


@op("nn", shape=shape_rules.unchanged)
@elementwise
def hard_shrink(xp: Xp, x: Array, /, threshold: float = 0.5) -> Forward:
    """x where |x| > threshold, else 0"""
    x = floating(x)
    mask = xp.abs(x) > threshold
    return x * mask, lambda dy: dy * mask


@op("nn", shape=shape_rules.unchanged)
@elementwise
def soft_shrink(xp: Xp, x: Array, /, threshold: float = 0.5) -> Forward:
    """x - threshold above threshold, x + threshold below -threshold, 0 between"""
    x = floating(x)
    return x - xp.clip(x, -threshold, threshold), lambda dy: dy * (xp.abs(x) > threshold)


@op("nn", shape=shape_rules.unchanged)
@elementwise
def tanh_shrink(xp: Xp, x: Array, /) -> Forward:
    """x - tanh(x)"""
    x = floating(x)
    t = xp.tanh(x)
    return x - t, lambda dy: dy * t * t


@op("nn", shape=shape_rules.unchanged)
def threshold(xp: Xp, x: Array, /, threshold: float, default_value: float) -> Forward:
    """x where it is above ``threshold``, else ``default_value``"""
    x, other = promote(x, default_value)
    above = x > threshold
    return xp.where(above, x, xp.full_like(x, other)), lambda dy: dy * above


@op("nn", shape=shape_rules.unchanged)
@elementwise
def squareplus(xp: Xp, x: Array, /, b: float = 4) -> Forward:
    """(x + sqrt(x^2 + b)) / 2, a relu that is smooth at 0 without an exponential  (arXiv:2112.11687)"""
    x = floating(x)
    root = xp.sqrt(x * x + b)

    def backward(dy: Array) -> Array:
        # b = 0 is relu, whose root is 0 at 0; its gradient is taken as half there
        return dy * 0.5 * (1 + x / xp.where(root > 0, root, xp.ones_like(root)))

    return 0.5 * (x + root), backward


@op("nn", shape=shape_rules.unchanged)
@elementwise
def sparse_plus(xp: Xp, x: Array, /) -> Forward:
    """0 up to -1, (x + 1)^2 / 4 up to 1, then x: the integral of ``sparse_sigmoid``"""
    x = floating(x)
    s = _ramp(xp, x)
    return xp.where(x >= 1, x, s * s), lambda dy: dy * s


@op("nn", shape=shape_rules.unchanged)
@elementwise
def sparse_sigmoid(xp: Xp, x: Array, /) -> Forward:
    """(x + 1) / 2, limited to [0, 1]"""
    x = floating(x)
    return _ramp(xp, x), lambda dy: dy * 0.5 * xp.logical_and(x > -1, x < 1)


def _ramp(xp: Xp, x: Array) -> Array:
    return xp.clip(0.5 * (x + 1), 0, 1)


@op("nn", shape=shape_rules.unchanged)
def sparsemax(xp: Xp, x: Array, /, axis: int = -1) -> Forward:
    """The probabilities nearest to x, many of them exactly 0  (arXiv:1602.02068)

    max(x - tau, 0), with the one tau along ``axis`` for which they sum to 1.
    """
    z = xp.moveaxis(floating(x), axis, -1)
    n = z.shape[-1]
    largest = xp.sort(z, axis=-1)[..., ::-1]
    over = xp.cumsum(largest, axis=-1) - 1
    rank = xp.arange(1, n + 1, dtype=z.dtype)
    # In the support are the elements that stay positive when they and all larger ones are reduced equally to a sum of 1.
    size = xp.sum(rank * largest > over, axis=-1, keepdims=True)
    tau = xp.take_along_axis(over, xp.maximum(size - 1, 0), axis=-1) / size.astype(z.dtype)
    p = xp.maximum(z - tau, 0)

    def backward(dy: Array) -> Array:
        dy, support = xp.moveaxis(dy, axis, -1), p > 0
        mean = xp.sum(dy * support, axis=-1, keepdims=True) / xp.maximum(xp.sum(support, axis=-1, keepdims=True), 1)
        return xp.moveaxis((dy - mean.astype(dy.dtype)) * support, -1, axis)

    return xp.moveaxis(p, -1, axis), backward


@op("nn", shape=shape_rules.halved)
def glu(xp: Xp, x: Array, /, axis: int = -1) -> Forward:
    """The first half along ``axis`` times the sigmoid of the second (arXiv:1612.08083).  An axis of 2 n becomes one of n

    Raises ``ValueError`` when the axis has odd length.
    """
    if x.shape[axis] % 2:
        raise ValueError(f"glu: expected an axis of even length to halve, got shape {x.shape} and axis {axis}")
    x = floating(x)
    a, b = xp.split(x, 2, axis=axis)
    s = 0.5 * xp.tanh(0.5 * b) + 0.5

    def backward(dy: Array) -> Array:
        return xp.concatenate([dy * s, dy * a * s * (1 - s)], axis=axis)

    return a * s, backward
