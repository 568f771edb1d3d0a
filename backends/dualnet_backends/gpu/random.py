"""Random numbers on the GPU: one kernel where the reference takes some four hundred."""

from __future__ import annotations

from math import prod
from typing import Any

import cupy as cp

from ..base import Array
from .modules import at_or_value, kernel, launch

_MASK = (1 << 64) - 1


class CupyRandom:
    """Overrides with the bits of the reference kernels."""

    def random_words(self, n: int, key: tuple[int, int], step: int) -> Array:
        out = cp.empty(n, dtype=cp.uint64)
        launch(kernel("random", "words"), -(-n // 4), out, *_stream(key, step), cp.int64(n))
        return out

    def dropout_mask(self, shape: tuple[int, ...], rate: float, key: tuple[int, int], step: int, dtype: Any) -> Array:
        out, n, limit = cp.empty(shape, dtype=dtype), prod(shape), cp.uint32(min(round(rate * 65536), 65535))
        char = out.dtype.char
        if char not in "efd":
            return super().dropout_mask(shape, rate, key, step, dtype)  # type: ignore[misc]
        # Of the dtype, in which the reference rounds it.
        scale = out.dtype.type(1.0 / (1.0 - rate)).astype("d" if char == "d" else "f")
        function = kernel("random", "dropout_mask", char)
        launch(function, -(-n // 16), out, limit, scale, *_stream(key, step), cp.int64(n))
        return out


def _stream(key: tuple[int, int], step: Any) -> tuple[Any, ...]:
    """The arguments of a kernel for a stream at a step: a number, or a 0-d array of uint64 that the kernel reads."""
    high = 0
    if not isinstance(step, cp.ndarray):
        step, high = step & _MASK, step >> 64 & _MASK
    return cp.uint64(key[0]), cp.uint64(key[1]), *at_or_value(step, cp.uint64), cp.uint64(high)
