"""Shape rules of linear algebra: decompositions, diagonals, vectors."""

from __future__ import annotations

from typing import Any

from ...core.dtypes import result_type
from ...graph.node import Spec
from .sizes import Shape, float_dtype, same_size, shape_of


def square(x: Any, *args: Any, **options: Any) -> Shape:
    """The shape of square matrices."""
    shape = matrix(x)
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


def matrix(x: Any, *args: Any, **options: Any) -> Shape:
    """The shape of x, which must have two axes."""
    if len(shape_of(x)) < 2:
        raise ValueError("expected matrices")
    return shape_of(x)
