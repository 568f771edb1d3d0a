"""Which calls of cuBLAS a product takes: a function of the shapes and strides of its operands, found once for each.

Transposed matrices, parts of matrices and matrices that are repeated are flags, steps and strides of a call. Only what has no such
description is copied first.
"""

from __future__ import annotations

import functools
from itertools import product
from math import prod
from typing import NamedTuple

import numpy as np

# A batch that no single stride leads through is computed in so many calls, at most; for more, an operand is copied first.
CALLS = 4
INT_MAX = 2**31 - 1  # of the numbers of a call

Ints = tuple[int, ...]


class Matrices(NamedTuple):
    """Where matrices lie.

    is_transposed: whether columns lie one after the other in memory, instead of rows.  step: elements from one row (of a transposed
    matrix: column) to the next.  stride: elements from one matrix to the next.
    """

    is_transposed: bool
    step: int
    stride: int


class Plan(NamedTuple):
    """The calls for y = a b, or, where y lies in memory by columns, for y' = b' a'.

    Attributes:
        shape: that of the result.
        fits: whether ``out`` can be y. If not, the plan is one for new memory.
        copy_a, copy_b: the shape to which a or b is repeated and copied first; None if it stays where it is.
        is_swapped: a and b are the other way round from here on, and all are transposed.
        m, n, k, number, a, b, y: of each call: ``number`` matrices (m, k) times (k, n), and where they lie. y is not transposed.
        offsets: for each call, those of the first matrices of a, b and y, in bytes.
    """

    shape: Ints
    fits: bool
    copy_a: Ints | None
    copy_b: Ints | None
    is_swapped: bool
    m: int
    n: int
    k: int
    number: int
    a: Matrices
    b: Matrices
    y: Matrices
    offsets: tuple[Ints, ...]


class Layout(NamedTuple):
    """Matrices (*batch, rows, columns), with their strides in elements: 0 along an axis of the batch that is repeated."""

    shape: Ints
    strides: Ints

    def is_by_rows(self) -> bool | None:
        """Whether the rows of a matrix lie one after the other; false for columns, None for neither."""
        (m, n), (down, across) = self.shape[-2:], self.strides[-2:]
        if (across == 1 or n == 1) and (m == 1 or down >= n):
            return True
        if (down == 1 or m == 1) and (n == 1 or across >= m):
            return False
        return None

    def is_usable(self) -> bool:
        return self.is_by_rows() is not None and min(self.strides[:-2], default=0) >= 0

    def transposed(self) -> Layout:
        return Layout(*((*v[:-2], v[-1], v[-2]) for v in self))

    def matrices(self, stride: int) -> Matrices:
        by_rows = bool(self.is_by_rows())
        (m, n), (down, across) = self.shape[-2:], self.strides[-2:]
        length, others, step = (n, m, down) if by_rows else (m, n, across)
        return Matrices(not by_rows, length if others == 1 else step, stride)


@functools.lru_cache(maxsize=4096)
def plan(
    size: int, a_shape: Ints, a_strides: Ints, b_shape: Ints, b_strides: Ints, out: tuple[Ints, Ints] | None
) -> Plan | None:
    """The plan of a product, no axis of which is empty; None if the operands are no matrices that fit together.

    size: bytes of an element; strides are in bytes.  out: shape and strides of the array for the result; None for new memory.
    """
    if len(a_shape) < 2 or len(b_shape) < 2 or a_shape[-1] != b_shape[-2]:
        return None
    batch = np.broadcast_shapes(a_shape[:-2], b_shape[:-2])
    shape = (*batch, a_shape[-2], b_shape[-1])
    if 0 in shape or not a_shape[-1]:
        return None
    y, fits = contiguous(shape), True
    if out is not None:
        given = _layout(batch, *out, size)
        fits = out[0] == shape and given.is_usable() and _is_one_axis(batch, given)
        y = given if fits else y
    (a, copy_a), (b, copy_b) = (_usable(batch, *x, size) for x in ((a_shape, a_strides), (b_shape, b_strides)))
    if _calls(_joined(batch, a, b, y)) > CALLS:
        (a, copy_a), (b, copy_b) = (
            (x, copy) if len(_joined(batch, x)) < 2 else (contiguous(x.shape), x.shape)
            for x, copy in ((a, copy_a), (b, copy_b))
        )
    is_swapped = not y.is_by_rows()
    if is_swapped:
        a, b, y = b.transposed(), a.transposed(), y.transposed()
    return Plan(shape, fits, copy_a, copy_b, is_swapped, *_one_call(batch, a, b, y), _offsets(size, batch, a, b, y))


