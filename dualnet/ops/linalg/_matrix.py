"""Helpers of the ops on matrices.  x: (..., m, n), any leading axes"""

from __future__ import annotations

import functools

from dualnet_backends import Backend

from ...graph.trial import is_trial
from .._common import Array, Xp, floating


def matrices(name: str, x: Array, square: bool = False) -> Array:
    """``x`` in a dtype that LAPACK and cuSOLVER take; ``ValueError`` for anything but (square) matrices."""
    if x.ndim < 2:
        raise ValueError(f"{name}: Input should have rank >= 2. Received: input.shape = {x.shape}")
    if square and x.shape[-1] != x.shape[-2]:
        raise ValueError(f"{name}: expected square matrices, of shape (..., n, n), got shape {x.shape}")
    x = floating(x)
    return x.astype("float32") if str(x.dtype) in ("float16", "bfloat16") else x


def regular(xp: Xp, x: Array) -> Array:
    """``x`` itself; the identity during shape inference on zeros, which have no inverse."""
    return xp.broadcast_to(xp.eye(x.shape[-1], dtype=x.dtype), x.shape) if is_trial() else x


def t(xp: Xp, x: Array) -> Array:
    """Every matrix transposed.  x: (..., m, n) -> (..., n, m)"""
    return xp.swapaxes(x, -1, -2)


def product(backend: Backend, *factors: Array) -> Array:
    """The product of matrices, from left to right."""
    return functools.reduce(backend.matmul, factors)


def diagonal(xp: Xp, d: Array) -> Array:
    """Diagonal matrices.  d: (..., n) -> (..., n, n)"""
    return d[..., None] * xp.eye(d.shape[-1], dtype=d.dtype)


def differences(xp: Xp, w: Array) -> Array:
    """1 / (w_j - w_i), and 0 where they are equal.  w: (..., n) -> (..., n, n)"""
    difference = w[..., None, :] - w[..., :, None]
    same = difference == 0
    return xp.where(same, xp.zeros_like(difference), 1 / xp.where(same, xp.ones_like(difference), difference))
