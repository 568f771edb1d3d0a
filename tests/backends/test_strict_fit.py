"""A whole fit on the strict device: no transfer inside a step, and the weights that the CPU gives.

The random numbers are the same bits; sums are not, where a kernel of the CPU adds in another order than the reference.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakSet

import numpy as np
import pytest

import dualnet
from dualnet import Input, Model, Sequential, layers, optimizers
from dualnet.capture.executors.python import TrainProgram

from . import strict

RANDOM = np.random.default_rng(3)
X = RANDOM.normal(size=(50, 6)).astype("float32")
LABELS = RANDOM.integers(0, 3, 50)
ONE_HOT = np.eye(3, dtype="float32")[LABELS]
WEIGHTS = RANDOM.uniform(0.5, 2, 50).astype("float32")


def network(last: str = "softmax", units: int = 3) -> Sequential:
    return Sequential([
        Input((6,)),
        layers.Dense(8, activation="relu"),
        layers.Dropout(0.3),
        layers.Dense(units, activation=last),
    ])  # fmt: skip


Case = tuple[Callable[[], Any], dict[str, Any], Any, dict[str, Any]]
CASES: dict[str, Case] = {
    "adam": (network, {"optimizer": optimizers.Adam, "loss": "sparse_categorical_crossentropy"}, LABELS, {}),
    "adam, clipnorm, sample weights": (
        network,
        {"optimizer": lambda: optimizers.Adam(0.01, clipnorm=0.5), "loss": "sparse_categorical_crossentropy"},
        LABELS,
        {"sample_weight": WEIGHTS},
    ),
    "adam, amsgrad": (
        network,
        {"optimizer": lambda: optimizers.Adam(0.01, amsgrad=True), "loss": "categorical_crossentropy"},
        ONE_HOT,
        {},
    ),
    "momentum": (
        network,
        {"optimizer": lambda: optimizers.SGD(0.1, momentum=0.9), "loss": "categorical_crossentropy"},
        ONE_HOT,
        {"sample_weight": WEIGHTS},
    ),
    "nesterov, global clipnorm": (
        network,
        {
            "optimizer": lambda: optimizers.SGD(0.1, momentum=0.9, nesterov=True, global_clipnorm=0.3),
            "loss": "sparse_categorical_crossentropy",
        },
        LABELS,
        {"class_weight": {0: 1.0, 1: 2.0, 2: 0.5}},
    ),
    "sgd, clipvalue, logits": (
        lambda: network("linear"),
        {
            "optimizer": lambda: optimizers.SGD(0.1, clipvalue=0.01),
            "loss": lambda: dualnet.losses.SparseCategoricalCrossentropy(from_logits=True),
        },
        LABELS,
        {},
    ),
    "binary": (
        lambda: network("sigmoid", 1),
        {"optimizer": optimizers.Adam, "loss": "binary_crossentropy"},
        (LABELS > 1).astype("int32"),
        {"sample_weight": WEIGHTS},
    ),
    "regression": (
        lambda: network("linear", 1),
        {"optimizer": optimizers.SGD, "loss": "mse", "metrics": ["mae"]},
        X[:, :1] * 2,
        {},
    ),
}


def fitted(device: str, case: Case, epochs: int = 2, **more: Any) -> tuple[Any, Any]:
    """(weights, history) after training on a device, from the same seed."""
    build, settings, y, options = case
    dualnet.utils.set_random_seed(11)
    with dualnet.device(device):
        model = build()
        made = {k: v() if callable(v) else v for k, v in settings.items()}
        model.compile(**{"metrics": ["accuracy"], **made})
        history = model.fit(X, y, epochs=epochs, verbose=0, **{"batch_size": 16, **options, **more})
        return model.get_weights(), history.history


@pytest.fixture
def steps_are_strict(monkeypatch: pytest.MonkeyPatch) -> None:
    """Training, test and prediction steps run with transfers forbidden, but for each model's first, which makes its metrics."""
    begun: WeakSet[Any] = WeakSet()

    def strictly(step: Callable[..., Any]) -> Callable[..., Any]:
        def inside(self: Any, data: Any) -> Any:
            if self not in begun:
                begun.add(self)
                return step(self, data)
            with strict.step():
                return step(self, data)

        return inside

    for name in ("train_step", "test_step", "predict_step"):
        monkeypatch.setattr(Model, name, strictly(getattr(Model, name)))
    strict.counts.reset()


def same_numbers(got: dict[str, list[float]], want: dict[str, list[float]]) -> None:
    assert list(got) == list(want)
    for name, values in want.items():
        assert got[name] == pytest.approx(values, rel=1e-5), name


@pytest.mark.usefixtures("steps_are_strict")
@pytest.mark.parametrize("name", CASES)
def test_fit(name: str) -> None:
    weights, history = fitted("strict:0", CASES[name])
    assert strict.counts.steps == 7  # 4 per epoch, without the first
    expected, expected_history = fitted("cpu", CASES[name])
    for got, want in zip(weights, expected):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)
    same_numbers(history, expected_history)
    assert len(history["loss"]) == 2


@pytest.mark.parametrize("name", CASES)
def test_recorded_steps(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same for steps that are repeated from a record, as ``fit`` does when nothing keeps it from it."""
    train = TrainProgram.run

    def strictly(self: Any, *args: Any) -> Any:
        with strict.step():
            return train(self, *args)

    monkeypatch.setattr(TrainProgram, "run", strictly)
    strict.counts.reset()
    weights, history = fitted("strict:0", CASES[name])
    assert strict.counts.steps == 4  # of 4 per epoch, of which one is smaller: the first is run, the second recorded
    expected, expected_history = fitted("cpu", CASES[name])
    for got, want in zip(weights, expected):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)
    same_numbers(history, expected_history)


@pytest.mark.usefixtures("steps_are_strict")
def test_the_host_waits_once_per_epoch_however_many_steps() -> None:
    waits = []
    for batch in (25, 5):
        strict.counts.reset()
        fitted("strict:0", CASES["adam"], epochs=3, batch_size=batch)
        waits.append(strict.counts.to_host)
        assert strict.counts.steps == 3 * 50 // batch - 1
    assert waits[0] == waits[1]


@pytest.mark.usefixtures("steps_are_strict")
def test_validation_evaluation_and_prediction() -> None:
    _, history = fitted("strict:0", CASES["adam"], validation_split=0.2)
    _, expected = fitted("cpu", CASES["adam"], validation_split=0.2)
    same_numbers(history, expected)
    assert "val_accuracy" in history
    results = []
    for device in ("strict:0", "cpu"):
        dualnet.utils.set_random_seed(5)
        with dualnet.device(device):
            model = network()
            model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
            evaluated = model.evaluate(X, LABELS, batch_size=16, sample_weight=WEIGHTS, verbose=0)
            results.append((evaluated, model.predict(X, batch_size=16, verbose=0).tolist()))
    assert results[0] == results[1]


def test_the_fixture_would_see_a_transfer(steps_are_strict: None) -> None:
    class Peeking(Sequential):
        def compute_loss(self, *args: Any, **kwargs: Any) -> Any:
            loss = super().compute_loss(*args, **kwargs)
            float(loss)
            return loss

    with dualnet.device("strict:0"):
        model = Peeking([Input((6,)), layers.Dense(1)])
        model.compile("sgd", "mse")
        with pytest.raises(strict.TransferError, match="inside a step"):
            model.fit(X, X[:, :1], batch_size=16, verbose=0)
