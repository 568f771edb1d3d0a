"""The op table: sorting, quantiles, counts and searches."""

from __future__ import annotations

from typing import Any

import numpy as np

from dualnet.ops.core import counting, sorting
from dualnet.ops.math import quantiles

from .cases import B, F, I, Row, call, other

INDEX = "an index"
COUNT = "a count"
TRUTH = "true or false"
NUMBER = "the host asks how many there are"


def argsort(x: Any, axis: Any = -1) -> Any:
    return np.argsort(x, axis=axis, kind="stable")


def top_indices(x: Any, k: int) -> Any:
    return np.argsort(-x.astype(float), axis=-1, kind="stable")[..., :k]


def top_k(x: Any, k: int) -> Any:
    return np.take_along_axis(x, top_indices(x, k), -1), top_indices(x, k)


def in_top_k(targets: Any, predictions: Any, k: int) -> Any:
    return np.array([t in np.argsort(-p)[:k] for t, p in zip(targets, predictions)], bool)


NANS = np.array([[0.5, np.nan, 1.5], [np.nan, -1.0, 2.0], [0.25, 3.0, -2.0]])

SORTING = [
    other(sorting.sort, np.sort, call(F((3, 4))), call(F((3, 4)), axis=0), call(F((2, 3, 2)), axis=1), call(F((3, 4)), axis=None),
          call(F((5,)))),
    other(sorting.argsort, argsort, call(F((3, 4))), call(I((3, 4), 3), axis=0), call(F((2, 3)), axis=None), call(B((6,))), gradient=INDEX),
    other(sorting.argpartition, np.argpartition, call(F((3, 2)), 0), call(F((2, 3)), 1, axis=0), gradient=INDEX),
    other(sorting._take_distinct, lambda x, i: np.take_along_axis(x, i, -1), call(F((3, 4)), np.array([[3, 0], [1, 2], [2, 1]])),
          call(F((5,)), np.array([4, 0, 2])), empty="its indices are fixed"),
    other(sorting._top_indices, top_indices, call(F((3, 4)), 2), call(I((3, 5), 3), 4), call(F((2, 2, 3)), 3), gradient=INDEX),
    other(sorting.top_k, top_k, call(F((3, 4)), 2), call(F((5,)), 5), call(F((2, 3, 4)), 1)),
    other(sorting.in_top_k, in_top_k, call(I((3,), 4), F((3, 4)), 2), call(I((6,), 5), F((6, 5)), 1), gradient=TRUTH),
    other(sorting.searchsorted, np.searchsorted, call(np.array([-1.0, 0.0, 0.0, 1.5]), F((3, 4))),
          call(np.array([1, 2, 2]), I((3,), 4), side="right"),
          call(np.array([1, 2, 2]), 2), gradient=INDEX),
    other(sorting.isin, np.isin, call(I((3, 4), 6), I((3,), 6)), call(I((3, 4), 6), I((2, 2), 6), invert=True), call(F((3,)), 0.5),
          call(B((3,)), B((2,))), gradient=TRUTH),
]  # fmt: skip

AXES = [{"axis": 1}, {}, {"axis": 0, "keepdims": True}, {"axis": (0, -1)}, {"axis": -1, "keepdims": True}]
Q = np.array([0.0, 0.3, 0.5, 1.0])


def with_q(op: Any, reference: Any, scale: float = 1) -> Row:
    samples = [call(F((3, 4)), 0.4 * scale, **o) for o in AXES] + [call(F((3, 4)), Q * scale, **o) for o in AXES]
    samples += [call(F((3, 4)), Q * scale, axis=0, method=m) for m in ("lower", "higher", "midpoint")]
    if op in (quantiles.nanquantile, quantiles.nanpercentile):
        samples.append(call(NANS, Q * scale, axis=1))
    return other(op, reference, *samples, argnums=(0,))


QUANTILES = [
    other(quantiles._quantile, np.quantile, call(F((3, 4)), 0.4, axis=1), call(F((2, 3, 4)), Q, axis=(0, 2)), argnums=(0,)),
    with_q(quantiles.quantile, np.quantile),
    with_q(quantiles.percentile, np.percentile, 100),
    with_q(quantiles.nanquantile, np.nanquantile),
    with_q(quantiles.nanpercentile, np.nanpercentile, 100),
    other(quantiles.median, np.median, *(call(F((3, 4)), **o) for o in AXES), call(F((2, 5, 3)), axis=1), call(F((1,)))),
    other(quantiles.nanmedian, np.nanmedian, *(call(F((3, 4)), **o) for o in AXES), call(NANS, axis=0)),
]  # fmt: skip


def bincount(x: Any, weights: Any = None, minlength: int = 0) -> Any:
    if x.ndim == 1:
        return np.bincount(x, weights, minlength)
    n = max(int(x.max()) + 1, minlength)
    return np.stack([np.bincount(row, None if weights is None else weights[i], n) for i, row in enumerate(x)])


def counted(x: Any, weights: Any = None, length: int = 0) -> Any:
    return bincount(x, weights, length)


def unique(x: Any, **options: Any) -> Any:
    return np.unique(x, **options)


def padded(x: Any, axis: Any = None, size: Any = None, fill_value: Any = None) -> Any:
    return np.unique(x, return_index=True, return_inverse=True, return_counts=True, axis=axis)


COUNTING = [
    other(counting.nonzero, np.nonzero, call(I((3, 4), 2)), call(B((5,))), call(F((2, 3))), gradient=INDEX),
    other(counting._nonzero, np.nonzero, call(I((3, 4), 2)), gradient=INDEX),
    other(counting.unique, unique, call(I((3, 4), 5)), call(I((3, 4), 5), return_index=True, return_counts=True),
          call(I((6, 2), 2), axis=0, return_inverse=True), call(B((4,)), return_inverse=True), gradient=NUMBER),
    other(counting._unique, padded, call(I((3, 4), 5)), call(I((6, 2), 2), axis=0), gradient=NUMBER),
    other(counting._bincount, counted, call(I((8,), 5), length=7), call(I((3, 5), 4), F((3, 5)), length=4)),
    other(counting.bincount, bincount, call(I((8,), 5)), call(I((8,), 5), minlength=9), call(I((3, 5), 4), minlength=4),
          call(I((8,), 5), F((8,))),
          call(I((3, 5), 4), F((3, 5)))),
    other(counting._histogram, np.histogram, call(F((20,)), bins=4), gradient=COUNT),
    other(counting.histogram, np.histogram, call(F((20,))), call(F((20,)), bins=3, range=(-1.0, 1.5)), call(I((9,), 4), bins=3),
          call(np.full(4, 2.0), bins=5), gradient=COUNT),
]  # fmt: skip

ROWS: list[Row] = SORTING + QUANTILES + COUNTING
