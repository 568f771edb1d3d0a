"""Activation functions.  x: any shape -> the same shape, unless it says otherwise

Those whose derivative is a function of the output alone are in ``FROM_OUTPUT``: ``ops.linalg.linear.dense`` applies them
in place after its matrix product and keeps only the output. (Not sigmoid and softmax: there the loss needs the
logits, see below.)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from dualnet_backends import Backend
from dualnet_backends.kernels.activation import IN_PLACE

from ...core.op import primitive
from ...core.tensor import Origin, Tensor
from .. import shape_rules
from .._common import Array, Forward, Xp, fitting, floating
from .._elementwise import elementwise
from ..core.shape import reshape, transpose
from ..registry import alias, export, op


class FromOutput(NamedTuple):
    """forward(backend, x) -> y, in place if it can; gradient(backend, y, dy) -> dx.  name: its key in ``FROM_OUTPUT``"""

    forward: Callable[[Backend, Array], Array]
    gradient: Callable[[Backend, Array, Array], Array]
    name: str


def _sigmoid(xp: Xp, x: Array) -> Array:
    # 1 / (1 + e^-x) would overflow for large negative x; a half tanh does not.
    x *= 0.5
    xp.tanh(x, out=x)
    x *= 0.5
    x += 0.5
    return x


FROM_OUTPUT = {
    "linear": FromOutput(IN_PLACE["linear"], lambda backend, y, dy: dy, "linear"),
    "relu": FromOutput(IN_PLACE["relu"], lambda backend, y, dy: backend.relu_gradient(y, dy), "relu"),
    "tanh": FromOutput(IN_PLACE["tanh"], lambda backend, y, dy: dy * (1 - y * y), "tanh"),
    "elu": FromOutput(IN_PLACE["elu"], lambda backend, y, dy: dy * backend.xp.minimum(y + 1, 1), "elu"),
}


@primitive(shape=shape_rules.unchanged_dtype)
def linear(xp: Xp, x: Array, /) -> Forward:
    """x"""
    return x, lambda dy: dy


@op("nn", shape=shape_rules.unchanged)
def relu(backend: Backend, x: Array, /) -> Forward:
    """max(x, 0)"""
    y = backend.relu(x)
    return y, lambda dy: backend.relu_gradient(y, dy)


@primitive(shape=shape_rules.unchanged)
@elementwise
def _sigmoid_op(xp: Xp, x: Array, /) -> Forward:
    y = _sigmoid(xp, xp.array(floating(x)))
    return y, lambda dy: dy * y * (1 - y)


@op("nn", shape=shape_rules.unchanged)
def sigmoid(x: Any, /) -> Tensor:
    """1 / (1 + e^-x)"""
    y: Tensor = _sigmoid_op(x)
    # A cross-entropy that follows goes back to the logits: exact where the probability would round to 0 or 1.
    if isinstance(x, Tensor):
        y.origin = Origin("sigmoid", x)
    return y


@op("numpy", shape=shape_rules.unchanged)
@elementwise
def tanh(xp: Xp, x: Array, /) -> Forward:
    """The hyperbolic tangent"""
    y = xp.tanh(floating(x))
    return y, lambda dy: dy * (1 - y * y)


@op("nn", shape=shape_rules.unchanged)
@elementwise
def elu(xp: Xp, x: Array, /, alpha: float = 1.0) -> Forward:
    """x for x > 0, else alpha (e^x - 1)  (arXiv:1511.07289)"""
    x = floating(x)
    negative = alpha * xp.expm1(xp.minimum(x, 0))

    def backward(dy: Array) -> Array:
        return dy * xp.where(x > 0, xp.ones_like(x), negative + alpha)

    return xp.where(x > 0, x, negative), backward


@op("nn", shape=shape_rules.unchanged)
@elementwise
def relu6(backend: Backend, x: Array, /) -> Forward:
    """min(max(x, 0), 6)"""
    y = backend.clip(x, 0, 6)
    return y, lambda dy: dy * backend.xp.logical_and(y > 0, y < 6)


@op("nn", shape=shape_rules.unchanged)
@elementwise
def leaky_relu(xp: Xp, x: Array, /, negative_slope: float = 0.2) -> Forward:
    """x for x > 0, else negative_slope x"""
    x = floating(x)
    return xp.where(x > 0, x, negative_slope * x), lambda dy: xp.where(x > 0, dy, negative_slope * dy)


@op("nn", shape=shape_rules.unchanged)
@elementwise
def selu(xp: Xp, x: Array, /) -> Forward:
    """scale (x for x > 0, else alpha (e^x - 1)), which keeps mean 0 and variance 1  (arXiv:1706.02515)"""
    alpha, scale = 1.6732632423543772, 1.0507009873554805
    x = floating(x)
    negative = alpha * xp.expm1(xp.minimum(x, 0))

    def backward(dy: Array) -> Array:
        return dy * scale * xp.where(x > 0, xp.ones_like(x), negative + alpha)

    return scale * xp.where(x > 0, x, negative), backward


@op("nn", shape=shape_rules.unchanged)
@elementwise
def celu(xp: Xp, x: Array, /, alpha: float = 1.0) -> Forward:
    """x for x > 0, else alpha (e^(x / alpha) - 1)  (arXiv:1704.07483)"""
    x = floating(x)
    e = xp.exp(xp.minimum(x, 0) / alpha)
    return xp.where(x > 0, x, alpha * (e - 1)), lambda dy: dy * e


@op("nn", shape=shape_rules.unchanged)
@elementwise
def gelu(backend: Backend, x: Array, /, approximate: bool = True) -> Forward:
    """x times the normal distribution function of x  (arXiv:1606.08415); ``approximate`` takes the paper's tanh form"""
    xp, x = backend.xp, floating(x)
    if approximate:
        c = math.sqrt(2 / math.pi)
        t = xp.tanh(c * (x + 0.044715 * x * x * x))

        def backward(dy: Array) -> Array:
            return dy * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * c * (1 + 3 * 0.044715 * x * x))

        return 0.5 * x * (1 + t), backward
    cdf = 0.5 * (1 + backend.erf(x / math.sqrt(2)))

    def backward_exact(dy: Array) -> Array:
        return dy * (cdf + x * xp.exp(-0.5 * x * x) / math.sqrt(2 * math.pi))

    return x * cdf, backward_exact


