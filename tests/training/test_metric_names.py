"""Metrics with one name are kept apart in all results."""

from __future__ import annotations

from typing import Any

import numpy as np

import dualnet
from dualnet import layers, metrics

X, Y = np.ones((4, 3), "float32"), np.zeros((4, 1), "float32")


class Counted(layers.Layer):
    """Adds a number to a metric called "m"."""

    def __init__(self, number: float) -> None:
        super().__init__()
        self.number, self.m = number, metrics.Mean(name="m")

    def call(self, x: Any) -> Any:
        self.m.update_state(self.number)
        return x


def model_of(*compiled: Any) -> Any:
    model = dualnet.Sequential([layers.Input((3,)), Counted(2.0), Counted(5.0), layers.Dense(1)])
    model.compile(dualnet.optimizers.SGD(0.0), "mse", metrics=list(compiled))
    return model


def test_of_layers_and_of_compile() -> None:
    model = model_of(metrics.MeanSquaredError(name="m"))
    loss = model.test_on_batch(X, Y)[0]
    want = {"loss": loss, "m": loss, "m_1": 2.0, "m_2": 5.0}
    assert model.evaluate(X, Y, verbose=0, return_dict=True) == want
    assert model.evaluate(X, Y, verbose=0) == [loss, loss, 2.0, 5.0]
    assert model.fit(X, Y, verbose=0, validation_data=(X, Y)).history == {
        name: [value] for prefix in ("", "val_") for name, value in ((prefix + n, v) for n, v in want.items())
    }


def test_a_metric_called_loss_does_not_hide_the_loss() -> None:
    model = model_of(metrics.MeanAbsoluteError(name="loss"))
    y = model.predict(X, verbose=0).astype("float64")
    history = model.fit(X, Y, verbose=0).history
    np.testing.assert_allclose([history["loss"][0], history["loss_1"][0]], [(y**2).mean(), abs(y).mean()], rtol=1e-5)
