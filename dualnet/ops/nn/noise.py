"""Noise that regularizes: added, multiplied, and dropout that keeps mean and variance

What is drawn is a function of ``key`` (see ``dualnet_backends.stream_key``) and ``step`` alone, the same bits on every device.
"""

from __future__ import annotations

import math
from typing import Any

from dualnet_backends import Backend

from ...core.op import primitive
from .. import shape_rules
from .._common import Array, Forward, floating


@primitive(shape=shape_rules.unchanged)
def gaussian_noise(backend: Backend, x: Array, /, stddev: float, key: tuple[int, int], step: int) -> Forward:
    """x plus normal noise of mean 0 and standard deviation ``stddev``"""
    x = floating(x)
    y = backend.random_normal(x.shape, key, step, x.dtype)
    y *= stddev
    y += x
    return y, lambda dy: dy


@primitive(shape=shape_rules.unchanged)
def gaussian_dropout(backend: Backend, x: Array, /, rate: float, key: tuple[int, int], step: int) -> Forward:
    """x times normal noise of mean 1 and variance rate / (1 - rate), that of dropout  (Srivastava et al., JMLR 2014)"""
    if not 0 <= rate < 1:
        raise ValueError(f"gaussian_dropout: rate must be at least 0 and below 1, got {rate}")
    x = floating(x)
    noise = backend.random_normal(x.shape, key, step, x.dtype)
    noise *= math.sqrt(rate / (1 - rate))
    noise += 1
    return x * noise, lambda dy: dy * noise


@primitive(shape=shape_rules.unchanged)
def alpha_dropout(
    backend: Backend, x: Array, /, rate: float, key: tuple[int, int], step: int, noise_shape: Any = None
) -> Forward:
    """Elements set to where selu levels off with probability ``rate``, then all moved so that mean 0 and variance 1 stay so
    (arXiv:1706.02515).

    noise_shape: the shape in which it is decided what is dropped, which broadcasts; ``None`` entries are taken from x.
    """
    if not 0 <= rate < 1:
        raise ValueError(f"alpha_dropout: rate must be at least 0 and below 1, got {rate}")
    x = floating(x)
    shape = x.shape if noise_shape is None else tuple(n if d is None else d for d, n in zip(noise_shape, x.shape))
    low = -1.6732632423543772 * 1.0507009873554805  # selu(-infinity)
    a = ((1 - rate) * (1 + rate * low * low)) ** -0.5
    keep = (backend.random_uniform(shape, key, step) >= rate).astype(x.dtype)
    slope = keep * a
    keep -= 1
    keep *= -a * low
    keep += -a * low * rate
    return x * slope + keep, lambda dy: dy * slope
