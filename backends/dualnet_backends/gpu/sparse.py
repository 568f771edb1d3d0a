"""Products of sparse and dense matrices on the GPU: a thread for each element of the result, which adds up its row in order."""

from __future__ import annotations

import cupy as cp

from ..kernels.sparse import Array, Pattern, Sparse
from .modules import contiguous, kernel, launch


class CupySparse(Sparse):
    def sparse_matmul(self, pattern: Pattern, values: Array, x: Array) -> Array:
        if x.dtype.char not in "efd" or values.dtype != x.dtype:
            return super().sparse_matmul(pattern, values, x)
        y = cp.empty((pattern.starts.shape[0] - 1, x.shape[1]), dtype=x.dtype)
        _, columns, starts = map(contiguous, pattern)
        arguments = starts, columns, contiguous(values), contiguous(x), cp.int64(x.shape[1]), cp.int64(y.size)
        launch(kernel("sparse", "sparse_matmul", x.dtype.char), y.size, y, *arguments)
        return y
