"""The product of a sparse and a dense matrix."""

from __future__ import annotations

from typing import Any

from dualnet_backends import Backend

from ...core.op import primitive
from ...core.sparse import SparseMatrix
from ...core.tensor import Tensor
from .._common import Array, Forward, Spec, promote_floating
from ..core.create import convert_to_tensor
from ..registry import op


@primitive(shape=lambda x, values, matrix: _shape(matrix, x))
def _sparse_matmul(backend: Backend, x: Array, values: Array | None, /, matrix: Any = None) -> Forward:
    """As ``sparse_matmul``.  x: (m, width)  values: (entries,) or None for those of the matrix -> (n, width)"""
    pattern, transposed, order, own = matrix.on(backend)
    x, v = promote_floating(x, own.astype(x.dtype, copy=False) if values is None else values)

    def backward(dy: Array) -> tuple[Array, Array | None]:
        dx = backend.sparse_matmul(transposed, v[order], dy)
        if values is None:
            return dx, None
        # An entry's value multiplies one row of x on its way to one row of y.
        return dx, (backend.take(dy, pattern.rows) * backend.take(x, pattern.columns)).sum(axis=1)

    return backend.sparse_matmul(pattern, v, x), backward


def _shape(matrix: SparseMatrix, x: Any, values: Any = None) -> Spec:
    return Spec((matrix.shape[0], x.shape[1]), x.dtype)


@op("math", keras=False, shape=_shape)
def sparse_matmul(matrix: SparseMatrix, x: Any, values: Any = None, /) -> Tensor:
    """A sparse matrix times a dense one: each row of the result is a sum over the entries of a row, never over the zeros.

    The adjacency matrix of a graph times the features of its nodes is, for each node, the sum over its neighbours.

    Args:
        matrix: a `utils.SparseMatrix` of shape (n, m).
        x: (m, width) -> (n, width)
        values: (entries,) in the place of the matrix's own, in the order of its `rows` and `columns`; they may have a gradient, as the
            weights of edges that are learned have.

    Raises:
        TypeError: `matrix` is no `SparseMatrix`.
        ValueError: the shapes do not fit.
    """
    if not isinstance(matrix, SparseMatrix):
        raise TypeError(
            f"sparse_matmul: expected a utils.SparseMatrix, got {type(matrix).__name__}: make one, or use ops.matmul"
        )
    x = convert_to_tensor(x)
    if len(x.shape) != 2 or x.shape[0] != matrix.shape[1]:
        raise ValueError(f"sparse_matmul: expected x of shape ({matrix.shape[1]}, width) for {matrix!r}, got {x.shape}")
    if values is not None:
        values = convert_to_tensor(values)
        if values.shape != matrix.rows.shape:
            raise ValueError(
                f"sparse_matmul: expected a value for each of the entries of {matrix!r}, got shape {values.shape}"
            )
    return _sparse_matmul(x, values, matrix)
