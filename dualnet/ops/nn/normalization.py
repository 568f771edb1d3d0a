"""Normalization: subtract a mean, divide by a deviation, then scale by gamma and shift by beta

All of it is computed in float32 at least, where the squares of float16 do not overflow, and returned in the dtype of x.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from dualnet_backends import Backend

from ...core import settings
from ...core.op import primitive
from ...core.tensor import Tensor
from .. import shape_rules
from .._common import Array, Axis, Forward, Xp, floating
from .._sums import exact_sum
from .._sums import normalize_axes as _axes
from ..core.shape import reshape
from ..math.arithmetic import add, multiply
from ..math.exponential import rsqrt
from ..math.reduce import _restore, var
from ..registry import op

Axes = int | tuple[int, ...]


@primitive(mutates=("moving_mean", "moving_variance"), in_place_grads=True, shape=shape_rules.unchanged)
def batch_norm(
    backend: Backend,
    x: Array,
    gamma: Array | None = None,
    beta: Array | None = None,
    /,
    axis: int = -1,
    epsilon: float = 1e-3,
    moving_mean: Any = None,
    moving_variance: Any = None,
    momentum: float = 0.99,
) -> Forward:
    """gamma (x - mean) / sqrt(variance + epsilon) + beta, mean and variance being those of the batch  (arXiv:1502.03167)

    x: any shape with c entries along ``axis``; the mean is taken over all other axes.  gamma, beta: (c,) or None
    moving_mean, moving_variance: arrays updated towards those of the batch, in place:
    momentum moving + (1 - momentum) batch.
    """
    (at,), dtype, x = _axes(axis, x.ndim), floating(x).dtype, _wide(x)
    scale, shift = _like(x, gamma), _like(x, beta)
    y, mean, inv = backend.batch_norm(x, scale, shift, at, epsilon, moving_mean, moving_variance, momentum)

    def backward(dy: Array, out: list[Any]) -> tuple[Any, Any, Any]:
        needs_dx, buffers = out[0] is not False, [_buffer(x, p) for p in out[1:]]
        dx, dgamma, dbeta = backend.batch_norm_gradients(_wide(dy), x, scale, at, mean, inv, needs_dx, *buffers)
        return dx, None if gamma is None else dgamma, None if beta is None else dbeta

    return y.astype(dtype, copy=False), backward


@primitive(in_place_grads=True, shape=shape_rules.unchanged)
def _batch_normalization(
    backend: Backend,
    x: Array,
    mean: Array,
    variance: Array,
    beta: Array | None = None,
    gamma: Array | None = None,
    /,
    axis: int = -1,
    epsilon: float = 1e-3,
    activation: str | None = None,
) -> Forward:
    """See ``batch_normalization``. activation: "relu" or "relu6", applied to the result (``capture/fusion.py``)."""
    xp, (at,), dtype, x = backend.xp, _axes(axis, x.ndim), floating(x).dtype, _wide(x)
    others, shape = tuple(i for i in range(x.ndim) if i != at), _shape(x, (at,))
    mean, inv, scale = _like(x, mean), 1 / xp.sqrt(_like(x, variance) + epsilon), _like(x, gamma)
    y = backend.batch_norm_inference(x, mean, inv, scale, _like(x, beta), at, activation)
    slope = inv if scale is None else inv * scale

    def backward(dy: Array, out: list[Any]) -> tuple[Any, ...]:
        dy = _wide(dy)
        if activation is not None:
            dy = dy * (y > 0 if activation == "relu" else xp.logical_and(y > 0, y < 6))
        dx = dmean = dvariance = dbeta = dgamma = None
        if out[0] is not False:
            dx = dy * slope.reshape(shape)
        if out[1] is not False or (beta is not None and out[3] is not False):
            dbeta = xp.sum(dy, axis=others)
            dmean = -slope * dbeta
        if out[2] is not False or (gamma is not None and out[4] is not False):
            dgamma = xp.sum(dy * (x - mean.reshape(shape)), axis=others) * inv
            dvariance = -0.5 * slope * inv * dgamma
        return dx, dmean, dvariance, None if beta is None else dbeta, None if gamma is None else dgamma

    return y.astype(dtype, copy=False), backward


@op("nn", class_name="BatchNorm", call=("x", "mean", "variance", "offset", "scale"), shape=shape_rules.unchanged)
def batch_normalization(
    x: Any, mean: Any, variance: Any, /, axis: int, offset: Any = None, scale: Any = None, epsilon: float = 1e-3
) -> Tensor:
    """scale (x - mean) / sqrt(variance + epsilon) + offset

    Args:
        x: any shape with c entries along ``axis``.
        mean, variance, offset, scale: (c,), the last two may be None.
    """
    return _batch_normalization(x, mean, variance, offset, scale, axis, epsilon)


@primitive(in_place_grads=True, shape=shape_rules.unchanged)
def _standardize(
    backend: Backend,
    x: Array,
    gamma: Array | None = None,
    beta: Array | None = None,
    /,
    axes: Axes = -1,
    epsilon: float = 1e-3,
    parameter_axes: Sequence[int] | None = None,
    centred: bool = True,
) -> Forward:
    """gamma (x - mean) / sqrt(mean((x - mean)^2) + epsilon) + beta, the means taken over ``axes``

    parameter_axes: the axes of gamma and beta, by default ``axes``.  centred: False takes 0 for the mean
    """
    axes, dtype, x = _axes(axes, x.ndim), floating(x).dtype, _wide(x)
    parameter_axes = axes if parameter_axes is None else tuple(parameter_axes)
    scale, shift = (_like(x, v, _shape(x, parameter_axes)) for v in (gamma, beta))
    y, normal, inv = backend.standardize(x, scale, shift, axes, epsilon, centred)

    def backward(dy: Array, out: list[Any]) -> tuple[Any, Any, Any]:
        shape = tuple(x.shape[a] for a in sorted(parameter_axes))
        buffers = [_buffer(x, request) for request in out[1:]]
        requests: list[Any] = [False if out[0] is False else None]
        for p, request, buffer in zip((gamma, beta), out[1:], buffers):
            shaped = None if buffer is None else buffer.reshape(shape)
            requests.append(False if p is None or request is False else shaped)
        dx, dgamma, dbeta = backend.standardize_gradients(
            _wide(dy), normal, inv, scale, axes, parameter_axes, centred, requests
        )
        return dx, _gradient_of(gamma, dgamma, buffers[0]), _gradient_of(beta, dbeta, buffers[1])

    return y.astype(dtype, copy=False), backward


@op("nn", class_name="LayerNorm", shape=shape_rules.unchanged)
def layer_normalization(
    x: Any, gamma: Any = None, beta: Any = None, /, axis: Axes = -1, epsilon: float | None = None, **kwargs: Any
) -> Tensor:
    """gamma (x - mean) / sqrt(variance + epsilon) + beta, mean and variance over ``axis``  (arXiv:1607.06450)

    Args:
        gamma, beta: with the lengths of those axes, in their order in x.
        epsilon: ``config.epsilon()`` by default.
    """
    epsilon = settings.epsilon() if epsilon is None else epsilon
    rms_scaling = kwargs.pop("rms_scaling", False)
    if kwargs:
        raise TypeError(f"layer_normalization does not know the argument {next(iter(kwargs))!r}")
    if not rms_scaling:
        return _standardize(x, gamma, beta, axis, epsilon)
    # gamma x / sqrt(variance + epsilon): Keras has it for old files, rms_normalization is what it was for.
    axes = _axes(axis, len(x.shape))
    y = multiply(x, rsqrt(add(var(x, axis=axes, keepdims=True), epsilon)))
    return y if gamma is None else multiply(y, reshape(gamma, _shape(x, axes)))


@op("nn", class_name="RMSNorm", shape=shape_rules.unchanged)
def rms_normalization(x: Any, scale: Any = None, /, axis: Axes = -1, epsilon: float | None = None) -> Tensor:
    """scale x / sqrt(mean(x^2) + epsilon), the mean over ``axis``  (arXiv:1910.07467)

    Args:
        scale: with the lengths of those axes, in their order in x.
        epsilon: ``config.epsilon()`` by default.
    """
    epsilon = settings.epsilon() if epsilon is None else epsilon
    return _standardize(x, scale, None, axis, epsilon, centred=False)


def group_normalization(
    x: Any, groups: int, gamma: Any = None, beta: Any = None, axis: int = -1, epsilon: float = 1e-3
) -> Tensor:
    """Channels in groups, each sample and group with a mean and variance of its own  (arXiv:1803.08494)

    x: (batch, ...) with c entries along ``axis``, c a multiple of ``groups``.  gamma, beta: (c,) or None
    """
    shape = tuple(x.shape)
    (at,) = _axes(axis, len(shape))
    grouped = reshape(x, (*shape[:at], groups, shape[at] // groups, *shape[at + 1 :]))
    axes = tuple(i for i in range(1, len(shape) + 1) if i != at)
    return reshape(_standardize(grouped, gamma, beta, axes, epsilon, parameter_axes=(at, at + 1)), shape)


@op("nn", shape=shape_rules.moments)
def moments(xp: Xp, x: Array, /, axes: Axes, keepdims: bool = False, synchronized: bool = False) -> Forward:
    """(mean, variance) over ``axes``; the variance is divided by n, not n - 1"""
    if synchronized:
        raise NotImplementedError("moments: synchronized=True, over several devices, is not there")
    axes, dtype, x = _axes(axes, x.ndim), floating(x).dtype, _wide(x)
    n = max(math.prod(x.shape[a] for a in axes), 1)
    mean = exact_sum(xp, x, axes, keepdims=True) / n
    centred = x - mean
    variance = exact_sum(xp, centred * centred, axes, keepdims=True) / n

    def backward(dys: tuple[Array, Array]) -> Array:
        dmean, dvariance = (_restore(dy, x, axes) for dy in dys)
        return (dmean + 2 * centred * dvariance) / n

    if dtype == "float16":  # up to its largest finite number
        mean, variance = (xp.clip(v, -65504, 65504).astype(dtype) for v in (mean, variance))
    if not keepdims:
        mean, variance = (v.reshape(tuple(s for i, s in enumerate(x.shape) if i not in axes)) for v in (mean, variance))
    return (mean, variance), backward


@op("nn", shape=shape_rules.unchanged)
def normalize(xp: Xp, x: Array, /, axis: Axis = -1, order: int = 2, epsilon: float | None = None) -> Forward:
    """x / max(norm, epsilon), with sum(|x|^order)^(1 / order) over ``axis`` for the norm (None: over all axes)"""
    if isinstance(order, bool) or not isinstance(order, int) or order < 1:
        raise ValueError(f"normalize: order must be a whole number from 1 on, got {order!r}")
    x = floating(x)
    x = x.reshape(1) if x.ndim == 0 else x
    axes = _axes(axis, x.ndim)
    least = settings.epsilon() if epsilon is None else epsilon
    if order == 2:
        norm = xp.sqrt(exact_sum(xp, x * x, axes, keepdims=True)).astype(x.dtype, copy=False)
    else:
        norm = (exact_sum(xp, xp.abs(x) ** order, axes, keepdims=True) ** (1 / order)).astype(x.dtype, copy=False)
    inv = 1 / xp.maximum(norm, least)
    y = x * inv

    def backward(dy: Array) -> Array:
        slope = y if order == 2 else xp.sign(x) * xp.abs(y) ** (order - 1)  # of the norm
        projection = xp.sum(dy * y, axis=axes, keepdims=True) * (norm > least)
        return (dy - slope * projection) * inv

    return y, backward


def _wide(x: Array) -> Array:
    """x itself when it is floating point with 32 bits at least, else converted."""
    x = floating(x)
    return x.astype("float32") if x.dtype.itemsize < 4 else x


def _like(x: Array, v: Any, shape: tuple[int, ...] | None = None) -> Any:
    """gamma, beta, a mean ... in the dtype of x, and in a shape that broadcasts against it."""
    if v is None:
        return None
    if shape is not None:
        if v.size != math.prod(shape):
            raise ValueError(f"expected a scale and an offset with {math.prod(shape)} entries, got shape {v.shape}")
        v = v.reshape(shape)
    return v if v.dtype == x.dtype else v.astype(x.dtype)


def _shape(x: Any, parameter_axes: Sequence[int]) -> tuple[int, ...]:
    """The shape of x with ones for all axes but ``parameter_axes``."""
    return tuple(size if i in parameter_axes else 1 for i, size in enumerate(x.shape))


def _gradient_of(p: Array | None, gradient: Array | None, buffer: Array | None) -> Array | None:
    """The gradient of gamma or beta in its shape: the buffer itself where it was written there."""
    return gradient.reshape(p.shape) if gradient is not None and p is not None and buffer is None else buffer


def _buffer(x: Array, out: Any) -> Any:
    """The buffer for a gradient: ``out`` if it is an array of the dtype of the computation, else None."""
    return None if out is None or out is False or out.dtype != x.dtype else out
