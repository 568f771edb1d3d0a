"""Noise that regularizes: added, multiplied, dropout, and dropout that keeps mean and variance

What is drawn is a function of ``key`` (see ``dualnet_backends.stream_key``) and ``step`` alone, the same bits on every device.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from dualnet_backends import Backend

from ...core.op import primitive
from ...core.tensor import Tensor
from .. import shape_rules
from .._common import Array, Forward, floating


@primitive(shape=shape_rules.unchanged)
def gaussian_noise(backend: Backend, x: Array, /, stddev: float, key: tuple[int, int], step: int) -> Forward:
    """x plus normal noise of mean 0 and standard deviation ``stddev``"""
    x = floating(x)
    return backend.gaussian_noise(x, stddev, key, step), lambda dy: dy


@primitive(shape=shape_rules.unchanged)
def gaussian_dropout(backend: Backend, x: Array, /, rate: float, key: tuple[int, int], step: int) -> Forward:
    """x times normal noise of mean 1 and variance rate / (1 - rate), that of dropout  (Srivastava et al., JMLR 2014)"""
    _check_rate("gaussian_dropout", rate)
    x = floating(x)
    y, noise = backend.gaussian_dropout(x, math.sqrt(rate / (1 - rate)), key, step)
    return y, lambda dy: dy * noise


@primitive(shape=shape_rules.unchanged)
def alpha_dropout(
    backend: Backend, x: Array, /, rate: float, key: tuple[int, int], step: int, noise_shape: Any = None
) -> Forward:
    """Elements set to where selu levels off with probability ``rate``, then all scaled and shifted back to mean 0 and variance 1
    (arXiv:1706.02515).

    noise_shape: of the mask, see ``dropout``.
    """
    _check_rate("alpha_dropout", rate)
    x = floating(x)
    y, slope = backend.alpha_dropout(x, rate, key, step, _mask_shape(noise_shape, x))
    return y, lambda dy: dy * slope


@primitive(shape=shape_rules.unchanged)
def _dropout(
    backend: Backend, x: Array, /, rate: float, key: tuple[int, int], step: int, noise_shape: Any = None
) -> Forward:
    x = floating(x)
    y, mask = backend.dropout(x, float(rate), key, step, _mask_shape(noise_shape, x))
    return y, lambda dy: dy * mask


def dropout(
    x: Any, rate: float, key: tuple[int, int], step: int, noise_shape: Sequence[int | None] | None = None
) -> Tensor:
    """Elements set to 0 with probability ``rate``, the others scaled by 1 / (1 - rate)  (arXiv:1207.0580).

    noise_shape: the shape of the mask, which broadcasts to that of x; ``None`` entries are taken from x.
    """
    if not 0 <= rate <= 1:
        raise ValueError(f"dropout: rate must be from 0 to 1, got {rate}")
    if rate == 0:
        return x
    if rate == 1:
        return x * 0
    return _dropout(x, rate, key, step, None if noise_shape is None else tuple(noise_shape))


@primitive
def dropout_mask(
    backend: Backend, x: Array, /, rate: float, key: tuple[int, int], step: int, shape: tuple[int, ...]
) -> tuple[Array, None]:
    """What ``dropout`` multiplies by: 0 with probability ``rate``, else 1 / (1 - rate).  x: gives the dtype -> ``shape``"""
    dtype = floating(x).dtype
    if rate >= 1:
        return backend.xp.zeros(shape, dtype=dtype), None
    return backend.dropout_mask(shape, float(rate), key, step, dtype), None


def _mask_shape(noise_shape: Sequence[int | None] | None, x: Array) -> tuple[int, ...]:
    return x.shape if noise_shape is None else tuple(n if d is None else d for d, n in zip(noise_shape, x.shape))


def _check_rate(op: str, rate: float) -> None:
    if not 0 <= rate < 1:
        raise ValueError(f"{op}: rate must be at least 0 and below 1, got {rate}")
