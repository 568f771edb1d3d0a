"""Dropout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dualnet_backends import Backend

from ...core.op import primitive
from ...core.tensor import Tensor
from .. import shape_rules
from .._common import Array, Forward, floating


@primitive(shape=shape_rules.unchanged)
def _dropout(
    backend: Backend, x: Array, /, rate: float, key: tuple[int, int], step: int, noise_shape: Any = None
) -> Forward:
    x = floating(x)
    mask = backend.dropout_mask(tuple(noise_shape or x.shape), rate, key, step, x.dtype)
    return x * mask, lambda dy: dy * mask


def dropout(
    x: Any, rate: float, key: tuple[int, int], step: int, noise_shape: Sequence[int | None] | None = None
) -> Tensor:
    """Elements set to 0 with probability ``rate``, the others scaled by 1 / (1 - rate)  (arXiv:1207.0580).

    The mask is a function of ``key`` (see ``dualnet_backends.stream_key``) and ``step`` alone, the same on every
    device. noise_shape: the shape of the mask, which broadcasts to that of x; ``None`` entries are taken from x.
    """
    if not 0 <= rate <= 1:
        raise ValueError(f"dropout: rate must be from 0 to 1, got {rate}")
    if rate == 0:
        return x
    if rate == 1:
        return x * 0
    if noise_shape is not None:
        noise_shape = tuple(n if d is None else d for d, n in zip(noise_shape, x.shape))
    return _dropout(x, rate, key, step, noise_shape)
