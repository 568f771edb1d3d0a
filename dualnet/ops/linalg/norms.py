"""Norms of vectors and matrices."""

from __future__ import annotations

import math
from typing import Any

from ...core import settings
from ...core.op import primitive
from ...core.tensor import Tensor
from .. import shape_rules
from .._common import Array, Axis, Forward, Xp, floating
from .._sums import exact_sum
from ..core.create import _as_tensor
from ..core.shape import expand_dims, moveaxis, ndim, shape, squeeze
from ..math import reduce
from ..math.arithmetic import power
from ..math.comparison import not_equal
from ..math.elementwise import absolute, cast
from ..math.reduce import _as_axis, _restore
from ..registry import op
from .decompositions import _singular_values

Order = float | str | None


@primitive(shape=shape_rules.reduction)
def _length(xp: Xp, x: Array, /, axis: Axis = None, keepdims: bool = False) -> Forward:
    x = floating(x)
    y = xp.sqrt(exact_sum(xp, x * x, axis, keepdims)).astype(x.dtype, copy=False)

    def backward(dy: Array) -> Array:
        length = _restore(y, x, axis)
        return _restore(dy, x, axis) * x / xp.where(length == 0, xp.ones_like(length), length)

    return y, backward


@op("linalg")
def norm(x: Array, /, ord: Order = None, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The norm of vectors (one axis) or matrices (two axes), with gradient 0 where it is 0.

    Args:
        axis: one (vectors) or two (matrices); None means all axes of x, with ``ord=None`` any number of them.
        ord: None (or "euclidean"), the square root of the sum of squares. Of a vector: a number p, (sum |x|^p)^(1/p),
            ``inf`` the largest |x|, ``-inf`` the smallest, 0 how many are not 0. Of a matrix: "fro" as None, "nuc" the
            sum of the singular values, 2 and -2 the largest and smallest of them, 1 and -1 the largest and smallest sum
            of |x| down a column, ``inf`` and ``-inf`` along a row.
    """
    axis, rank = _as_axis(axis), ndim(x)
    axes = tuple(range(rank)) if axis is None else ((axis,) if isinstance(axis, int) else axis)
    if ord in (None, "euclidean"):
        return _length(x, axis=axes, keepdims=keepdims)
    if len(axes) == 1:
        return _vector_norm(x, ord, axes[0], keepdims)
    if len(axes) == 2:
        return _matrix_norm(x, ord, (axes[0] % rank, axes[1] % rank), keepdims)
    raise ValueError(f"norm: ord={ord!r} is for vectors or matrices, one axis or two, got the axes {axes} of {rank}")


def _vector_norm(x: Array, ord: Any, axis: int, keepdims: bool) -> Array:
    if isinstance(ord, str):
        raise ValueError(f"norm: ord={ord!r} is not known for vectors; expected None, a number, inf or -inf")
    if ord == 2:
        return _length(x, axis=(axis,), keepdims=keepdims)
    size = absolute(_float(x))
    if ord in (math.inf, -math.inf):
        return _extreme(size, ord, axis, keepdims)
    if ord == 0:
        return reduce.sum(cast(not_equal(size, 0), size.dtype), axis=axis, keepdims=keepdims)
    if ord == 1:
        return reduce.sum(size, axis=axis, keepdims=keepdims)
    return power(reduce.sum(power(size, float(ord)), axis=axis, keepdims=keepdims), 1 / ord)


def _extreme(x: Array, ord: float, axis: int, keepdims: bool) -> Array:
    """The largest (0 of no elements, as of a sum of squares) or smallest of numbers from 0 on."""
    if ord < 0:
        return reduce.min(x, axis=axis, keepdims=keepdims)
    return reduce.max(x, axis=axis, keepdims=keepdims, initial=0 if shape(x)[axis] == 0 else None)


def _matrix_norm(x: Array, ord: Any, axes: tuple[int, int], keepdims: bool) -> Array:
    row, column = axes
    if row == column:
        raise ValueError(f"norm: expected two different axes, got {axes}")
    if ord == "fro":
        return _length(x, axis=axes, keepdims=keepdims)
    x = _float(x)
    if ord in (1, -1, math.inf, -math.inf):
        first, second = (row, column) if abs(ord) == 1 else (column, row)
        along = reduce.sum(absolute(x), axis=first, keepdims=True)
        y = _extreme(along, ord, second, True)
        return y if keepdims else squeeze(y, axes)
    if ord not in ("nuc", 2, -2):
        raise ValueError(
            f'norm: ord={ord!r} is not known for matrices; expected None, "fro", "nuc", 1, 2, inf or their minus'
        )
    s = _singular_values(moveaxis(x, axes, (-2, -1)))
    y = reduce.sum(s, axis=-1) if ord == "nuc" else _extreme(s, ord, -1, False)
    return expand_dims(y, tuple(sorted(axes))) if keepdims else y


def _float(x: Array) -> Array:
    x = _as_tensor(x)
    return x if "float" in str(x.dtype) or "complex" in str(x.dtype) else cast(x, settings.floatx())
