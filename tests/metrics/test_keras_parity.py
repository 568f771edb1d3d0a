"""Every metric against Keras: random batches where Keras is installed, and always numbers that Keras 3.15 gave."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
from dualnet_backends import Backend

from dualnet import Tensor, metrics

from .cases import ROWS, SHAPES, Row, draw, fixed, reduced, weights

IGNORE_MASKS = ("Mean", "Sum", "RootMeanSquaredError")  # in Keras

every_row = pytest.mark.parametrize("row", ROWS, ids=str)

# What Keras gives after ``fixed(row)`` without weights, and after that with weights on top of it.
FROZEN: dict[str, tuple[float, float]] = {
    "Mean": (0.4973902, 0.5063676),
    "Sum": (5.968682, 11.39327),
    "Accuracy": (0.5833334, 0.6444445),
    "BinaryAccuracy": (0.5833334, 0.6444445),
    "BinaryAccuracy,threshold=0.3": (0.5, 0.5555556),
    "CategoricalAccuracy": (0.5, 0.6666667),
    "SparseCategoricalAccuracy": (0.5, 0.6666667),
    "TopKCategoricalAccuracy": (1, 1),
    "TopKCategoricalAccuracy,k=2": (0.75, 0.8),
    "SparseTopKCategoricalAccuracy,k=2": (0.75, 0.8),
    "SparseTopKCategoricalAccuracy,k=2,from_sorted_ids=True": (0.5, 0.3333333),
    "MeanSquaredError": (0.8262493, 0.9213054),
    "MeanAbsoluteError": (0.833005, 0.8810799),
    "RootMeanSquaredError": (0.9089826, 0.9598466),
    "BinaryCrossentropy": (0.9169562, 0.7712902),
    "BinaryCrossentropy,from_logits=True": (0.8400931, 0.7248393),
    "BinaryCrossentropy,label_smoothing=0.3": (0.938577, 0.8393404),
    "CategoricalCrossentropy": (1.134127, 0.9588752),
    "CategoricalCrossentropy,from_logits=True": (1.633132, 1.216875),
    "CategoricalCrossentropy,label_smoothing=0.3,axis=1": (1.206641, 1.093434),
    "SparseCategoricalCrossentropy": (1.134127, 0.9588752),
    "SparseCategoricalCrossentropy,from_logits=True": (1.633132, 1.216875),
    "SparseCategoricalCrossentropy,ignore_class=1": (0.6933336, 0.7237856),
}


def make(module: Any, row: Row, **kwargs: Any) -> Any:
    return getattr(module, row.name)(**row.kwargs, **kwargs)


def test_every_metric_has_a_row() -> None:
    assert {row.name for row in ROWS} == {c.__name__ for c in metrics.CLASSES}
    assert {row.function for row in ROWS} - {""} == set(metrics.FUNCTIONS) - {"accuracy"}


def two_numbers(metric: Any, args: tuple[Any, ...], weight: Any) -> list[float]:
    metric.update_state(*args)
    first = float(metric.result())
    metric.update_state(*args, sample_weight=weight)
    return [first, float(metric.result())]


@every_row
def test_frozen_values(backend: Backend, row: Row) -> None:
    args, weight = fixed(row)
    args = (*args[:-1], Tensor(backend.asarray(args[-1])))
    metric = make(metrics, row)
    np.testing.assert_allclose(two_numbers(metric, args, weight), FROZEN[str(row)], rtol=2e-6)
    assert metric.result().device == backend.device


@every_row
def test_frozen_values_are_keras_s(row: Row, keras: Any) -> None:
    args, weight = fixed(row)
    args = (*args[:-1], keras.ops.convert_to_tensor(args[-1]))
    np.testing.assert_allclose(two_numbers(make(keras.metrics, row), args, weight), FROZEN[str(row)], rtol=2e-6)


@every_row
def test_random_batches(row: Row, keras: Any) -> None:
    """Two batches, with every form of weights, on every rank."""
    random = np.random.default_rng(len(str(row)))
    for shape in SHAPES[row.kind]:
        for weight in weights(row, shape, random):
            about = f"{row} {shape} weights {np.shape(weight)}"
            if "ignore_class" in row.kwargs and np.ndim(weight) == 1 < len(shape) - 1:
                continue  # Keras cannot multiply these weights with the mask of the ignored class
            theirs, ours = make(keras.metrics, row), make(metrics, row)
            for _ in range(2):
                args = draw(row, shape, random)
                ours.update_state(*args, sample_weight=weight)
                theirs.update_state(*args[:-1], keras.ops.convert_to_tensor(args[-1]), sample_weight=weight)
            got, expected = [[float(m.result()), *(float(v.value) for v in m.variables)] for m in (ours, theirs)]
            np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6, err_msg=about)


@pytest.mark.parametrize("row", [r for r in ROWS if r.name not in IGNORE_MASKS], ids=str)
def test_masks(row: Row, keras: Any) -> None:
    random = np.random.default_rng(7)
    axis = row.kwargs.get("axis", -1)
    for shape in SHAPES[row.kind]:
        mask = random.random(reduced(shape, axis)) < 0.6
        for weight in (None, random.random(mask.shape).astype("float32")):
            y_true, y_pred = draw(row, shape, random)
            theirs, ours = make(keras.metrics, row), make(metrics, row)
            tensor, other = Tensor(y_pred), keras.ops.convert_to_tensor(y_pred)
            tensor._keras_mask = Tensor(mask)
            keras.src.backend.set_keras_mask(other, keras.ops.convert_to_tensor(mask))
            ours.update_state(y_true, tensor, weight)
            theirs.update_state(y_true, other, weight)
            assert float(ours.result()) == pytest.approx(float(theirs.result()), rel=1e-5)


@pytest.mark.parametrize("row", [r for r in ROWS if r.function], ids=str)
def test_functions(row: Row, keras: Any) -> None:
    random = np.random.default_rng(1)
    for shape in SHAPES[row.kind]:
        y_true, y_pred = draw(row, shape, random)
        kwargs = row.kwargs
        expected = getattr(keras.metrics, row.function)(y_true, y_pred, **kwargs)
        got = getattr(metrics, row.function)(y_true, y_pred, **kwargs)
        assert got.shape == tuple(expected.shape)
        np.testing.assert_allclose(got.numpy(), np.asarray(expected), rtol=1e-5, atol=1e-6)


def test_signatures(keras: Any) -> None:
    """Names, order and defaults of all arguments, names of the variables, and which direction is better."""
    for cls in (*metrics.CLASSES, metrics.MeanMetricWrapper, metrics.Metric):
        theirs = getattr(keras.metrics, cls.__name__)
        pairs = [inspect.signature(c).parameters.values() for c in (cls, theirs)]
        assert [(p.name, p.default) for p in pairs[0]] == [(p.name, p.default) for p in pairs[1]], cls
        if cls in metrics.CLASSES:
            a, b = cls(), theirs()
            assert a.name == b.name
            assert [v.path for v in a.variables] == [v.path for v in b.variables]
            assert a._direction == getattr(b, "_direction", None)
            assert {"name", "dtype"} <= set(a.get_config()) >= set(b.get_config())


@every_row
def test_keras_reads_the_config(row: Row, keras: Any) -> None:
    made = keras.metrics.deserialize(metrics.serialize(make(metrics, row, name="mine")))
    assert type(made) is getattr(keras.metrics, row.name)
    back = metrics.deserialize(keras.metrics.serialize(make(keras.metrics, row, name="mine")))
    assert type(back) is getattr(metrics, row.name)
    assert back.name == made.name == "mine"
    assert row.kwargs.items() <= back.get_config().items()
