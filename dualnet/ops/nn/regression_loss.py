"""Losses of values: a function of target and output, averaged (or summed) over the last axis.

target: the true values  output: of the model -> one number per sample.  (..., n) -> (...)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ...core import settings
from ...core.op import primitive
from .. import shape_rules
from .._common import Array, Forward, Xp, floating, sum_to
from .._elementwise import pairwise


def _pair(target: Array, output: Array) -> tuple[Array, Array]:
    """Both in the floating point dtype of the output."""
    output = floating(output)
    return target if target.dtype == output.dtype else target.astype(output.dtype), output


def _mean_last(x: Array) -> Array:
    n = x.shape[-1]
    # One column needs no arithmetic, and x.mean costs three times what the sum does on a small array.
    return x.reshape(x.shape[:-1]) if n == 1 else x.sum(axis=-1) / max(n, 1)


def _mean_of(
    xp: Xp, values: Array, target: Array, output: Array, d_target: Callable[[], Array], d_output: Callable[[], Array]
) -> Forward:
    """The mean of ``values`` over the last axis. d_target, d_output: the derivatives of a value, computed on demand."""
    n = max(values.shape[-1], 1)

    def backward(dy: Array, out: list[Any]) -> tuple[Array | None, Array | None]:
        each = (dy / n)[..., None]
        return (
            None if out[0] is False else sum_to(xp, each * d_target(), target),
            None if out[1] is False else sum_to(xp, each * d_output(), output),
        )

    return _mean_last(values), backward


def _of_error(xp: Xp, values: Array, slope: Array, target: Array, output: Array) -> Forward:
    """The same for a function of output - target, with its derivative."""
    return _mean_of(xp, values, target, output, lambda: -slope, lambda: slope)


@primitive(in_place_grads=True, shape=shape_rules.loss)
@pairwise
def mean_squared_error(xp: Xp, target: Array, output: Array, /) -> Forward:
    """The mean of (target - output)^2 over the last axis"""
    target, output = _pair(target, output)
    error = output - target
    n = max(error.shape[-1], 1)

    def backward(dy: Array, out: list[Any]) -> tuple[Array | None, Array]:
        d = error * (dy * (2 / n))[..., None]
        return (None if out[0] is False else sum_to(xp, -d, target)), sum_to(xp, d, output)

    return _mean_last(error * error), backward


@primitive(in_place_grads=True, shape=shape_rules.loss)
@pairwise
def mean_absolute_error(xp: Xp, target: Array, output: Array, /) -> Forward:
    """The mean of |target - output| over the last axis, with gradient 0 where they are equal"""
    target, output = _pair(target, output)
    error = output - target
    return _mean_of(xp, xp.abs(error), target, output, lambda: -xp.sign(error), lambda: xp.sign(error))


@primitive(in_place_grads=True, shape=shape_rules.loss)
@pairwise
def huber(xp: Xp, target: Array, output: Array, /, delta: float = 1.0) -> Forward:
    """The mean of e^2 / 2 where |e| <= delta, else delta |e| - delta^2 / 2;  e = output - target"""
    target, output = _pair(target, output)
    error = output - target
    near = xp.clip(error, -delta, delta)  # the slope, and with it the value: near (e - near / 2)
    return _of_error(xp, near * (error - 0.5 * near), near, target, output)


@primitive(in_place_grads=True, shape=shape_rules.loss)
@pairwise
def pseudo_huber(xp: Xp, target: Array, output: Array, /, delta: float = 1.0) -> Forward:
    """The mean of delta^2 (sqrt(1 + (e / delta)^2) - 1);  e = output - target"""
    target, output = _pair(target, output)
    error = output - target
    scaled = error / delta
    root = xp.sqrt(1 + scaled * scaled)
    # e^2 / (root + 1) is delta^2 (root - 1) without the difference of two numbers near 1.
    return _of_error(xp, error * error / (root + 1), error / root, target, output)


@primitive(in_place_grads=True, shape=shape_rules.loss)
@pairwise
def log_cosh(xp: Xp, target: Array, output: Array, /) -> Forward:
    """The mean of log(cosh(e)), without overflow;  e = output - target"""
    target, output = _pair(target, output)
    error = output - target
    size = xp.abs(error)
    values = size + xp.log1p(xp.exp(-2 * size)) - math.log(2)
    return _of_error(xp, values, xp.tanh(error), target, output)


@primitive(in_place_grads=True, shape=shape_rules.loss)
@pairwise
def mean_absolute_percentage_error(xp: Xp, target: Array, output: Array, /) -> Forward:
    """100 times the mean of |target - output| / |target|; a target smaller than epsilon counts as epsilon"""
    target, output = _pair(target, output)
    size = xp.maximum(xp.abs(target), settings.epsilon())
    ratio = (target - output) / size
    slope = 100 * xp.sign(ratio) / size

    def d_target() -> Array:
        return slope * (1 - ratio * xp.sign(target) * (size == xp.abs(target)))

    return _mean_of(xp, 100 * xp.abs(ratio), target, output, d_target, lambda: -slope)


@primitive(in_place_grads=True, shape=shape_rules.loss)
@pairwise
def mean_squared_logarithmic_error(xp: Xp, target: Array, output: Array, /) -> Forward:
    """The mean of (log(1 + target) - log(1 + output))^2; values smaller than epsilon count as epsilon"""
    target, output = _pair(target, output)
    t, p = xp.maximum(target, settings.epsilon()), xp.maximum(output, settings.epsilon())
    error = xp.log1p(p) - xp.log1p(t)

    def d_target() -> Array:
        return -2 * error / (1 + t) * (t == target)

    def d_output() -> Array:
        return 2 * error / (1 + p) * (p == output)

    return _mean_of(xp, error * error, target, output, d_target, d_output)


@primitive(in_place_grads=True, shape=shape_rules.loss)
@pairwise
def poisson(xp: Xp, target: Array, output: Array, /) -> Forward:
    """The mean of output - target log(output + epsilon), for counts that output is the expected number of"""
    target, output = _pair(target, output)
    rate = output + settings.epsilon()
    log = xp.log(rate)
    return _mean_of(xp, output - target * log, target, output, lambda: -log, lambda: 1 - target / rate)


@primitive(in_place_grads=True, shape=shape_rules.loss)
@pairwise
def kl_divergence(xp: Xp, target: Array, output: Array, /) -> Forward:
    """The sum of target log(target / output) over the last axis, both kept within [epsilon, 1]"""
    target, output = _pair(target, output)
    eps = settings.epsilon()
    t, p = xp.clip(target, eps, 1), xp.clip(output, eps, 1)
    log = xp.log(t / p)

    def backward(dy: Array, out: list[Any]) -> tuple[Array | None, Array]:
        dy = dy[..., None]
        dt = None if out[0] is False else sum_to(xp, dy * (log + 1) * (t == target), target)
        return dt, sum_to(xp, -dy * (t / p) * (p == output), output)

    return (t * log).sum(axis=-1), backward


@primitive(in_place_grads=True)
def cosine(xp: Xp, target: Array, output: Array, /, axis: int = -1) -> Forward:
    """The cosine of the angle between target and output along ``axis``; 0 where one of them is 0"""
    target, output = _pair(target, output)
    (u, inverse_u), (v, inverse_v) = (_direction(xp, x, axis) for x in (target, output))
    y = (u * v).sum(axis=axis, keepdims=True)

    def backward(dy: Array, out: list[Any]) -> tuple[Array | None, Array]:
        dy = dy.reshape(y.shape)
        dt = None if out[0] is False else dy * (v - y * u) * inverse_u
        return dt, dy * (u - y * v) * inverse_v

    return y.reshape(tuple(n for i, n in enumerate(u.shape) if i != axis % u.ndim)), backward


def _direction(xp: Xp, x: Array, axis: int) -> tuple[Array, Array]:
    """x at length 1, and 1 / its length; a vector no longer than epsilon has no direction, and no slope."""
    length = xp.sqrt((x * x).sum(axis=axis, keepdims=True))
    safe = xp.maximum(length, settings.epsilon())
    return x / safe, (length == safe) / safe
