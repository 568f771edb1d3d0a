"""The table of metrics under test: how each is updated. One without a row fails ``test_every_metric_has_a_row``."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

OURS = ("CohenKappa",)  # what Keras does not have; see test_kappa.py


class Row(NamedTuple):
    """A class of ``metrics``, the keywords to make it with, and what it is updated with.

    kind: "values", "positive" (values), "labels" (of both), "binary", "signs" (-1 and 1), "one-hot", "scores" (one-hot
    targets, scores of any size), "sparse", "ids", "classes" (ids of both), or "one" (values alone, no target). function: that
    of the same formula, if it is public. weights: which it takes: "samples", "elements" (those too), "flat" (one per sample
    of two axes). columns: the lengths of the last axis, where not any will do.
    """

    name: str
    kind: str
    kwargs: dict[str, Any]
    function: str = ""
    weights: str = "samples"
    columns: tuple[int, ...] = ()

    def __str__(self) -> str:
        return ",".join([self.name, *(f"{k}={v}" for k, v in self.kwargs.items())])

    @property
    def is_mean(self) -> bool:
        """Whether it is the mean of one value per sample."""
        return self.weights in ("samples", "elements")

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """The shapes to draw predictions in."""
        if not self.is_mean:
            return [(6, n) for n in self.columns or (1, 4)]
        wide = [(6, 7), (3, 4, 5)]
        return wide if self.kind in ("one-hot", "sparse", "ids", "scores") else [(6, 1), *wide]


def _rows(name: str, kind: str, function: str, *variants: dict[str, Any]) -> list[Row]:
    return [Row(name, kind, kwargs, function) for kwargs in ({}, *variants)]


def _flat(name: str, kind: str, *variants: dict[str, Any], columns: tuple[int, ...] = ()) -> list[Row]:
    return [Row(name, kind, kwargs, weights="flat", columns=columns) for kwargs in variants]


LOGITS = {"from_logits": True}
THREE = {"num_classes": 3, "dtype": "float32"}
MEANS = [
    Row("Mean", "one", {}, weights="elements"),
    Row("Sum", "one", {}, weights="elements"),
    Row("Accuracy", "labels", {}, weights="elements"),
    Row("BinaryAccuracy", "binary", {}, "binary_accuracy", "elements"),
    Row("BinaryAccuracy", "binary", {"threshold": 0.3}, "binary_accuracy", "elements"),
    Row("RootMeanSquaredError", "values", {}, weights="elements"),
    *_rows("CategoricalAccuracy", "one-hot", "categorical_accuracy"),
    *_rows("SparseCategoricalAccuracy", "sparse", "sparse_categorical_accuracy"),
    *_rows("TopKCategoricalAccuracy", "one-hot", "top_k_categorical_accuracy", {"k": 2}),
    Row("SparseTopKCategoricalAccuracy", "sparse", {"k": 2}, "sparse_top_k_categorical_accuracy"),
    Row(
        "SparseTopKCategoricalAccuracy",
        "ids",
        {"k": 2, "from_sorted_ids": True},
        "sparse_top_k_categorical_accuracy",
    ),
    *_rows("MeanSquaredError", "values", "mean_squared_error"),
    *_rows("MeanAbsoluteError", "values", "mean_absolute_error"),
    *_rows("MeanAbsolutePercentageError", "values", "mean_absolute_percentage_error"),
    *_rows("MeanSquaredLogarithmicError", "positive", "mean_squared_logarithmic_error"),
    *_rows("LogCoshError", "values", "log_cosh"),
    *_rows("CosineSimilarity", "values", "", {"axis": 1}),
    Row("PearsonCorrelation", "values", {"axis": 0}, "pearson_correlation"),
    Row("ConcordanceCorrelation", "values", {"axis": 0}, "concordance_correlation"),
    *_rows("KLDivergence", "binary", "kl_divergence"),
    *_rows("Poisson", "positive", "poisson"),
    *_rows("Hinge", "signs", "hinge"),
    *_rows("SquaredHinge", "signs", "squared_hinge"),
    *_rows("CategoricalHinge", "scores", "categorical_hinge"),
    *_rows("BinaryCrossentropy", "binary", "binary_crossentropy", LOGITS, {"label_smoothing": 0.3}),
    *_rows(
        "CategoricalCrossentropy", "one-hot", "categorical_crossentropy", LOGITS, {"label_smoothing": 0.3, "axis": 1}
    ),
    *_rows("SparseCategoricalCrossentropy", "sparse", "sparse_categorical_crossentropy", LOGITS, {"ignore_class": 1}),
]
COUNTS = ("TruePositives", "TrueNegatives", "FalsePositives", "FalseNegatives")
THRESHOLDS = [0.7, 0.2, 0.45]
STATES = [
    *(row for name in COUNTS for row in _flat(name, "binary", {}, {"thresholds": THRESHOLDS})),
    *_flat("Precision", "binary", {}, {"thresholds": 0.3}, {"thresholds": [0.0, 0.5, 1.0]}),
    *_flat("Recall", "binary", {}, {"thresholds": 0.3}, {"thresholds": THRESHOLDS}),
    *_flat("Precision", "binary", {"top_k": 2}, {"class_id": 1}, {"class_id": 2, "top_k": 2}, columns=(3, 4)),
    *_flat("Recall", "binary", {"top_k": 2, "thresholds": 0.4}, {"class_id": 0}, columns=(3, 4)),
    *_flat("SensitivityAtSpecificity", "binary", {"specificity": 0.4}, {"specificity": 0.4, "num_thresholds": 1}),
    *_flat("SpecificityAtSensitivity", "binary", {"sensitivity": 0.4, "num_thresholds": 50}),
    *_flat("PrecisionAtRecall", "binary", {"recall": 0.5}),
    *_flat("RecallAtPrecision", "binary", {"precision": 0.4}),
    *_flat("RecallAtPrecision", "binary", {"precision": 0.4, "class_id": 1}, columns=(3,)),
    *_flat("AUC", "binary", {}, {"curve": "PR"}, {"curve": "PRGAIN", "num_thresholds": 30}, LOGITS),
    *_flat("AUC", "binary", {"summation_method": "majoring"}, {"summation_method": "minoring", "curve": "PR"}),
    *_flat("AUC", "binary", {"thresholds": [0.2, 0.3, 0.9]}, {"thresholds": [0.25, 0.5, 0.75]}),
    *_flat("AUC", "binary", {"multi_label": True}, columns=(3, 5)),
    *_flat(
        "AUC",
        "binary",
        {"label_weights": [0.2, 0.5, 1.0]},
        {"multi_label": True, "num_labels": 3, "label_weights": [0.2, 0.5, 1.0], "curve": "PR"},
        {"multi_label": True, "thresholds": [0.1, 0.4], "num_labels": 3},
        columns=(3,),
    ),
    *_flat("FBetaScore", "one-hot", {"beta": 2.0}, {"average": "micro"}, {"threshold": 0.4}, columns=(3, 4)),
    *_flat("F1Score", "one-hot", {}, {"average": "macro"}, {"average": "weighted"}, columns=(3, 4)),
    *_flat("IoU", "classes", {**THREE, "target_class_ids": [0, 2]}, columns=(4,)),
    *_flat("MeanIoU", "classes", THREE, {**THREE, "ignore_class": 1}, columns=(4,)),
    *_flat("BinaryIoU", "binary", {"dtype": "float32"}, columns=(4,)),
    *_flat("BinaryIoU", "binary", {"target_class_ids": [1], "threshold": 0.3, "dtype": "float32"}, columns=(4,)),
    *_flat("OneHotIoU", "one-hot", {**THREE, "target_class_ids": [1, 2]}, columns=(3,)),
    *_flat("OneHotMeanIoU", "one-hot", THREE, columns=(3,)),
    *_flat("R2Score", "values", {}, {"class_aggregation": None}, {"class_aggregation": "variance_weighted_average"}),
    *_flat("R2Score", "values", {"num_regressors": 2}),
    *_flat("CohenKappa", "one-hot", {"num_classes": 3}, {"weightage": "quadratic"}, columns=(3,)),
]
ROWS = MEANS + STATES


def draw(row: Row, shape: tuple[int, ...], random: np.random.Generator) -> tuple[Any, ...]:
    """The positional arguments of ``update_state``, as NumPy arrays; predictions have ``shape`` and are float32."""
    normal = random.normal(size=shape).astype("float32")
    if row.kind == "one":
        return (normal,)
    if row.kind == "values":
        return random.normal(size=shape), normal
    if row.kind == "labels":
        return random.integers(0, 2, shape), random.integers(0, 2, shape).astype("float32")
    if row.kind == "classes":
        return random.integers(0, 3, shape), random.integers(0, 3, shape)
    if row.kind == "signs":
        return 2 * random.integers(0, 2, shape) - 1, normal
    scores = 3 * normal if row.kwargs.get("from_logits") else random.random(shape).astype("float32")
    if row.kind == "positive":
        return 3 * random.random(shape), scores
    if row.kind == "binary":
        return random.integers(0, 2, shape), scores
    axis = row.kwargs.get("axis", -1)
    labels = random.integers(0, shape[axis], reduced(shape, axis))
    if row.kind in ("one-hot", "scores"):
        return np.moveaxis(np.eye(shape[axis])[labels], -1, axis), scores
    return labels, (scores.argsort(-1).astype("int32") if row.kind == "ids" else scores)


def reduced(shape: tuple[int, ...], axis: int = -1) -> tuple[int, ...]:
    """The shape of one value per sample."""
    axis %= len(shape)
    return shape[:axis] + shape[axis + 1 :]


def weights(row: Row, shape: tuple[int, ...], random: np.random.Generator) -> list[Any]:
    """Every form of sample weights: none, a number, one per sample (flat or a column), one per element."""
    if row.weights == "flat":
        one_for_each = row.kind == "classes" or row.name == "BinaryIoU"  # of Keras's confusion matrix
        forms = [None, random.random(shape if one_for_each else shape[:1])]
    else:
        per_value = reduced(shape, row.kwargs.get("axis", -1))
        forms = [None, 2.5, random.random(per_value), random.random(shape[:1]), random.random((*shape[:1], 1))]
        if row.kwargs.get("axis") == 0:
            forms = forms[:3]
        if row.weights == "elements":
            forms += [random.random(shape), random.random((1, *shape[1:]))]
    return [w.astype("float32") if isinstance(w, np.ndarray) else w for w in forms]


def fixed(row: Row) -> tuple[tuple[Any, ...], Any]:
    """(positional arguments, sample_weight), the same everywhere, without random numbers; predictions: (4, 3)"""
    wave = np.sin(np.arange(12.0).reshape(4, 3) * 1.7)
    labels = np.array([2, 2, 1, 0])
    weight = np.array([0.5, 2.0, 0.0, 1.0], "float32")
    wide = row.kwargs.get("from_logits") or row.kind in ("signs", "scores")
    scores = (2 * wave if wide else 0.5 + 0.45 * wave).astype("float32")
    y_true: Any = np.eye(3)[labels]
    if row.kind in ("values", "positive"):
        y_true = np.cos(np.arange(12.0).reshape(4, 3)) + (row.kind == "positive")
    elif row.kind == "signs":
        y_true = 2 * y_true - 1
    elif row.kind in ("sparse", "ids"):
        y_true = labels
    if row.kind == "one":
        return (scores,), weight
    if row.kind == "labels":
        scores = (scores > 0.6).astype("float32")
    elif row.kind == "ids":
        scores = scores.argsort(-1).astype("int32")
    elif row.kind == "classes":
        y_true, scores = (np.arange(12) % 3).reshape(4, 3), scores.argsort(-1)
    if row.kwargs.get("axis") == 0:
        weight = weight[:3]
    if row.weights == "flat" and weights(row, (4, 3), np.random.default_rng(0))[1].ndim == 2:
        weight = np.repeat(weight[:, None], 3, axis=1)
    return (y_true, scores), weight
