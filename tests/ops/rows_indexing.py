"""The op table: diagonals, slices, scatters, segments, joining and splitting, blocks."""

from __future__ import annotations

from typing import Any

import numpy as np

from dualnet.ops.core import create, segment
from dualnet.ops.core import scatter as scattering
from dualnet.ops.core import stacking as arranging
from dualnet.ops.core.shape import _repeat, _split, _unstack, dtype, view
from dualnet.ops.linalg import diagonals
from dualnet.ops.math.comparison import _where
from dualnet.ops.nn import encoding
from dualnet.ops.nn import patches as blocks

from .cases import F, I, Row, call, other

CREATED = "made from nothing that is tracked"
WHOLE = "its result is whole numbers"
FIXED = "its indices are fixed"

DIAGONALS = [
    other(diagonals.diagonal, np.diagonal, call(F((3, 4))), call(F((3, 4)), offset=1), call(F((3, 4)), -2), call(F((2, 3, 4)), 1, 0, 2),
          call(F((2, 3, 4)), 0, -1, 1)),
    other(diagonals._diagonal_matrix, np.diag, call(F((3,))), call(F((3,)), k=2), call(F((2,)), k=-1)),
    other(diagonals.diag, np.diag, call(F((3,))), call(F((3,)), k=-1), call(F((3, 4))), call(F((4, 3)), k=1)),
    other(diagonals.diagflat, np.diagflat, call(F((3, 2))), call(F((3,)), k=1), call(F(()))),
    other(diagonals.trace, np.trace, call(F((3, 4))), call(F((3, 3)), 1), call(F((2, 3, 4)), 0, 0, 2)),
    other(diagonals.tril, np.tril, call(F((3, 4))), call(F((2, 3, 4)), k=1), call(F((3, 3)), -1)),
    other(diagonals.triu, np.triu, call(F((3, 4))), call(F((2, 3, 4)), k=1), call(F((3, 3)), -1)),
    other(diagonals.vander, np.vander, call(F((3,))), call(F((3,)), 5), call(F((4,)), 3, increasing=True), call(np.array([0.0, 1.0])),
          call(F((2,)), 1)),
    other(create.identity, np.identity, call(3), call(2, dtype="int32"), gradient=CREATED),
    other(create.tri, np.tri, call(3), call(3, 4, 1), call(2, 3, -1, dtype="int32"), gradient=CREATED),
    other(create.empty, np.zeros, call((3, 2)), call(3, dtype="int32"), gradient=CREATED),
    other(create.empty_like, np.zeros_like, call(F((3, 2))), call(I((3,), 4)), gradient=CREATED),
]  # fmt: skip


def window(x: Any, starts: Any, sizes: Any) -> Any:
    return tuple(slice(a + n * (a < 0), a + n * (a < 0) + s) for a, s, n in zip(starts, sizes, x.shape))


def sliced(x: Any, start_indices: Any, shape: Any) -> Any:
    left = [n - a if s == -1 else s for a, s, n in zip(start_indices, shape, x.shape)]
    return x[window(x, start_indices, left)]


def updated(x: Any, start_indices: Any, updates: Any) -> Any:
    y = x.copy()
    y[window(x, start_indices, updates.shape)] = updates
    return y


def placed(indices: Any, values: Any, shape: Any) -> Any:
    y = np.zeros(shape, values.dtype)
    np.add.at(y, tuple(np.moveaxis(indices, -1, 0)), values)
    return y


def written(x: Any, indices: Any, updates: Any, reduction: Any = None) -> Any:
    y = x.copy()
    for i in np.ndindex(indices.shape[:-1]):  # one after the other: the last of several for one place stays
        at, u = tuple(indices[i]), updates[i]
        y[at] = {None: u, "add": y[at] + u, "max": np.maximum(y[at], u), "min": np.minimum(y[at], u), "mul": y[at] * u}[
            reduction
        ]
    return y


def counted(indices: Any, shape: Any) -> Any:
    return np.ravel_multi_index(tuple(np.moveaxis(indices, -1, 0)), shape[: indices.shape[-1]], mode="wrap").reshape(-1)


def write_rows(x: Any, indices: Any, rows: Any) -> Any:
    return written(x, indices[:, None], rows)


