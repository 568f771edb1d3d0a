"""Gradients of standardized rows on the CPU, as in layer normalization: block by block, each of which stays in the cache.

What is summed over a row, or over the rows of a block, is a product with a vector, which runs in BLAS. A block depends on the shape
alone, so that the bits do not depend on the number of threads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..kernels.standardization import Array, Ints, Standardization
from . import blas

BLOCK = 16_384  # elements
SHORT = 8  # elements of a row below which the reference, which makes fewer calls on whole arrays, is faster


class NumpyStandardization(Standardization):
    """An override for the last axis of large arrays, where gamma and beta belong to it too.

    In blocks, the forward pass measured no faster than its reference.
    """

    xp: Any = np

    if TYPE_CHECKING:  # defined by Backend

        def for_each(self, n: int, function: Callable[[int], Any], size: int) -> None: ...

    def standardize_gradients(
        self,
        dy: Array,
        normal: Array,
        inv: Array,
        gamma: Array | None,
        axes: Ints,
        parameter_axes: Ints,
        centred: bool = True,
        out: Sequence[Any] = (None, None, None),
    ) -> tuple[Array | None, Array | None, Array | None]:
        if not _in_rows(dy, axes) or parameter_axes != axes or not normal.flags.c_contiguous:
            return super().standardize_gradients(dy, normal, inv, gamma, axes, parameter_axes, centred, out)
        c = dy.shape[-1]
        is_reusable = isinstance(out[0], np.ndarray) and out[0].flags.c_contiguous and out[0].dtype == dy.dtype
        dx = None if out[0] is False else out[0] if is_reusable else np.empty(dy.shape, dy.dtype)
        dys, normals, invs = (a.reshape(-1, a.shape[-1]) for a in (np.ascontiguousarray(dy), normal, inv))
        dxs = None if dx is None else dx.reshape(-1, c)
        scale = np.ones(c, dy.dtype) if gamma is None else gamma.reshape(-1)
        mean_of = scale / c
        blocks = _blocks(dys)
        dgammas, dbetas = (None if r is False else np.empty((len(blocks), c), dy.dtype) for r in out[1:])
        ones = np.ones(len(dys[blocks[0]]), dy.dtype)

        def compute(i: int) -> None:
            dyi, t = dys[blocks[i]], normals[blocks[i]]
            products = dyi * t
            if dgammas is not None:
                np.matmul(ones[: len(dyi)], products, out=dgammas[i])
            if dbetas is not None:
                np.matmul(ones[: len(dyi)], dyi, out=dbetas[i])
            if dxs is not None:
                slope, dxi = products @ mean_of, dxs[blocks[i]]
                np.multiply(dyi, scale, out=dxi)
                if centred:
                    dxi -= (dyi @ mean_of)[:, None]
                dxi -= np.multiply(t, slope[:, None], out=products)
                dxi *= invs[blocks[i]]

        with blas.one_thread():
            self.for_each(len(blocks), compute, dy.size)
        sums = (None if p is None else p.sum(axis=0, out=r) for p, r in zip((dgammas, dbetas), out[1:]))
        dgamma, dbeta = sums
        return dx, dgamma, dbeta


def _in_rows(x: Array, axes: Ints) -> bool:
    return axes == (x.ndim - 1,) and x.shape[-1] >= SHORT and x.size >= BLOCK and x.dtype.char in "fd"


def _blocks(rows: Array) -> list[slice]:
    n = max(1, BLOCK // rows.shape[1])
    return [slice(i, i + n) for i in range(0, len(rows), n)]
