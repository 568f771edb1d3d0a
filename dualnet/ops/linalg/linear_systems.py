"""Linear equations, inverses and determinants.  x: (..., n, n), any leading axes

A singular matrix raises ``LinAlgError`` on a CPU and gives inf or NaN on a GPU, where checking would synchronize.
"""

from __future__ import annotations

from typing import Any

from dualnet_backends import Backend

from ...core.dtypes import result_type
from ...core.op import primitive
from ...core.tensor import Tensor
from .. import shape_rules
from .._common import Array, Forward, NoGrad, Xp, sum_to
from ..core.shape import ndim, swapaxes
from ..registry import op
from ._matrix import matrices, product, regular, t
from .linear import matmul


@op("linalg", shape=shape_rules.square)
def inv(backend: Backend, x: Array, /) -> Forward:
    """The inverse.  x: (..., n, n) -> (..., n, n)"""
    xp = backend.xp
    y = xp.linalg.inv(regular(xp, matrices("inv", x, square=True)))
    return y, lambda dy: -product(backend, t(xp, y), dy, t(xp, y))


@op("linalg", shape=shape_rules.determinant)
def det(backend: Backend, x: Array, /) -> Forward:
    """The determinant.  x: (..., n, n) -> (...)"""
    xp, a = backend.xp, matrices("det", x, square=True)

    def backward(dy: Array) -> Array:
        # The cofactor matrix from the singular values: it exists for singular matrices too.
        u, s, vh = xp.linalg.svd(a)
        n = a.shape[-1]
        others = xp.where(xp.eye(n, dtype=bool), xp.ones_like(s[..., None]), s[..., None, :])
        d = xp.prod(others, axis=-1) * (xp.linalg.det(u) * xp.linalg.det(vh))[..., None]
        return backend.matmul(u * d[..., None, :], vh) * dy[..., None, None]

    return xp.linalg.det(a).astype(x.dtype if x.dtype.kind in "fV" else a.dtype, copy=False), backward


@op("numpy", shape=shape_rules.sign_and_logdet)
def slogdet(xp: Xp, x: Array, /) -> Forward:
    """(sign, logarithm of the absolute value) of the determinant.  x: (..., n, n) -> (...), (...)"""
    a = matrices("slogdet", x, square=True)
    sign, log = xp.linalg.slogdet(a)
    return (sign, log), lambda dys: t(xp, xp.linalg.inv(a)) * dys[1][..., None, None]


@op("math", shape=shape_rules.determinant)
def logdet(x: Array, /) -> Tensor:
    """The logarithm of the absolute value of the determinant.  x: (..., n, n) -> (...)"""
    return slogdet(x)[1]


def _equations(name: str, a: Array, b: Array) -> tuple[Array, Array, bool]:
    """The matrices, the right hand sides as columns, and whether these were vectors."""
    a, b = (v.astype(result_type(a.dtype, b.dtype), copy=False) for v in (a, b))
    a = matrices(name, a, square=True)
    vector = b.ndim in (1, a.ndim - 1)
    if b.ndim == 0 or b.shape[-1 if vector else -2] != a.shape[-1]:
        n = a.shape[-1]
        raise ValueError(
            f"{name}: for matrices of shape {a.shape} expected right hand sides of shape (..., {n}) or (..., {n}, k), "
            f"got {b.shape}"
        )
    b = b[..., None] if vector else b
    return a, b.astype(a.dtype, copy=False), vector


@op("linalg", shape=shape_rules.solve)
def solve(backend: Backend, a: Array, b: Array, /) -> Forward:
    """x with a @ x = b.  a: (..., n, n)  b: (..., n) or (..., n, k) -> the shape of b"""
    matrix, right, vector = _equations("solve", a, b)
    return _solved(backend, regular(backend.xp, matrix), right, vector, lambda da: da, a, b)


@op("linalg", shape=shape_rules.solve)
def solve_triangular(backend: Backend, a: Array, b: Array, /, lower: bool = False) -> Forward:
    """x with a @ x = b, of the upper (``lower``: lower) triangle of a; the rest of a is ignored.

    a: (..., n, n)  b: (..., n) or (..., n, k) -> the shape of b
    """
    matrix, right, vector = _equations("solve_triangular", a, b)
    xp = backend.xp
    triangle = xp.tril if lower else xp.triu
    # NumPy has no triangular solve; elimination with pivots is as exact, at three times the work.
    return _solved(backend, triangle(regular(xp, matrix)), right, vector, triangle, a, b)


