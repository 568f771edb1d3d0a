"""Products on the GPU: which of them cuBLAS computes where, and what follows a product, in one launch."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from itertools import product

import cupy as cp

from ..base import Array
from .blas import FORMATS, Blas, Operand
from .modules import BLOCKS, NO_ADDRESS, THREADS, is_contiguous, kernel

# Batches that have no single stride are computed in so many calls, at most; for more, an operand is copied first.
CALLS = 4
_ACTIVATIONS = {name: cp.int32(i) for i, name in enumerate(("linear", "relu", "tanh", "elu"))}  # as in bias.cu


class CupyProducts:
    """Overrides that a captured step may record. Those of CuPy refuse to be."""

    index: int

    @functools.cached_property
    def _blas(self) -> Blas:
        return Blas(self.index)

    def matmul(self, a: Array, b: Array, out: Array | None = None) -> Array:
        char = a.dtype.char
        if char != b.dtype.char:
            return self._of_two_dtypes(a, b, out)
        if char not in FORMATS or a.ndim < 2 or b.ndim < 2 or a.shape[-1] != b.shape[-2]:
            return self._otherwise(a, b, out)
        if char == "E" and not self._blas.has_bfloat16:
            y = self.matmul(a.astype(cp.float32), b.astype(cp.float32)).astype(a.dtype)
            return y if out is None else _copy_to(out, y)
        batch = a.shape[:-2]
        if batch != b.shape[:-2]:
            batch = cp.broadcast_shapes(batch, b.shape[:-2])
        shape = (*batch, a.shape[-2], b.shape[-1])
        if out is None:
            y = cp.empty(shape, a.dtype)
        elif out.shape == shape and out.dtype == a.dtype and not _overlap(out, a) and not _overlap(out, b):
            y = out
        else:
            return _copy_to(out, self.matmul(a, b))
        if y.size == 0:
            return y
        if a.shape[-1] == 0:
            y.fill(0)
            return y
        if b.ndim == 2 < a.ndim and is_contiguous(a, y):  # all rows of a at once
            self._multiply(a.reshape(-1, a.shape[-1]), b, y.reshape(-1, b.shape[1]), ())
        elif _rows_or_columns(y) is None:
            return _copy_to(y, self.matmul(a, b))
        else:
            self._multiply(a, b, y, batch)
        return y

    def _of_two_dtypes(self, a: Array, b: Array, out: Array | None) -> Array:
        dtype = cp.result_type(a.dtype, b.dtype)
        return self.matmul(a.astype(dtype, copy=False), b.astype(dtype, copy=False), out)

    def _otherwise(self, a: Array, b: Array, out: Array | None) -> Array:
        """What is no product of matrices of floats."""
        if a.dtype.char in FORMATS and a.ndim > 0 and b.ndim > 0 and 1 in (a.ndim, b.ndim):
            rows, columns = (a[None] if a.ndim == 1 else a), (b[:, None] if b.ndim == 1 else b)
            if rows.shape[-1] == columns.shape[-2]:
                y = self.matmul(rows, columns)
                y = y[..., 0] if b.ndim == 1 else y
                y = y[..., 0, :] if a.ndim == 1 and b.ndim > 1 else y[..., 0] if a.ndim == 1 else y
                return y if out is None else _copy_to(out, y)
        return super().matmul(a, b, out)  # type: ignore[misc]

    def _multiply(self, a: Array, b: Array, y: Array, batch: tuple[int, ...]) -> None:
        """Write a b to y, which overlaps neither. batch: the axes of y before its last two."""
        if not _rows_or_columns(y):  # by columns: then its transpose is by rows
            a, b, y = b.swapaxes(-1, -2), a.swapaxes(-1, -2), y.swapaxes(-1, -2)
        a, b = _by_rows_or_columns(a), _by_rows_or_columns(b)
        (m, n), k = y.shape[-2:], a.shape[-1]
        calls, count, strides = _calls(batch, a, b, y)
        if len(calls) > CALLS:
            a, b = (_with_one_stride(x, batch) for x in (a, b))
            calls, count, strides = _calls(batch, a, b, y)
        first = [_operand(x, stride) for x, stride in zip((a, b, y), strides)]
        for offsets in calls:
            of_a, of_b, of_y = (x._replace(address=x.address + at * y.itemsize) for x, at in zip(first, offsets))
            self._blas.multiply(y.dtype.char, m, n, k, of_a, of_b, of_y, count)

    def affine(self, x: Array, w: Array, b: Array | None, activation: str = "linear") -> Array:
        return self.add_bias(self.matmul(x, w), b, activation)

    def add_bias(self, x: Array, b: Array | None, activation: str = "linear") -> Array:
        char = x.dtype.char
        if char not in "efd" or not is_contiguous(x) or x.ndim == 0:
            return super().add_bias(x, b, activation)  # type: ignore[misc]
        n = x.shape[-1]
        if b is not None and (b.dtype != x.dtype or b.shape != (n,) or not is_contiguous(b)):
            return super().add_bias(x, b, activation)  # type: ignore[misc]
        if x.size and (b is not None or activation != "linear"):
            rows, columns = x.size // n, min(THREADS, 1 << (n - 1).bit_length())
            grid = -(-n // columns), min(-(-rows // (THREADS // columns)), BLOCKS)
            arguments = x, NO_ADDRESS if b is None else b, _ACTIVATIONS[activation], cp.int64(rows), cp.int64(n)
            kernel("bias", "add_bias", char)(grid, (columns, THREADS // columns), arguments)
        return x


# -- where matrices lie in memory, in elements -------------------------------------------------------------------------------


def _rows_or_columns(x: Array) -> bool | None:
    """Whether the rows of a matrix lie in memory one after the other; false for columns, None for neither."""
    (m, n), size = x.shape[-2:], x.itemsize
    down, across = x.strides[-2], x.strides[-1]
    if (across == size or n == 1) and (m == 1 or down >= n * size):
        return True
    if (down == size or m == 1) and (n == 1 or across >= m * size):
        return False
    return None


def _by_rows_or_columns(x: Array) -> Array:
    return x if _rows_or_columns(x) is not None else cp.ascontiguousarray(x)


def _operand(x: Array, stride: int) -> Operand:
    by_rows = _rows_or_columns(x)
    (m, n), size = x.shape[-2:], x.itemsize
    length, others, step = (n, m, x.strides[-2]) if by_rows else (m, n, x.strides[-1])
    return Operand(x.data.ptr, not by_rows, length if others == 1 else step // size, stride)


def _batch_strides(x: Array, batch: tuple[int, ...]) -> list[int]:
    """The strides of x along the axes before the last two, broadcast to ``batch``: 0 along an axis that is repeated."""
    own = [0 if n == 1 else s // x.itemsize for n, s in zip(x.shape[:-2], x.strides[:-2])]
    return [0] * (len(batch) - len(own)) + own


def _joined(batch: Sequence[int], *strides: Sequence[int]) -> list[tuple[int, ...]]:
    """(size, stride of each array) of as few axes as can stand for those of a batch."""
    axes: list[tuple[int, ...]] = []
    for axis in zip(batch, *strides):
        if axis[0] == 1:
            continue
        if axes and all(outer == inner * axis[0] for outer, inner in zip(axes[-1][1:], axis[1:])):
            axis = (axes.pop()[0] * axis[0], *axis[1:])
        axes.append(axis)
    return axes


def _calls(batch: tuple[int, ...], a: Array, b: Array, y: Array) -> tuple[list[tuple[int, ...]], int, tuple[int, ...]]:
    """The calls that a product takes: the offsets of a, b and y of each, how many matrices one computes, and their strides."""
    if not batch:
        return [(0, 0, 0)], 1, (0, 0, 0)
    axes = _joined(batch, *(_batch_strides(x, batch) for x in (a, b, y)))
    if not axes:
        return [(0, 0, 0)], 1, (0, 0, 0)
    longest = max(axes)
    axes.remove(longest)
    positions = product(*(range(axis[0]) for axis in axes))
    calls = [tuple(sum(i * axis[x] for i, axis in zip(at, axes)) for x in (1, 2, 3)) for at in positions]
    return calls, longest[0], longest[1:]


def _with_one_stride(x: Array, batch: tuple[int, ...]) -> Array:
    """x, copied unless one stride leads from each matrix of the batch to the next."""
    if len(_joined(batch, _batch_strides(x, batch))) < 2:
        return x
    return cp.ascontiguousarray(cp.broadcast_to(x, (*batch, *x.shape[-2:])))


def _overlap(x: Array, y: Array) -> bool:
    """Whether two arrays may share memory. Arrays of different allocations do not, which is told at once."""
    return x.data.mem is y.data.mem and bool(cp.may_share_memory(x, y))


def _copy_to(out: Array, y: Array) -> Array:
    cp.copyto(out, y)
    return out
