"""Gradients limited by their norm or looked through on the GPU, two launches for all of them; and Lamb, whose step has the norm of
the weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import cupy as cp
import numpy as np

from ..base import Array, Scalar
from .modules import THREADS, is_contiguous, kernel
from .updates import constant, constant_type, scalar, suit

_MAXIMUM = 240  # arrays of one launch, whose addresses are an argument, of 4 KiB at most: as in norms.cu
_ARRAYS = np.dtype([("at", np.uint64, _MAXIMUM), ("sizes", np.int64, _MAXIMUM)])
_PER_THREAD = 8  # elements, before there are more blocks
_PARTS = 4_096  # sums of blocks at most, or one for each array


class CupyNorms:
    """Overrides within rounding: sums of half are those of float."""

    def clip_norms(self, grads: Sequence[Array], limit: float) -> None:
        if not _are_alike(grads):
            super().clip_norms(grads, limit)  # type: ignore[misc]
            return
        dtype, blocks, parts = _sums("squares", grads)
        for first, grid, arrays in _launches(grads, blocks):
            arguments = (arrays, parts[first * blocks :], constant(limit, dtype))
            _kernel("clip_norms", dtype)(grid, (THREADS,), arguments)

    def clip_global_norm(self, grads: Sequence[Array], limit: float) -> None:
        if not _are_alike(grads):
            super().clip_global_norm(grads, limit)  # type: ignore[misc]
            return
        dtype, blocks, parts = _sums("squares", grads)
        for _, grid, arrays in _launches(grads, blocks):
            arguments = (arrays, parts, constant(limit, dtype), cp.int64(parts.size))
            _kernel("clip_global_norm", dtype)(grid, (THREADS,), arguments)

    def all_finite(self, grads: Sequence[Array]) -> Array:
        if not _are_alike(grads):
            return super().all_finite(grads)  # type: ignore[misc]
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
            super().lamb(w, g, m, v, lr, correction1, correction2, beta1, beta2, epsilon, decay)  # type: ignore[misc]
            return
        dtype, n, blocks = w.dtype, cp.int64(w.size), _blocks([w])
        u, parts = cp.empty_like(w), cp.empty(2 * blocks, constant_type(dtype))
        numbers = [x for s in (correction1, correction2, decay) for x in scalar(s, dtype)]
        numbers += [constant(x, dtype) for x in (1 - beta1, 1 - beta2, epsilon)]
        _kernel("lamb_step", dtype)((blocks,), (THREADS,), (w, g, m, v, u, parts, *numbers, n))
        _kernel("lamb", dtype)((blocks,), (THREADS,), (w, u, parts, *scalar(lr, dtype), n))


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
