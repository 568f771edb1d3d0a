"""NumPy's other functions for joining, splitting and rotating; grids, and selection among several tensors."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from dualnet_backends import Backend

from ...core.op import primitive
from ...core.tensor import Tensor
from .. import shape_rules
from .._common import Array, Forward, Xp, whole_numbers
from ..math.comparison import where
from ..math.elementwise import copy
from ..registry import op
from .create import _as_tensors
from .shape import _split, concatenate, expand_dims, flip, ndim, reshape, split, swapaxes


@op("numpy")
def append(x1: Any, x2: Any, /, axis: int | None = None) -> Tensor:
    """x2 appended to x1 along an axis (None: both flattened)"""
    return concatenate([x1, x2], axis=axis)


@op("numpy")
def hstack(xs: Sequence[Any], /) -> Tensor:
    """Tensors joined along the second axis, vectors along their only one"""
    xs = [reshape(x, (1,)) if ndim(x) == 0 else x for x in _as_tensors(xs)]
    return concatenate(xs, axis=0 if ndim(xs[0]) == 1 else 1)


@op("numpy")
def vstack(xs: Sequence[Any], /) -> Tensor:
    """Tensors joined along the first axis; a vector is a row"""
    return concatenate([_with_axes(x, 2) for x in _as_tensors(xs)], axis=0)


@op("numpy")
def dstack(xs: Sequence[Any], /) -> Tensor:
    """Tensors joined along the third axis; vectors are (1, n, 1), matrices (m, n, 1)"""
    return concatenate([_with_axes(x, 3) for x in _as_tensors(xs)], axis=2)


def _with_axes(x: Any, count: int) -> Any:
    """x with at least ``count`` axes: a vector as a row, then a last axis."""
    while ndim(x) < 2:
        x = expand_dims(x, 0)
    return expand_dims(x, 2) if count == 3 and ndim(x) == 2 else x


@op("numpy", shape=functools.partial(shape_rules.split, even=False))
def array_split(x: Any, /, indices_or_sections: int | Sequence[int], axis: int = 0) -> list[Tensor]:
    """Parts along an axis: a number of nearly equal ones, the longer ones first, or those between the given indices"""
    return list(_split(x, indices_or_sections=indices_or_sections, axis=axis, even=False))


@op("numpy", shape="traced")
def hsplit(x: Any, /, indices_or_sections: int | Sequence[int]) -> list[Tensor]:
    """Parts along the second axis (of a vector along its only one), a number of equal ones or those between indices"""
    return _split_axis("hsplit", x, indices_or_sections, 0 if ndim(x) == 1 else 1)


@op("numpy", shape="traced")
def vsplit(x: Any, /, indices_or_sections: int | Sequence[int]) -> list[Tensor]:
    """Parts along the first axis: a number of equal ones, or those between the given indices"""
    return _split_axis("vsplit", x, indices_or_sections, 0)


@op("numpy", shape="traced")
def dsplit(x: Any, /, indices_or_sections: int | Sequence[int]) -> list[Tensor]:
    """Parts along the third axis: a number of equal ones, or those between the given indices"""
    return _split_axis("dsplit", x, indices_or_sections, 2)


def _split_axis(name: str, x: Any, indices_or_sections: int | Sequence[int], axis: int) -> list[Tensor]:
    if axis >= ndim(x):
        raise ValueError(f"{name}: expected at least {axis + 1} axes, got {ndim(x)}")
    return split(x, indices_or_sections, axis=axis)


@op("numpy", shape=shape_rules.unchanged_dtype)
def fliplr(x: Any, /) -> Tensor:
    """The order along the second axis reversed"""
    if ndim(x) < 2:
        raise ValueError(f"fliplr: expected at least two axes, got {ndim(x)}")
    return flip(x, axis=1)


@op("numpy")
def flipud(x: Any, /) -> Tensor:
    """The order along the first axis reversed"""
    return flip(x, axis=0)


@op("numpy")
def rot90(array: Any, /, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Tensor:
    """Rotated by k times 90 degrees in the plane of two axes, from the first towards the second"""
    n = ndim(array)
    if n < 2:
        raise ValueError(f"rot90: expected at least two axes, got {n}")
    if len(axes) != 2 or axes[0] % n == axes[1] % n:
        raise ValueError(f"rot90: expected two different axes, got {axes}")
    first, second = axes
    if k % 4 == 0:
        return copy(array)
    if k % 4 == 1:
        return swapaxes(flip(array, axis=second), first, second)
    if k % 4 == 2:
        return flip(flip(array, axis=first), axis=second)
    return flip(swapaxes(array, first, second), axis=second)


@primitive
def _meshgrid(xp: Xp, *xs: Array, indexing: str = "xy") -> Forward:
    order = list(range(len(xs)))
    if indexing == "xy" and len(xs) > 1:
        order[:2] = [1, 0]  # the axis along which each of them lies
    shape = [0] * len(xs)
    for x, axis in zip(xs, order):
        shape[axis] = x.size

    def backward(dys: tuple[Array, ...]) -> tuple[Array, ...]:
        sums = (xp.sum(dy, axis=tuple(a for a in range(len(xs)) if a != axis)) for dy, axis in zip(dys, order))
        return tuple(total.reshape(x.shape) for total, x in zip(sums, xs))

    along = [tuple(-1 if a == axis else 1 for a in range(len(xs))) for axis in order]
    return tuple(xp.broadcast_to(x.reshape(a), tuple(shape)).copy() for x, a in zip(xs, along)), backward


@op("numpy")
def meshgrid(*x: Any, indexing: str = "xy") -> list[Tensor]:
    """Coordinates of a grid.  x: n tensors, of any shape -> n tensors with n axes, the i-th with x[i] along one of them

    Args:
        indexing: "xy" (the first two axes exchanged, as in images) or "ij".
    """
    if indexing not in ("xy", "ij"):
        raise ValueError(f'meshgrid: expected indexing "xy" or "ij", got {indexing!r}')
    return list(_meshgrid(*_as_tensors(x), indexing=indexing)) if x else []


@primitive
def _unravel_index(backend: Backend, indices: Array, /, shape: Sequence[int] = ()) -> Any:
    rest = whole_numbers(backend, indices, "unravel_index").astype("int64")
    index_by_axis: list[Array] = []
    for n in reversed(tuple(shape)):
        index_by_axis.insert(0, (rest % n).astype(indices.dtype))
        rest = rest // n
    return tuple(index_by_axis), None


@op("numpy")
def unravel_index(indices: Any, /, shape: int | Sequence[int]) -> tuple[Tensor, ...]:
    """Flat indices in C order as indices for each axis, in their dtype. Negative ones count from the end"""
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    indices_by_axis = _unravel_index(indices, shape=shape)
    return indices_by_axis if isinstance(indices_by_axis, tuple) else (indices_by_axis,)


@op("numpy")
def select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0, /) -> Tensor:
    """Element by element the first of the choices whose condition is true, else the default"""
    if len(condlist) == 0 or len(condlist) != len(choicelist):
        raise ValueError(
            f"select: expected as many conditions as choices, and at least one, got {len(condlist)} and {len(choicelist)}"
        )
    y: Any = default
    for condition, choice in zip(reversed(condlist), reversed(choicelist)):
        y = where(condition, choice, y)
    return y
