"""The op table: numbers as categories. None has a gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from dualnet.ops import encoding

from .cases import F, I, Row, call, other

BINS = np.array([-0.5, 0.0, 0.5])


def digitize(x: Any, bins: Any) -> Any:
    return np.digitize(x, bins)


def multi_hot(ids: Any, num_classes: int, axis: int = 1, dtype: str = "float32") -> Any:
    return np.eye(num_classes)[ids].max(axis=axis)


def count_ids(ids: Any, weights: Any = None, num_classes: int = 1, axis: int = 1, dtype: str = "float32") -> Any:
    hot = np.eye(num_classes)[ids]
    return (hot if weights is None else hot * weights[..., None]).sum(axis=axis)


ROWS: list[Row] = [
    other(encoding.digitize, digitize, call(F((3, 4)), BINS), gradient="its result is whole numbers"),
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
        call(I((3, 4), 5), num_classes=5),
        call(I((3, 4), 5), F((3, 4)), num_classes=5, dtype="float64"),
        gradient="its result is whole numbers",
    ),
]
