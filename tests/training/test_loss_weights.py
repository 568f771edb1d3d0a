"""Weights of losses: numbers, and variables that a callback changes; they are no weights of the model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import layers

X = np.random.default_rng(0).normal(size=(32, 3)).astype("float32")
Y = X.sum(1, keepdims=True)


class Set(dualnet.callbacks.Callback):
    """Sets a weight at the beginning of epochs and of batches."""

    def __init__(self, weight: Any, values: list[float], hook: str) -> None:
        super().__init__()
        self.weight, self.values, self.hook = weight, iter(values), hook

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if self.hook == "epoch":
            self.weight.assign(next(self.values))

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        if self.hook == "batch":
            self.weight.assign(next(self.values))


def one_output() -> Any:
    return dualnet.Sequential([dualnet.Input((3,)), layers.Dense(1, kernel_initializer="ones", name="a")])


def two_outputs() -> Any:
    x = dualnet.Input((3,))
    return dualnet.Model(x, [layers.Dense(1, kernel_initializer="ones", name=name)(x) for name in "ab"])


@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize("trainable", [False, True])
@pytest.mark.parametrize(("hook", "steps"), [("epoch", 4), ("batch", 1)])
def test_a_variable_is_read_in_every_step(eager: bool, trainable: bool, hook: str, steps: int) -> None:
    values = [1.0, 10.0, 0.0, 2.5, 3.0, 1.0, 7.0, 0.5] if hook == "batch" else [1.0, 10.0, 0.0, 2.5]
    weight = dualnet.Variable(1.0, trainable=trainable)
    model = one_output()
    model.compile(dualnet.optimizers.SGD(0.01), "mse", loss_weights=[weight], run_eagerly=eager)
    assert len(model.weights) == 2
    # one batch for each value, or four batches with it
    data = {"x": X, "y": Y, "batch_size": 8, "shuffle": False, "verbose": 0}
    model.fit(**data, epochs=len(values) * steps // 4, callbacks=[Set(weight, values, hook)])
    w, b = np.ones((3, 1)), np.zeros(1)
    for i in range(len(values) * steps):
        x, y, c = X[i % 4 * 8 :][:8], Y[i % 4 * 8 :][:8], values[i // steps]
        dy = 2 * c * (x @ w + b - y) / 8
        w, b = w - 0.01 * x.T @ dy, b - 0.01 * dy.sum(0)
    np.testing.assert_allclose(model.get_weights()[0], w, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(model.get_weights()[1], b, rtol=1e-5, atol=1e-6)
    assert float(weight) == values[-1]


@pytest.mark.parametrize("as_dict", [False, True])
def test_several_outputs(as_dict: bool, tmp_path: Path) -> None:
    a, b = dualnet.Variable(1.0), dualnet.Variable(2, dtype="int32")
    model = two_outputs()
    model.compile("sgd", ["mse", "mae"], loss_weights={"a": a, "b": b} if as_dict else [a, b])
    assert len(model.weights) == len(model.trainable_variables) == 4
    x, y = np.ones((4, 3), "float32"), np.zeros((4, 1), "float32")
    assert model.test_on_batch(x, [y, y])[0] == 9 + 2 * 3
    a.assign(10.0)
    b.assign(0)
    assert model.test_on_batch(x, [y, y])[0] == 90
    model.train_on_batch(x, [y, y])
    model.save(tmp_path / "m.keras")  # with the numbers that they are now
    again = dualnet.models.load_model(tmp_path / "m.keras")
    assert len(again.weights) == 4
    assert again.get_compile_config()["loss_weights"] == ({"a": 10, "b": 0} if as_dict else [10, 0])
    assert [float(a), float(b)] == [10, 0]


def test_in_mixed_precision() -> None:
    weight = dualnet.Variable(1.0)
    model = dualnet.Sequential([dualnet.Input((3,)), layers.Dense(1, dtype="mixed_float16", kernel_initializer="ones")])
    model.compile("sgd", "mse", loss_weights=[weight])
    x, y = np.ones((4, 3), "float32"), np.zeros((4, 1), "float32")
    results = []
    for value in (1.0, 10.0, 2.0):
        weight.assign(value)
        results.append(float(model.test_on_batch(x, y)))
    assert results == [9, 90, 18]


@pytest.mark.parametrize(
    "compiled", ["1", lambda: 1.0, np.ones(2), 1j, float("nan"), float("inf"), dualnet.Variable([1.0, 2.0])]
)
def test_what_is_no_weight_is_refused_at_compile(compiled: Any) -> None:
    with pytest.raises(ValueError, match="loss_weights must be finite numbers"):
        two_outputs().compile("sgd", "mse", loss_weights=[compiled, 1.0])


def test_numbers_of_other_types() -> None:
    x, y = np.ones((4, 3), "float32"), np.zeros((4, 1), "float32")
    for weights in (
        [2, 1.0],
        [np.float32(2), np.int64(1)],
        [np.array(2.0), True],
        [dualnet.ops.convert_to_tensor(2.0), None],
    ):
        model = two_outputs()
        model.compile("sgd", "mse", loss_weights=weights)
        assert model.test_on_batch(x, [y, y])[0] == 27
