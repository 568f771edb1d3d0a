"""Segment reductions: over rows with the same id.

data: (n, ...)  segment_ids: (n,) of integers, in any order -> (num_segments, ...). A row whose id is negative is dropped, as in
Keras. One whose id is not below ``num_segments`` raises ``IndexError`` on the CPU, as in Keras on TensorFlow; on a GPU, which
cannot raise, it is dropped. ``num_segments`` is the largest id plus 1 by default, for which the host waits for
the device; inside a compiled step pass the number.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from dualnet_backends import Backend

from ...core.op import primitive
from ...core.tensor import Tensor
from ...core.tracing import abort_trace
from .._common import Array, Forward, Spec, Xp
from .._sums import sum_dtype
from ..registry import op
from .create import convert_to_tensor

Combine = Callable[[Array, Array], Array]


def _slots(backend: Backend, ids: Array, n: int) -> Array:
    """The ids, with n, an extra slot that is discarded, for the negative ones. ``IndexError`` for one that is not below n."""
    xp, ids = backend.xp, ids.astype("int64")
    try:
        backend.require(ids < n, "segment ids")
    except IndexError:
        raise IndexError(
            f"expected segment_ids below num_segments={n}, got {ids.max()}: raise num_segments, or give rows that are to be "
            "dropped a negative id"
        ) from None
    return xp.where(xp.logical_and(ids >= 0, ids < n), ids, n)


def _running(xp: Xp, combine: Combine, ids: Array, rows: Array) -> Array:
    """The running reduction within each run of equal ids.  ids: (n,) sorted  rows: (n, width)

    Over distances 1, 2, 4, ...: few steps, and a deterministic result.
    """
    rows, distance = rows.copy(), 1
    while distance < len(ids):
        same = (ids[distance:] == ids[:-distance])[:, None]
        rows[distance:] = xp.where(same, combine(rows[:-distance], rows[distance:]), rows[distance:])
        distance *= 2
    return rows


def _neutral(xp: Xp, dtype: Any, largest: bool) -> Any:
    """The neutral element of minimum (maximum) in this dtype."""
    if dtype.kind == "b":
        return largest
    if dtype.kind in "iu":
        return int(getattr(xp.iinfo(dtype), "max" if largest else "min"))
    return math.inf if largest else -math.inf


def _reduced(
    backend: Backend, combine: Combine, neutral: Any, data: Array, slots: Array, n: int
) -> tuple[Array, Array, Array]:
    """(result (n, width), order that sorts the slots, sorted slots)"""
    xp, order = backend.xp, backend.order(slots)
    ids = slots[order]
    rows = data.reshape(data.shape[0], math.prod(data.shape[1:]))[order]
    empty = xp.full((), neutral, dtype=data.dtype)
    if data.shape[0] == 0:
        return xp.broadcast_to(empty, (n, rows.shape[1])), order, ids
    segments = xp.arange(n, dtype=ids.dtype)
    start, stop = xp.searchsorted(ids, segments, side="left"), xp.searchsorted(ids, segments, side="right")
    last = _running(xp, combine, ids, rows)[xp.maximum(stop - 1, 0)]
    return xp.where((stop > start)[:, None], last, empty), order, ids


@primitive
def _segment_sum(backend: Backend, data: Array, segment_ids: Array, /, num_segments: int = 0) -> Forward:
    """The sum of each segment, 0 of an empty one"""
    xp = backend.xp
    data = data.astype("int32") if data.dtype == "bool" else data
    slots = _slots(backend, segment_ids, num_segments)
    total = xp.zeros((num_segments + 1, *data.shape[1:]), dtype=sum_dtype(data))
    backend.scatter_add(total, slots, data.astype(total.dtype, copy=False))
    return total[:num_segments].astype(data.dtype, copy=False), lambda dy: (_extended(xp, dy)[slots], None)


def _extended(xp: Xp, dy: Array) -> Array:
    """dy with a row of zeros appended, for the rows that were dropped."""
    return xp.concatenate([dy, xp.zeros((1, *dy.shape[1:]), dtype=dy.dtype)])


def _segment_extreme(backend: Backend, data: Array, segment_ids: Array, n: int, largest: bool) -> Forward:
    xp = backend.xp
    slots = _slots(backend, segment_ids, n)
    combine = xp.maximum if largest else xp.minimum
    y, _, _ = _reduced(backend, combine, _neutral(xp, data.dtype, not largest), data, slots, n)
    y = y.reshape((n, *data.shape[1:]))

    def backward(dy: Array) -> tuple[Array, None]:
        hit = (data == _extended(xp, y)[slots]).astype(dy.dtype)
        count = xp.zeros((n + 1, *data.shape[1:]), dtype=dy.dtype)
        backend.scatter_add(count, slots, hit)
        return hit * _extended(xp, dy)[slots] / xp.maximum(count, 1)[slots], None

    return y, backward


@primitive
def _segment_max(backend: Backend, data: Array, segment_ids: Array, /, num_segments: int = 0) -> Forward:
    """The largest of each segment; equal maxima share the gradient equally"""
    return _segment_extreme(backend, data, segment_ids, num_segments, True)


@primitive
def _segment_min(backend: Backend, data: Array, segment_ids: Array, /, num_segments: int = 0) -> Forward:
    """The smallest of each segment; equal minima share the gradient equally"""
    return _segment_extreme(backend, data, segment_ids, num_segments, False)


@primitive
def _segment_prod(backend: Backend, data: Array, segment_ids: Array, /, num_segments: int = 0) -> Forward:
    """The product of each segment, 1 of an empty one"""
    xp = backend.xp
    data = data.astype("int32") if data.dtype == "bool" else data
    slots = _slots(backend, segment_ids, num_segments)
    y, order, ids = _reduced(backend, xp.multiply, 1, data, slots, num_segments)

    def backward(dy: Array) -> tuple[Array, None]:
        # The product of all others in the segment, exact with zeros: those before times those after.
        rows = data.reshape(len(ids), -1)[order]
        first = xp.ones((1, rows.shape[1]), dtype=rows.dtype)

        def before(ids: Array, rows: Array) -> Array:
            shifted = xp.concatenate([first, _running(xp, xp.multiply, ids, rows)[:-1]])
            begins = xp.concatenate([xp.ones((1,), dtype="bool"), ids[1:] != ids[:-1]])[:, None]
            return xp.where(begins, first, shifted)

        others = before(ids, rows) * before(ids[::-1], rows[::-1])[::-1]
        back = backend.order(order)  # the inverse of the permutation ``order``
        return others[back].reshape(data.shape) * _extended(xp, dy)[slots], None

    if data.size == 0:  # no gradient to compute, and no last row
        return y.reshape((num_segments, *data.shape[1:])), lambda dy: (xp.zeros(data.shape, dtype=dy.dtype), None)
    return y.reshape((num_segments, *data.shape[1:])), backward


def _segments_shape(data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False) -> Spec:
    dtype = "int32" if data.dtype == "bool" else data.dtype
    return Spec((num_segments, *data.shape[1:]), dtype)


def _segments(op: Callable[..., Tensor], data: Any, segment_ids: Any, num_segments: int | None) -> Any:
    ids: Any = convert_to_tensor(segment_ids)
    data = convert_to_tensor(data)
    if len(ids.shape) != 1:
        raise ValueError(f"expected segment_ids of shape (n,), got {ids.shape}")
    if len(data.shape) == 0 or data.shape[0] != ids.shape[0]:
        raise ValueError(f"expected one segment id for each row of data, got shapes {ids.shape} and {data.shape}")
    if ids.dtype.kind not in "iu":
        raise TypeError(f"expected whole numbers as segment_ids, got dtype {ids.dtype}")
    if num_segments is None:
        abort_trace("the largest segment id is read on the host")  # the shape of the result depends on it
        num_segments = max(int(ids.data.max()) + 1, 0) if ids.size else 0
    return op(data, ids, int(num_segments))


@op("math", shape=_segments_shape)
def segment_sum(data: Any, segment_ids: Any, /, num_segments: int | None = None, sorted: bool = False) -> Tensor:
    """The sum of the rows of each segment, 0 of an empty one. ``sorted`` (ascending ids) has no effect"""
    return _segments(_segment_sum, data, segment_ids, num_segments)


@op("math", shape=_segments_shape)
def segment_max(data: Any, segment_ids: Any, /, num_segments: int | None = None, sorted: bool = False) -> Tensor:
    """The largest of the rows of each segment, element by element; -inf (or the least integer) of an empty one"""
    return _segments(_segment_max, data, segment_ids, num_segments)


@op("math", shape=_segments_shape)
def segment_min(data: Any, segment_ids: Any, /, num_segments: int | None = None, sorted: bool = False) -> Tensor:
    """The smallest of the rows of each segment, element by element; inf (or the largest integer) of an empty one"""
    return _segments(_segment_min, data, segment_ids, num_segments)


@op("math", shape=_segments_shape)
def segment_prod(data: Any, segment_ids: Any, /, num_segments: int | None = None, sorted: bool = False) -> Tensor:
    """The product of the rows of each segment, element by element; 1 of an empty one"""
    return _segments(_segment_prod, data, segment_ids, num_segments)
