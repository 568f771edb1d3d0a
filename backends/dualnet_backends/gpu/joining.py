"""Many arrays as one on the GPU. Of more than eight, CuPy sends a table of their addresses to the device, which a capture refuses."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import cupy as cp
import numpy as np

from ..base import Array, Backend
from .modules import address, contiguous, kernel, launch

PARTS = 400  # as in the text: whose addresses go with one launch, which takes 4 KiB of arguments
_FEW = 8
_WIDTHS = {1: "B", 2: "H", 4: "I", 8: "q"}
_TABLE = np.dtype([("at", np.uint64, (PARTS,))])


class CupyJoining(Backend):
    """Overrides with the results of the reference kernels."""

    def concatenate(self, arrays: Sequence[Array], axis: int) -> Array:
        first = arrays[0]
        if len(arrays) <= _FEW or not _are_alike(arrays):
            return super().concatenate(arrays, axis)
        axis %= first.ndim
        out = cp.empty((*first.shape[:axis], sum(x.shape[axis] for x in arrays), *first.shape[axis + 1 :]), first.dtype)
        if len({x.shape[axis] for x in arrays}) == 1:
            _join(out, arrays, axis)
            return out
        start = 0
        for x in arrays:
            stop = start + x.shape[axis]
            out[(slice(None),) * axis + (slice(start, stop),)] = x
            start = stop
        return out

    def stack(self, arrays: Sequence[Array], axis: int) -> Array:
        first = arrays[0]
        if len(arrays) <= _FEW or not _are_alike(arrays):
            return super().stack(arrays, axis)
        axis %= first.ndim + 1
        out = cp.empty((*first.shape[:axis], len(arrays), *first.shape[axis:]), first.dtype)
        _join(out, arrays, axis)
        return out


def _are_alike(arrays: Sequence[Array]) -> bool:
    """Whether arrays can be joined as bytes; what is wrong with others, CuPy says."""
    first = arrays[0]
    return first.itemsize in _WIDTHS and all(x.dtype == first.dtype and x.ndim == first.ndim for x in arrays)


def _join(out: Array, arrays: Sequence[Array], axis: int) -> None:
    """Write arrays of one shape to ``out``, one after the other along an axis."""
    rows = prod(out.shape[:axis])
    columns = out.size // max(rows, 1)
    n = columns // len(arrays)
    function = kernel("joining", "join", _WIDTHS[out.itemsize])
    for start in range(0, len(arrays), PARTS):
        parts = [contiguous(x) for x in arrays[start : start + PARTS]]
        table = np.zeros((), _TABLE)
        table["at"][: len(parts)] = [address(x) for x in parts]
        sizes = (len(parts), n, start * n, columns, rows * len(parts) * n)
        launch(function, sizes[-1], out, table, *map(cp.int64, sizes))
