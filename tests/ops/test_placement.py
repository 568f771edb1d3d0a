"""Where an op computes: where its tensors lie, whatever the device in use; tensors of two devices are one error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dualnet_backends as backends
import numpy as np
import pytest

import dualnet
from dualnet import layers, losses, metrics, ops, tree
from dualnet.core.tensor import Tensor

from ..conftest import DEVICES
from .harness import ROWS, Row, tensors

# (where the tensors lie, which device is in use)
PLACES = [("cpu", "strict:0"), ("strict:0", "cpu")]
PLACES += [("cpu", "gpu:0"), ("gpu:0", "cpu")] if "gpu:0" in DEVICES else []
places = pytest.mark.parametrize(("there", "in_use"), PLACES)


def on(device: str, *arrays: Any) -> list[Tensor]:
    return list(tensors(backends.get(device), arrays, "float32"))


def devices(structure: Any) -> set[str]:
    return {y.device for y in tree.flatten(structure) if isinstance(y, Tensor)}


@places
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_an_op_computes_where_its_tensors_lie(row: Row, there: str, in_use: str) -> None:
    for sample, args in row.draws():
        if not any(isinstance(x, np.ndarray) for x in args):
            continue
        with backends.device(in_use):
            y = row(*tensors(backends.get(there), args), **sample.options)
        assert devices(y) <= {there}, sample


def _layer(layer: Any) -> Callable[[Tensor], Any]:
    return lambda x: layer(x)


class _WithPositions(layers.Layer):
    def call(self, x: Any) -> Any:
        return x + ops.arange(x.shape[-1], dtype=x.dtype)


def _masked(x: Tensor) -> Tensor:
    x._keras_mask = np.array([True, False, True])
    return x


THINGS: dict[str, Callable[[Tensor], Any]] = {
    "a list beside it": lambda x: x + [1.0, 2.0, 3.0, 4.0],  # noqa: RUF005
    "an array beside it": lambda x: ops.multiply(np.ones(4, "float32"), x),
    "a list as an index": lambda x: x[[0, 2]],
    "an array as an index": lambda x: x[:, np.array([1, 1])],
    "an array in an option": lambda x: ops.average(np.ones((3, 4), "float32"), weights=x),
    "evenly spaced": lambda x: (ops.linspace(x, 1.0, 3), ops.logspace(0.0, x, 3), ops.geomspace(x + 3, 9.0, 3)),
    "a spectrogram": lambda x: ops.stft(ops.reshape(x, -1), 4, 2, 4),
    "a layer that is built by the call": lambda x: layers.Dense(2)(x),
    "a layer that makes tensors": lambda x: _WithPositions()(x),
    "a recurrent layer": lambda x: layers.LSTM(2)(x[None]),
    "losses": lambda x: [
        losses.MeanSquaredError()(np.ones((3, 4), "float32"), x),
        losses.MeanSquaredError()(x, np.ones((3, 4), "float32")),
        losses.mean_absolute_error(x, np.ones((3, 4), "float32")),
        losses.Circle()(np.array([0, 1, 0]), x),
        losses.circle(np.array([0, 1, 0]), x),
        losses.ctc(np.array([[1, 2]]), x[None]),
        losses.CTC()(np.array([[1, 2]]), x[None]),
        losses.MeanSquaredError()(np.ones((3, 4), "float32"), _masked(x + 0)),
    ],
    "a gradient of a list's rows": lambda x: ops.sum(ops.take(x, [0, 0, 1], axis=0)),
}


@places
@pytest.mark.parametrize("function", THINGS.values(), ids=THINGS.keys())
def test_what_is_made_on_the_way_is_beside_the_tensors(function: Any, there: str, in_use: str) -> None:
    (x,) = on(there, np.random.default_rng(0).random((3, 4)))
    with backends.device(in_use):
        assert devices(function(x)) == {there}


@places
def test_metrics_take_values_of_either_device(there: str, in_use: str) -> None:
    x, y = on(there, np.ones((3, 4)), np.zeros((3, 4)))
    with backends.device(in_use):
        for metric in (metrics.RootMeanSquaredError(), metrics.MeanSquaredError(), metrics.BinaryAccuracy()):
            metric.update_state(y.numpy(), _masked(x + 0))
            metric.update_state(y, x, sample_weight=np.array([1.0, 0.0, 1.0]))
            assert np.isfinite(float(metric.result()))
            assert devices(metric.result()) == {in_use}


@places
def test_without_a_tensor_the_device_in_use_decides(there: str, in_use: str) -> None:
    with backends.device(in_use):
        assert ops.add(np.ones(2), [1.0, 2.0]).device == in_use
        assert layers.Dense(2)(np.ones((1, 2), "float32")).device == in_use


@places
def test_an_array_goes_where_the_weights_lie(there: str, in_use: str) -> None:
    """Also to those of layers inside, whatever the device in use."""
    inputs = layers.Input((4,))
    with backends.device(there):
        outputs = layers.Dense(2)(inputs)
        model, function = dualnet.Model(inputs, outputs), dualnet.Function(inputs, outputs)
    with backends.device(in_use):
        array = np.ones((3, 4), "float32")
        assert {model(array).device, function(array).device, model.layers[-1](array).device} == {there}
        assert function(on(there, array)[0]).device == there


@pytest.mark.parametrize("in_use", DEVICES)
def test_text_is_on_the_host_and_its_numbers_on_the_device_in_use(in_use: str) -> None:
    with backends.device(in_use):
        lookup = layers.StringLookup(vocabulary=["a", "b"], output_mode="multi_hot")
        text = np.array([["a"], ["c"]])
        inputs = layers.Input((1,), dtype="string")
        model = dualnet.Model(inputs, layers.Dense(2)(lookup(inputs)))
        assert {lookup(text).device, model(text).device} == {in_use}


@places
def test_tensors_of_two_devices_are_refused(there: str, in_use: str) -> None:
    (x,), (y,) = on(there, np.ones((3, 3))), on(in_use, np.ones((3, 3)))
    message = "expected tensors of one device, got tensors on .* and .*: copy one to the device of the other"
    for function in (
        lambda: x + y,
        lambda: y + x,
        lambda: ops.matmul(x, y),
        lambda: ops.concatenate([x, y]),
        lambda: ops.where(x > 0, x, y),
        lambda: ops.where(x > 0, 1.0, y),
        lambda: ops.einsum("ij,jk->ik", x, y),
        lambda: ops.stack([x, y]),
        lambda: ops.clip(x, 0, y),
    ):
        with pytest.raises(ValueError, match=message):
            function()
    with backends.device(in_use):
        layer = layers.Dense(2)
        layer(y)
        with pytest.raises(ValueError, match=f"dense: {message}"):
            layer(x)


def test_the_advice_for_two_devices() -> None:
    x, y = on("cpu", np.ones(2))[0], on("strict:0", np.ones(2))[0]
    with pytest.raises(ValueError) as error:
        x + y
    assert "add: expected tensors of one device, got tensors on cpu and strict:0" in str(error.value)
    with dualnet.device("strict:0"):  # as it says
        x = dualnet.ops.convert_to_tensor(x.numpy())
    assert (x + y).device == "strict:0"
