"""The table of metrics under test: how each is updated. One without a row fails ``test_every_metric_has_a_row``."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np


class Row(NamedTuple):
    """A class of ``metrics``, the keywords to make it with, and what it is updated with.

    kind: "values", "labels" (of both), "binary", "one-hot", "sparse", "ids", or "one" (values alone, no target).
    function: that of the same formula, if it is public. per_element: whether it takes a weight for each element.
    """

    name: str
    kind: str
    kwargs: dict[str, Any]
    function: str = ""
    per_element: bool = False

    def __str__(self) -> str:
        return ",".join([self.name, *(f"{k}={v}" for k, v in self.kwargs.items())])


ROWS = [
    Row("Mean", "one", {}, per_element=True),
    Row("Sum", "one", {}, per_element=True),
    Row("Accuracy", "labels", {}, per_element=True),
    Row("BinaryAccuracy", "binary", {}, "binary_accuracy", True),
    Row("BinaryAccuracy", "binary", {"threshold": 0.3}, "binary_accuracy", True),
    Row("CategoricalAccuracy", "one-hot", {}, "categorical_accuracy"),
    Row("SparseCategoricalAccuracy", "sparse", {}, "sparse_categorical_accuracy"),
    Row("TopKCategoricalAccuracy", "one-hot", {}, "top_k_categorical_accuracy"),
    Row("TopKCategoricalAccuracy", "one-hot", {"k": 2}, "top_k_categorical_accuracy"),
    Row("SparseTopKCategoricalAccuracy", "sparse", {"k": 2}, "sparse_top_k_categorical_accuracy"),
    Row(
        "SparseTopKCategoricalAccuracy",
        "ids",
        {"k": 2, "from_sorted_ids": True},
        "sparse_top_k_categorical_accuracy",
    ),
    Row("MeanSquaredError", "values", {}, "mean_squared_error"),
    Row("MeanAbsoluteError", "values", {}, "mean_absolute_error"),
    Row("RootMeanSquaredError", "values", {}, per_element=True),
    Row("BinaryCrossentropy", "binary", {}, "binary_crossentropy"),
    Row("BinaryCrossentropy", "binary", {"from_logits": True}, "binary_crossentropy"),
    Row("BinaryCrossentropy", "binary", {"label_smoothing": 0.3}, "binary_crossentropy"),
    Row("CategoricalCrossentropy", "one-hot", {}, "categorical_crossentropy"),
    Row("CategoricalCrossentropy", "one-hot", {"from_logits": True}, "categorical_crossentropy"),
    Row("CategoricalCrossentropy", "one-hot", {"label_smoothing": 0.3, "axis": 1}, "categorical_crossentropy"),
    Row("SparseCategoricalCrossentropy", "sparse", {}, "sparse_categorical_crossentropy"),
    Row("SparseCategoricalCrossentropy", "sparse", {"from_logits": True}, "sparse_categorical_crossentropy"),
    Row("SparseCategoricalCrossentropy", "sparse", {"ignore_class": 1}, "sparse_categorical_crossentropy"),
]  # fmt: skip

WIDE = [(6, 7), (3, 4, 5)]
SHAPES = {kind: [(6, 1), *WIDE] for kind in ("values", "labels", "binary", "one")}
SHAPES |= dict.fromkeys(("one-hot", "sparse", "ids"), WIDE)


def draw(row: Row, shape: tuple[int, ...], random: np.random.Generator) -> tuple[Any, ...]:
    """The positional arguments of ``update_state``, as NumPy arrays; predictions have ``shape`` and are float32."""
    normal = random.normal(size=shape).astype("float32")
    if row.kind == "one":
        return (normal,)
    if row.kind == "values":
        return random.normal(size=shape), normal
    if row.kind == "labels":
        return random.integers(0, 2, shape), random.integers(0, 2, shape).astype("float32")
    scores = 3 * normal if row.kwargs.get("from_logits") else random.random(shape).astype("float32")
    if row.kind == "binary":
        return random.integers(0, 2, shape), scores
    axis = row.kwargs.get("axis", -1)
    labels = random.integers(0, shape[axis], reduced(shape, axis))
    if row.kind == "one-hot":
        return np.moveaxis(np.eye(shape[axis])[labels], -1, axis), scores
    return labels, (scores.argsort(-1).astype("int32") if row.kind == "ids" else scores)


def reduced(shape: tuple[int, ...], axis: int = -1) -> tuple[int, ...]:
    """The shape of one value per sample."""
    axis %= len(shape)
    return shape[:axis] + shape[axis + 1 :]


def weights(row: Row, shape: tuple[int, ...], random: np.random.Generator) -> list[Any]:
    """Every form of sample weights: none, a number, one per sample (flat or a column), one per element."""
    per_value = reduced(shape, row.kwargs.get("axis", -1))
    forms = [None, 2.5, random.random(per_value), random.random(shape[:1]), random.random((*shape[:1], 1))]
    if row.per_element:
        forms += [random.random(shape), random.random((1, *shape[1:]))]
    return [w.astype("float32") if isinstance(w, np.ndarray) else w for w in forms]


def fixed(row: Row) -> tuple[tuple[Any, ...], Any]:
    """(positional arguments, sample_weight), the same everywhere, without random numbers; predictions: (4, 3)"""
    wave = np.sin(np.arange(12.0).reshape(4, 3) * 1.7)
    labels = np.array([2, 2, 1, 0])
    weight = np.array([0.5, 2.0, 0.0, 1.0], "float32")
    scores = (2 * wave if row.kwargs.get("from_logits") else 0.5 + 0.45 * wave).astype("float32")
    y_true: Any = {
        "values": np.cos(np.arange(12.0).reshape(4, 3)),
        "labels": np.eye(3)[labels],
        "binary": np.eye(3)[labels],
        "one-hot": np.eye(3)[labels],
        "sparse": labels,
        "ids": labels,
        "one": None,
    }[row.kind]
    if row.kind == "one":
        return (scores,), weight
    if row.kind == "labels":
        scores = (scores > 0.6).astype("float32")
    elif row.kind == "ids":
        scores = scores.argsort(-1).astype("int32")
    return (y_true, scores), weight