TWICE = np.array([[0, 1], [2, 3], [0, 1], [1, 0]])
AGAIN = np.array([[[1], [0]], [[1], [2]]])
UPDATES = [
    (F((3, 4)), TWICE, F((4,))),
    (F((3, 4)), AGAIN, F((2, 2, 4))),
    (F((5,)), np.array([[-1], [0], [-1]]), F((3,))),
]
REDUCTIONS: list[Any] = [None, "add", "max", "min", "mul"]
SCATTER = [
    other(scattering.slice, sliced, call(F((3, 4)), (0, 1), (3, 2)), call(F((3, 4)), [1, 0], (-1, -1)),
          call(F((3, 4)), np.array([1, 2]), (2, 2)),
          call(F((5,)), (-2,), (2,)), empty="the window would not lie within"),
    other(scattering._slice, lambda x, start_indices, shape: sliced(x, start_indices, shape),
          call(F((3, 4)), start_indices=(1, 1), shape=(2, 2)), empty=FIXED),
    other(scattering.slice_update, updated, call(F((3, 4)), (0, 2), F((3, 2))), call(F((3, 4)), np.array([1, 1]), F((2, 2))),
          call(F((5,)), (-3,), F((1,)))),
    other(scattering._slice_update, lambda x, u, start_indices: updated(x, start_indices, u),
          call(F((3, 4)), F((2, 2)), start_indices=(1, 0)), empty=FIXED),
    other(scattering._flat_indices, counted, call(np.array([[0, 1], [2, -1]]), shape=(3, 4)), call(AGAIN, shape=(3, 4, 2)), gradient=WHOLE),
    other(scattering._write_rows, write_rows, call(F((3, 4)), np.array([2, 0, 2]), F((3, 4))),
          call(F((5,)), np.array([1, 1, 4]), F((3,))), empty=FIXED),
    other(scattering.scatter, placed, call(TWICE, F((4,)), (3, 4)), call(AGAIN, F((2, 2, 4)), (3, 4)),
          call(np.zeros((0, 1), int), F((0, 2)), (3, 2)),
          empty=FIXED),
    other(scattering.scatter_update, written, *(call(*u, reduction=r) for u in UPDATES for r in REDUCTIONS),
          call(F((3, 4)), np.zeros((0, 2), int), F((0,))), empty=FIXED),
]  # fmt: skip


def by_segment(function: Any, neutral: float) -> Any:
    def reduced(data: Any, ids: Any, num_segments: Any = None) -> Any:
        n = int(ids.max()) + 1 if num_segments is None else num_segments
        parts = [data[ids == i] for i in range(n)]
        return np.stack([function(p, axis=0) if len(p) else np.full(data.shape[1:], neutral) for p in parts])

    return reduced


IDS = np.array([2, 0, 2, -1, 2, 0, -3])
FULL = np.array([1, 0, 2, 1, -1, 0, -2])  # none of 0 ... 2 is empty: an infinity has no differences
SUMS = [
    other(op, by_segment(function, neutral), call(F((7, 2)), IDS, 4), call(F((7,)), IDS, 4), call(F((7, 2, 2)), IDS % 3, 3),
          call(F((0, 2)), np.zeros(0, int), 2), call(F((1,)), np.array([0]), 1), name=op.__name__)
    for op, function, neutral in (
        (segment._segment_sum, np.sum, 0), (segment.segment_sum, np.sum, 0),
        (segment._segment_prod, np.prod, 1), (segment.segment_prod, np.prod, 1),
    )
]  # fmt: skip
EXTREMES = [
    other(op, by_segment(function, 0), call(F((7, 2)), FULL, 3), call(F((7,)), FULL, 3), call(F((7, 2, 2)), IDS % 2, 2),
          call(F((1,)), np.array([0]), 1), name=op.__name__)
    for op, function in (
        (segment._segment_max, np.max), (segment.segment_max, np.max), (segment._segment_min, np.min), (segment.segment_min, np.min),
    )
]  # fmt: skip


def select(conditions: Any, choices: Any, default: Any = 0) -> Any:
    return np.select(conditions, choices, default)


PAIR = [call(F((3, 4)), F((3, 4))), call(F((3,)), F((3,)))]
ARRANGING = [
    other(arranging.append, np.append, call(F((3, 4)), F((3, 2)), axis=1), call(F((3, 4)), F((2,))), call(F((3, 4)), F((1, 4)), axis=0)),
    other(arranging.hstack, np.hstack, *PAIR, call(F(()), F(())), joined=True),
    other(arranging.vstack, np.vstack, *PAIR, call(F((2, 2, 3)), F((1, 2, 3))), joined=True),
    other(arranging.dstack, np.dstack, *PAIR, call(F((2, 2, 3)), F((2, 2, 1))), joined=True),
    other(arranging.array_split, np.array_split, call(F((3, 5)), 2, axis=1), call(F((5, 2)), 3), call(F((3, 5)), [1, 4], axis=-1)),
    other(arranging.hsplit, np.hsplit, call(F((3, 4)), 2), call(F((4,)), 2), call(F((3, 4)), [1, 3])),
    other(arranging.vsplit, np.vsplit, call(F((4, 2)), 2), call(F((4, 2)), [1])),
    other(arranging.dsplit, np.dsplit, call(F((3, 2, 4)), 2), call(F((2, 2, 4)), [1])),
    other(arranging.fliplr, np.fliplr, call(F((3, 4)))),
    other(arranging.flipud, np.flipud, call(F((3, 4))), call(F((3,)))),
    other(arranging.rot90, np.rot90, *(call(F((3, 4)), k) for k in range(-1, 5)), call(F((2, 3, 4)), 1, axes=(2, 0))),
    other(arranging.meshgrid, np.meshgrid, call(F((3,)), F((4,))), call(F((3,)), F((4,)), F((2,)), indexing="ij"),
          call(F((2,)), F((3,)), F((2, 2))),
          call(F((3,)))),
    other(arranging._meshgrid, np.meshgrid, call(F((3,)), F((4,)))),
    other(arranging.unravel_index, np.unravel_index, call(I((3, 2), 12), (3, 4)), call(I((3,), 5), 5), gradient=WHOLE),
    other(arranging._unravel_index, np.unravel_index, call(I((3, 2), 24), shape=(2, 3, 4)), gradient=WHOLE),
    other(arranging.select, select, call([np.array([True, False, False])] * 2, [np.arange(3.0), np.ones(3)], 0.5), gradient="of where"),
    other(_where, np.where, call(np.array([True, False, True]), F((2, 3)), F((3,))), call(np.array([True, False]), 1.5, F((2,))),
          empty="it has no axis of its own"),
    other(_split, np.array_split, call(F((3, 4)), indices_or_sections=2, axis=1)),
    other(_unstack, lambda x, axis=0: tuple(np.moveaxis(x, axis, 0)), call(F((3, 4)), axis=1)),
    other(_repeat, np.repeat, call(F((3, 4)), 2, axis=1), call(F((3, 4)), 3)),
    other(dtype, lambda x: "float64", call(F((3,))), gradient="a value of the host"),
    other(view, lambda x, dtype: x.view(dtype), call(I((3, 4), 9), dtype="uint64"), call(I((3, 4), 9), dtype="int32"),
          gradient="bytes are not numbers"),
    other(encoding.multi_hot, lambda x, n, axis=-1: np.eye(n)[x].max(axis=int(x.ndim > 1)), call(I((3, 4), 5), 5),
          call(I((3,), 5), 5), gradient=WHOLE),
]  # fmt: skip


