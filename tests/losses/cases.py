"""The table of losses under test: what each is called with. One without a row fails ``test_every_loss_has_a_row``."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

OURS = ("PseudoHuber",)  # what Keras does not have


class Row(NamedTuple):
    """A class of ``losses``, the keywords to make it with, and what it compares.

    kind: "values", "positive" (values), "signs" (-1 and 1), "binary", "one-hot", "scores" (one-hot targets, scores of any
    size), "labels", "sequences" (of labels), or "embeddings". function: the function of the same formula, with the same
    keywords.
    """

    name: str
    kind: str
    kwargs: dict[str, Any]
    function: str

    def __str__(self) -> str:
        return ",".join([self.name, *(f"{k}={v}" for k, v in self.kwargs.items())])

    @property
    def has_labels(self) -> bool:
        """Whether the targets are integers, which have no gradient."""
        return self.kind in ("labels", "sequences", "embeddings")


def _rows(name: str, kind: str, function: str, *variants: dict[str, Any]) -> list[Row]:
    return [Row(name, kind, kwargs, function) for kwargs in ({}, *variants)]


SMOOTH, LOGITS = {"label_smoothing": 0.2}, {"from_logits": True}
ROWS = [
    *_rows("MeanSquaredError", "values", "mean_squared_error"),
    *_rows("MeanAbsoluteError", "values", "mean_absolute_error"),
    *_rows("MeanAbsolutePercentageError", "values", "mean_absolute_percentage_error"),
    *_rows("MeanSquaredLogarithmicError", "positive", "mean_squared_logarithmic_error"),
    *_rows("Huber", "values", "huber", {"delta": 0.3}),
    *_rows("PseudoHuber", "values", "pseudo_huber", {"delta": 0.3}),
    *_rows("LogCosh", "values", "log_cosh"),
    *_rows("Poisson", "positive", "poisson"),
    *_rows("CosineSimilarity", "values", "cosine_similarity", {"axis": 0}),
    *_rows("KLDivergence", "binary", "kl_divergence"),
    *_rows("Hinge", "signs", "hinge"),
    *_rows("SquaredHinge", "signs", "squared_hinge"),
    *_rows("CategoricalHinge", "scores", "categorical_hinge"),
    *_rows("BinaryCrossentropy", "binary", "binary_crossentropy", LOGITS, SMOOTH, LOGITS | SMOOTH, {"axis": 0}),
    *_rows(
        "BinaryFocalCrossentropy",
        "binary",
        "binary_focal_crossentropy",
        {"apply_class_balancing": True, "alpha": 0.4},
        {"gamma": 0.7, "axis": 0},
        {"gamma": 0, **SMOOTH},
        LOGITS,
    ),
    *_rows(
        "CategoricalCrossentropy", "one-hot", "categorical_crossentropy", LOGITS, SMOOTH, LOGITS | SMOOTH, {"axis": 1}
    ),
    *_rows(
        "CategoricalFocalCrossentropy",
        "one-hot",
        "categorical_focal_crossentropy",
        {"alpha": 0.4, "gamma": 0.7, "axis": 1},
        {"gamma": 0, **SMOOTH},
        LOGITS,
    ),
    *_rows(
        "SparseCategoricalCrossentropy",
        "labels",
        "sparse_categorical_crossentropy",
        LOGITS,
        {"ignore_class": 1},
        {"ignore_class": -1, "from_logits": True},
    ),
    Row("CategoricalGeneralizedCrossEntropy", "labels", {"q": 0.3}, "categorical_generalized_cross_entropy"),
    *_rows("Dice", "binary", "dice", {"axis": -1}),
    *_rows("Tversky", "binary", "tversky", {"alpha": 0.3, "beta": 0.9, "axis": -1}),
    *_rows("CTC", "sequences", "ctc"),
    *_rows("Circle", "embeddings", "circle", {"gamma": 2.0, "margin": 0.1, "remove_diagonal": False}),
]

SHAPES = {kind: [(6, 1), (5, 4), (3, 4, 5)] for kind in ("values", "positive", "signs", "binary")}
SHAPES |= {kind: [(5, 4), (3, 4, 5)] for kind in ("one-hot", "scores", "labels")}
SHAPES |= {"sequences": [(3, 6, 4)], "embeddings": [(7, 3)]}


def draw(row: Row, shape: tuple[int, ...], random: np.random.Generator) -> tuple[Any, Any]:
    """(y_true, y_pred) as NumPy arrays; y_pred has ``shape`` and is float32."""
    axis = row.kwargs.get("axis", -1)
    scores = row.kwargs.get("from_logits") or row.kind in ("values", "signs", "scores", "sequences", "embeddings")
    y_pred = (3 * random.normal(size=shape) if scores else random.random(shape)).astype("float32")
    if row.kind == "values":
        return random.normal(size=shape), y_pred
    if row.kind == "positive":
        return 3 * random.random(shape), y_pred
    if row.kind == "signs":
        return 2 * random.integers(0, 2, shape) - 1, y_pred
    if row.kind == "binary":
        return random.integers(0, 2, shape), y_pred
    if row.kind == "sequences":
        return random.integers(1, shape[-1], (shape[0], 3)) * [[1, 1, i != 1] for i in range(shape[0])], y_pred
    if row.kind == "embeddings":
        return random.integers(0, 3, shape[0]), y_pred / np.linalg.norm(y_pred, axis=-1, keepdims=True)
    labels = random.integers(0, shape[axis], reduced(shape, axis))
    if row.kind in ("one-hot", "scores"):
        return np.moveaxis(np.eye(shape[axis])[labels], -1, axis), y_pred
    if row.kwargs.get("ignore_class") == -1:
        labels = np.where(random.random(labels.shape) < 0.4, -1, labels)
    return labels, y_pred


def reduced(shape: tuple[int, ...], axis: int = -1) -> tuple[int, ...]:
    """The shape without an axis."""
    axis %= len(shape)
    return shape[:axis] + shape[axis + 1 :]


def per_value(row: Row, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of what the loss gives before it is reduced."""
    if row.kind == "sequences":
        return shape[:1]
    if row.name in ("Dice", "Tversky") and "axis" not in row.kwargs:
        return ()
    return reduced(shape, row.kwargs.get("axis", -1))


