"""The op table: numbers as categories. None has a gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from dualnet.ops.nn import encoding

from .cases import F, I, Row, call, other

BINS = np.array([-0.5, 0.0, 0.5])


def digitize(x: Any, bins: Any) -> Any:
    return np.digitize(x, bins)


def multi_hot(ids: Any, num_classes: int, axis: int = 1, dtype: str = "float32") -> Any:
    return np.eye(num_classes)[ids].max(axis=axis)


def count_ids(ids: Any, weights: Any = None, num_classes: int = 1, axis: int = 1, dtype: str = "float32") -> Any:
    hot = np.eye(num_classes)[ids]
    return (hot if weights is None else hot * weights[..., None]).sum(axis=axis)


def index_of(x: Any, keys: Any, values: Any) -> Any:
    table = dict(zip(keys.tolist(), values.tolist()))
    return np.array([table.get(v, -2) for v in x.reshape(-1).tolist()], values.dtype).reshape(x.shape)


ROWS: list[Row] = [
    other(
        encoding.index_of,
        index_of,
        call(I((3, 4), 9), np.array([1, 3, 4, 8]), np.array([0, 2, -1, 7])),
        call(I((), 3), np.array([1]), np.array([5])),
        call(I((2, 2), 3), np.array([], "int64"), np.array([], "int64")),
        gradient="its result is whole numbers",
    ),
    other(encoding.digitize, digitize, call(F((3, 4)), BINS), gradient="its result is whole numbers"),
    other(
        encoding.tokens_below,
        lambda ids, num_tokens: ids.astype("int32"),
        call(np.array([[0.0, 4.0], [1.0, 1.0]], "float32"), num_tokens=5),
        call(I((4,), 5), num_tokens=5),
        gradient="its result is whole numbers",
    ),
    other(
        encoding._multi_hot,
        multi_hot,
        call(I((3, 4), 5), num_classes=5),
        call(I((4,), 5), num_classes=5, axis=0),
        gradient="its result is whole numbers",
    ),
    other(
        encoding._count_ids,
        count_ids,
        call(I((3, 4), 5), F((3, 4)), num_classes=5, dtype="float64"),
        call(I((3, 4), 5), F((3, 4)), num_classes=5, axis=0, dtype="float64"),
        call(I((3, 4), 5), num_classes=5),
    ),
]
