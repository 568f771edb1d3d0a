"""Every metric against Keras: random batches where Keras is installed, and always numbers that Keras 3.15 gave."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
from dualnet_backends import Backend

from dualnet import Tensor, metrics
from dualnet.core import naming

from .cases import OURS, ROWS, Row, draw, fixed, reduced, weights
from .frozen import FROZEN

# Keras looks at the mask of the predictions in means of a function only.
IGNORE_MASKS = ("Mean", "Sum", "RootMeanSquaredError")

pytestmark = pytest.mark.filterwarnings("ignore:Explicitly requested dtype int64")  # JAX, about Keras's own request

every_row = pytest.mark.parametrize("row", ROWS, ids=str)
in_keras = pytest.mark.parametrize("row", [row for row in ROWS if row.name not in OURS], ids=str)


def make(module: Any, row: Row, **kwargs: Any) -> Any:
    return getattr(module, row.name)(**row.kwargs, **kwargs)


def test_every_metric_has_a_row() -> None:
    assert {row.name for row in ROWS} == {c.__name__ for c in metrics.CLASSES}
    public = {name for name in metrics.__all__ if callable(getattr(metrics, name)) and name[0].islower()}
    of_losses = {"binary_focal_crossentropy", "categorical_focal_crossentropy", "huber"}  # no metric is based on them
    assert {row.function for row in ROWS} - {""} == public - of_losses - {"get", "serialize", "deserialize"}


def numbers(value: Any) -> list[float]:
    """A result or the value of a variable as a flat list."""
    return [float(x) for x in np.ravel(np.asarray(value))]


def two_results(metric: Any, args: tuple[Any, ...], weight: Any) -> list[float]:
    metric.update_state(*args)
    first = numbers(metric.result())
    metric.update_state(*args, sample_weight=weight)
    return first + numbers(metric.result())


@every_row
def test_frozen_values(backend: Backend, row: Row) -> None:
    args, weight = fixed(row)
    args = (*args[:-1], Tensor(backend.asarray(args[-1])))
    metric = make(metrics, row)
    np.testing.assert_allclose(two_results(metric, args, weight), FROZEN[str(row)], rtol=2e-6, atol=1e-7)
    assert metric.result().device == backend.device


@in_keras
def test_frozen_values_are_keras_s(row: Row, keras: Any) -> None:
    args, weight = fixed(row)
    args = (*args[:-1], keras.ops.convert_to_tensor(args[-1]))
    got = two_results(make(keras.metrics, row), args, weight)
    np.testing.assert_allclose(got, FROZEN[str(row)], rtol=2e-6, atol=1e-7)


@in_keras
def test_random_batches(row: Row, keras: Any) -> None:
    """Two batches, with every form of weights, on every rank."""
    random = np.random.default_rng(len(str(row)))
    for shape in row.shapes:
        for weight in weights(row, shape, random):
            about = f"{row} {shape} weights {np.shape(weight)}"
            if "ignore_class" in row.kwargs and np.ndim(weight) == 1 < len(shape) - 1:
                continue  # Keras cannot multiply these weights with the mask of the ignored class
            theirs, ours = make(keras.metrics, row), make(metrics, row)
            for _ in range(2):
                args = draw(row, shape, random)
                ours.update_state(*args, sample_weight=weight)
                theirs.update_state(*args[:-1], keras.ops.convert_to_tensor(args[-1]), sample_weight=weight)
            for values in (
                [ours.result(), theirs.result()],
                *([a.value, b.value] for a, b in zip(ours.variables, theirs.variables)),
            ):
                assert np.shape(values[0]) == np.shape(values[1]), about
                np.testing.assert_allclose(*map(numbers, values), rtol=1e-5, atol=1e-5, err_msg=about)


@pytest.mark.parametrize("row", [r for r in ROWS if r.is_mean and r.name not in IGNORE_MASKS], ids=str)
def test_masks(row: Row, keras: Any) -> None:
    random = np.random.default_rng(7)
    axis = row.kwargs.get("axis", -1)
    for shape in row.shapes:
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
    for shape in row.shapes:
        y_true, y_pred = draw(row, shape, random)
        kwargs = row.kwargs
        expected = getattr(keras.metrics, row.function)(y_true, y_pred, **kwargs)
        got = getattr(metrics, row.function)(y_true, y_pred, **kwargs)
        assert got.shape == tuple(expected.shape)
        np.testing.assert_allclose(got.numpy(), np.asarray(expected), rtol=1e-5, atol=1e-6)


def test_signatures(keras: Any) -> None:
    """Names, order and defaults of all arguments, names of the variables, and which direction is better."""
    for cls in (*metrics.CLASSES, metrics.MeanMetricWrapper, metrics.Metric):
        if cls.__name__ in OURS:
            continue
        theirs = getattr(keras.metrics, cls.__name__)
        pairs = [inspect.signature(c).parameters.values() for c in (cls, theirs)]
        assert [(p.name, p.default) for p in pairs[0]] == [(p.name, p.default) for p in pairs[1]], cls
        if cls in metrics.CLASSES:
            kwargs = next(row.kwargs for row in ROWS if row.name == cls.__name__)
            naming.reset()
            keras.backend.clear_session()
            a, b = cls(**kwargs), theirs(**kwargs)
            assert a.name == b.name
            assert [v.path for v in a.variables] == [v.path for v in b.variables]
            assert a._direction == getattr(b, "_direction", None)
            assert {"name", "dtype"} <= set(a.get_config()) >= set(b.get_config())


@in_keras
def test_keras_reads_the_config(row: Row, keras: Any) -> None:
    restored = keras.saving.deserialize_keras_object(metrics.serialize(make(metrics, row, name="mine")))
    assert type(restored) is getattr(keras.metrics, row.name)
    config = keras.saving.serialize_keras_object(make(keras.metrics, row, name="mine"))
    back = metrics.deserialize(config)
    assert type(back) is getattr(metrics, row.name)
    assert back.name == restored.name == "mine"
    for name, value in row.kwargs.items():
        if name in config["config"]:  # Keras loses the axis of CosineSimilarity
            assert back.get_config()[name] == (pytest.approx(value) if name == "label_weights" else value)
