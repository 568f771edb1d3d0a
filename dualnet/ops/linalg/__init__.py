"""``ops.linalg``: the ops on matrices, all of which are in ``ops`` too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

NAMES = """
cholesky cholesky_inverse det eig eigh inv jvp lstsq lu_factor matrix_rank norm pinv qr solve solve_triangular svd
"""
__all__: list[str] = []  # filled by ops, when all of its ops exist

if TYPE_CHECKING:

    def __getattr__(name: str) -> Any: ...
