"""A number of a loss, metric, layer or optimizer that is changed during training counts from the next step, or cannot be changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import layers, losses, metrics, optimizers, regularizers

RNG = np.random.default_rng(0)
X = RNG.normal(size=(8, 4)).astype("float32")
Y = (X[:, :1] > 0.3).astype("float32")
Run = Callable[[], Any]


def model_with(*inside: Any, loss: Any = "mse", units: int = 1, metric: Any = None, optimizer: Any = None) -> Any:
    dense = layers.Dense(units, kernel_initializer=dualnet.initializers.GlorotUniform(seed=1))
    last = layers.Activation("sigmoid" if units == 1 else "softmax")
    model = dualnet.Sequential([dualnet.Input((4,)), *inside, dense, last])
    model.compile(optimizer or optimizers.SGD(0.0), loss, metrics=[] if metric is None else [metric])
    return model


def with_loss(cls: Any, argument: str, units: int = 1) -> Callable[[Any], tuple[Any, Run]]:
    def make(value: Any) -> tuple[Any, Run]:
        loss = cls(**{argument: value})
        model = model_with(loss=loss, units=units)
        y = Y if units == 1 else np.eye(units, dtype="float32")[np.arange(8) % units]
        return loss, lambda: model.train_on_batch(X, y)

    return make


def with_metric(cls: Any, argument: str) -> Callable[[Any], tuple[Any, Run]]:
    def make(value: Any) -> tuple[Any, Run]:
        metric = cls(**{argument: value})
        model = model_with(metric=metric)
        return metric, lambda: model.train_on_batch(X, Y)[1]

    return make


def with_layer(cls: Any, argument: str, **more: Any) -> Callable[[Any], tuple[Any, Run]]:
    def make(value: Any) -> tuple[Any, Run]:
        layer = cls(**{argument: value}, **more)
        model = model_with(layer)
        return layer, lambda: model.train_on_batch(X, Y)

    return make


def with_regularizer(cls: Any, argument: str) -> Callable[[Any], tuple[Any, Run]]:
    def make(value: Any) -> tuple[Any, Run]:
        regularizer = cls(**{argument: value})
        model = model_with(layers.Dense(2, kernel_initializer="ones", kernel_regularizer=regularizer))
        return regularizer, lambda: model.train_on_batch(X, Y)

    return make


def with_optimizer(cls: Any, argument: str) -> Callable[[Any], tuple[Any, Run]]:
    def make(value: Any) -> tuple[Any, Run]:
        optimizer = cls(**{argument: value})
        model = model_with(optimizer=optimizer)
        model.train_on_batch(X, Y)

        def run() -> Any:
            model.set_weights([np.ones((4, 1)), np.zeros(1)])
            optimizer.iterations.assign(5)
            for slot in optimizer.variables[2:]:
                slot.assign(np.full(slot.shape, 0.3))
            model.train_on_batch(X, Y)
            return model.get_weights()[0].sum()

        return optimizer, run

    return make


CHANGES: dict[str, tuple[Any, str, Any, Any]] = {
    "Huber": (with_loss(losses.Huber, "delta"), "delta", 0.1, 0.4),
    "BinaryCrossentropy": (with_loss(losses.BinaryCrossentropy, "label_smoothing"), "label_smoothing", 0.1, 0.4),
    "from_logits": (with_loss(losses.BinaryCrossentropy, "from_logits"), "from_logits", False, True),
    "CategoricalCrossentropy": (
        with_loss(losses.CategoricalCrossentropy, "label_smoothing", 3),
        "label_smoothing",
        0.1,
        0.4,
    ),
    "reduction": (with_loss(losses.BinaryCrossentropy, "reduction"), "reduction", "sum", "sum_over_batch_size"),
    "BinaryAccuracy": (with_metric(metrics.BinaryAccuracy, "threshold"), "threshold", 0.2, 0.9),
    "a metric of a loss": (with_metric(metrics.BinaryCrossentropy, "label_smoothing"), "label_smoothing", 0.1, 0.5),
    "SensitivityAtSpecificity": (with_metric(metrics.SensitivityAtSpecificity, "specificity"), "specificity", 0.1, 1.0),
    "Rescaling": (with_layer(layers.Rescaling, "scale"), "scale", 0.1, 0.9),
    "offset": (with_layer(layers.Rescaling, "offset", scale=1.0), "offset", 0.1, 0.9),
    "ActivityRegularization": (with_layer(layers.ActivityRegularization, "l2"), "l2", 0.1, 0.9),
    "LeakyReLU": (with_layer(layers.LeakyReLU, "negative_slope"), "negative_slope", 0.1, 0.9),
    "L2": (with_regularizer(regularizers.L2, "l2"), "l2", 0.1, 0.9),
    "momentum": (with_optimizer(optimizers.SGD, "momentum"), "momentum", 0.1, 0.9),
    "beta_1": (with_optimizer(optimizers.Adam, "beta_1"), "beta_1", 0.1, 0.9),
    "weight_decay": (with_optimizer(optimizers.Adam, "weight_decay"), "weight_decay", None, 0.9),
    "clipnorm": (with_optimizer(optimizers.SGD, "clipnorm"), "clipnorm", None, 0.01),
}


@pytest.mark.filterwarnings("ignore:.*applies a sigmoid again")
@pytest.mark.parametrize("what", CHANGES)
def test_an_attribute_that_is_set_anew(what: str) -> None:
    make, name, old, new = CHANGES[what]
    results = [[run() for _ in range(4)] for _, run in (make(old), make(new))]
    assert results[0][-1] != pytest.approx(results[1][-1])  # or the test would show nothing
    changed, run = make(old)
    assert [run() for _ in range(4)] == pytest.approx(results[0])
    setattr(changed, name, new)
    assert getattr(changed, name) == new
    assert changed.get_config()[name] == new
    assert [run() for _ in range(4)][-1] == pytest.approx(results[1][-1], rel=1e-5)


def test_thresholds_cannot_be_changed() -> None:
    for metric in (metrics.Precision(), metrics.Recall([0.1, 0.9]), metrics.TruePositives(), metrics.AUC()):
        with pytest.raises(AttributeError, match="thresholds"):
            metric.thresholds = [0.7]


REFUSED: dict[str, Callable[[Any], Any]] = {
    "Adam": lambda v: optimizers.Adam(beta_1=v),
    "SGD": lambda v: optimizers.SGD(weight_decay=v),
    "Ftrl": lambda v: optimizers.Ftrl(l1_regularization_strength=v),
    "set later": lambda v: setattr(optimizers.Adam(), "epsilon", v),
    "a schedule": lambda v: optimizers.schedules.CosineDecay(0.1, 10, warmup_target=v, warmup_steps=5),
    "pieces of a schedule": lambda v: optimizers.schedules.PiecewiseConstantDecay([1], [v, 0.1]),
    "Dropout": lambda v: layers.Dropout(v),
    "Rescaling": lambda v: layers.Rescaling(v),
    "BatchNormalization": lambda v: layers.BatchNormalization(momentum=v),
    "LayerNormalization": lambda v: layers.LayerNormalization(epsilon=v),
    "L2": lambda v: regularizers.L2(v),
    "Precision": lambda v: metrics.Precision(thresholds=v),
    "EarlyStopping": lambda v: dualnet.callbacks.EarlyStopping(min_delta=v),
    "ReduceLROnPlateau": lambda v: dualnet.callbacks.ReduceLROnPlateau(min_delta=v),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_variable_that_would_be_read_once_is_refused(what: str) -> None:
    with pytest.raises((TypeError, ValueError)):
        REFUSED[what](dualnet.Variable(0.25))
    if what != "Precision":
        REFUSED[what](0.25)


@pytest.mark.parametrize(
    ("make", "old", "new"),
    [
        (with_loss(losses.Huber, "delta"), 0.1, 0.4),
        (with_loss(losses.BinaryCrossentropy, "label_smoothing"), 0.1, 0.4),
        (with_metric(metrics.BinaryAccuracy, "threshold"), 0.2, 0.9),
        (with_metric(metrics.BinaryCrossentropy, "label_smoothing"), 0.1, 0.5),
    ],
)
def test_a_variable_that_is_read_in_every_step(make: Any, old: float, new: float) -> None:
    """And ``reset_metrics`` leaves it as it is."""
    want = [make(value)[1]() for value in (old, new)]
    variable = dualnet.Variable(old, trainable=False)
    _, run = make(variable)
    assert [run() for _ in range(4)] == pytest.approx([want[0]] * 4, rel=1e-5)
    variable.assign(new)
    assert [run() for _ in range(4)] == pytest.approx([want[1]] * 4, rel=1e-5)
    assert float(variable) == pytest.approx(new)


def test_the_learning_rate_may_be_a_variable() -> None:
    rate = dualnet.Variable(0.1)
    w = dualnet.Variable(1.0)
    optimizer = optimizers.SGD(rate)
    optimizer.apply([dualnet.ops.ones(())], [w])
    rate.assign(0.5)
    optimizer.apply([dualnet.ops.ones(())], [w])
    assert float(w) == pytest.approx(0.4)


def test_a_schedule_may_begin_with_a_variable() -> None:
    rate = dualnet.Variable(0.1)
    s = optimizers.schedules
    schedules = [s.ExponentialDecay(rate, 10, 0.5), s.InverseTimeDecay(rate, 10, 0.5), s.PolynomialDecay(rate, 10)]
    for schedule in (*schedules, s.CosineDecay(rate, 10), s.CosineDecayRestarts(rate, 10)):
        rate.assign(0.1)
        assert float(schedule(0)) == pytest.approx(0.1)
        rate.assign(0.5)
        assert float(schedule(0)) == pytest.approx(0.5)
        assert schedule.get_config()["initial_learning_rate"] == 0.5
