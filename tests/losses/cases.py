"""The table of losses under test: what each is called with. One without a row fails ``test_every_loss_has_a_row``."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np


class Row(NamedTuple):
    """A class of ``losses``, the keywords to make it with, and what it compares.

    kind: "values", "binary", "one-hot" or "labels". function: the function of the same formula, with the same keywords.
    """

    name: str
    kind: str
    kwargs: dict[str, Any]
    function: str

    def __str__(self) -> str:
        return ",".join([self.name, *(f"{k}={v}" for k, v in self.kwargs.items())])


def _rows(name: str, kind: str, function: str, *variants: dict[str, Any]) -> list[Row]:
    return [Row(name, kind, kwargs, function) for kwargs in ({}, *variants)]


ROWS = [
    *_rows("MeanSquaredError", "values", "mean_squared_error"),
    *_rows("MeanAbsoluteError", "values", "mean_absolute_error"),
    *_rows(
        "BinaryCrossentropy",
        "binary",
        "binary_crossentropy",
        {"from_logits": True},
        {"label_smoothing": 0.2},
        {"from_logits": True, "label_smoothing": 0.2},
        {"axis": 0},
    ),
    *_rows(
        "CategoricalCrossentropy",
        "one-hot",
        "categorical_crossentropy",
        {"from_logits": True},
        {"label_smoothing": 0.2},
        {"from_logits": True, "label_smoothing": 0.2},
        {"axis": 1},
    ),
    *_rows(
        "SparseCategoricalCrossentropy",
        "labels",
        "sparse_categorical_crossentropy",
        {"from_logits": True},
        {"ignore_class": 1},
        {"ignore_class": -1, "from_logits": True},
    ),
]

SHAPES = {
    "values": [(6, 1), (5, 4), (3, 4, 5)],
    "binary": [(6, 1), (5, 4), (3, 4, 5)],
    "one-hot": [(5, 4), (3, 4, 5)],
    "labels": [(5, 4), (3, 4, 5)],
}


def draw(row: Row, shape: tuple[int, ...], random: np.random.Generator) -> tuple[Any, Any]:
    """(y_true, y_pred) as NumPy arrays; y_pred has ``shape`` and is float32."""
    axis = row.kwargs.get("axis", -1)
    logits = row.kwargs.get("from_logits") or row.kind == "values"
    y_pred = (3 * random.normal(size=shape) if logits else random.random(shape)).astype("float32")
    if row.kind == "values":
        return random.normal(size=shape), y_pred
    if row.kind == "binary":
        return random.integers(0, 2, shape), y_pred
    labels = random.integers(0, shape[axis], reduced(shape, axis))
    if row.kind == "one-hot":
        return np.moveaxis(np.eye(shape[axis])[labels], -1, axis), y_pred
    if row.kwargs.get("ignore_class") == -1:
        labels = np.where(random.random(labels.shape) < 0.4, -1, labels)
    return labels, y_pred


def reduced(shape: tuple[int, ...], axis: int = -1) -> tuple[int, ...]:
    """The shape of the loss per sample."""
    axis %= len(shape)
    return shape[:axis] + shape[axis + 1 :]


def weights(shape: tuple[int, ...], axis: int, random: np.random.Generator) -> list[Any]:
    """Every form of sample weights: none, a number, one per sample (flat or a column), one per element of the loss."""
    per_element = reduced(shape, axis)
    per_sample = (per_element[0],) + (1,) * (len(per_element) - 1)
    forms = [None, 2.3, random.random(per_element), random.random(per_sample)]
    if len(per_element) == 1:
        forms.append(random.random((per_element[0], 1)))
    return [w.astype("float32") if isinstance(w, np.ndarray) else w for w in forms]


def fixed(row: Row) -> tuple[Any, Any, Any, Any]:
    """(y_true, y_pred, sample_weight, mask) that are the same everywhere, without random numbers; y_pred: (4, 3)"""
    wave = np.sin(np.arange(12.0).reshape(4, 3) * 1.7)
    logits = row.kwargs.get("from_logits") or row.kind == "values"
    y_pred = (2 * wave if logits else 0.5 + 0.45 * wave).astype("float32")
    labels = np.array([2, 0, 1, 1])
    if row.kind == "values":
        y_true: Any = np.cos(np.arange(12.0).reshape(4, 3))
    elif row.kind == "labels":
        y_true = np.array([2, -1, 1, 0]) if row.kwargs.get("ignore_class") == -1 else labels
    else:
        y_true = np.eye(3)[labels]
    size = 3 if row.kwargs.get("axis") == 0 else 4
    weight = np.array([0.5, 2.0, 0.0, 1.0], "float32")[:size]
    return y_true, y_pred, weight, np.array([True, False, True, True])[:size]