def weights(row: Row, shape: tuple[int, ...], random: np.random.Generator) -> list[Any]:
    """Every form of sample weights: none, a number, one per sample (flat or a column), one per element of the loss."""
    per_element = per_value(row, shape) or shape[:1]
    per_sample = (per_element[0],) + (1,) * (len(per_element) - 1)
    forms = [None, 2.3, random.random(per_element), random.random(per_sample)]
    if len(per_element) == 1:
        forms.append(random.random((per_element[0], 1)))
    return [w.astype("float32") if isinstance(w, np.ndarray) else w for w in forms]


def fixed(row: Row) -> tuple[Any, Any, Any, Any]:
    """(y_true, y_pred, sample_weight, mask) that are the same everywhere, without random numbers.

    y_pred: (4, 3), of sequences (4, 5, 3)
    """
    shape = (4, 5, 3) if row.kind == "sequences" else (4, 3)
    wave = np.sin(np.arange(float(np.prod(shape))).reshape(shape) * 1.7)
    scores = row.kwargs.get("from_logits") or row.kind in ("values", "signs", "scores", "sequences")
    y_pred = (2 * wave if scores else 0.5 + 0.45 * wave).astype("float32")
    labels = np.array([2, 0, 1, 1])
    y_true: Any = np.eye(3)[labels]
    if row.kind in ("values", "positive"):
        y_true = np.cos(np.arange(12.0).reshape(4, 3)) + (row.kind == "positive")
    elif row.kind == "signs":
        y_true = 2 * y_true - 1
    elif row.kind in ("labels", "embeddings"):
        y_true = np.array([2, -1, 1, 0]) if row.kwargs.get("ignore_class") == -1 else labels
    elif row.kind == "sequences":
        y_true = np.array([[1, 2], [2, 0], [1, 1], [2, 1]])
    if row.kind == "embeddings":
        y_pred /= np.linalg.norm(y_pred, axis=-1, keepdims=True)
    size = 3 if row.kwargs.get("axis") == 0 else 4
    weight = np.array([0.5, 2.0, 0.0, 1.0], "float32")[:size]
    return y_true, y_pred, weight, np.array([True, False, True, True])[:size]
