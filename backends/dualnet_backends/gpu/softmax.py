"""Softmax and cross-entropies on the GPU: one kernel for each, and one for its gradient."""

from __future__ import annotations

from math import prod
from typing import Any

import cupy as cp

from ..base import Array, Backend
from .modules import contiguous, kernel, launch, launch_rows


class CupySoftmax(Backend):
    """Overrides that hold for floats of 16 to 64 bits and rows that are not empty."""

    def softmax(self, x: Array, axis: int = -1) -> Array:
        if not _is_float(x) or x.ndim == 0:
            return super().softmax(x, axis)
        return _along(axis, "softmax", x)

    def softmax_gradient(self, y: Array, dy: Array, axis: int = -1) -> Array:
        if not _is_float(y, dy) or y.ndim == 0:
            return super().softmax_gradient(y, dy, axis)
        return _along(axis, "softmax_gradient", y, dy)

    def log_softmax(self, x: Array, axis: int = -1) -> Array:
        if not _is_float(x) or x.ndim == 0:
            return super().log_softmax(x, axis)
        return _along(axis, "log_softmax", x)

    def log_softmax_gradient(self, y: Array, dy: Array, axis: int = -1) -> Array:
        if not _is_float(y, dy) or y.ndim == 0:
            return super().log_softmax_gradient(y, dy, axis)
        return _along(axis, "log_softmax_gradient", y, dy)

    def cross_entropy(self, target: Array, z: Array, axis: int = -1) -> tuple[Array, Array]:
        if not _is_float(target, z) or target.shape != z.shape or z.ndim == 0:
            return super().cross_entropy(target, z, axis)
        rows, n, inner = _rows(z, axis)
        target, z = contiguous(target), contiguous(z)
        losses, log_p = cp.empty(_without(z, axis), dtype=z.dtype), cp.empty(z.shape, dtype=z.dtype)
        function = _kernel("cross_entropy", z)
        launch_rows(function, rows, n, target, z, losses, log_p, cp.int64(inner))
        return losses, log_p

    def cross_entropy_gradient(self, target: Array, log_p: Array, dy: Array, axis: int = -1) -> Array:
        if not _is_float(target, log_p, dy) or target.shape != log_p.shape:
            return super().cross_entropy_gradient(target, log_p, dy, axis)
        rows, n, inner = _rows(log_p, axis)
        arrays = [contiguous(a) for a in (target, log_p, dy)]
        dz = cp.empty(log_p.shape, dtype=log_p.dtype)
        function = _kernel("cross_entropy_gradient", dz)
        launch_rows(function, rows, n, *arrays, dz, cp.int64(inner))
        return dz

    def sparse_cross_entropy(self, z: Array, labels: Array) -> tuple[Array, Array]:
        if not _is_float(z):
            return super().sparse_cross_entropy(z, labels)
        z, labels = contiguous(z), contiguous(labels)
        losses, p = cp.empty(labels.shape, dtype=z.dtype), cp.empty(z.shape, dtype=z.dtype)
        function = _kernel("sparse_cross_entropy", z, labels)
        launch_rows(function, *z.shape, z, labels, losses, p, self._note("labels"))
        return losses, p

    def sparse_cross_entropy_gradient(self, p: Array, labels: Array, dy: Array) -> Array:
        if not _is_float(p, dy):
            return super().sparse_cross_entropy_gradient(p, labels, dy)
        arrays = [contiguous(a) for a in (p, labels, dy)]
        dz = cp.empty(p.shape, dtype=p.dtype)
        function = _kernel("sparse_cross_entropy_gradient", p, labels)
        launch(function, p.size, *arrays, dz, cp.int64(p.shape[1]), cp.int64(p.size))
        return dz


def _is_float(*arrays: Array) -> bool:
    """Whether the kernels take arrays of these dtypes and sizes."""
    return all(a.dtype.char in "efd" and a.dtype == arrays[0].dtype and a.size for a in arrays)


def _kernel(name: str, x: Array, labels: Array | None = None) -> Any:
    return kernel("softmax", name, x.dtype.char, L="i" if labels is None else labels.dtype.char)


def _along(axis: int, name: str, *arrays: Array) -> Array:
    """The result of a kernel that takes rows along an axis and gives as many elements."""
    y = cp.empty(arrays[0].shape, dtype=arrays[0].dtype)
    rows, n, inner = _rows(y, axis)
    function = _kernel(name, y)
    launch_rows(function, rows, n, *map(contiguous, arrays), y, cp.int64(inner))
    return y


def _rows(x: Array, axis: int) -> tuple[int, int, int]:
    """How many rows there are along an axis, of how many elements, and how many of them lie side by side."""
    axis = range(x.ndim)[axis]
    n = x.shape[axis]
    return x.size // n, n, prod(x.shape[axis + 1 :])


def _without(x: Array, axis: int) -> tuple[int, ...]:
    axis = range(x.ndim)[axis]
    return x.shape[:axis] + x.shape[axis + 1 :]
