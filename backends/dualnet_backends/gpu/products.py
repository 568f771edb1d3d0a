"""Products on the GPU by cuBLAS, and what follows a product, in one launch."""

from __future__ import annotations

import functools

import cupy as cp

from ..base import Array, Backend
from .blas import FORMATS, Blas
from .modules import BLOCKS, NO_ADDRESS, THREADS, is_contiguous, kernel
from .plans import plan

_ACTIVATIONS = {name: cp.int32(i) for i, name in enumerate(("linear", "relu", "tanh", "elu"))}  # as in bias.cu


class CupyProducts(Backend):
    """Overrides that a captured step may record. Those of CuPy refuse to be."""

    index: int

    @functools.cached_property
    def _blas(self) -> Blas:
        return Blas(self.index)

    def matmul(self, a: Array, b: Array, out: Array | None = None) -> Array:
        char = a.dtype.char
        if char != b.dtype.char and a.dtype != b.dtype:
            dtype = cp.result_type(a.dtype, b.dtype)
            return self.matmul(a.astype(dtype, copy=False), b.astype(dtype, copy=False), out)
        if char not in FORMATS:
            return super().matmul(a, b, out)
        p = plan(a.itemsize, a.shape, a.strides, b.shape, b.strides, None if out is None else (out.shape, out.strides))
        if p is None or (char == "E" and not self._blas.has_bfloat16):
            return self._otherwise(a, b, out)
        if out is None:
            y = cp.empty(p.shape, a.dtype)
        elif p.fits and out.dtype.char == char and not _overlap(out, a) and not _overlap(out, b):
            y = out
        else:
            return _copy_to(out, self.matmul(a, b))
        a, b = (a if p.copy_a is None else _repeated(a, p.copy_a)), (b if p.copy_b is None else _repeated(b, p.copy_b))
        if p.is_swapped:
            a, b = b, a
        self._blas.multiply(char, p, a.data.ptr, b.data.ptr, y.data.ptr)
        return y

    def _otherwise(self, a: Array, b: Array, out: Array | None) -> Array:
        """What is no product of matrices, or one without elements, or of a dtype that the GPU does not know."""
        if a.ndim == 0 or b.ndim == 0 or a.shape[-1] != b.shape[-2 if b.ndim > 1 else 0]:
            return super().matmul(a, b, out)
        rows, columns = (a[None] if a.ndim == 1 else a), (b[:, None] if b.ndim == 1 else b)
        shape = (*cp.broadcast_shapes(rows.shape[:-2], columns.shape[:-2]), rows.shape[-2], columns.shape[-1])
        if 0 in shape or a.shape[-1] == 0:
            y = cp.zeros(shape, a.dtype)
        elif a.dtype.char == "E" and not self._blas.has_bfloat16:
            y = self.matmul(rows.astype(cp.float32), columns.astype(cp.float32)).astype(a.dtype)
        else:
            y = self.matmul(rows, columns)
        y = y[..., 0] if b.ndim == 1 else y
        y = y if a.ndim > 1 else y[..., 0, :] if b.ndim > 1 else y[..., 0]
        return y if out is None else _copy_to(out, y)

    def affine(self, x: Array, w: Array, b: Array | None, activation: str = "linear") -> Array:
        return self.add_bias(self.matmul(x, w), b, activation)

    def add_bias(self, x: Array, b: Array | None, activation: str = "linear") -> Array:
        char = x.dtype.char
        if char not in "efd" or not is_contiguous(x) or x.ndim == 0:
            return super().add_bias(x, b, activation)
        n = x.shape[-1]
        if b is not None and (b.dtype != x.dtype or b.shape != (n,) or not is_contiguous(b)):
            return super().add_bias(x, b, activation)
        if x.size and (b is not None or activation != "linear"):
            rows, columns = x.size // n, min(THREADS, 1 << (n - 1).bit_length())
            grid = -(-n // columns), min(-(-rows // (THREADS // columns)), BLOCKS)
            arguments = x, NO_ADDRESS if b is None else b, _ACTIVATIONS[activation], cp.int64(rows), cp.int64(n)
            kernel("bias", "add_bias", char)(grid, (columns, THREADS // columns), arguments)
        return x


def _repeated(x: Array, shape: tuple[int, ...]) -> Array:
    return cp.ascontiguousarray(cp.broadcast_to(x, shape))


def _overlap(x: Array, y: Array) -> bool:
    """Whether two arrays may share memory. Arrays of different allocations do not, which is told at once."""
    return x.data.mem is y.data.mem and bool(cp.may_share_memory(x, y))


def _copy_to(out: Array, y: Array) -> Array:
    cp.copyto(out, y)
    return out
