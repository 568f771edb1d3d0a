"""Matrix decompositions.  x: (..., m, n), any leading axes. Gradients as in arXiv:1602.07527 and arXiv:1909.02659.

A factorization that fails raises ``LinAlgError`` on a CPU and gives NaN on a GPU, where checking would synchronize.
"""

from __future__ import annotations

from typing import Any

from dualnet_backends import Backend

from ...core.op import primitive
from .. import shape_rules
from .._common import Array, Forward, NoGrad, Xp
from ..registry import op
from ._matrix import diagonal, differences, matrices, product, regular, t


@op("linalg", shape=shape_rules.square)
def cholesky(backend: Backend, x: Array, /, upper: bool = False) -> Forward:
    """The lower triangular L with L @ L^T = x, for symmetric positive definite x; other x are symmetrized, (x + x^T) / 2.

    x: (..., n, n) -> (..., n, n)

    Args:
        upper: L^T instead.
    """
    xp, dtype, a = backend.xp, x.dtype, matrices("cholesky", x, square=True)
    factor = xp.linalg.cholesky(regular(xp, (a + t(xp, a)) / 2))

    def backward(dy: Array) -> Array:
        # dx = L^-T phi(L^T dL) L^-1, phi: the lower triangle with half the diagonal.
        dl = xp.tril(t(xp, dy) if upper else dy).astype(factor.dtype, copy=False)
        inner = xp.tril(backend.matmul(t(xp, factor), dl))
        inner = inner - diagonal(xp, xp.diagonal(inner, 0, -2, -1)) / 2
        left = xp.linalg.solve(t(xp, factor), inner)
        dx = t(xp, xp.linalg.solve(t(xp, factor), t(xp, left)))
        return (dx + t(xp, dx)) / 2

    y = (t(xp, factor) if upper else factor).astype(dtype if dtype.kind in "fV" else factor.dtype, copy=False)
    return y, backward


@op("linalg")
def qr(backend: Backend, x: Array, /, mode: str = "reduced") -> Forward:
    """(q, r): q with orthonormal columns, r upper triangular, q @ r = x.

    Args:
        mode: "reduced": (..., m, k), (..., k, n) with k = min(m, n); "complete": (..., m, m), (..., m, n), with a
            gradient only for m <= n, where both are the same.
    """
    if mode not in ("reduced", "complete"):
        raise ValueError(
            f"`mode` argument value not supported. Expected one of {{'reduced', 'complete'}}. Received: {mode}"
        )
    xp, a = backend.xp, matrices("qr", x)
    q, r = xp.linalg.qr(a, mode=mode)
    m, n = a.shape[-2:]

    def thin(dq: Array, q: Array, r: Array, dr: Array) -> Array:
        """The gradient for m >= n."""
        inner = backend.matmul(r, t(xp, dr)) - backend.matmul(t(xp, dq), q)
        mirrored = xp.tril(inner) + t(xp, xp.tril(inner, -1))
        return t(xp, xp.linalg.solve(r, t(xp, dq + backend.matmul(q, mirrored))))

    def backward(dys: tuple[Array, Array]) -> Array:
        dq, dr = (v.astype(a.dtype, copy=False) for v in dys)
        if m >= n:
            if q.shape[-1] > n:
                raise ValueError(f"qr: mode='complete' has no gradient for matrices of shape {(m, n)}: use 'reduced'")
            return thin(dq, q, r, dr)
        # Wide: x = [a | b], where q depends on a alone; the rest of r is q^T b.
        b, db = a[..., m:], dr[..., m:]
        da = thin(dq + backend.matmul(b, t(xp, db)), q, r[..., :m], dr[..., :m])
        return xp.concatenate([da, backend.matmul(q, db)], axis=-1)

    return (q, r), backward


@op("linalg", shape=shape_rules.eigh)
def eigh(backend: Backend, x: Array, /) -> Forward:
    """(w, v): eigenvalues in ascending order and eigenvectors, in columns, of symmetric x; other x are symmetrized,
    (x + x^T) / 2.

    x: (..., n, n) -> (..., n), (..., n, n).  The gradient between eigenvectors with equal
    eigenvalues is 0.
    """
    xp, a = backend.xp, matrices("eigh", x, square=True)
    w, v = xp.linalg.eigh((a + t(xp, a)) / 2)

    def backward(dys: tuple[Array, Array]) -> Array:
        dw, dv = (g.astype(a.dtype, copy=False) for g in dys)
        inner = diagonal(xp, dw) + differences(xp, w) * backend.matmul(t(xp, v), dv)
        dx = product(backend, v, inner, t(xp, v))
        return (dx + t(xp, dx)) / 2

    return (w, v), backward


@op("linalg", shape=shape_rules.eig)
def eig(xp: Xp, x: Array, /) -> NoGrad:
    """(w, v): the eigenvalues and eigenvectors, in columns, of any square matrix: complex, in unspecified order.

    x: (..., n, n) -> (..., n), (..., n, n).  Without gradient.
    """
    a = matrices("eig", x, square=True)
    w, v = xp.linalg.eig(a)
    dtype = "complex128" if str(a.dtype) in ("float64", "complex128") else "complex64"
    return (w.astype(dtype, copy=False), v.astype(dtype, copy=False)), None


@primitive
def _svd(backend: Backend, x: Array, /, full_matrices: bool = True) -> Forward:
    xp, a = backend.xp, matrices("svd", x)
    m, n = a.shape[-2:]
    k = min(m, n)
    u, s, vh = xp.linalg.svd(a, full_matrices=full_matrices)

    def backward(dys: tuple[Array, Array, Array]) -> Array:
        if full_matrices and m != n:
            raise ValueError(f"svd: full_matrices=True has no gradient for matrices of shape {(m, n)}: say False")
        du, ds, dvh = (g.astype(a.dtype, copy=False) for g in dys)
        v, dv = t(xp, vh), t(xp, dvh)
        f = differences(xp, s * s)
        left, right = backend.matmul(t(xp, u), du), backend.matmul(t(xp, v), dv)
        inner = f * (left - t(xp, left)) * s[..., None, :] + s[..., :, None] * f * (right - t(xp, right))
        dx = product(backend, u, inner + diagonal(xp, ds), vh)
        inverse = xp.where(s == 0, xp.zeros_like(s), 1 / xp.where(s == 0, xp.ones_like(s), s))
        if m > k:  # the part of du outside the column space of u
            dx = dx + backend.matmul((du - backend.matmul(u, left)) * inverse[..., None, :], vh)
        if n > k:
            dx = dx + backend.matmul(u, t(xp, (dv - backend.matmul(v, right)) * inverse[..., None, :]))
        return dx

    return (u, s, vh), backward


@primitive
def _singular_values(backend: Backend, x: Array, /) -> Forward:
    a = matrices("svd", x)
    u, s, vh = backend.xp.linalg.svd(a, full_matrices=False)
    return s, lambda ds: backend.matmul(u * ds[..., None, :], vh)


@op("linalg", class_name="SVD")
def svd(x: Array, /, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """(u, s, vh) with u @ diag(s) @ vh = x, singular values in descending order; s alone with ``compute_uv=False``.

    x: (..., m, n) -> (..., m, m), (..., k), (..., n, n) with k = min(m, n); with ``full_matrices=False`` (..., m, k),
    (..., k), (..., k, n). The gradient of u and vh needs ``full_matrices=False`` (or m = n) and different singular values.
    """
    return _svd(x, full_matrices=full_matrices) if compute_uv else _singular_values(x)
