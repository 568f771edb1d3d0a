"""``dualnet.testing.compare_devices`` and its like: what they find, and that they leave a model as it was."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Callable, Iterator
from typing import Any

import dualnet_backends as backends
import numpy as np
import pytest

import dualnet
from dualnet import Input, Model, Sequential, config, layers, ops, optimizers
from dualnet.capture.executors.base import Executor
from dualnet.testing import Comparison, compare_captured, compare_devices, compare_precision
from dualnet.testing.samples import random_data
from tests.conftest import DEVICES


@pytest.fixture(params=DEVICES[1:])
def other(request: pytest.FixtureRequest) -> str:
    """A device that is not the CPU."""
    return request.param


@pytest.fixture(autouse=True)
def on_the_cpu() -> Iterator[None]:
    with config.device("cpu"):
        dualnet.utils.clear_session()
        dualnet.utils.set_random_seed(1)
        yield


def network(optimizer: Any = "adam") -> Any:
    """One layer of a kind."""
    parts = [
        layers.Conv2D(4, 3, name="conv"),
        layers.BatchNormalization(name="norm"),
        layers.ReLU(name="relu"),
        layers.MaxPooling2D(name="pool"),
        layers.Flatten(name="flatten"),
        layers.Dropout(0.2, name="dropout"),
        layers.Dense(8, "tanh", name="hidden"),
        layers.Dense(3, "softmax", name="last"),
    ]
    model = Sequential([Input((8, 8, 2)), *parts])
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def transformer() -> Any:
    x = inputs = Input((6,), dtype="int32")
    x = layers.Embedding(10, 8)(x)
    x = layers.LayerNormalization()(x + layers.MultiHeadAttention(2, 4)(x, x))
    x = layers.GRU(5)(x)
    model = Model(inputs, [layers.Dense(4, "softmax", name="a")(x), layers.Dense(1, name="b")(x)])
    model.compile("sgd", {"a": "categorical_crossentropy", "b": "mse"})
    return model


def state(model: Any) -> list[Any]:
    return [v.numpy() for v in (*model.variables, *model.optimizer.variables, *model.metrics_variables)]


@pytest.mark.parametrize("make", [network, transformer])
def test_the_devices_agree(make: Callable[[], Any], other: str) -> None:
    model = make()
    result = compare_devices(model, devices=("cpu", other), steps=2, batch_size=8)
    assert result.ok, result.fault
    assert result.fault is None
    assert result.title == f"cpu and {other}"
    assert result.worst is not None
    assert 0 <= result.worst.relative <= 1e-4 == result.tolerance
    assert {d.step for d in result.differences} == {1, 2}
    assert {d.what for d in result.differences} == {"output", "gradient", "weight"}
    named = {d.layer for d in result.differences}
    assert named >= {layer.name for layer in model.layers if not isinstance(layer, layers.InputLayer)}


def test_the_model_is_what_it_was(other: str) -> None:
    model = network()
    x, y = random_data(model, 32)
    model.fit(x, y, epochs=2, batch_size=8, verbose=0)
    before, step = state(model), next(iter(model._captured_steps.values()))
    for compare in (
        lambda: compare_devices(model, x, y, devices=("cpu", other), batch_size=8),
        lambda: compare_precision(model, x, y),
        lambda: compare_captured(model, x, y),
    ):
        assert compare().ok
        assert model._backend().device == "cpu"
        for a, b in zip(before, state(model), strict=True):
            np.testing.assert_array_equal(a, b)
    assert step in model._captured_steps.values()
    # It draws the same masks afterwards as one that was not compared.
    model.fit(x, y, batch_size=8, verbose=0)
    dualnet.utils.clear_session()
    dualnet.utils.set_random_seed(1)
    twin = network()
    twin.fit(x, y, epochs=2, batch_size=8, verbose=0)
    twin.fit(x, y, batch_size=8, verbose=0)
    for a, b in zip(model.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


FAULTS: dict[str, tuple[str, Callable[..., Any], str, str]] = {
    # what is done wrong on one device: (kernel, from its result, the layer that is to be named, what differs in it)
    "a product": ("affine", lambda y, x, *_: y * 1.001 if x.shape[-1] == 36 else y, "hidden", "output"),
    "a softmax": ("softmax", lambda y, *_: y + 0.001, "last", "output"),
    "an activation": ("relu", lambda y, *_: y * 1.01, "relu", "output"),
    "a gradient of an activation": ("relu_gradient", lambda dx, *_: dx * 1.01, "relu", "gradient"),
    "a gradient of a loss": ("sparse_cross_entropy_gradient", lambda dz, *_: dz * 1.01, "last", "gradient"),
    "a mask": ("dropout", lambda result, *_: (result[0][::-1], *result[1:]), "dropout", "output"),
    "not a number": ("softmax", lambda y, *_: y * math.nan, "last", "output"),
    "an update": ("adam", lambda _, w, *__: w.__imul__(0.999), "conv", "weight"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found_in_its_layer(fault: str, other: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel, wrong, layer, what = FAULTS[fault]
    backend = backends.get(other)
    right = getattr(backend, kernel)

    def faulty(*args: Any, **kwargs: Any) -> Any:
        result = right(*args, **kwargs)
        changed = wrong(result, *args)
        if "out" in kwargs and kwargs["out"] is not None:
            kwargs["out"][...] = changed
        return None if kernel == "adam" else changed

    model = network()
    monkeypatch.setattr(backend, kernel, faulty)
    result = compare_devices(model, devices=("cpu", other), steps=2, batch_size=8)
    assert not result.ok
    assert result.fault is not None
    assert (result.fault.layer, result.fault.what, result.fault.step) == (layer, what, 1)
    assert result.fault.relative > result.tolerance
    monkeypatch.undo()
    assert compare_devices(model, devices=("cpu", other), steps=1, batch_size=8).ok


class Lossy(layers.Layer):
    """A difference of large numbers, of which float32 keeps nothing."""

    def call(self, x: Any) -> Any:
        return (x + 1e7) - 1e7


def test_rounding_is_found_in_its_layer() -> None:
    model = Sequential([Input((4,)), layers.Dense(4, name="before"), Lossy(name="lossy"), layers.Dense(1)])
    model.compile("sgd", "mse")
    result = compare_precision(model, steps=1)
    assert result.fault is not None
    assert (result.fault.layer, result.fault.kind, result.fault.what) == ("lossy", "Lossy", "output")
    assert "weights after the update" in result.skipped[0]
    assert compare_precision(network(), steps=2).ok


def test_a_replay_that_does_another_thing_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    model = network("sgd")
    result = compare_captured(model)
    assert result.ok
    assert len(result.skipped) == 1, "the step is captured"
    call = Executor.__call__

    @functools.wraps(call)  # or it were code of the user, and nothing would be captured
    def twice(self: Any, *args: Any) -> Any:
        call(self, *args)
        return call(self, *args)

    monkeypatch.setattr(Executor, "__call__", twice)
    result = compare_captured(model)
    assert result.fault is not None
    assert (result.fault.step, result.fault.what) == (3, "weight"), "the first two steps are run as written"


def test_what_is_skipped_is_said() -> None:
    class Own(Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = layers.Dense(1)

        def call(self, x: Any) -> Any:
            return self.dense(x)

        def train_step(self, data: Any) -> Any:
            return super().train_step(data)

    model = Own()
    model.compile("sgd", "mse")
    x, y = np.ones((8, 3), "float32"), np.ones((8, 1), "float32")
    model(x)
    with pytest.raises(ValueError, match="inputs of model .* are not known"):
        compare_precision(model)
    result = compare_captured(model, x, y, batch_size=4)
    assert result.ok
    assert any("train_step of Own" in note for note in result.skipped)
    assert any("not captured" in note for note in result.skipped)


def test_wrong_calls() -> None:
    model = Sequential([Input((4,)), layers.Dense(1)])
    with pytest.raises(ValueError, match="no optimizer and loss: call compile"):
        compare_precision(model)
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="steps must be a positive whole number, got 0"):
        compare_precision(model, steps=0)
    with pytest.raises(ValueError, match="no device is called 'nowhere'"):
        compare_devices(model, devices=("cpu", "nowhere"))


def test_half_precision_has_another_tolerance() -> None:
    model = Sequential([Input((4,)), layers.Dense(8, dtype="mixed_float16"), layers.Dense(1)])
    model.compile(optimizers.SGD(0.01), "mse")
    result = compare_precision(model, steps=1)
    assert result.tolerance == 2e-2
    assert result.ok, result.fault
    assert result.worst is not None
    assert result.worst.relative > 1e-5


def test_double_precision_has_another_tolerance(other: str) -> None:
    model = Sequential([Input((4,)), layers.Dense(8, "tanh", dtype="float64"), layers.Dense(1, dtype="float64")])
    model.compile("sgd", "mse")
    result = compare_devices(model, devices=("cpu", other), steps=1, batch_size=4)
    assert result.tolerance == 1e-9
    assert result.ok, result.fault


def test_json_has_no_infinities() -> None:
    model = Sequential([Input((4,)), layers.Lambda(lambda x: ops.log(x), output_shape=(4,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    x = np.full((4, 4), 1e-39, "float32")
    x[0, 0] = 0
    result = compare_precision(model, x, np.ones((4, 1)), steps=1)
    loaded = json.loads(result.to_json())
    assert loaded["compared"] == "float32 and float64"
    assert loaded["ok"] == result.ok
    assert len(loaded["differences"]) == len(result.differences)
    empty = Comparison("nothing", 0.1)
    assert empty.ok
    assert empty.worst is empty.fault is None


def test_a_graph_that_ends_early(other: str) -> None:
    """Where a device records steps, what it leaves to the model is said."""
    accumulating = network(optimizers.Adam(0.01, gradient_accumulation_steps=2)).to(other)
    result = compare_captured(accumulating)
    assert result.ok, result.fault
    records = backends.get(other).can_record
    assert any("ends with the phase compute" in note for note in result.skipped) == records
