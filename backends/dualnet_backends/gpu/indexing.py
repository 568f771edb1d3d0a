"""Rows by index on the GPU, and sums by index that do not depend on the order in which threads run (no atomics)."""

from __future__ import annotations

from math import prod
from typing import Any

import cupy as cp

from ..base import Array, Backend
from .modules import THREADS, contiguous, kernel, launch

FEW_IDS = 2_048  # that each thread can go through
FEW = 1 << 24  # comparisons in all
PART = 32  # of sorted ids, as in the text
TILE = 1_024  # of ids that one block sorts, as in the text

_INTEGERS = "bBhHiIlLqQ"


class CupyIndexing(Backend):
    """Overrides with the results of the reference kernels."""

    def lookup(self, table: Array, ids: Array) -> Array:
        if table.dtype.char not in "efd" or ids.dtype.char not in _INTEGERS or table.shape[0] == 0:
            return super().lookup(table, ids)
        table, ids = contiguous(table), contiguous(ids)
        y = cp.empty((*ids.shape, *table.shape[1:]), dtype=table.dtype)
        n, width = table.shape[0], prod(table.shape[1:])
        function = _kernel("lookup", table, ids)
        nan = (cp.float64 if y.dtype.char == "d" else cp.float32)(cp.nan)
        launch(function, y.size, y, table, ids, self._note("ids"), nan, cp.int64(n), cp.int64(width), cp.int64(y.size))
        return y

    def valid_ids(self, ids: Array, n: int, what: str) -> Array:
        if ids.dtype.char not in _INTEGERS:
            return super().valid_ids(ids, n, what)
        valid = cp.empty(ids.shape, dtype=bool)
        function = kernel("indexing", "valid_ids", N=ids.dtype.char)
        launch(function, ids.size, valid, contiguous(ids), self._note(what), cp.int64(n), cp.int64(ids.size))
        return valid

    def require(self, valid: Array, what: str) -> Array:
        if valid.dtype != bool:
            return super().require(valid, what)
        function = kernel("indexing", "require", N="q")
        launch(function, valid.size, contiguous(valid), self._note(what), cp.int64(valid.size))
        return valid

    def one_hot(self, ids: Array, classes: int, dtype: Any) -> Array:
        y = cp.empty((*ids.shape, classes), dtype=dtype)
        if y.dtype.char not in "efd?" + _INTEGERS or ids.dtype.char not in _INTEGERS:
            return super().one_hot(ids, classes, dtype)
        launch(_kernel("one_hot", y, ids), y.size, y, contiguous(ids), cp.int64(classes), cp.int64(y.size))
        return y

    def order(self, ids: Array) -> Array:
        if ids.dtype.char not in _INTEGERS or ids.size == 0:
            return super().order(ids)
        # CuPy's ``argsort`` waits for the device, and cannot be recorded.
        ids, m, order = contiguous(ids), cp.int64(ids.size), cp.empty(ids.size, dtype=cp.int64)
        if ids.size <= FEW_IDS:
            launch(_kernel("order_few", order, ids), ids.size, order, ids, m)
            return order
        ids_of_tiles, of_tiles = cp.empty_like(ids), cp.empty_like(order)
        _kernel("order_tiles", order, ids)((-(-ids.size // TILE),), (THREADS,), (ids_of_tiles, of_tiles, ids, m))
        launch(_kernel("merge_tiles", order, ids), ids.size, order, ids_of_tiles, of_tiles, m)
        return order

    def scatter_add(self, target: Array, indices: Array, values: Array) -> None:
        char, m, width = target.dtype.char, indices.shape[0], prod(target.shape[1:])
        is_known = char in "efd" + _INTEGERS and indices.dtype.char in _INTEGERS
        if not is_known or not target.flags.c_contiguous:
            return super().scatter_add(target, indices, values)
        if m == 0 or target.size == 0:
            return None
        indices, values = contiguous(indices), contiguous(values.astype(target.dtype, copy=False))
        sizes = cp.int64(m), cp.int64(width)
        n = cp.int64(target.shape[0])
        if m <= FEW_IDS and m * target.size <= FEW:
            function = _kernel("scatter_add_few", target, indices)
            launch(function, target.size, target, indices, values, *sizes, cp.int64(target.size))
            return None
        order = self.order(indices)
        wide = {"e": "f"}.get(char, char)
        first, last = cp.empty((2, -(-m // PART), width), dtype=wide)
        count = first.size
        function = _kernel("scatter_add_parts", target, indices)
        launch(function, count, target, first, last, indices, order, values, n, *sizes, cp.int64(count))
        if m > PART:
            function = _kernel("scatter_add_runs", target, indices)
            launch(function, count, target, first, last, indices, order, n, *sizes, cp.int64(count))
        return None


def _kernel(name: str, x: Array, ids: Array) -> Any:
    """A kernel for arrays like x and ids. Integers are added up in their own dtype."""
    char = x.dtype.char
    types = {} if char in "efd" else {"A": char}
    return kernel("indexing", name, char, N=ids.dtype.char, **types)
