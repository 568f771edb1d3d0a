"""Products of sparse and dense matrices: the reference kernel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

Array = Any


class Pattern(NamedTuple):
    """Where the entries of a sparse matrix are, row by row (CSR).

    Attributes:
        rows: the row of each entry, ascending.  (entries,) int64
        columns: its column.  (entries,) int64
        starts: the first entry of each row, and the number of entries.  (n + 1,) int64
    """

    rows: Array
    columns: Array
    starts: Array


class Sparse:
    """The kernels of ``Backend`` for sparse matrices."""

    xp: Any
    take: Callable[..., Array]
    scatter_add: Callable[..., None]

    def sparse_matmul(self, pattern: Pattern, values: Array, x: Array) -> Array:
        """A sparse matrix times a dense one, in the dtype of x.  values: (entries,) in that dtype  x: (m, width) -> (n, width)"""
        y = self.xp.zeros((pattern.starts.shape[0] - 1, x.shape[1]), dtype=x.dtype)
        self.scatter_add(y, pattern.rows, values[:, None] * self.take(x, pattern.columns))
        return y
