"""Random numbers on the GPU: one kernel where the reference takes some four hundred."""

from __future__ import annotations

from math import prod
from typing import Any

import cupy as cp

from ..base import Array, Backend
from ..kernels.noise import alpha_factors
from ..kernels.random import step_words
from .modules import at_or_value, is_contiguous, kernel, launch
from .updates import constant


class CupyRandom(Backend):
    """Overrides with the bits of the reference kernels."""

    def random_words(self, n: int, key: tuple[int, int], step: Any) -> Array:
        out = cp.empty(n, dtype=cp.uint64)
        launch(kernel("random", "words"), -(-n // 4), out, *_stream(key, step), cp.int64(n))
        return out

    def random_uniform(
        self,
        shape: tuple[int, ...],
        key: tuple[int, int],
        step: Any,
        dtype: Any = "float32",
        low: float = 0.0,
        high: float = 1.0,
    ) -> Array:
        out = cp.empty(shape, dtype=dtype)
        if out.dtype.char not in "efd":
            return super().random_uniform(shape, key, step, dtype, low, high)
        # Of float32 in half too: the number is rounded when it is done.
        number = cp.float64 if out.dtype.char == "d" else cp.float32
        _draw("uniform", 4 if out.dtype.char == "d" else 8, (out,), (number(high - low), number(low)), key, step)
        return out

    def random_normal(self, shape: tuple[int, ...], key: tuple[int, int], step: Any, dtype: Any = "float32") -> Array:
        out = cp.empty(shape, dtype=dtype)
        if out.dtype.char not in "efd":
            return super().random_normal(shape, key, step, dtype)
        _draw("normal", 8, (out,), (), key, step)
        return out

    def dropout_mask(self, shape: tuple[int, ...], rate: float, key: tuple[int, int], step: Any, dtype: Any) -> Array:
        out = cp.empty(shape, dtype=dtype)
        if out.dtype.char not in "efd":
            return super().dropout_mask(shape, rate, key, step, dtype)
        _draw("dropout_mask", 16, (out,), _dropout(rate, out.dtype), key, step)
        return out

    def dropout(
        self, x: Array, rate: float, key: tuple[int, int], step: Any, shape: tuple[int, ...] | None = None
    ) -> tuple[Array, Array]:
        if not _suits(x, shape):
            return super().dropout(x, rate, key, step, shape)
        y, mask = cp.empty_like(x), cp.empty_like(x)
        _draw("dropout", 16, (y, mask, x), _dropout(rate, x.dtype), key, step)
        return y, mask

    def gaussian_noise(self, x: Array, deviation: float, key: tuple[int, int], step: Any) -> Array:
        if not _suits(x):
            return super().gaussian_noise(x, deviation, key, step)
        y = cp.empty_like(x)
        _draw("gaussian_noise", 8, (y, x), (constant(deviation, x.dtype),), key, step)
        return y

    def gaussian_dropout(self, x: Array, deviation: float, key: tuple[int, int], step: Any) -> tuple[Array, Array]:
        if not _suits(x):
            return super().gaussian_dropout(x, deviation, key, step)
        y, noise = cp.empty_like(x), cp.empty_like(x)
        _draw("gaussian_dropout", 8, (y, noise, x), (constant(deviation, x.dtype),), key, step)
        return y, noise

    def alpha_dropout(
        self, x: Array, rate: float, key: tuple[int, int], step: Any, shape: tuple[int, ...] | None = None
    ) -> tuple[Array, Array]:
        if not _suits(x, shape):
            return super().alpha_dropout(x, rate, key, step, shape)
        y, slope = cp.empty_like(x), cp.empty_like(x)
        numbers = (cp.float32(rate), *(constant(number, x.dtype) for number in alpha_factors(rate)))
        _draw("alpha_dropout", 8, (y, slope, x), numbers, key, step)
        return y, slope


def _suits(x: Array, shape: tuple[int, ...] | None = None) -> bool:
    """Whether a kernel draws for every element of x."""
    return x.dtype.char in "efd" and is_contiguous(x) and (shape is None or tuple(shape) == x.shape)


def _dropout(rate: float, dtype: Any) -> tuple[Any, Any]:
    """The first lane that is kept, and the factor of what is kept: of the dtype, in which the reference rounds it."""
    return cp.uint32(min(round(rate * 65536), 65535)), constant(1.0 / (1.0 - rate), dtype)


def _draw(
    name: str, per_block: int, arrays: tuple[Array, ...], numbers: tuple[Any, ...], key: tuple[int, int], step: Any
) -> None:
    """Run a kernel of which each thread takes the numbers of a Philox block. arrays: of one dtype and size."""
    out = arrays[0]
    function, n = kernel("random", name, out.dtype.char), prod(out.shape)
    launch(function, -(-n // per_block), *arrays, *numbers, *_stream(key, step), cp.int64(n))


def _stream(key: tuple[int, int], step: Any) -> tuple[Any, ...]:
    """The arguments of a kernel for a stream at a step."""
    low, high = step_words(step)
    return cp.uint64(key[0]), cp.uint64(key[1]), *at_or_value(low, cp.uint64), cp.uint64(high)
