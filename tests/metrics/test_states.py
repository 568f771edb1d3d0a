"""Metrics with a state of their own, where Keras has no answer or another one: masks, NaN, mistakes, large counts."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from dualnet_backends import Backend

from dualnet import Tensor, metrics, ops

from .cases import ROWS, STATES, Row, draw


@pytest.mark.parametrize("row", [row for row in STATES if row.columns != (4,)], ids=str)
def test_a_mask_is_weights_of_zero_and_one(backend: Backend, row: Row) -> None:
    """(Keras looks at no mask here, and counts the padding.)"""
    random = np.random.default_rng(3)
    y_true, y_pred = draw(row, (6, 3), random)
    mask, weight = np.array([1, 0, 1, 1, 0, 1], bool), random.random(6).astype("float32")
    masked, weighted = (getattr(metrics, row.name)(**row.kwargs) for _ in range(2))
    tensor = Tensor(backend.asarray(y_pred))
    tensor._keras_mask = Tensor(backend.asarray(mask))
    for w in (None, weight):
        masked.update_state(y_true, tensor, sample_weight=w)
        weighted.update_state(y_true, y_pred, sample_weight=mask.astype("float32") if w is None else mask * w)
    if row.name == "R2Score":  # counts samples in num_samples, masked or not
        assert float(masked.num_samples) == float(weighted.num_samples)
    np.testing.assert_allclose(masked.result().numpy(), weighted.result().numpy(), rtol=1e-6)
    unmasked = getattr(metrics, row.name)(**row.kwargs)
    unmasked.update_state(y_true, y_pred)
    assert any(not np.array_equal(a.numpy(), b.numpy()) for a, b in zip(masked.variables, unmasked.variables))


def test_weights_of_time_steps(backend: Backend) -> None:
    """Weights belong to the first axes."""
    y_true, y_pred = np.array([[[1], [0]], [[1], [1]], [[0], [1]]]), np.full((3, 2, 1), 0.7, "float32")
    for weight, expected in [([1.0, 0.0, 0.0], 0.5), ([[0.0, 1.0], [1.0, 1.0], [0.0, 1.0]], 0.75)]:
        precision = metrics.Precision()
        precision.update_state(y_true, y_pred, sample_weight=weight)
        assert float(precision.result()) == expected
    with pytest.raises(
        ValueError, match=r"precision.*sample_weight of shape \(2,\) does not fit values of shape \(3, 2, 1\)"
    ):
        metrics.Precision().update_state(y_true, y_pred, sample_weight=[1.0, 2.0])


def brute_force(y_true: Any, y_pred: Any, threshold: float) -> tuple[int, int, int, int]:
    hit, label = y_pred > threshold, y_true == 1
    return tuple(int(np.sum(x)) for x in (label & hit, ~label & hit, ~label & ~hit, label & ~hit))  # type: ignore[return-value]


@pytest.mark.parametrize("thresholds", [[0.5], [0.9, 0.1, 0.3], [0.3, 0.3], [0.0, 0.25, 0.5, 0.75, 1.0], [0.0, 1.0]])
def test_counts_at_thresholds(backend: Backend, thresholds: list[float]) -> None:
    """Every prediction, also those on a threshold, outside [0, 1] and NaN, which is above nothing."""
    random = np.random.default_rng(0)
    y_pred = np.concatenate([random.integers(-2, 11, 200) / 8, random.random(100), [np.nan, np.nan]]).astype("float32")
    y_true = random.integers(0, 2, y_pred.size)
    y_true[-2:] = [0, 1]
    names = ("TruePositives", "FalsePositives", "TrueNegatives", "FalseNegatives")
    counters = [getattr(metrics, name)(thresholds=thresholds) for name in names]
    for metric in counters:
        metric.update_state(y_true, y_pred)
    got = np.stack([np.atleast_1d(m.result().numpy()) for m in counters], axis=1)
    np.testing.assert_array_equal(got, [brute_force(y_true, y_pred, t) for t in thresholds])


def test_area_is_the_share_of_ordered_pairs(backend: Backend) -> None:
    random = np.random.default_rng(1)
    y_true, y_pred = random.integers(0, 2, 300), (random.integers(0, 100, 300) / 99).astype("float32")
    y_pred = np.clip(y_pred * 0.7 + 0.3 * y_true, 0, 1).round(2)
    positive, negative = y_pred[y_true == 1][:, None], y_pred[y_true == 0]
    pairs = np.mean((positive > negative) + 0.5 * (positive == negative))
    area = metrics.AUC(thresholds=list(np.arange(100) / 100 + 0.005))  # between all values there are
    for part in np.array_split(np.arange(300), 4):
        area.update_state(y_true[part], y_pred[part])
    assert float(area.result()) == pytest.approx(pairs, rel=1e-6)


def test_counts_beyond_32_bits() -> None:
    """A confusion matrix of integers does not overflow."""
    metric = metrics.MeanIoU(num_classes=2)
    assert metric.dtype == "int32"
    metric.total_cm.assign(np.array([[2**31 - 1, 0], [0, 2**31 - 1]]))
    metric.update_state([0, 0, 1, 1], [0, 0, 1, 1])
    assert metric.total_cm.numpy().tolist() == [[2**31 + 1, 0], [0, 2**31 + 1]]
    assert float(metric.result()) == pytest.approx(1)


def test_float_weights_of_integer_counts() -> None:
    with pytest.warns(UserWarning, match='passing weight as `float`, but dtype is `int`.*dtype="float32"'):
        metrics.MeanIoU(num_classes=2).update_state([0, 1], [0, 1], sample_weight=np.array([0.4, 0.6], "float32"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        metrics.MeanIoU(num_classes=2, dtype="float32").update_state([0], [0], sample_weight=np.array([0.4]))


def test_images_with_and_without_a_last_axis(backend: Backend) -> None:
    random = np.random.default_rng(2)
    labels, scores = random.integers(0, 3, (2, 4, 5)), random.random((2, 4, 5, 3)).astype("float32")
    weight = np.array([1, 0])
    results = []
    for y_true in (labels, labels[..., None]):
        metric = metrics.MeanIoU(num_classes=3, sparse_y_pred=False)
        metric.update_state(y_true[:1], scores[:1])
        metric.update_state(labels, scores, sample_weight=weight)
        results.append(float(metric.result()))
    assert results[0] == results[1]
    with pytest.raises(ValueError, match="must hold one class for each element, got shapes"):
        metrics.MeanIoU(num_classes=3).update_state(labels, scores)


def test_f1_of_labels_and_of_one_column(backend: Backend) -> None:
    """Integer labels are as good as one-hot ones, and one column is compared with one half."""
    random = np.random.default_rng(4)
    labels, scores = random.integers(0, 3, 20), random.random((20, 3)).astype("float32")
    expected = metrics.F1Score(average="macro")(np.eye(3)[labels], scores)
    for y_true in (labels, labels[:, None]):
        assert float(metrics.F1Score(average="macro")(y_true, scores)) == float(expected)
    y_true, y_pred = np.array([1, 0, 1, 1]), np.array([[0.9], [0.8], [0.3], [0.6]], "float32")
    for t in (y_true, y_true[:, None]):
        assert float(metrics.F1Score()(t, y_pred)[0]) == pytest.approx(2 / 3)
    assert float(metrics.get("f1")(y_true, y_pred)) == pytest.approx(2 / 3)
    with pytest.raises(ValueError, match="FBetaScore expects 2D inputs"):
        metrics.F1Score().update_state(y_true, y_pred[:, 0])
    with pytest.raises(ValueError, match=r"or y_true holds integer labels \(batch,\), got \(4, 2\) and \(4, 3\)"):
        metrics.F1Score().update_state(np.zeros((4, 2)), np.zeros((4, 3)))


def test_r2_of_large_numbers(backend: Backend) -> None:
    """The variance of years is a small difference of large sums; float32 would lose it."""
    random = np.random.default_rng(5)
    year = 2000 + random.integers(-10, 11, (4000, 1))
    guess = year + random.normal(size=year.shape)
    metric = metrics.R2Score()
    for part in np.array_split(np.arange(4000), 40):
        metric.update_state(year[part].astype("float32"), guess[part].astype("float32"))
    exact = 1 - np.sum((year - guess) ** 2) / np.sum((year - year.mean()) ** 2)
    assert float(metric.result()) == pytest.approx(exact, rel=1e-4)
    assert metric.result().dtype == "float32"


def test_r2_without_variance() -> None:
    constant = np.ones((3, 1))
    assert float(metrics.R2Score()(constant, constant + 1)) == 0
    assert np.isnan(float(metrics.R2Score()(constant, constant)))
    for n, problem in [(3, "More independent predictors"), (2, "Division by zero")]:
        metric = metrics.R2Score(num_regressors=n)
        metric.update_state([[1.0], [2.0], [3.0]], [[1.0], [2.0], [4.0]])
        with pytest.warns(UserWarning, match=f"{problem}.*Falling back to standard R2"):
            assert float(metric.result()) == pytest.approx(0.5)


def test_correlation_of_what_does_not_vary() -> None:
    assert np.isnan(float(metrics.PearsonCorrelation()([[1.0, 1.0]], [[1.0, 2.0]])))
    assert float(metrics.ConcordanceCorrelation()([[1.0, 1.0]], [[1.0, 1.0]])) == 0
    assert float(metrics.PearsonCorrelation()([[1.0, 2.0, 4.0]], [[11.0, 12.0, 14.0]])) == pytest.approx(1)


@pytest.mark.parametrize(
    ("name", "kwargs", "message"),
    [
        ("Precision", {"thresholds": [0.5, 1.5]}, r"Threshold values must be in \[0, 1\]. Received: \[1.5\]"),
        ("SensitivityAtSpecificity", {"specificity": 2}, r"`specificity` must be in the range \[0, 1\]"),
        ("RecallAtPrecision", {"precision": 0.5, "num_thresholds": 0}, "`num_thresholds` must be an integer > 0"),
        ("AUC", {"num_thresholds": 1}, "`num_thresholds` must be an integer > 1"),
        ("AUC", {"curve": "XYZ"}, 'Invalid AUC curve value: "XYZ"'),
        ("AUC", {"summation_method": "sum"}, "Invalid AUC summation method value"),
        ("AUC", {"num_labels": 3}, "needed only when `multi_label` is True"),
        ("IoU", {"num_classes": 2, "target_class_ids": [2]}, r"Target class id 2 is out of range, which is \[0, 2\)"),
        ("IoU", {"num_classes": 2, "target_class_ids": [-1]}, "Target class id -1 is out of range"),
        ("R2Score", {"class_aggregation": "mean"}, "Invalid value for argument `class_aggregation`"),
        ("R2Score", {"num_regressors": -1}, "Expected a value >= 0"),
        ("FBetaScore", {"average": "mean"}, "Invalid `average` argument value"),
        ("FBetaScore", {"beta": 1}, "should be a Python float"),
    ],
)
def test_arguments_that_mean_nothing(name: str, kwargs: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        getattr(metrics, name)(**kwargs)


@pytest.mark.parametrize(
    ("metric", "true", "pred", "message"),
    [
        (metrics.Precision(), (8,), (8, 3), r"\(8,\) and \(8, 3\). For scores of several classes give one-hot targets"),
        (metrics.AUC(), (8, 1), (8, 3), "dualnet.utils.to_categorical"),
        (metrics.AUC(multi_label=True), (8,), (8,), "`y_pred` must have rank 2 when `multi_label=True`. Found rank 1"),
        (
            metrics.Recall(class_id=1),
            (8,),
            (8,),
            r"y_pred must be a 2D array with shape \(num_samples, num_classes\), found shape: \(8,\)",
        ),
        (metrics.R2Score(), (8,), (8,), "R2Score expects 2D inputs with shape"),
        (metrics.R2Score(), (8, 1), (8, 2), r"must have the same shape.*\(8, 1\) and \(8, 2\)"),
    ],
)
def test_shapes_that_cannot_be_compared(metric: Any, true: Any, pred: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        metric.update_state(np.zeros(true), np.zeros(pred))


def test_before_the_first_batch() -> None:
    """A result is there, and a reset does no harm, before the shapes are known."""
    for row in STATES:
        metric = getattr(metrics, row.name)(**row.kwargs)
        metric.reset_state()
        if not row.kwargs.get("num_regressors"):
            assert np.all(metric.result().numpy() == 0) or row.kwargs.get("curve") == "PRGAIN", row


def test_stateless() -> None:
    """The state as values: what an update would make of it, without making it."""
    for row in ROWS:
        random = np.random.default_rng(6)
        args = draw(row, row.shapes[0], random)
        metric, other = (getattr(metrics, row.name)(**row.kwargs) for _ in range(2))
        metric.update_state(*args)
        other.update_state(*args)
        state = metric.stateless_update_state(metric.variables, *args)
        for variable, v, expected in zip(metric.variables, state, other.variables):
            np.testing.assert_array_equal(variable.numpy(), expected.numpy())
            assert (v.shape, str(v.dtype)) == (variable.shape, variable.dtype)
        other.update_state(*args)
        np.testing.assert_array_equal(metric.stateless_result(state).numpy(), other.result().numpy())
        assert all(not v.numpy().any() for v in metric.stateless_reset_state())
        with pytest.raises(ValueError, match=f"corresponding 1:1 to {row.name}"):
            metric.stateless_result(state[1:])
    assert float(ops.sum(metric.variables[0])) > 0
