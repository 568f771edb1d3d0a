"""How exact products of float32 are on a GPU: as they should be, or, on request, faster."""

from __future__ import annotations

import os

ENVIRONMENT = "DUALNET_MATMUL_PRECISION"
PRECISIONS = ("float32", "tensorfloat32")

_precision: str | None = None  # set by the program; until then the environment decides


def matmul_precision() -> str:
    """How a GPU multiplies matrices of float32: what ``set_matmul_precision`` or else $DUALNET_MATMUL_PRECISION says, else "float32"."""
    global _precision
    precision = _precision
    if precision is None:
        precision = _precision = _checked(os.environ.get(ENVIRONMENT, "").strip() or "float32", f"${ENVIRONMENT}")
    return precision


def set_matmul_precision(precision: str | None) -> None:
    """Let a GPU multiply matrices of float32 in this precision: "float32", "tensorfloat32", or None for what the environment says.

    Raises ``ValueError`` for any other.
    """
    global _precision
    _precision = None if precision is None else _checked(precision, "set_matmul_precision")


def _checked(precision: str, what: str) -> str:
    if precision not in PRECISIONS:
        raise ValueError(f'{what}: expected "float32" or "tensorfloat32", got {precision!r}')
    return precision
