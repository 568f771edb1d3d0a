"""Sparse matrices: those of which only the entries that are not zero are kept, such as the edges of a graph."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from dualnet_backends import Backend
from dualnet_backends.kernels.sparse import Pattern

from . import allowance
from .settings import floatx

__all__ = ["SparseMatrix"]

Array = Any


class OnDevice(NamedTuple):
    """What the product and its gradients need: where the entries are, where those of the transposed matrix are, which entries of this
    one these are, and the values."""

    pattern: Pattern
    transposed: Pattern
    order: Array
    values: Array


class SparseMatrix:
    """A matrix of which only some entries are kept, for `ops.sparse_matmul`. It is a constant, and stays as it was made.

    Entries are sorted by row and then by column. Several with the same row and column are kept, and count as their sum.

    Args:
        rows, columns: where each entry is, (entries,) of whole numbers from 0.
        values: the entries, (entries,); ones by default. `ops.sparse_matmul` can take others in their place.
        shape: number of rows and of columns; by default one more than the largest of each.
        dtype: of the values; by default that which they have, and `floatx()` for numbers without one and whole numbers.

    Attributes:
        rows, columns, values: NumPy arrays in the order in which the entries are kept.

    Raises:
        ValueError: the arrays have different lengths, or an entry is outside the shape.
        TypeError: rows or columns are no whole numbers.

    Example:
        >>> edges = keras.utils.SparseMatrix([0, 1, 1], [1, 0, 2], shape=(3, 3))
        >>> keras.ops.sparse_matmul(edges, [[1.0], [2.0], [4.0]])  # the sum over the neighbours of each node: 2, 5, 0
    """

    def __init__(
        self,
        rows: Any,
        columns: Any,
        values: Any = None,
        *,
        shape: tuple[int, int] | list[int] | None = None,
        dtype: str | None = None,
    ) -> None:
        rows, columns = _indices("rows", rows), _indices("columns", columns)
        if dtype is None:
            dtype = values.dtype if getattr(getattr(values, "dtype", None), "kind", "") == "f" else floatx()
        values = np.ones(rows.shape, dtype) if values is None else np.asarray(values, dtype)
        if not rows.shape == columns.shape == values.shape:
            raise ValueError(
                "expected a row, a column and a value for each entry, "
                f"got shapes {rows.shape}, {columns.shape} and {values.shape}"
            )
        needed = tuple(int(ids.max()) + 1 if ids.size else 0 for ids in (rows, columns))
        n, m = needed if shape is None else (int(size) for size in shape)
        if n < needed[0] or m < needed[1]:
            raise ValueError(f"expected rows and columns inside the shape {(n, m)}, got entries that need {needed}")
        order = np.lexsort((columns, rows))
        self.shape = n, m
        self.rows, self.columns, self.values = rows[order], columns[order], values[order]
        self._devices: dict[str, OnDevice] = {}

    @classmethod
    def from_dense(cls, matrix: Any) -> SparseMatrix:
        """The entries of a matrix (an array or a nested list) that are not zero."""
        dense = np.asarray(matrix)
        if dense.ndim != 2:
            raise ValueError(f"expected a matrix, of shape (rows, columns), got shape {dense.shape}")
        rows, columns = np.nonzero(dense)
        return cls(rows, columns, dense[rows, columns], shape=dense.shape)

    def to_dense(self) -> Array:
        """The whole matrix as a NumPy array.  -> (rows, columns)"""
        dense = np.zeros(self.shape, self.values.dtype)
        np.add.at(dense, (self.rows, self.columns), self.values)
        return dense

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor, by which a model that multiplies by the matrix is saved."""
        arrays = {name: getattr(self, name).tolist() for name in ("rows", "columns", "values")}
        return {**arrays, "shape": list(self.shape), "dtype": str(self.values.dtype)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> SparseMatrix:
        """The matrix of a config."""
        allowance.take_variable(
            config["shape"][:1], "rows of a sparse matrix"
        )  # a file may ask for any number of empty ones
        allowance.take_variable(config["shape"][1:], "columns of a sparse matrix")
        return cls(**config)

    def on(self, backend: Backend) -> OnDevice:
        """The arrays on a device, where they are kept."""
        if backend.device not in self._devices:
            order = np.lexsort((self.rows, self.columns))
            self._devices[backend.device] = OnDevice(
                _pattern(backend, self.rows, self.columns, self.shape[0]),
                _pattern(backend, self.columns[order], self.rows[order], self.shape[1]),
                backend.asarray(order),
                backend.asarray(self.values),
            )
        return self._devices[backend.device]

    def __repr__(self) -> str:
        return f"<SparseMatrix {self.shape[0]} x {self.shape[1]}, {len(self.rows):,} entries>"


def _indices(name: str, ids: Any) -> Array:
    ids = np.asarray(ids)
    if ids.ndim != 1:
        raise ValueError(f"expected {name} of shape (entries,), got {ids.shape}")
    if ids.size and ids.dtype.kind not in "iu":
        raise TypeError(f"expected whole numbers as {name}, got dtype {ids.dtype}")
    ids = ids.astype(np.int64)
    if ids.size and ids.min() < 0:
        raise ValueError(f"expected {name} from 0, got {ids.min()}")
    return ids


def _pattern(backend: Backend, rows: Array, columns: Array, n: int) -> Pattern:
    """A pattern on a device, from sorted rows."""
    starts = np.searchsorted(rows, np.arange(n + 1))
    return Pattern(*(backend.asarray(ids) for ids in (rows, columns, starts)))
