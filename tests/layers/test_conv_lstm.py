"""Convolutional LSTMs: drawn combinations of arguments against Keras on JAX, and what the rows of the table do not reach."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import layers, models, ops
from dualnet.layers.rnn.conv_lstm_cell import ConvLSTMCell

from .rnn_cases import ACTIVATIONS, RECURRENT, RNNCase
from .test_rnn_parity import ours, theirs

CHUNK = 12


class ConvCase(RNNCase):
    """A case whose mask Keras applies step by step."""

    def make(self, module: Any = layers) -> Any:
        layer = super().make(module)
        return layer if module is layers or self.mask is None else StepByStep(layer)


class StepByStep:
    """A layer of Keras, called cell by cell, with the mask as its documentation says: on JAX, Keras 3.15 applies a mask to states
    with spatial axes only if the shapes happen to fit, and then to the wrong axes."""

    def __init__(self, layer: Any) -> None:
        self._layer = layer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._layer, name)

    def __call__(self, x: Any, initial_state: Any, mask: Any) -> Any:
        from keras import ops
        from keras.src.backend import set_keras_mask

        layer = self._layer
        states = initial_state or layer.get_initial_state(x.shape[0])
        order = range(x.shape[1])
        before, outputs = states[0], []
        for t in order[::-1] if layer.go_backwards else order:
            y, new = layer.cell(x[:, t], states)
            valid = ops.reshape(mask[:, t], (-1, *(1,) * (y.ndim - 1)))
            y = ops.where(valid, y, ops.zeros_like(y) if layer.zero_output_for_mask else before)
            states, before = [ops.where(valid, a, b) for a, b in zip(new, states)], y
            outputs.append(y)
        if layer.return_sequences:
            y = ops.stack(outputs, axis=1)
            set_keras_mask(y, mask)
        return [y, *states] if layer.return_state else y


def draw(number: int) -> ConvCase:
    """The case of a number."""
    random = np.random.default_rng(number)

    def flip(probability: float = 0.5) -> bool:
        return bool(random.random() < probability)

    def sizes(low: int, high: int) -> Any:
        numbers = [int(n) for n in random.integers(low, high, rank)]
        return numbers if flip() else numbers[0]

    rank = 1 + number % 3
    batch, steps, channels, filters = (int(n) for n in random.integers(1, (4, 5, 4, 5)))
    spatial = tuple(int(n) for n in random.integers(4, 7 if rank < 3 else 6, rank))
    arguments: dict[str, Any] = {
        "filters": filters,
        "kernel_size": sizes(1, 4),
        "padding": "same" if flip() else "valid",
        "data_format": "channels_first" if flip(0.3) else "channels_last",
        "activation": ACTIVATIONS[random.integers(len(ACTIVATIONS))],
        "recurrent_activation": RECURRENT[random.integers(len(RECURRENT))],
        **{
            name: flip()
            for name in ("return_sequences", "return_state", "go_backwards", "use_bias", "unit_forget_bias")
        },
    }
    if flip(0.4):
        arguments["strides"] = sizes(1, 3)
    elif flip(0.4):
        arguments |= {"dilation_rate": sizes(1, 3), "kernel_size": sizes(1, 3)}
    if flip(0.2):  # which is for training
        arguments |= {"dropout": 0.3, "recurrent_dropout": 0.2}
    masked = flip(0.4)
    if masked and flip():
        arguments["zero_output_for_mask"] = True
    layer = f"ConvLSTM{rank}D", arguments
    last = arguments["data_format"] == "channels_last"
    x = random.uniform(-1, 1, (batch, steps, *spatial, channels) if last else (batch, steps, channels, *spatial))
    states = None
    if flip(0.4):
        shape = getattr(layers, layer[0])(filters, **{k: v for k, v in arguments.items() if k != "filters"})
        one = shape.cell.compute_output_shape((batch, *x.shape[2:]))[0]
        states = [random.uniform(-1, 1, one).astype("float32") for _ in range(2)]
    mask = random.random((batch, steps)) < 0.6 if masked else None
    return ConvCase(layer, x.astype("float32"), states, mask, number)


@pytest.mark.parametrize("chunk", range(7))
def test_values_and_gradients(chunk: int, keras: Any) -> None:
    for number in range(CHUNK * chunk, CHUNK * (chunk + 1)):
        case = draw(number)
        got, expected = ours(case), theirs(case, keras)
        for what, a, b in zip(("outputs", "masks", "gradients"), got, expected):
            assert len(a) == len(b), f"{what} of case {number}: {case.layer}"
            for i, (p, q) in enumerate(zip(a, b)):
                message = f"{what} {i} of case {number}: {case.layer}"
                assert (p is None) == (q is None), message
                if p is not None:
                    assert p.shape == q.shape, message
                    np.testing.assert_allclose(p, q, rtol=1e-4, atol=2e-5, err_msg=message)


def test_cases_reach_every_argument() -> None:
    cases = [draw(number) for number in range(7 * CHUNK)]
    text = str([case.layer for case in cases])
    for part in (
        "'same'",
        "'valid'",
        "channels_first",
        "strides",
        "dilation_rate",
        "recurrent_dropout",
        "zero_output_for_mask",
    ):
        assert part in text
    assert {case.layer[0] for case in cases} == {"ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"}
    assert {case.mask is None for case in cases} == {case.states is None for case in cases} == {True, False}


X = np.random.default_rng(0).normal(size=(2, 4, 5, 6, 2)).astype("float32")


def test_the_layer_is_its_cell_step_by_step() -> None:
    layer = layers.ConvLSTM2D(3, 2, strides=2, return_sequences=True)
    outputs = layer(X).numpy()
    step_by_step = layers.RNN(layer.cell, return_sequences=True)
    states = layer.cell.get_initial_state(2)
    for t in range(X.shape[1]):
        y, states = layer.cell(X[:, t], states)
        np.testing.assert_allclose(y, outputs[:, t], rtol=1e-5, atol=1e-6)
    assert isinstance(step_by_step.cell, ConvLSTMCell)


def test_dropout_has_a_mask_for_each_gate_that_is_the_same_at_all_steps() -> None:
    options: dict[str, Any] = {"return_sequences": True, "seed": 3, "kernel_initializer": "ones", "use_bias": False}
    layer = layers.ConvLSTM1D(
        1, 1, dropout=0.5, activation=None, recurrent_activation=None, recurrent_initializer="zeros", **options
    )
    cell = layer.cell
    sequences = ops.ones((1, 3, 8, 1))
    y = layer(sequences, training=True).numpy()[0, :, :, 0]
    cell.seed_generator.counter = 0
    i, f, g, o = (m.numpy()[0, :, 0] for m in cell.get_dropout_mask(sequences[:, 0]))
    c = np.zeros(8)
    for t in range(3):
        c = f * c + i * g
        np.testing.assert_allclose(y[t], o * c)
    assert len({tuple(m) for m in (i, f, g, o)}) == 4
    cell.reset_dropout_mask()
    for rate in (0.0, 1.0):  # as in Keras
        plain = layers.ConvLSTM2D(2, 2, dropout=rate, recurrent_dropout=rate)
        np.testing.assert_array_equal(plain(X, training=True), plain(X))
    recurrent = layers.ConvLSTM2D(2, 2, recurrent_dropout=0.5, padding="same", seed=1)
    assert (recurrent(X, training=True).numpy() != recurrent(X).numpy()).any()
    assert cell._recurrent_dropout_mask is None


def test_stateful_and_captured_steps() -> None:
    def network() -> dualnet.Sequential:
        dualnet.utils.set_random_seed(1)
        net = dualnet.Sequential(
            [
                dualnet.Input(batch_shape=(2, 4, 5, 6, 2)),
                layers.ConvLSTM2D(
                    2, 2, stateful=True, return_sequences=True, dropout=0.2, recurrent_dropout=0.2, seed=1
                ),
                layers.ConvLSTM2D(1, 2),
                layers.Flatten(),
                layers.Dense(1),
            ]
        )
        net.compile("adam", "mse")
        return net

    y = np.ones((2, 1), "float32")
    captured, eager = network(), network()
    eager.run_eagerly = True
    for _ in range(5):
        assert captured.train_on_batch(X, y) == eager.train_on_batch(X, y)
    for a, b in zip(captured.get_weights(), eager.get_weights()):
        np.testing.assert_array_equal(a, b)
    layer = captured.layers[0]
    assert [v.shape for v in layer.states] == [(2, 4, 5, 2)] * 2
    first, second = layer(X).numpy(), layer(X).numpy()
    layer.reset_state()
    assert (first != second).any()
    zero = layer(X).numpy()
    layer.reset_state()
    np.testing.assert_array_equal(layer(X), zero)


def test_weights_are_at_the_paths_of_keras(tmp_path: Path, keras: Any) -> None:
    nets = []
    for k in (dualnet, keras):
        frames = k.Input((3, 5, 6, 2))
        y = k.layers.ConvLSTM2D(2, 3, return_sequences=True, padding="same")(frames)
        nets.append(k.Model(frames, k.layers.GlobalAveragePooling2D()(k.layers.ConvLSTM2D(2, 2, strides=2)(y))))
    net, other = nets
    x = X[:, :3]
    net.save(tmp_path / "ours.keras")
    again = keras.models.load_model(tmp_path / "ours.keras")
    np.testing.assert_allclose(np.asarray(again(x)), net(x), rtol=1e-5, atol=1e-6)
    other.save(tmp_path / "theirs.keras")
    np.testing.assert_allclose(
        models.load_model(tmp_path / "theirs.keras")(x), np.asarray(other(x)), rtol=1e-5, atol=1e-6
    )
    assert [w.path.split("/")[-2:] for w in net.weights[:3]] == [w.path.split("/")[-2:] for w in other.weights[:3]]


def test_errors() -> None:
    with pytest.raises(ValueError, match="only support static input shapes for the spatial dimension"):
        layers.ConvLSTM2D(2, 2)(dualnet.Input((3, None, 6, 2)))
    with pytest.raises(ValueError, match="not compatible with `dilation_rate > 1`"):
        layers.ConvLSTM1D(2, 2, strides=2, dilation_rate=2)
    with pytest.raises(ValueError, match="`filters`"):
        layers.ConvLSTM1D(0, 2)
    with pytest.raises(ValueError, match="padding must be"):
        layers.ConvLSTM1D(2, 2, padding="causal")
    with pytest.raises(ValueError, match="expected ndim=5"):
        layers.ConvLSTM2D(2, 2)(np.ones((2, 5, 6, 2)))
    with pytest.raises(ValueError, match="two tensors, h and c, of shape .None, 4, 5, 2.*got shapes"):
        layers.ConvLSTM2D(2, 2)(X, initial_state=[ops.zeros((2, 5, 6, 2))] * 2)
    with pytest.raises(ValueError, match="at least one step"):
        layers.ConvLSTM2D(2, 2)(np.ones((2, 0, 5, 6, 2)))
