"""Diagonals and triangles of matrices."""

from __future__ import annotations

import builtins
from typing import Any

from ...core.op import primitive
from ...core.tensor import Tensor
from .. import shape_rules
from .._common import Array, Forward, Xp
from ..core.shape import ndim, ravel
from ..math.reduce import sum
from ..registry import op


def _diagonal_indices(xp: Xp, length: int, offset: int) -> tuple[Array, Array]:
    """The rows and columns of a diagonal."""
    i = xp.arange(length)
    return i + builtins.max(-offset, 0), i + builtins.max(offset, 0)


@op("numpy")
def diagonal(xp: Xp, x: Array, /, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Forward:
    """The diagonal of each matrix in two axes, ``offset`` above the main diagonal.  x: (..., n, ..., m, ...) -> (..., d)"""
    if x.ndim < 2:
        raise ValueError(f"diagonal: expected at least two axes, got shape {x.shape}")
    y = xp.diagonal(x, offset, axis1, axis2).copy()

    def backward(dy: Array) -> Array:
        shape = tuple(n for i, n in enumerate(x.shape) if i not in (axis1 % x.ndim, axis2 % x.ndim))
        dx = xp.zeros((*shape, x.shape[axis1], x.shape[axis2]), dtype=dy.dtype)
        rows, columns = _diagonal_indices(xp, y.shape[-1], offset)
        dx[..., rows, columns] = dy
        return xp.moveaxis(dx, (-2, -1), (axis1, axis2))

    return y, backward


@primitive
def _diagonal_matrix(xp: Xp, x: Array, /, k: int = 0) -> Forward:
    """A square matrix with x on its k-th diagonal and 0 elsewhere.  x: (n,) -> (n + |k|, n + |k|)"""
    n = x.shape[0] + builtins.abs(k)
    y = xp.zeros((n, n), dtype=x.dtype)
    y[_diagonal_indices(xp, x.shape[0], k)] = x
    return y, lambda dy: xp.diagonal(dy, k)


@op("numpy", shape="traced")
def diag(x: Any, /, k: int = 0) -> Tensor:
    """A vector as the k-th diagonal of a matrix, or the k-th diagonal of a matrix.  (n,) or (n, m)"""
    if ndim(x) not in (1, 2):
        raise ValueError(f"diag: expected a vector or a matrix, got a tensor with {ndim(x)} axes")
    return _diagonal_matrix(x, k) if ndim(x) == 1 else diagonal(x, k)


@op("numpy", shape="traced")
def diagflat(x: Any, /, k: int = 0) -> Tensor:
    """The matrix with all elements of x on its k-th diagonal"""
    return _diagonal_matrix(ravel(x), k)


@op("numpy", shape="traced")
def trace(x: Any, /, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """The sum of each diagonal"""
    return sum(diagonal(x, offset, axis1, axis2), axis=-1)


@op("numpy", shape=shape_rules.matrix)
def tril(xp: Xp, x: Array, /, k: int = 0) -> Forward:
    """The elements on and below the k-th diagonal of each matrix, 0 elsewhere.  x: (..., n, m)"""
    return _masked(xp, x, xp.tri(*_matrix(x), k=k, dtype="bool"))


@op("numpy", shape=shape_rules.matrix)
def triu(xp: Xp, x: Array, /, k: int = 0) -> Forward:
    """The elements on and above the k-th diagonal of each matrix, 0 elsewhere.  x: (..., n, m)"""
    return _masked(xp, x, xp.logical_not(xp.tri(*_matrix(x), k=k - 1, dtype="bool")))


def _matrix(x: Array) -> tuple[int, int]:
    if x.ndim < 2:
        raise ValueError(f"expected at least two axes (..., n, m), got shape {x.shape}")
    return x.shape[-2:]


def _masked(xp: Xp, x: Array, mask: Array) -> Forward:
    return xp.where(mask, x, xp.zeros((), dtype=x.dtype)), lambda dy: xp.where(mask, dy, xp.zeros((), dtype=dy.dtype))


@op("numpy")
def vander(xp: Xp, x: Array, /, N: int | None = None, increasing: bool = False) -> Forward:
    """The powers of x as columns, the highest first unless ``increasing``.  x: (n,) -> (n, N), N = n by default"""
    if x.ndim != 1:
        raise ValueError(f"vander: expected a vector, got shape {x.shape}")
    x = x.astype("int32") if x.dtype == "bool" else x
    exponents = xp.arange(x.shape[0] if N is None else N)
    powers = x[:, None] ** exponents.astype(x.dtype)

    def backward(dy: Array) -> Array:
        dy = dy if increasing else dy[:, ::-1]
        return xp.sum(dy[:, 1:] * exponents[1:].astype(dy.dtype) * powers[:, :-1], axis=1)

    return (powers if increasing else powers[:, ::-1]), backward
