"""The op table: the product of a sparse and a dense matrix."""

from __future__ import annotations

from typing import Any

import numpy as np

from dualnet.core.sparse import SparseMatrix
from dualnet.ops.linalg import sparse

from .cases import F, Row, call, other

# An empty row, an empty column, and two entries at one position.
MATRIX = SparseMatrix([0, 0, 1, 3, 3, 3], [1, 4, 1, 0, 1, 1], [0.5, -1.0, 2.0, 1.0, 0.25, 3.0], shape=(4, 6))


def product(matrix: SparseMatrix, x: Any, values: Any = None) -> Any:
    values = matrix.values.astype(x.dtype) if values is None else values
    dense = np.zeros(matrix.shape, x.dtype)
    np.add.at(dense, (matrix.rows, matrix.columns), values)
    return dense @ x


NONE = SparseMatrix([], [], shape=(2, 4))
ROWS: list[Row] = [
    other(sparse.sparse_matmul, product, call(MATRIX, F((6, 5))), call(MATRIX, F((6, 2)), F((6,))), call(NONE, F((4, 1)))),
    other(sparse._sparse_matmul, lambda x, values, matrix: product(matrix, x, values), call(F((6, 5)), None, MATRIX),
          call(F((6, 2)), F((6,)), MATRIX), call(F((4, 1)), None, NONE)),
]  # fmt: skip
