"""Shape rules of ops that work element by element."""

from __future__ import annotations

from typing import Any

from ...graph.node import Spec
from .sizes import Shape, broadcast, float_dtype, shape_of


def elementwise(*args: Any, **options: Any) -> Shape:
    """All arguments broadcast."""
    return broadcast(*map(shape_of, args))


def where(condition: Any, x1: Any = None, x2: Any = None) -> Any:
    """All arguments broadcast; for the condition alone an unknown number of indices for each axis."""
    if x1 is None and x2 is None:
        return tuple(Spec((None,), "int32") for _ in shape_of(condition))
    return elementwise(condition, x1, x2)


def unchanged(x: Any, *args: Any, **options: Any) -> Shape:
    """The shape of the first argument."""
    return shape_of(x)


def unchanged_dtype(x: Any, *args: Any, **options: Any) -> Spec:
    """The shape and the dtype of the first argument."""
    return Spec(shape_of(x), x.dtype)


def unchanged_float(x: Any, *args: Any, **options: Any) -> Spec:
    """The shape of the first argument, in floating point."""
    return Spec(shape_of(x), float_dtype(x))


def of_second(x: Any, y: Any, *args: Any, **options: Any) -> Shape:
    """The shape of the second argument."""
    return shape_of(y)
