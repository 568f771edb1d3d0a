"""Limits of epochs and steps, for trying a program out; and the other switches of dualnet.config that Keras has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import callbacks, config, layers
from dualnet.core import settings

X = np.arange(20.0)[:, None]


@pytest.fixture(autouse=True)
def unlimited() -> Iterator[None]:
    settings._limits.clear()
    yield
    settings._limits.clear()


class Seen(callbacks.Callback):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Any] = []

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.seen.append(f"epoch {epoch}")

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        self.seen.append(batch)

    def on_test_batch_begin(self, batch: int, logs: Any = None) -> None:
        self.seen.append(("test", batch))

    def on_predict_batch_begin(self, batch: int, logs: Any = None) -> None:
        self.seen.append(("predict", batch))


def model() -> Any:
    made = dualnet.Sequential([layers.Dense(1)])
    made.compile("sgd", "mse")
    return made


def test_epochs_and_steps_are_limited_as_in_keras() -> None:
    config.set_max_epochs(2)
    config.set_max_steps_per_epoch(3)
    seen, net = Seen(), model()
    net.fit(X, X, batch_size=2, epochs=5, verbose=0, callbacks=[seen], validation_data=(X, X))
    tests = [("test", 0), ("test", 1), ("test", 2)]
    assert seen.seen == ["epoch 0", 0, 1, 2, *tests, "epoch 1", 0, 1, 2, *tests]
    assert net.history.params == {"verbose": 0, "epochs": 2, "steps": 3}
    seen.seen.clear()
    net.evaluate(X, X, batch_size=2, verbose=0, callbacks=[seen])
    assert net.predict(X, batch_size=2, verbose=0, callbacks=[seen]).shape == (6, 1)
    assert seen.seen == [*tests, ("predict", 0), ("predict", 1), ("predict", 2)]


def test_a_limit_is_no_demand() -> None:
    config.set_max_epochs(7)
    config.set_max_steps_per_epoch(100)
    seen = Seen()
    model().fit(((X, X) for _ in range(2)), epochs=1, verbose=0, callbacks=[seen])
    assert seen.seen == ["epoch 0", 0, 1]


def test_data_without_end_needs_no_steps_under_a_limit() -> None:
    endless = dualnet.data.Dataset.from_tensor_slices((X, X)).repeat().batch(4)
    config.set_max_steps_per_epoch(2)
    assert model().fit(endless, verbose=0).params["steps"] == 2


def test_the_environment_sets_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUALNET_MAX_EPOCHS", "1")
    assert config.max_epochs() == 1
    assert model().fit(X, X, epochs=3, verbose=0).epoch == [0]
    monkeypatch.setenv("DUALNET_MAX_STEPS_PER_EPOCH", "few")
    settings._limits.clear()
    with pytest.raises(ValueError, match="positive whole number or None, got 'few'"):
        config.max_steps_per_epoch()


@pytest.mark.parametrize("value", [0, -1, 1.5, "3", True])
def test_wrong_limits_are_refused(value: Any) -> None:
    for change in (config.set_max_epochs, config.set_max_steps_per_epoch):
        with pytest.raises(ValueError, match="positive whole number or None"):
            change(value)


def test_other_switches() -> None:
    assert config.is_traceback_filtering_enabled()
    config.disable_traceback_filtering()
    assert not config.is_traceback_filtering_enabled()
    config.enable_traceback_filtering()
    assert config.is_traceback_filtering_enabled()
    with pytest.raises(ValueError, match="set_device"):
        config.set_backend("jax")
    with pytest.warns(UserWarning, match="never runs code from a file"):
        config.enable_unsafe_deserialization()


@pytest.mark.parametrize("epochs", [{"epochs": 0}, {"epochs": 2, "initial_epoch": 2}])
def test_no_epochs(epochs: Any) -> None:
    model = dualnet.Sequential([dualnet.Input((2,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    before = model.get_weights()
    x, y = np.ones((4, 2)), np.ones((4, 1))
    history = model.fit(x, y, validation_data=(x, y), verbose=0, **epochs)
    assert history.history == {}
    assert history.epoch == []
    assert model.history is history
    for a, b in zip(before, model.get_weights()):
        np.testing.assert_array_equal(a, b)
    for wrong in (-1, False, 1.5):
        with pytest.raises(ValueError, match="epochs must be a positive whole number"):
            model.fit(x, y, epochs=wrong, verbose=0)
