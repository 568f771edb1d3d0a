"""Arithmetic on sizes, some of them unknown, shared by all shape rules."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable
from typing import Any

from ...core.settings import floatx

Shape = tuple[int | None, ...]


def shape_of(x: Any) -> Shape:
    """The shape of a tensor, array, number or nested list."""
    if hasattr(x, "shape"):
        return tuple(x.shape)
    return (len(x), *shape_of(x[0])) if isinstance(x, (list, tuple)) and len(x) else (0,) if x in ([], ()) else ()


def product(sizes: Iterable[int | None]) -> int | None:
    """The number of elements; None if a size is unknown (and none is 0)."""
    sizes = list(sizes)
    return 0 if 0 in sizes else None if None in sizes else math.prod(sizes)  # type: ignore[arg-type]


def axis_of(axis: int, rank: int) -> int:
    if not -rank <= axis < rank:
        raise ValueError(f"axis {axis} is out of bounds for a tensor with {rank} axes")
    return axis % rank


def axes_of(axis: Any, rank: int) -> set[int]:
    """The axes that an ``axis`` argument names; None for all."""
    if axis is None:
        return set(range(rank))
    return {axis_of(a, rank) for a in (axis if isinstance(axis, (tuple, list)) else [axis])}


def same_size(a: int | None, b: int | None) -> int | None:
    """The size that both are, as far as it is known."""
    if None not in (a, b) and a != b:
        raise ValueError(f"the sizes {a} and {b} do not agree")
    return b if a is None else a


def same_shape(*shapes: Shape) -> Shape:
    if len({len(s) for s in shapes}) != 1:
        raise ValueError("the numbers of axes do not agree")
    return tuple(functools.reduce(same_size, sizes) for sizes in zip(*shapes))


def broadcast(*shapes: Shape) -> Shape:
    """1 yields to any size, an unknown size to a known one other than 1."""
    out: list[int | None] = []
    for sizes in zip(*((1,) * (max(map(len, shapes)) - len(s)) + tuple(s) for s in shapes)):
        known = {n for n in sizes if n not in (None, 1)}
        if len(known) > 1:
            raise ValueError(f"the sizes {sorted(known)} of an axis cannot be broadcast")
        out.append(known.pop() if known else None if None in sizes else 1)
    return tuple(out)


def float_dtype(x: Any) -> str:
    """The dtype of x, ``floatx()`` for integers and booleans."""
    dtype = str(x.dtype)
    return dtype if dtype.startswith(("float", "bfloat", "complex")) else floatx()
