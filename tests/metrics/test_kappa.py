"""Cohen's kappa, against its definition and scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from dualnet_backends import Backend

from dualnet import metrics


def kappa(y_true: Any, y_pred: Any, weightage: str | None, weight: Any = None) -> float:
    """1 - observed / expected disagreement, over all pairs of samples."""

    def distance(a: Any, b: Any) -> Any:
        if weightage is None:
            return (a != b).astype(float)
        return np.abs(a - b).astype(float) ** (2 if weightage == "quadratic" else 1)

    w = np.ones(len(y_true)) if weight is None else np.asarray(weight, float)
    observed = np.sum(w * distance(y_true, y_pred)) / w.sum()
    by_chance = np.sum(np.outer(w, w) * distance(y_true[:, None], y_pred[None, :])) / w.sum() ** 2
    return float(1 - observed / by_chance)


@pytest.mark.parametrize("weightage", [None, "linear", "quadratic"])
def test_every_form_of_labels(backend: Backend, weightage: str | None) -> None:
    random = np.random.default_rng(0)
    labels, scores = random.integers(0, 4, 60), random.random((60, 4)).astype("float32")
    scores[np.arange(60), labels] += 0.3
    classes, weight = scores.argmax(-1), random.random(60).astype("float32")
    for w in (None, weight):
        expected = kappa(labels, classes, weightage, w)
        for args, options in [
            ((labels, scores), {"num_classes": 4}),
            ((labels, scores), {}),
            ((labels[:, None], scores), {"num_classes": 4}),
            ((np.eye(4)[labels], scores), {"num_classes": 4}),
            ((labels, classes + 0.2), {"num_classes": 4, "regression": True}),
            ((labels[:, None], classes[:, None] - 0.3), {"num_classes": 4, "regression": True}),
        ]:
            metric = metrics.CohenKappa(weightage=weightage, **options)  # type: ignore[arg-type]
            for part in (slice(0, 25), slice(25, 60)):
                metric.update_state(*(a[part] for a in args), sample_weight=None if w is None else w[part])
            assert float(metric.result()) == pytest.approx(expected, rel=1e-5), (options, w is None)


def test_two_classes_from_one_column(backend: Backend) -> None:
    y_true, p = np.array([1, 0, 1, 1, 0, 0]), np.array([0.9, 0.6, 0.2, 0.7, 0.1, 0.4], "float32")
    for t, q in [(y_true, p), (y_true, p[:, None]), (y_true[:, None], p[:, None])]:
        assert float(metrics.get("kappa")(t, q)) == pytest.approx(kappa(y_true, (p > 0.5).astype(int), None))


@pytest.mark.sklearn
def test_against_scikit_learn() -> None:
    sklearn = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    random = np.random.default_rng(1)
    y_true, scores = random.integers(0, 3, 50), random.random((50, 3))
    for weightage in (None, "linear", "quadratic"):
        got = float(metrics.CohenKappa(3, weightage=weightage)(y_true, scores))
        assert got == pytest.approx(sklearn.cohen_kappa_score(y_true, scores.argmax(-1), weights=weightage), rel=1e-5)


def test_nothing_to_disagree_on() -> None:
    assert float(metrics.CohenKappa(2).result()) == 0
    assert float(metrics.CohenKappa(2)([1, 1], [[0.1, 0.9], [0.2, 0.8]])) == 0


def test_mistakes() -> None:
    with pytest.raises(ValueError, match="Unknown kappa weighting type 'cubic'"):
        metrics.CohenKappa(3, weightage="cubic")
    with pytest.raises(ValueError, match="num_classes must be at least 2, got 1"):
        metrics.CohenKappa(1)
    with pytest.raises(ValueError, match=r"for 3 classes y_pred must have a column for each, got shape \(4,\)"):
        metrics.CohenKappa(3).update_state(np.zeros(4), np.zeros(4))
    with pytest.raises(ValueError, match="one label for each prediction, or one-hot labels, got y_true of shape"):
        metrics.CohenKappa(3, sparse_labels=True).update_state(np.zeros((4, 3)), np.zeros((4, 3)))
