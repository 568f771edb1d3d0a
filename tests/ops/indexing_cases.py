"""Sorting, quantiles, counts, diagonals, windows, segments, joining, blocks: calls to be compared with Keras.

Frozen with keras 3.15.1 on JAX: ``python -m tests.parity tests.ops.indexing_cases``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

RANDOM = np.random.default_rng(11)
X = RANDOM.normal(size=(3, 4)).astype("float32")
TIES = np.array([[1, 3, 3, 0], [2, 2, 1, 2], [0, 0, 0, 0]], "float32")
NANS = np.array([[1, np.nan, 3, 2], [np.nan] * 4, [0, 1, 2, 3]], "float32")
IDS = np.array([2, 0, -1, 2, -3, 0, 2], "int32")
ROWS = RANDOM.normal(size=(7, 2)).astype("float32")
PICTURE = RANDOM.normal(size=(2, 4, 6, 4)).astype("float32")
AT = np.array([[0, 1], [2, 3], [0, 1], [-1, 0]], "int32")
U = np.array([5, -6, 7, 0.5], "float32")
Q = np.array([0, 0.2, 0.5, 0.9, 1], "float32")

CALLS: dict[str, list[tuple[tuple[Any, ...], dict[str, Any]]]] = {}


def calls(name: str, *samples: Any) -> None:
    """Samples of an op: its positional arguments, the last of them its keywords if it is a dictionary."""
    CALLS[name] = [(s[:-1], s[-1]) if s and isinstance(s[-1], dict) else (s, {}) for s in samples]


calls("sort", (X,), (X, 0), (NANS, 1))
calls("argsort", (X,), (TIES, 1), (TIES, None))
calls("top_k", (X, 2), (TIES, 3), (NANS, 4))
calls("in_top_k", (np.array([0, 1, 3], "int32"), TIES, 2), (np.array([2, 3], "int32"), NANS[::2], 2))
calls("searchsorted", (np.sort(X[0]), X), (TIES[0][[3, 0, 1, 2]], TIES, "right"))
calls("digitize", (X, np.array([-0.5, 0, 0.5], "float32")))
calls("isin", (TIES, np.array([1, 3, np.nan], "float32")), (TIES, 2, {"invert": True}))
for _name, _scale in (("quantile", 1), ("percentile", 100), ("nanquantile", 1), ("nanpercentile", 100)):
    calls(
        _name,
        (X, 0.3 * _scale),
        (X, Q * _scale, 1),
        (NANS, Q * _scale, {"axis": 1}),
        *((X, Q * _scale, 0, method, True) for method in ("lower", "higher", "midpoint", "nearest")),
    )
calls("median", (X,), (X, 0), (NANS, 1, True), (PICTURE, (1, 2)))
calls("nanmedian", (X,), (NANS, 1, True), (NANS, 0))
calls("nonzero", (TIES,))
calls(
    "unique",
    (TIES,),
    (TIES, {"return_index": True, "return_inverse": True, "return_counts": True}),
    (TIES, {"size": 6, "fill_value": -1, "return_counts": True}),
    (TIES, {"axis": 1, "return_inverse": True}),
)
calls("bincount", (np.array([3, 1, 1], "int32"),), (np.array([[3, 1, 1], [0, 0, 2]], "int32"), X[:2, :3], 6))
calls("histogram", (X[0],), (X[0], 3, (-1, 1)))
calls("diag", (X,), (X[0], 1), (X, -1))
calls("diagonal", (X, 1), (PICTURE, 0, 1, 2))
calls("diagflat", (X, -2))
calls("trace", (X,), (PICTURE, 1, 1, 3))
calls("tril", (X, 1), (PICTURE,))
calls("triu", (X, -1), (PICTURE,))
calls("tri", (3, 4, 1))
calls("identity", (3,))
calls("vander", (X[0],), (X[0], 3, True))
calls("slice", (X, (1, 0), (2, 3)), (X, np.array([0, 2], "int32"), (1, 2)))
calls("slice_update", (X, (1, 0), np.ones((2, 3), "float32")))
calls("scatter", (AT[:3], U[:3], (3, 4)))
calls("scatter_update", *((X, AT, U, reduction) for reduction in ("add", "max", "min", "mul")), (X, AT[1:], U[1:]))
for _name in ("segment_sum", "segment_max", "segment_min", "segment_prod"):
    calls(_name, (ROWS, IDS, 4))
calls("append", (X, X[:1], 0), (X, X[0]))
calls("meshgrid", (X[0], X[1, :3]), (X[0], X[1, :3], {"indexing": "ij"}))
for _name in ("hstack", "vstack", "dstack"):
    calls(_name, ([X, 2 * X],), ([X[0], X[1]],))
calls("array_split", (X, 3, 1), (X, 2))
calls("hsplit", (X, 2))
calls("vsplit", (X, 3))
calls("dsplit", (PICTURE, 3))
calls("fliplr", (X,))
calls("flipud", (X,))
calls("rot90", (X,), (X, 2), (X, -1), (PICTURE, 1, (1, 3)))
calls("unravel_index", (np.array([0, 7, 11, -1], "int32"), (3, 4)))
calls("select", ([X > 1, X > 0], [X, 2 * X], 0.5))
for _format in ("channels_last", "channels_first"):
    CALLS.setdefault("space_to_depth", []).append(((PICTURE, 2, _format), {}))
    CALLS.setdefault("depth_to_space", []).append(((PICTURE, 2, _format), {}))
calls("unfold", (PICTURE, 2), (PICTURE, (3, 2), 1, (1, 0), 2), (PICTURE, 2, 2))
calls("fold", (np.ones((1, 8, 15), "float32") * np.arange(15, dtype="float32"), (4, 6), 2))
calls("view", (X, "int32"))
calls("multi_hot", (np.array([[0, 2], [1, 1]], "int32"), 4), (np.array([[0, 2], [1, 9]], "int32"), 4, 0))
calls("repeat", (X, np.array([1, 0, 2]), 0), (X, 2))
calls("linspace", (0, 5, 4), (X[0], X[1], 3, {"axis": 1, "endpoint": False}))
calls("max", (X, 1, {"initial": 0.5}))
calls("min", (X, {"initial": 0.5}))


def case(name: str) -> Callable[[Any], Any]:
    return lambda library: [getattr(library.ops, name)(*args, **options) for args, options in CALLS[name]]


CASES = {name: case(name) for name in CALLS}
