"""Shape rules of products: matmul, einsum, attention and the like."""

from __future__ import annotations

from typing import Any

from ...core.dtypes import result_type
from ...graph.node import Spec
from .sizes import Shape, broadcast, float_dtype, product, same_size, shape_of


def matmul(x1: Any, x2: Any) -> Shape:
    a, b = shape_of(x1), shape_of(x2)
    if not a or not b:
        raise ValueError("a scalar has no axis to sum over")
    row, column = len(a) == 1, len(b) == 1
    a, b = (1, *a) if row else a, (*b, 1) if column else b
    same_size(a[-1], b[-2])
    return (*broadcast(a[:-2], b[:-2]), *(() if row else (a[-2],)), *(() if column else (b[-1],)))


def dense(x: Any, kernel: Any, bias: Any = None, *args: Any, **options: Any) -> Shape:
    return matmul(x, kernel)


def dense_axes(x: Any, kernel: Any, bias: Any = None, summed: int = 1, activation: str = "linear") -> Shape:
    a, b = shape_of(x), shape_of(kernel)
    for m, n in zip(a[-summed:], b[:summed]):
        same_size(m, n)
    return (*a[:-summed], *b[summed:])


def kron(x1: Any, x2: Any) -> Shape:
    a, b = shape_of(x1), shape_of(x2)
    rank = max(len(a), len(b))
    return tuple(map(product, zip((1,) * (rank - len(a)) + a, (1,) * (rank - len(b)) + b)))


def attention(query: Any, key: Any, value: Any, *args: Any, **options: Any) -> Spec:
    """(batch, queries, heads, size of a value)"""
    q, k, v = map(shape_of, (query, key, value))
    if not len(q) == len(k) == len(v) == 4:
        raise ValueError("expected four axes")
    same_size(q[3], k[3])
    same_size(k[1], v[1])
    return Spec(
        (same_size(q[0], same_size(k[0], v[0])), q[1], q[2], v[3]), result_type(float_dtype(query), float_dtype(value))
    )
