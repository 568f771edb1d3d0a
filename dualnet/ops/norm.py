"""Normalization: subtract a mean, divide by a deviation, then scale by gamma and shift by beta

All of it is computed in float32 at least, where the squares of float16 do not overflow, and returned in the dtype of x.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from dualnet_backends import Backend

from .. import config
from ..autodiff import primitive
from ..tensor import Tensor
from ._common import Array, Op, Xp, floating
from .reduce import _axes, _restore

Axes = int | Sequence[int]


@primitive
def batch_norm(
    backend: Backend,
    x: Array,
    gamma: Array | None = None,
    beta: Array | None = None,
    axis: int = -1,
    epsilon: float = 1e-3,
    moving_mean: Any = None,
    moving_variance: Any = None,
    momentum: float = 0.99,
) -> Op:
    """gamma (x - mean) / sqrt(variance + epsilon) + beta, mean and variance being those of the batch  (arXiv:1502.03167)

    x: any shape with c entries along ``axis``; the mean is taken over all other axes.  gamma, beta: (c,) or None
    moving_mean, moving_variance: arrays that are moved towards those of the batch, in place:
    momentum moving + (1 - momentum) batch.
    """
    (at,), dtype, x = _axes(axis, x.ndim), x.dtype, _wide(x)
    scale, shift = _as(x, gamma), _as(x, beta)
    y, mean, inv = backend.batch_norm(x, scale, shift, at, epsilon, moving_mean, moving_variance, momentum)

    def backward(dy: Array, out: list[Any]) -> tuple[Any, Any, Any]:
        wants_dx, places = out[0] is not False, [_place(x, p) for p in out[1:]]
        dx, dgamma, dbeta = backend.batch_norm_gradients(_wide(dy), x, scale, at, mean, inv, wants_dx, *places)
        return dx, None if gamma is None else dgamma, None if beta is None else dbeta

    return y.astype(dtype, copy=False), backward


@primitive
def _batch_normalization(
    backend: Backend,
    x: Array,
    mean: Array,
    variance: Array,
    beta: Array | None = None,
    gamma: Array | None = None,
    axis: int = -1,
    epsilon: float = 1e-3,
) -> Op:
    xp, (at,), dtype, x = backend.xp, _axes(axis, x.ndim), x.dtype, _wide(x)
    others = tuple(i for i in range(x.ndim) if i != at)
    shape = tuple(n if i == at else 1 for i, n in enumerate(x.shape))
    mean, inv, scale = _as(x, mean), 1 / xp.sqrt(_as(x, variance) + epsilon), _as(x, gamma)
    y = backend.batch_norm_with(x, mean, inv, scale, _as(x, beta), at)
    slope = inv if scale is None else inv * scale

    def backward(dy: Array, out: list[Any]) -> tuple[Any, ...]:
        dy = _wide(dy)
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


def batch_normalization(
    x: Any, mean: Any, variance: Any, axis: int, offset: Any = None, scale: Any = None, epsilon: float = 1e-3
) -> Tensor:
    """scale (x - mean) / sqrt(variance + epsilon) + offset

    x: any shape with c entries along ``axis``.  mean, variance, offset, scale: (c,), the last two may be None
    """
    return _batch_normalization(x, mean, variance, offset, scale, axis, epsilon)


@primitive
def _standardize(
    xp: Xp,
    x: Array,
    gamma: Array | None = None,
    beta: Array | None = None,
    axes: Sequence[int] = (-1,),
    epsilon: float = 1e-3,
    kept: Sequence[int] | None = None,
    centred: bool = True,
) -> Op:
    """gamma (x - mean) / sqrt(mean((x - mean)^2) + epsilon) + beta, the means taken over ``axes``

    kept: the axes of x along which gamma and beta have entries, by default ``axes``.  centred: False takes 0 for the mean
    """
    axes, kept, dtype, x = _axes(axes, x.ndim), _axes(axes if kept is None else kept, x.ndim), x.dtype, _wide(x)
    n = max(math.prod(x.shape[a] for a in axes), 1)
    others = tuple(i for i in range(x.ndim) if i not in kept)
    shape = tuple(size if i in kept else 1 for i, size in enumerate(x.shape))
    scale, shift = _as(x, gamma, shape), _as(x, beta, shape)
    normal = x - xp.sum(x, axis=axes, keepdims=True) / n if centred else x
    inv = 1 / xp.sqrt(xp.sum(normal * normal, axis=axes, keepdims=True) / n + epsilon)
    normal = xp.multiply(normal, inv, out=normal if centred else None)
    y = normal * scale if scale is not None else normal
    if shift is not None:
        y = y + shift

    def backward(dy: Array, out: list[Any]) -> tuple[Any, Any, Any]:
        dy, dx, dgamma, dbeta = _wide(dy), None, None, None
        if beta is not None and out[2] is not False:
            dbeta = _sum(xp, dy, others, beta, out[2])
        products = dy * normal
        if gamma is not None and out[1] is not False:
            dgamma = _sum(xp, products, others, gamma, out[1])
        if out[0] is not False:
            # dx = inv (d - mean(d) - normal mean(d normal)), where d = gamma dy
            if scale is not None:
                products *= scale
            slope = xp.sum(products, axis=axes, keepdims=True) / n
            dx = xp.multiply(normal, -slope, out=products)
            d = dy if scale is None else dy * scale
            dx += d
            if centred:
                dx -= xp.sum(d, axis=axes, keepdims=True) / n
            dx *= inv
        return dx, dgamma, dbeta

    return y.astype(dtype, copy=False), backward


def layer_normalization(
    x: Any, gamma: Any = None, beta: Any = None, axis: Axes = -1, epsilon: float | None = None, **kwargs: Any
) -> Tensor:
    """gamma (x - mean) / sqrt(variance + epsilon) + beta, mean and variance over ``axis``  (arXiv:1607.06450)

    gamma, beta: the lengths of those axes, in their order in x.  epsilon: ``config.epsilon()`` by default
    """
    from .arithmetic import add, multiply
    from .elementwise import rsqrt
    from .reduce import var

    epsilon = config.epsilon() if epsilon is None else epsilon
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    if kwargs.pop("rms_scaling", False):  # not centred, and yet divided by the deviation: kept for files that ask for it
        x = multiply(x, rsqrt(add(var(x, axis=axes, keepdims=True), epsilon)))
        return x if gamma is None else _scale(x, gamma, axes=axes)
    if kwargs:
        raise TypeError(f"layer_normalization does not know the argument {next(iter(kwargs))!r}")
    return _standardize(x, gamma, beta, axes, epsilon)


@primitive
def _scale(xp: Xp, x: Array, gamma: Array, axes: Sequence[int] = (-1,)) -> Op:
    """gamma x, gamma having entries along ``axes``"""
    kept = _axes(axes, x.ndim)
    scale = _as(x, gamma, tuple(size if i in kept else 1 for i, size in enumerate(x.shape)))
    others = tuple(i for i in range(x.ndim) if i not in kept)
    return x * scale, lambda dy: (dy * scale, xp.sum(dy * x, axis=others).reshape(gamma.shape))