def _one_call(batch: Ints, a: Layout, b: Layout, y: Layout) -> tuple[int, int, int, int, Matrices, Matrices, Matrices]:
    """m, n, k, number, a, b, y of a plan."""
    (m, k), n = a.shape[-2:], b.shape[-1]
    count, *strides = max(_joined(batch, a, b, y), default=(1, 0, 0, 0))
    of_a, of_b, of_y = (x.matrices(stride) for x, stride in zip((a, b, y), strides))
    if count > 1 and of_b.stride == 0 and not of_a.is_transposed:
        if m == 1 and of_a.stride >= k and of_y.stride >= n:  # the step of a single row is any number
            of_a, of_y = of_a._replace(step=of_a.stride), of_y._replace(step=of_y.stride)
        if of_a.stride == m * of_a.step and of_y.stride == m * of_y.step:
            m, count = m * count, 1  # all rows of a at once
    if max(m, n, k, count, of_a.step, of_b.step, of_y.step) > INT_MAX:
        raise ValueError(
            f"a product of {count} matrices ({m}, {k}) and ({k}, {n}): cuBLAS takes no axis or stride over {INT_MAX}; multiply parts"
        )
    return m, n, k, count, of_a, of_b, of_y


def _offsets(size: int, batch: Ints, a: Layout, b: Layout, y: Layout) -> tuple[Ints, ...]:
    """Those of a, b and y for each call, along all axes of the batch but the one along which a call computes."""
    axes = _joined(batch, a, b, y)
    if axes:
        axes.remove(max(axes))
    positions = product(*(range(axis[0]) for axis in axes))
    return tuple(tuple(size * sum(i * axis[x] for i, axis in zip(at, axes)) for x in (1, 2, 3)) for at in positions)


def contiguous(shape: Ints) -> Layout:
    """New memory for matrices."""
    return Layout(shape, tuple(prod(shape[i + 1 :]) for i in range(len(shape))))


def _layout(batch: Ints, shape: Ints, strides: Ints, size: int) -> Layout:
    """Matrices of ``shape``, repeated to make up a batch.  strides: in bytes"""
    strides = tuple(0 if n == 1 and i < len(shape) - 2 else s // size for i, (n, s) in enumerate(zip(shape, strides)))
    return Layout((*batch, *shape[-2:]), (*[0] * (len(batch) + 2 - len(shape)), *strides))


def _usable(batch: Ints, shape: Ints, strides: Ints, size: int) -> tuple[Layout, Ints | None]:
    """A layout of an operand that a call can describe, and the shape in which it must be copied for that."""
    layout = _layout(batch, shape, strides, size)
    return (layout, None) if layout.is_usable() else (_layout(batch, shape, contiguous(shape).strides, 1), shape)


def _is_one_axis(batch: Ints, y: Layout) -> bool:
    """Whether a stride leads from each matrix of a result to the next, none of which is another one too."""
    return len(_joined(batch, y)) < 2 and all(n == 1 or s for n, s in zip(batch, y.strides))


def _joined(batch: Ints, *layouts: Layout) -> list[Ints]:
    """(size, stride of each) of as few axes as can stand for those of a batch."""
    axes: list[Ints] = []
    for axis in zip(batch, *(x.strides for x in layouts)):
        if axis[0] == 1:
            continue
        if axes and all(outer == inner * axis[0] for outer, inner in zip(axes[-1][1:], axis[1:])):
            axis = (axes.pop()[0] * axis[0], *axis[1:])
        axes.append(axis)
    return axes


def _calls(axes: list[Ints]) -> int:
    """How many calls there are when one computes along the longest of the axes."""
    return prod(sorted(axis[0] for axis in axes)[:-1])
