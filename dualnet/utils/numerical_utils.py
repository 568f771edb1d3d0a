"""Small array helpers for preparing data on the host: `to_categorical`, `normalize`."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np


def to_categorical(x: Any, num_classes: int | None = None) -> Any:
    """Return one-hot rows for class ids.

    Args:
        x: class ids, whole numbers from 0 to `num_classes - 1`, of any shape. A last dimension of 1
            is dropped.
        num_classes: width of a row; `max(x) + 1` when None or 0.

    Returns:
        float64 array. x: (...) -> (..., num_classes);  x: (..., 1) -> (..., num_classes)

    Raises:
        ValueError: an id is negative, not whole, or not below `num_classes`; or `x` is empty and
            `num_classes` is not given.
    """
    given = np.asarray(x)
    ids = given.astype(np.int64) if given.dtype.kind not in "fc" else _whole(given)
    shape = ids.shape[:-1] if ids.ndim > 1 and ids.shape[-1] == 1 else ids.shape
    ids = ids.reshape(-1)
    if not num_classes:
        if ids.size == 0:
            raise ValueError("x is empty; give num_classes, it cannot be told from the class ids")
        num_classes = int(ids.max()) + 1
    width = operator.index(num_classes)
    if ids.size and (ids.min() < 0 or ids.max() >= width):
        bad = int(ids.min()) if ids.min() < 0 else int(ids.max())
        raise ValueError(
            f"class ids must lie from 0 to num_classes - 1 = {width - 1}, got {bad}; "
            f"shift the ids or give a larger num_classes"
        )
    rows = np.zeros((ids.size, width))
    rows[np.arange(ids.size), ids] = 1
    return rows.reshape((*shape, width))


def _whole(given: Any) -> Any:
    with np.errstate(invalid="ignore"):
        ids = given.astype(np.int64)
    wrong = ids != given
    if wrong.any():
        raise ValueError(f"class ids must be whole numbers, got {given[wrong].flat[0]}")
    return ids


def normalize(x: Any, axis: int | None = -1, order: float = 2) -> Any:
    """Divide an array by its norm along an axis; where the norm is 0, leave it as it is.

    Args:
        x: array or nested lists.
        axis: along which the norm is taken; None for the norm of the whole vector or matrix.
        order: of the norm, as in `numpy.linalg.norm`: 1, 2, `numpy.inf`, ...

    Returns:
        A new array of the same shape; float32 stays float32, integers become float64.
    """
    x = np.asarray(x)
    norm = np.linalg.norm(x, order, axis, keepdims=True)
    return x / np.where(norm == 0, np.ones_like(norm), norm)
