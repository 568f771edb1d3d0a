"""Shape rules of linear algebra: decompositions, diagonals, vectors."""

from __future__ import annotations

from typing import Any

from ...core.dtypes import result_type
from ...graph.node import Spec
from .axes import moveaxis
from .sizes import Shape, Shaped, axis_of, broadcast, float_dtype, product, same_size, shape_of


def square(x: Any, *args: Any, **options: Any) -> Shape:
    """The shape of square matrices."""
    shape = shape_of(x)
    if len(shape) < 2:
        raise ValueError("expected matrices")
    same_size(shape[-1], shape[-2])
    return shape


def determinant(x: Any) -> Shape:
    return square(x)[:-2]


def sign_and_logdet(x: Any) -> tuple[Spec, Spec]:
    spec = Spec(square(x)[:-2], float_dtype(x))
    return spec, spec


def eigh(x: Any) -> tuple[Spec, Spec]:
    shape = square(x)
    return Spec(shape[:-1], float_dtype(x)), Spec(shape, float_dtype(x))


def solve(a: Any, b: Any, *args: Any, **options: Any) -> Spec:
    square(a)
    return Spec(shape_of(b), result_type(float_dtype(a), float_dtype(b)))


def pinv(x: Any, *args: Any, **options: Any) -> Shape:
    *batch, m, n = shape_of(x)
    return (*batch, n, m)


def eig(x: Any) -> tuple[Spec, Spec]:
    shape, dtype = square(x), "complex128" if str(x.dtype) == "float64" else "complex64"
    return Spec(shape[:-1], dtype), Spec(shape, dtype)


def cross(x1: Any, x2: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Spec:
    if axis is not None:
        axisa = axisb = axisc = axis
    first, second = Shaped(moveaxis(x1, axisa, -1)), Shaped(moveaxis(x2, axisb, -1))
    sizes = first.shape[-1], second.shape[-1]
    if not {*sizes} <= {2, 3}:
        raise ValueError(f"the vectors must be known to have 2 or 3 elements, got {sizes[0]} and {sizes[1]}")
    rest = broadcast(first.shape[:-1], second.shape[:-1])
    shape = rest if sizes == (2, 2) else moveaxis(Shaped((*rest, 3)), -1, axisc)
    return Spec(shape, result_type(x1.dtype, x2.dtype))


def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Spec:
    shape = shape_of(x)
    i, j = axis_of(axis1, len(shape)), axis_of(axis2, len(shape))
    m, n = shape[i], shape[j]
    length = None
    if m is not None and n is not None:
        length = max(min(m + min(offset, 0), n - max(offset, 0)), 0)
    return Spec((*(k for a, k in enumerate(shape) if a not in (i, j)), length), x.dtype)


def diag(x: Any, k: int = 0) -> Spec:
    return diagonal(x, k) if len(shape_of(x)) == 2 else diagflat(x, k)


def diagflat(x: Any, k: int = 0) -> Spec:
    n = product(shape_of(x))
    return Spec((None if n is None else n + abs(k),) * 2, x.dtype)


def trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Shape:
    return tuple(diagonal(x, offset, axis1, axis2).shape[:-1])


def vander(x: Any, N: int | None = None, increasing: bool = False) -> Shape:
    (n,) = shape_of(x)
    return n, n if N is None else N


def matrix(x: Any, *args: Any, **options: Any) -> Shape:
    """The shape of x, which must have two axes."""
    if len(shape_of(x)) < 2:
        raise ValueError("expected matrices")
    return shape_of(x)
