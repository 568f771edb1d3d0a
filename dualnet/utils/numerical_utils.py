"""Small array helpers on the host: `to_categorical`, `normalize`, `confusion_matrix`."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from .. import config
from ..core.tensor import Tensor
from ..core.variables import Variable
from ..ops import convert_to_tensor


def to_categorical(x: Any, num_classes: int | None = None) -> Any:
    """Return one-hot rows for class ids.

    Args:
        x: class ids, integers from 0 to `num_classes - 1`, of any shape. A last dimension of 1 is dropped.
        num_classes: width of a row; `max(x) + 1` by default.

    Returns:
        A float64 array; for a tensor, a tensor on its device with the default float dtype.
        x: (...) -> (..., num_classes);  x: (..., 1) -> (..., num_classes)

    Raises:
        ValueError: an id is negative, not an integer, or not below `num_classes`; or `x` is empty and `num_classes` missing.
    """
    if isinstance(x, (Tensor, Variable)):
        return convert_to_tensor(to_categorical(x.numpy(), num_classes), config.floatx())
    values = np.asarray(x)
    if values.dtype.kind in "fc":
        ids = _to_integers(values)
    else:
        try:
            ids = values.astype(np.int64)
        except (ValueError, TypeError) as error:
            raise ValueError(
                f"to_categorical takes class ids, whole numbers from 0 ({error}): number the classes first, for example "
                "with numpy.unique(labels, return_inverse=True)[1]"
            ) from None
    shape = ids.shape[:-1] if ids.ndim > 1 and ids.shape[-1] == 1 else ids.shape
    ids = ids.reshape(-1)
    if not num_classes:
        if ids.size == 0:
            raise ValueError("x is empty; give num_classes, it cannot be inferred from the class ids")
        num_classes = int(ids.max()) + 1
    width = operator.index(num_classes)
    if ids.size and (ids.min() < 0 or ids.max() >= width):
        bad = int(ids.min()) if ids.min() < 0 else int(ids.max())
        raise ValueError(
            f"class ids must lie from 0 to num_classes - 1 = {width - 1}, got {bad}; shift the ids or give a larger num_classes"
        )
    rows = np.zeros((ids.size, width))
    rows[np.arange(ids.size), ids] = 1
    return rows.reshape((*shape, width))


def _to_integers(values: Any) -> Any:
    with np.errstate(invalid="ignore"):
        ids = values.astype(np.int64)
    fractional = ids != values
    if fractional.any():
        raise ValueError(f"class ids must be whole numbers, got {values[fractional].flat[0]}")
    return ids


def normalize(x: Any, axis: int | None = -1, order: float = 2) -> Any:
    """Divide an array by its norm along an axis; values whose norm is 0 are unchanged.

    Args:
        x: array or nested lists.
        axis: axis of the norm; None for the norm of the whole vector or matrix.
        order: order of the norm, as in `numpy.linalg.norm`: 1, 2, `numpy.inf`, ...

    Returns:
        A new array of the same shape; float32 stays float32, integers become float64. For a tensor, a tensor.
    """
    if isinstance(x, (Tensor, Variable)):
        return convert_to_tensor(normalize(x.numpy(), axis, order))
    x = np.asarray(x)
    norm = np.linalg.norm(x, order, axis, keepdims=True)
    return x / np.where(norm == 0, np.ones_like(norm), norm)


def confusion_matrix(y_true: Any, y_pred: Any, num_classes: int | None = None, sample_weight: Any = None) -> Any:
    """Count the predictions of each class for samples of each class.

    Args:
        y_true, y_pred: class ids `(n,)` or `(n, 1)`, or scores or one-hot rows `(n, classes)`, of which the argmax is
            taken. A single column of probabilities is rounded: 1 from 0.5 on.
        num_classes: rows and columns of the matrix; by default the largest class id plus 1.
        sample_weight: weights of the samples, `(n,)`; 1 by default.

    Returns:
        `(classes, classes)`: entry (i, j) counts the samples of class i that were predicted as j. int64, or float64
        with weights.

    Raises:
        ValueError: the lengths differ, or a class id is negative, not an integer, or not below `num_classes`.
    """
    true, predicted = class_ids(y_true, "y_true"), class_ids(y_pred, "y_pred")
    if true.shape != predicted.shape:
        raise ValueError(f"y_true and y_pred must be of one length, got {len(true)} and {len(predicted)}")
    largest = max(true.max(), predicted.max()) if true.size else -1
    size = int(largest) + 1 if num_classes is None else operator.index(num_classes)
    if largest >= size:
        raise ValueError(f"class ids must lie from 0 to num_classes - 1 = {size - 1}, got {largest}")
    weight = None if sample_weight is None else np.asarray(sample_weight, np.float64).reshape(-1)
    if weight is not None and weight.shape != true.shape:
        raise ValueError(f"sample_weight must have one number for each of {len(true)} samples, got {len(weight)}")
    return np.bincount(true * size + predicted, weight, size * size).reshape(size, size)


def class_ids(y: Any, name: str) -> Any:
    """Class ids `(n,)` from ids, a column of probabilities, rows of scores, or one-hot rows."""
    y = np.asarray(y)
    if y.ndim > 2 or y.ndim == 0:
        raise ValueError(f"{name} must be class ids (n,) or rows of scores (n, classes), got shape {y.shape}")
    if y.ndim == 2 and y.shape[1] != 1:
        return y.argmax(axis=1)
    y = y.reshape(-1)
    if y.dtype.kind == "f":
        y = y >= 0.5 if y.size and y.min() >= 0 and y.max() <= 1 else _to_integers(y)
    ids = y.astype(np.int64)
    if ids.size and ids.min() < 0:
        raise ValueError(f"{name}: class ids must be at least 0, got {ids.min()}")
    return ids
