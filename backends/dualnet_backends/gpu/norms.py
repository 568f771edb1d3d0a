"""Gradients limited by their norm or looked through on the GPU, two launches for all of them; and Lamb and Adafactor,
whose steps are as long as the weights are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import cupy as cp
import numpy as np

from ..base import Array, Backend, Scalar
from .modules import NO_ADDRESS, THREADS, is_contiguous, kernel, launch
from .updates import constant, constant_type, scalar, suit

_MAXIMUM = 240  # arrays of one launch, whose addresses are an argument, of 4 KiB at most: as in norms.cu
_ARRAYS = np.dtype([("at", np.uint64, _MAXIMUM), ("sizes", np.int64, _MAXIMUM)])
_PER_THREAD = 8  # elements, before there are more blocks
_PER_PART = 64  # rows that one thread adds up at least, and parts of rows at most
_PARTS = 4_096  # sums of blocks at most, or one for each array


class CupyNorms(Backend):
    """Overrides within rounding: sums of half are those of float."""

    def clip_norms(self, grads: Sequence[Array], limit: float) -> None:
        if not _are_alike(grads):
            super().clip_norms(grads, limit)
            return
        dtype, blocks, parts = _sums("squares", grads)
        for first, grid, arrays in _launches(grads, blocks):
            arguments = (arrays, parts[first * blocks :], constant(limit, dtype))
            _kernel("clip_norms", dtype)(grid, (THREADS,), arguments)

    def clip_global_norm(self, grads: Sequence[Array], limit: float) -> None:
        if not _are_alike(grads):
            super().clip_global_norm(grads, limit)
            return
        dtype, blocks, parts = _sums("squares", grads)
        for _, grid, arrays in _launches(grads, blocks):
            arguments = (arrays, parts, constant(limit, dtype), cp.int64(parts.size))
            _kernel("clip_global_norm", dtype)(grid, (THREADS,), arguments)

    def all_finite(self, grads: Sequence[Array]) -> Array:
        if not _are_alike(grads):
            return super().all_finite(grads)
        dtype, _, parts = _sums("not_finite", grads)
        out = cp.empty((), dtype=bool)
        _kernel("are_zero", dtype)((1,), (THREADS,), (out, parts, cp.int64(parts.size)))
        return out

    def lamb(
        self,
        w: Array,
        g: Array,
        m: Array,
        v: Array,
        lr: Scalar,
        correction1: Scalar,
        correction2: Scalar,
        beta1: float,
        beta2: float,
        epsilon: float,
        decay: Scalar | None = None,
    ) -> None:
        if not suit(w, g, m, v) or not w.size:
            super().lamb(w, g, m, v, lr, correction1, correction2, beta1, beta2, epsilon, decay)
            return
        dtype, n, blocks = w.dtype, cp.int64(w.size), _blocks([w])
        u, parts = cp.empty_like(w), cp.empty(2 * blocks, constant_type(dtype))
        numbers = [x for s in (correction1, correction2, decay) for x in scalar(s, dtype)]
        numbers += [constant(x, dtype) for x in (1 - beta1, 1 - beta2, epsilon)]
        _kernel("lamb_step", dtype)((blocks,), (THREADS,), (w, g, m, v, u, parts, *numbers, n))
        _kernel("lamb", dtype)((blocks,), (THREADS,), (w, u, parts, *scalar(lr, dtype), n))

    def adafactor(
        self,
        w: Array,
        g: Array,
        r: Array,
        c: Array,
        v: Array,
        rho: Scalar,
        keep: Scalar,
        rate: Scalar,
        epsilon1: float,
        epsilon2: float,
        threshold: float,
        decay: Scalar | None = None,
    ) -> None:
        if not suit(w, g, v) or not w.size or (w.ndim >= 2 and not _are_alike([w, r, c])):
            super().adafactor(w, g, r, c, v, rho, keep, rate, epsilon1, epsilon2, threshold, decay)
            return
        dtype, n, blocks = w.dtype, cp.int64(w.size), _blocks([w])
        averaging, epsilon = (*scalar(keep, dtype), *scalar(rate, dtype)), constant(epsilon1, dtype)
        factors: tuple[Any, ...] = (NO_ADDRESS, NO_ADDRESS, NO_ADDRESS)
        rows, columns = (cp.int64(size) for size in (w.shape[-2:] if w.ndim >= 2 else (1, w.size)))
        if w.ndim >= 2:
            grid = (-(-32 * r.size // THREADS),)
            _kernel("adafactor_rows", dtype)(grid, (THREADS,), (g, r, *averaging, epsilon, cp.int64(r.size), columns))
            parts = min(-(-int(rows) // _PER_PART), _PER_PART)
            sums = cp.empty(parts * c.size, constant_type(dtype))
            counts = (cp.int64(parts), cp.int64(sums.size))
            launch(_kernel("adafactor_columns", dtype), sums.size, g, sums, epsilon, rows, columns, *counts)
            counts = (cp.int64(parts), cp.int64(c.size))
            launch(_kernel("adafactor_columns_end", dtype), c.size, sums, c, *averaging, rows, *counts)
            means = cp.empty(r.size // int(rows), dtype)
            _kernel("adafactor_means", dtype)((means.size,), (THREADS,), (r, means, rows))
            factors = (r, c, means)
        u, squares = cp.empty_like(w), cp.empty(2 * blocks, constant_type(dtype))
        numbers: list[Any] = [*averaging, *scalar(decay, dtype), epsilon, rows, columns, n]
        _kernel("adafactor_step", dtype)((blocks,), (THREADS,), (w, g, *factors, v, u, squares, *numbers))
        numbers = [*scalar(rho, dtype), *scalar(decay, dtype), constant(epsilon2, dtype), constant(threshold, dtype), n]
        _kernel("adafactor", dtype)((blocks,), (THREADS,), (w, u, squares, *numbers))


def _kernel(name: str, dtype: Any) -> Any:
    return kernel("norms", name, dtype.char)


def _are_alike(arrays: Sequence[Array]) -> bool:
    """Whether kernels take these arrays: floating point of one dtype, without gaps."""
    dtypes = {a.dtype.char for a in arrays}
    return len(dtypes) == 1 and dtypes <= set("efd") and is_contiguous(*arrays)


def _blocks(arrays: Sequence[Array]) -> int:
    """How many blocks share an array: a function of sizes alone."""
    largest = max(a.size for a in arrays)
    return max(min(-(-largest // (THREADS * _PER_THREAD)), _PARTS // len(arrays)), 1)


def _launches(arrays: Sequence[Array], blocks: int) -> Iterator[tuple[int, tuple[int, int], Any]]:
    """(number of the first array, grid, the argument) for as many arrays as one launch takes at a time."""
    for first in range(0, len(arrays), _MAXIMUM):
        some = arrays[first : first + _MAXIMUM]
        argument = np.zeros((), _ARRAYS)
        argument["at"][: len(some)] = [a.data.ptr for a in some]
        argument["sizes"][: len(some)] = [a.size for a in some]
        yield first, (blocks, len(some)), argument[()]


def _sums(name: str, arrays: Sequence[Array]) -> tuple[Any, int, Array]:
    """(dtype, blocks of an array, the sums of all blocks) of a kernel that adds up."""
    dtype, blocks = arrays[0].dtype, _blocks(arrays)
    parts = cp.empty(blocks * len(arrays), constant_type(dtype))
    for first, grid, argument in _launches(arrays, blocks):
        _kernel(name, dtype)(grid, (THREADS,), (argument, parts[first * blocks :]))
    return dtype, blocks, parts
