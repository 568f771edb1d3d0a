"""The op table: factors, inverses, equations and norms of matrices."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from dualnet.ops.linalg import decompositions as factor
from dualnet.ops.linalg import linear_systems as equations
from dualnet.ops.linalg import norms

from .cases import F, Row, Sample, call, other


def regular(*shape: int, seed: int = 0) -> Any:
    """Matrices far from singular: random numbers with 3 added to the diagonal."""
    return np.random.default_rng(seed).uniform(-1, 1, shape) + 3 * np.eye(*shape[-2:])


def symmetric(*shape: int) -> Any:
    """Symmetric positive definite matrices with eigenvalues that differ."""
    x = regular(*shape)
    return x @ np.swapaxes(x, -1, -2) + np.diag(np.arange(shape[-1]))


def half(x: Any) -> Any:
    return (x + np.swapaxes(x, -1, -2)) / 2


def cholesky(x: Any, upper: bool = False) -> Any:
    y = np.linalg.cholesky(half(x))
    return np.swapaxes(y, -1, -2) if upper else y


def solved(a: Any, b: Any) -> Any:
    return np.linalg.solve(a, b[..., None])[..., 0] if b.ndim == a.ndim - 1 else np.linalg.solve(a, b)


def solved_triangular(a: Any, b: Any, lower: bool = False) -> Any:
    return solved(np.tril(a) if lower else np.triu(a), b)


def cholesky_inverse(x: Any, upper: bool = False) -> Any:
    x = np.triu(x).swapaxes(-1, -2) if upper else np.tril(x)
    return np.linalg.inv(x @ np.swapaxes(x, -1, -2))


def lstsq(a: Any, b: Any, rcond: Any = None) -> Any:
    return np.linalg.lstsq(a, b, rcond=None)[0]


def without_signs(outputs: list[Any]) -> list[Any]:
    """Of singular vectors and eigenvectors what their signs, which are free, do not change; with it their products, which are not."""
    if len(outputs) == 1:
        return outputs
    if len(outputs) == 2:
        w, v = outputs
        return [w, abs(v), v * w[..., None, :] @ np.swapaxes(v, -1, -2)]
    u, s, v = outputs
    n = s.shape[-1]
    return [abs(u), s, abs(v), u[..., :n] * s[..., None, :] @ v[..., :n, :]]


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    if ord is None and (axis is None or len(np.atleast_1d(axis)) > 2):
        return np.sqrt(np.sum(x * x, axis=axis, keepdims=keepdims))
    return np.linalg.norm(x, ord, axis, keepdims)


def norm_calls() -> list[Sample]:
    plain = [call(F((3, 2, 4)), axis=a, keepdims=k) for a in (-1, 0, (0, 2), None) for k in (False, True)]
    vectors = [call(F((3, 4), 0.2), ord=p, axis=a) for p in (1, 2, 3, 0.5, -1) for a in (-1, 0)]
    vectors += [call(F((3, 4)), ord=p, axis=1, keepdims=True) for p in (math.inf, -math.inf, 1)]
    matrices = [call(F((3, 4)), ord=p) for p in ("fro", "nuc", 1, -1, 2, -2, math.inf, -math.inf)]
    matrices += [call(F((3, 2, 4)), ord=p, axis=(2, 0), keepdims=True) for p in ("fro", "nuc", 1, -2, math.inf)]
    matrices += [call(F((3, 2, 4)), ord=p, axis=(0, -1)) for p in ("nuc", -1, 2)]
    return [*plain, call(F((4,))), *vectors, *matrices]


SQUARE = [call(regular(3, 2, 2)), call(regular(4, 4, seed=1)), call(regular(2, 1, 3, 3)), call(F((0, 2, 2)))]
SPD = [call(symmetric(3, 2, 2)), call(symmetric(4, 4)), call(F((0, 2, 2)))]
SYSTEMS = [
    call(F((0, 2, 2)), F((0, 2))),
    call(regular(3, 3), F((3,))),
    call(regular(3, 3), F((3, 2))),
    call(regular(2, 4, 4), F((2, 4))),
    call(regular(2, 4, 4), F((2, 4, 3))),
    call(regular(4, 4), F((2, 4, 3))),
]
TALL, WIDE = call(F((3, 4, 2))), call(F((2, 3, 4)))
ROWS: list[Row] = [
    other(factor.cholesky, cholesky, *SPD, call(symmetric(4, 4), upper=True)),
    other(factor.qr, lambda x, mode="reduced": np.linalg.qr(x, mode), TALL, WIDE, call(F((3, 3))), call(F((2, 4)), mode="complete")),
    other(factor.eigh, lambda x: np.linalg.eigh(half(x)), *SPD, determined=without_signs),
    other(factor.eig, lambda x: np.linalg.eig(x), call(regular(3, 2, 2)), call(regular(4, 4)), gradient="not defined: Keras has none"),
    other(factor._svd, np.linalg.svd, call(F((3, 2, 2))), call(F((4, 3)), full_matrices=False), call(F((2, 3, 4)), full_matrices=False),
        determined=without_signs),
    other(factor.svd, np.linalg.svd, call(F((3, 2, 4)), compute_uv=False), call(F((3, 3))), determined=without_signs),
    other(factor._singular_values, lambda x: np.linalg.svd(x, compute_uv=False), TALL, WIDE),
    other(equations.inv, np.linalg.inv, *SQUARE),
    other(equations.det, np.linalg.det, *SQUARE, call(np.diag([1.0, 0.0, 2.0]))),
    other(equations.slogdet, np.linalg.slogdet, *SQUARE, call(-regular(3, 3))),
    other(equations.logdet, lambda x: np.linalg.slogdet(x)[1], *SQUARE, call(-regular(3, 3))),
    other(equations.solve, solved, *SYSTEMS),
    other(equations.solve_triangular, solved_triangular, *SYSTEMS,
          *(call(*s.args, lower=True) for s in SYSTEMS)),
    other(equations.pinv, np.linalg.pinv, TALL, WIDE, call(regular(3, 3))),
    other(equations._pinv, lambda x: np.linalg.pinv(x), TALL),
    other(equations._triangle, lambda x, lower: np.tril(x) if lower else np.triu(x), call(F((2, 3, 3)), lower=True),
          call(F((3, 3)), lower=False)),
    other(equations.lstsq, lstsq, call(F((4, 2)), F((4, 3))), call(F((4, 2)), F((4,))), call(F((2, 3)), F((2,)))),
    other(equations.matrix_rank, np.linalg.matrix_rank, call(F((3, 4, 2))), call(np.ones((3, 3))), call(F((2, 3)), tol=100.0),
          gradient="a whole number"),
    other(equations.cholesky_inverse, cholesky_inverse, call(regular(3, 3)), call(regular(2, 3, 3), upper=True)),
    other(norms.norm, norm, *norm_calls()),
    other(norms._length, norm, call(F((3, 4)), axis=(1,)), call(F((3, 4)), axis=(0, 1), keepdims=True)),
]  # fmt: skip