def _solved(backend: Backend, matrix: Array, right: Array, vector: bool, part: Any, a: Array, b: Array) -> Forward:
    xp = backend.xp
    if matrix.shape[:-2] != right.shape[:-2]:  # cuSOLVER needs one matrix for each right hand side
        front = xp.broadcast_shapes(matrix.shape[:-2], right.shape[:-2])
        matrix = xp.broadcast_to(matrix, front + matrix.shape[-2:])
        right = xp.broadcast_to(right, front + right.shape[-2:])
    x = xp.linalg.solve(matrix, right)

    def backward(dy: Array) -> tuple[Array, Array]:
        dx = (dy[..., None] if vector else dy).astype(x.dtype, copy=False)
        db = xp.linalg.solve(t(xp, matrix), dx)
        da = part(-backend.matmul(db, t(xp, x)))
        return sum_to(xp, da, a), sum_to(xp, db[..., 0] if vector else db, b)

    return (x[..., 0] if vector else x), backward


@op("linalg", shape=shape_rules.pinv)
def pinv(x: Array, /, rcond: float | None = None) -> Tensor:
    """The pseudoinverse of Moore and Penrose.  x: (..., m, n) -> (..., n, m)

    Args:
        rcond: singular values up to this fraction of the largest count as 0 (default: 10 max(m, n) times the
            precision).
    """
    return _pinv(x, rcond=rcond, factor=10)


@primitive(shape=shape_rules.pinv)
def _pinv(backend: Backend, x: Array, /, rcond: float | None = None, factor: float = 1) -> Forward:
    xp, a = backend.xp, matrices("pinv", x)
    m, n = a.shape[-2:]
    y = xp.linalg.pinv(a, rcond=_cutoff(a, factor) if rcond is None else rcond)

    def backward(dy: Array) -> Array:
        # Golub and Pereyra 1973.
        yt, dyt = t(xp, y), t(xp, dy)
        outside = xp.eye(m, dtype=y.dtype) - backend.matmul(a, y)
        inside = xp.eye(n, dtype=y.dtype) - backend.matmul(y, a)
        left, right = product(backend, outside, dyt, y, yt), product(backend, yt, y, dyt, inside)
        return -product(backend, yt, dy, yt) + left + right

    return y, backward


def _cutoff(a: Array, factor: float = 1) -> float:
    precision = 2.0**-52 if str(a.dtype) in ("float64", "complex128") else 2.0**-23
    return factor * max(a.shape[-2:]) * precision


@op("linalg")
def lstsq(a: Array, b: Array, /, rcond: float | None = None) -> Tensor:
    """The x of the smallest length among those that make ``a @ x - b`` smallest (least squares).

    a: (m, n)  b: (m,) or (m, k) -> (n,) or (n, k).

    Args:
        rcond: as in ``pinv`` (default: max(m, n) times the precision).
    """
    return matmul(_pinv(a, rcond=rcond), b)


@op("linalg")
def matrix_rank(xp: Xp, x: Array, /, tol: float | None = None) -> NoGrad:
    """How many singular values are above ``tol`` (default: the largest times max(m, n) times the precision), as int32.

    x: (..., m, n) -> (...)
    """
    a = matrices("matrix_rank", x)
    s = xp.linalg.svd(a, compute_uv=False)
    limit = xp.max(s, axis=-1, keepdims=True) * _cutoff(a) if tol is None else tol
    return xp.sum(s > limit, axis=-1, dtype="int32"), None


@op("linalg", shape=shape_rules.square)
def cholesky_inverse(x: Array, /, upper: bool = False) -> Tensor:
    """The inverse of the matrix whose Cholesky factor is the lower triangle of x.  x: (..., n, n) -> (..., n, n)

    Args:
        upper: the factor is the upper triangle, as of ``cholesky(x, upper=True)``.
    """
    if ndim(x) < 2:
        raise ValueError(f"cholesky_inverse: Input should have rank >= 2, got {ndim(x)} axes")
    root = inv(_triangle(x, lower=not upper))
    return matmul(root, swapaxes(root, -1, -2)) if upper else matmul(swapaxes(root, -1, -2), root)


@primitive(shape=shape_rules.square)
def _triangle(xp: Xp, x: Array, /, lower: bool) -> Forward:
    part = xp.tril if lower else xp.triu
    return part(x), lambda dy: part(dy)
