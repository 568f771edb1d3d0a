"""Shape rules of linear algebra: decompositions, diagonals, vectors."""

from __future__ import annotations

from typing import Any

from ...core.dtypes import result_type
from ...graph.node import Spec
from .axes import moveaxis
from .sizes import Shape, broadcast, float_dtype, same_size, shape_of


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


def cross(x1: Any, x2: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Spec:
    if axis is not None:
        axisa = axisb = axisc = axis
    first, second = moveaxis(x1, axisa, -1), moveaxis(x2, axisb, -1)
    sizes = first[-1], second[-1]
    if not {*sizes} <= {2, 3}:
        raise ValueError(f"the vectors must be known to have 2 or 3 elements, got {sizes[0]} and {sizes[1]}")
    shape, dtype = broadcast(first[:-1], second[:-1]), result_type(x1.dtype, x2.dtype)
    return Spec(shape if sizes == (2, 2) else moveaxis(Spec((*shape, 3), dtype), -1, axisc), dtype)


def matrix(x: Any, *args: Any, **options: Any) -> Shape:
    """The shape of x, which must have two axes."""
    if len(shape_of(x)) < 2:
        raise ValueError("expected matrices")
    return shape_of(x)
