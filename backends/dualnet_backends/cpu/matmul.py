"""Matrix products on the CPU: large ones in tiles, which threads share."""

from __future__ import annotations

from _thread import get_ident
from functools import lru_cache
from math import log2
from typing import Any

import numpy as np

from ..threads import parallel_for
from . import blas

Array = Any

# A product of fewer multiplications is not cut: it takes some 50 us, and handing a tile to another thread some of them.
SMALL = 1 << 22
# Tiles have at most about so many multiplications. They are not smaller than need be, since BLAS packs one operand anew for each.
LARGE = 1 << 27
COLUMNS = 64  # the width of a tile is a multiple of it, so that the inner loops of BLAS have no remainders


def matmul(a: Array, b: Array, out: Array | None = None) -> Array:
    """Matrix product over the last two axes.  a: (..., m, k)  b: (..., k, n) -> (..., m, n)"""
    if get_ident() not in blas.inside:
        with blas.one_thread():
            return matmul(a, b, out)
    if a.ndim == 2 == b.ndim and a.dtype is b.dtype:
        if a.size * b.shape[1] >= SMALL and a.dtype.char in "fd" and _can_be_cut(a, b, out):
            return _in_tiles(a, b, out)
        # For two matrices dot is the same product with 1 to 2 us less overhead.
        try:
            return a.dot(b) if out is None else a.dot(b, out)
        except ValueError:  # out has gaps or another dtype
            pass
    y = np.matmul(a, b, out=out)
    if y.dtype is a.dtype or a.dtype != b.dtype or out is not None:
        return y
    return y.astype(a.dtype, copy=False)  # bfloat16, which NumPy multiplies in float32


def _can_be_cut(a: Array, b: Array, out: Array | None) -> bool:
    """Whether tiles can be written one after the other. If not, NumPy makes copies, or raises."""
    if a.shape[1] != b.shape[0]:
        return False
    if out is None:
        return True
    overlap = np.may_share_memory(out, a) or np.may_share_memory(out, b)
    return out.shape == (a.shape[0], b.shape[1]) and not overlap


def _in_tiles(a: Array, b: Array, out: Array | None) -> Array:
    (m, k), n = a.shape, b.shape[1]
    y = np.empty((m, n), a.dtype) if out is None else out
    by_columns = n >= m
    tiles = slices(n if by_columns else m, m * n * k)

    def tile(i: int) -> None:
        part = tiles[i]
        if by_columns:
            np.matmul(a, b[:, part], out=y[:, part])
        else:
            np.matmul(a[part], b, out=y[part])

    parallel_for(len(tiles), tile, (m, k, n))
    return y


@lru_cache(maxsize=1024)
def slices(length: int, multiplications: int) -> list[slice]:
    """The tiles along an axis of an output, whatever the number of threads: two, or more for a very large product."""
    count = 2 ** max(1, round(log2(multiplications / LARGE)))
    size = -(-length // count)
    size = -(-size // COLUMNS) * COLUMNS
    return [slice(i, min(i + size, length)) for i in range(0, length, size)]
