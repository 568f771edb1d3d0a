"""Captured steps of models with several losses, and of layers that add one: the same bits as steps run as written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import Input, Model, Sequential, Variable, layers, ops
from dualnet.callbacks import Callback
from dualnet.capture.replay import CapturedTestStep, CapturedTrainStep, step_source

from .conftest import both
from .test_graphs import assert_recorded

RANDOM = np.random.default_rng(5)
X = RANDOM.normal(size=(44, 6)).astype("float32")
LABELS = RANDOM.integers(0, 3, 44)
TARGETS = RANDOM.normal(size=(44, 2)).astype("float32")
WEIGHTS = RANDOM.uniform(0.5, 2, 44).astype("float32")


def two_outputs(**options: Any) -> Model:
    x = Input((6,))
    h = layers.Dropout(0.2)(layers.Dense(8, activation="relu", **options)(x))
    outputs = {"a": layers.Dense(3, "softmax", name="a")(h), "b": layers.Dense(2, name="b")(h)}
    model = Model(x, outputs)
    losses = {"a": "sparse_categorical_crossentropy", "b": "mse"}
    model.compile("adam", losses, loss_weights={"a": 0.5, "b": 2.0}, metrics={"a": ["accuracy"], "b": ["mae"]})
    return model


def weight_that_is_a_variable() -> Model:
    model = two_outputs()
    model.compile("sgd", ["sparse_categorical_crossentropy", "mae"], loss_weights=[Variable(0.3), 1.0])
    return model


def one_loss() -> Model:
    model = two_outputs(activity_regularizer="l1")
    model.compile("sgd", {"a": "sparse_categorical_crossentropy", "b": None})
    return model


def activity() -> Model:
    model = Sequential([
        Input((6,)),
        layers.Dense(8, "tanh", activity_regularizer="l2", kernel_regularizer="l1"),
        layers.ActivityRegularization(l1=0.01),
        layers.Dense(3, "softmax"),
    ])  # fmt: skip
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def nested() -> Model:
    x = Input((6,))
    inner = Sequential([Input((6,)), layers.Dense(6, "tanh", activity_regularizer="l2")])
    model = Model(x, layers.Dense(3, "softmax")(inner(x)))
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


MODELS: dict[str, tuple[Callable[[], Model], Any, Any]] = {
    "two outputs": (two_outputs, {"a": LABELS, "b": TARGETS}, None),
    "sample weights": (two_outputs, {"a": LABELS, "b": TARGETS}, {"a": WEIGHTS, "b": 1 / WEIGHTS}),
    "a regularized layer and two outputs": (
        lambda: two_outputs(activity_regularizer="l2"),
        {"a": LABELS, "b": TARGETS},
        None,
    ),
    "a weight that is a variable": (weight_that_is_a_variable, [LABELS, TARGETS], None),
    "one output without a loss": (one_loss, {"a": LABELS, "b": TARGETS}, None),
    "activity regularizers": (activity, LABELS, None),
    "one in a model inside": (nested, LABELS, None),
}


def observed(build: Callable[[], Model], y: Any, weights: Any, eagerly: bool = False) -> tuple[Any, ...]:
    """All that three epochs change or show: histories, weights, states, and what the layers' losses are after each epoch."""
    added: list[Any] = []

    class Losses(Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            added.append([float(loss) for loss in self.model.losses])

    dualnet.utils.set_random_seed(7)
    model = build()
    model.run_eagerly = eagerly
    options: dict[str, Any] = {"batch_size": 8, "verbose": 0, "sample_weight": weights}
    history = [model.fit(X, y, epochs=3, shuffle=False, **options).history]
    history.append(model.fit(X, y, epochs=2, callbacks=[Losses()], **options).history)
    scores = [model.evaluate(X, y, **options) for _ in range(2)]
    state = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
    return history, scores, added, [v.numpy().tolist() for v in state], model


@pytest.mark.filterwarnings("ignore:the loss does not depend on b")
@pytest.mark.parametrize("name", MODELS)
def test_captured_and_eager(name: str) -> None:
    *captured, model = observed(*MODELS[name])
    *eager, _ = observed(*MODELS[name], eagerly=True)
    assert captured == eager
    for cls in (CapturedTrainStep, CapturedTestStep):
        assert step_source(model, cls), "the step was not captured"


@pytest.mark.filterwarnings("ignore:the loss does not depend on b")
@pytest.mark.usefixtures("device")
@pytest.mark.parametrize("name", MODELS)
def test_recorded_and_not(name: str) -> None:
    def program() -> Any:
        *results, model = observed(*MODELS[name])
        assert_recorded(model)
        assert_recorded(model, cls=CapturedTestStep)
        return results

    both(program)


@pytest.mark.usefixtures("device")
def test_losses_that_somebody_keeps_stay_as_they_are() -> None:
    dualnet.utils.set_random_seed(7)
    model = activity()
    kept, values = [], []
    for i in range(5):
        model.train_on_batch(X[i * 8 : i * 8 + 8], LABELS[i * 8 : i * 8 + 8])
        kept.append(model.layers[0].losses[0])
        values.append(float(kept[-1]))
    assert [float(loss) for loss in kept] == values
    assert len(set(values)) == 5


def test_the_mean_of_each_loss_is_over_the_samples_of_an_epoch() -> None:
    model = two_outputs()
    model.fit(X, {"a": LABELS, "b": TARGETS}, batch_size=8, epochs=3, verbose=0)
    results = model.evaluate(X, {"a": LABELS, "b": TARGETS}, batch_size=8, verbose=0, return_dict=True)
    mse = np.mean((model.predict(X, verbose=0)["b"] - TARGETS) ** 2)
    np.testing.assert_allclose(results["b_loss"], mse, rtol=1e-5)
    np.testing.assert_allclose(results["loss"], 0.5 * results["a_loss"] + 2 * results["b_loss"], rtol=1e-5)


class Doubling(layers.Layer):
    """Code of the user, which runs at every step and may add what it likes."""

    def call(self, x: Any) -> Any:
        self.add_loss(ops.sum(x) * 0.001)
        return x


def test_a_layer_of_the_user_runs_as_written() -> None:
    model = Sequential([Input((6,)), Doubling(), layers.Dense(3, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(X, LABELS, batch_size=8, epochs=2, verbose=0)
    assert not step_source(model)