def space_to_depth(x: Any, s: int, data_format: str = "channels_last") -> Any:
    x = np.moveaxis(x, -1, 1) if data_format == "channels_last" else x
    parts = [x[:, :, i::s, j::s] for i in range(s) for j in range(s)]
    if data_format == "channels_last":
        return np.moveaxis(np.concatenate(parts, 1), 1, -1)
    y = np.stack(parts, 2)
    return y.reshape(y.shape[0], -1, *y.shape[3:])


def depth_to_space(x: Any, s: int, data_format: str = "channels_last") -> Any:
    last = data_format == "channels_last"
    x = x if last else np.moveaxis(x, 1, -1)
    b, h, w, c = x.shape
    y = np.zeros((b, h * s, w * s, c // s**2))
    for n in range(s * s):
        y[:, n // s :: s, n % s :: s] = x[..., n * (c // s**2) : (n + 1) * (c // s**2)] if last else x[..., n :: s * s]
    return y if last else np.moveaxis(y, -1, 1)


def unfold(x: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    pairs = ((v, v) if isinstance(v, int) else v for v in (kernel_size, dilation, padding, stride))
    (k, m), (d, e), (p, q), (s, t) = pairs
    x = np.pad(x, ((0, 0), (0, 0), (p, p), (q, q)))
    tops = range(0, x.shape[2] - (k - 1) * d, s)
    lefts = range(0, x.shape[3] - (m - 1) * e, t)
    windows = [(slice(a, a + (k - 1) * d + 1, d), slice(b, b + (m - 1) * e + 1, e)) for a in tops for b in lefts]
    return np.stack([x[:, :, i, j].reshape(x.shape[0], x.shape[1] * k * m) for i, j in windows], -1)


def fold(x: Any, output_size: Any, kernel_size: Any, **options: Any) -> Any:
    """By its definition as the transpose of unfold, one unit image at a time."""
    h, w = (output_size,) * 2 if isinstance(output_size, int) else output_size
    area = kernel_size**2 if isinstance(kernel_size, int) else kernel_size[0] * kernel_size[1]
    c = x.shape[1] // area
    units = np.eye(c * h * w).reshape(-1, c, h, w)
    return np.einsum("ukl,bkl->bu", unfold(units, kernel_size, **options), x).reshape(x.shape[0], c, h, w)


WINDOWS = [{}, {"stride": 2}, {"padding": 1, "dilation": 2}, {"padding": (0, 1), "stride": (2, 1)}]
BLOCKS = [
    other(blocks.space_to_depth, space_to_depth, call(F((3, 4, 2, 3)), 2), call(F((2, 3, 6, 1)), 3), call(F((2, 3, 4, 2)), 2, "channels_first")),
    other(blocks.depth_to_space, depth_to_space, call(F((3, 2, 1, 8)), 2), call(F((2, 1, 2, 9)), 3), call(F((2, 8, 2, 3)), 2, "channels_first")),
    other(blocks.unfold, unfold, *(call(F((3, 2, 5, 4)), 2, **o) for o in WINDOWS), call(F((1, 2, 4, 5)), (3, 2), stride=(1, 2))),
    other(blocks.fold, fold, call(F((3, 8, 12)), (5, 4), 2), call(F((2, 8, 4)), (5, 4), 2, stride=2),
          call(F((2, 4, 20)), (5, 4), 2, padding=1, dilation=2),
          call(F((2, 12, 4)), 4, (3, 2), stride=(1, 2))),
]  # fmt: skip

ROWS: list[Row] = DIAGONALS + SCATTER + SUMS + EXTREMES + ARRANGING + BLOCKS