@op("nn", shape=shape_rules.unchanged)
@elementwise
def silu(xp: Xp, x: Array, /) -> Forward:
    """x sigmoid(x), also called swish  (arXiv:1710.05941)"""
    x = floating(x)
    s = _sigmoid(xp, xp.array(x))
    return x * s, lambda dy: dy * (s + x * s * (1 - s))


swish = alias("swish", silu)


@op("nn", shape=shape_rules.unchanged)
@elementwise
def hard_sigmoid(xp: Xp, x: Array, /) -> Forward:
    """relu6(x + 3) / 6"""
    x = floating(x)
    return xp.clip(x / 6 + 0.5, 0, 1), lambda dy: dy / 6 * xp.logical_and(x > -3, x < 3)


@op("nn", shape=shape_rules.unchanged)
@elementwise
def hard_silu(xp: Xp, x: Array, /) -> Forward:
    """x hard_sigmoid(x)  (arXiv:1905.02244)"""
    x = floating(x)
    s = xp.clip(x / 6 + 0.5, 0, 1)
    return x * s, lambda dy: dy * (s + x / 6 * xp.logical_and(x > -3, x < 3))


hard_swish = alias("hard_swish", hard_silu)


@op("nn", shape=shape_rules.unchanged)
@elementwise
def hard_tanh(xp: Xp, x: Array, /) -> Forward:
    """x limited to [-1, 1]"""
    return xp.clip(x, fitting(x, -1), 1), lambda dy: dy * xp.logical_and(x > -1, x < 1)


def _softplus(xp: Xp, x: Array) -> Array:
    return xp.maximum(x, 0) + xp.log1p(xp.exp(-xp.abs(x)))


@op("nn", shape=shape_rules.unchanged)
@elementwise
def softplus(xp: Xp, x: Array, /) -> Forward:
    """log(1 + e^x), without overflow"""
    x = floating(x)
    return _softplus(xp, x), lambda dy: dy * _sigmoid(xp, xp.array(x))


@op("nn", shape=shape_rules.unchanged)
@elementwise
def log_sigmoid(xp: Xp, x: Array, /) -> Forward:
    """log(sigmoid(x)), without overflow"""
    x = floating(x)
    return -_softplus(xp, -x), lambda dy: dy * _sigmoid(xp, xp.array(-x))


@op("nn", shape=shape_rules.unchanged)
@elementwise
def softsign(xp: Xp, x: Array, /) -> Forward:
    """x / (1 + |x|)"""
    x = floating(x)
    d = 1 + xp.abs(x)
    return x / d, lambda dy: dy / (d * d)


@export("core")  # not of ops.nn: Keras has it in keras.activations alone
@op("activations", shape=shape_rules.unchanged)
@elementwise
def mish(xp: Xp, x: Array, /) -> Forward:
    """x tanh(softplus(x))  (arXiv:1908.08681)"""
    x = floating(x)
    t = xp.tanh(_softplus(xp, x))
    return x * t, lambda dy: dy * (t + x * (1 - t * t) * _sigmoid(xp, xp.array(x)))


@primitive(shape=shape_rules.unchanged)
def _softmax(backend: Backend, x: Array, /, axis: int = -1) -> Forward:
    y = backend.softmax(floating(x), axis)
    return y, lambda dy: backend.softmax_gradient(y, dy, axis)


@op("nn", shape=shape_rules.unchanged)
def softmax(x: Any, /, axis: int | tuple[int, ...] = -1) -> Tensor:
    """e^x / sum(e^x) along ``axis``; several axes are taken as one"""
    if isinstance(axis, (tuple, list)):
        return _over_axes(_softmax, x, tuple(axis))
    y: Tensor = _softmax(x, axis)
    if axis == -1 and isinstance(x, Tensor):
        y.origin = Origin("softmax", x)  # for the same reason as in sigmoid
    return y


@primitive(shape=shape_rules.unchanged)
def _log_softmax(backend: Backend, x: Array, /, axis: int = -1) -> Forward:
    y = backend.log_softmax(floating(x), axis)
    return y, lambda dy: backend.log_softmax_gradient(y, dy, axis)


@op("nn", shape=shape_rules.unchanged)
def log_softmax(x: Any, /, axis: int | tuple[int, ...] = -1) -> Tensor:
    """log(softmax(x)), without overflow; several axes are taken as one"""
    if isinstance(axis, (tuple, list)):
        return _over_axes(_log_softmax, x, tuple(axis))
    return _log_softmax(x, axis)


def _over_axes(op: Callable[..., Any], x: Any, axes: tuple[int, ...]) -> Tensor:
    """A softmax over several axes: move them to the end, flatten them, and restore the shape."""
    rank = len(x.shape)
    reduced = [a % rank for a in axes]
    order = [a for a in range(rank) if a not in reduced] + reduced
    transposed = transpose(x, order)
    y = op(reshape(transposed, (*transposed.shape[: rank - len(reduced)], -1)), -1)
    inverse = [order.index(a) for a in range(rank)]
    return transpose(reshape(y, transposed.shape), inverse)
