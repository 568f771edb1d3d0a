"""RNN with cells of the user, of any state; stacked cells; Bidirectional around them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import Input, Model, Sequential, layers, ops, tree
from dualnet.testing import check_grads

from .test_rnn import MASK, X, constant

RANDOM = np.random.default_rng(9)


class Minimal(layers.Layer):
    """The cell of Keras's documentation."""

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = self.state_size = units

    def build(self, input_shape: Any) -> None:
        self.kernel = self.add_weight((input_shape[-1], self.units), "uniform", name="kernel")
        self.recurrent_kernel = self.add_weight((self.units, self.units), "uniform", name="recurrent_kernel")

    def call(self, inputs: Any, states: Any) -> Any:
        h = ops.tanh(ops.matmul(inputs, self.kernel) + ops.matmul(states[0], self.recurrent_kernel))
        return h, [h]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}


class Nested(layers.Layer):
    """States in a nested structure, a layer inside that is built when it is called, and an output of another size."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.state_size = [3, [2, 1]]
        self.output_size = 5
        self.dense = layers.Dense(5, dtype=kwargs.get("dtype"))

    def call(self, inputs: Any, states: Any) -> Any:
        a, (b, c) = states
        y = self.dense(ops.concatenate([inputs, a, b, c], axis=-1))
        total = ops.sum(y, axis=-1, keepdims=True)
        return y, [a + total, [b * 0.5 + y[:, :2], c + 1]]


class Counter:
    """No layer, and no more than a cell has to have: counts and sums what it gets."""

    state_size = (1, 4)
    output_size = 4

    def call(self, inputs: Any, states: Any) -> Any:
        count, total = states
        return inputs + count, (count + 1, total + inputs)


class Grid(layers.Layer):
    """Images as states, (rows, columns, filters), and as inputs."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.state_size = 3
        self.convolution = layers.Conv2D(3, 3, padding="same")

    def get_initial_state(self, batch_size: Any = None) -> Any:
        return [ops.ones((batch_size, 4, 5, 3), self.compute_dtype)]

    def call(self, inputs: Any, states: Any) -> Any:
        h = ops.tanh(self.convolution(ops.concatenate([inputs, states[0]], axis=-1)))
        return h, [h]


class Training(layers.Layer):
    state_size = 2

    def call(self, inputs: Any, states: Any, training: Any = False) -> Any:
        return states[0] + (1.0 if training else 0.0), [states[0] + (1.0 if training else 0.0)]


def test_minimal() -> None:
    layer = constant(layers.RNN(Minimal(2), return_sequences=True, return_state=True), X)
    same = layers.SimpleRNN(2, use_bias=False, return_sequences=True, return_state=True)
    same(X)
    same.set_weights(layer.get_weights())
    for options in ({}, {"mask": MASK}, {"mask": MASK, "initial_state": [np.ones((3, 2), "float32")]}):
        for a, b in zip(layer(X, **options), same(X, **options), strict=True):
            np.testing.assert_allclose(a.numpy(), b.numpy(), atol=1e-6)
    assert [w.path.rpartition("/")[2] for w in layer.weights] == ["kernel", "recurrent_kernel"]


def test_nested_states() -> None:
    layer = layers.RNN(Nested(), return_sequences=True, return_state=True)
    y, a, (b, c) = layer(Input((None, 4)))
    assert [v.shape for v in (y, a, b, c)] == [(None, None, 5), (None, 3), (None, 2), (None, 1)]
    assert len(layer.weights) == 2  # those of the layer inside, before any data
    y, a, (b, c) = layer(X, mask=MASK)
    np.testing.assert_array_equal(c.numpy()[:, 0], MASK.sum(axis=1))
    np.testing.assert_array_equal(y.numpy()[0, 3:], y.numpy()[0, [2, 2]])
    np.testing.assert_array_equal(y.numpy()[2], np.zeros((5, 5)))  # no state has the shape of the output
    _, *half = layer(X[:, :2])
    whole = layer(X)
    for v, w in zip(tree.flatten(layer(X[:, 2:], initial_state=half)[1:]), tree.flatten(whole[1:]), strict=True):
        np.testing.assert_allclose(v.numpy(), w.numpy(), atol=1e-6)
    with pytest.raises(ValueError, match=r"state_size=\[3, \[2, 1\]\]: expected 3 tensors, got 2"):
        layer(X, initial_state=[a, b])
    inner = layers.RNN(Nested(dtype="float64"), return_sequences=True, dtype="float64")
    inner(X)
    check_grads(inner, X.astype("float64"))


def test_a_cell_that_is_no_layer() -> None:
    layer = layers.RNN(Counter(), return_sequences=True, return_state=True)
    y, count, total = layer(X)
    np.testing.assert_allclose(y.numpy(), X + np.arange(5, dtype="float32")[:, None], atol=1e-6)
    np.testing.assert_array_equal(count.numpy(), np.full((3, 1), 5))
    np.testing.assert_allclose(total.numpy(), X.sum(axis=1), atol=1e-5)
    assert layer(Input((None, 4)))[0].shape == (None, None, 4)


def test_states_that_are_images() -> None:
    x = RANDOM.normal(size=(2, 3, 4, 5, 2)).astype("float32")
    layer = layers.RNN(Grid(), return_sequences=True, return_state=True)
    y, state = layer(x, mask=np.array([[True, True, False], [False, True, True]]))
    assert y.shape == (2, 3, 4, 5, 3)
    np.testing.assert_array_equal(y.numpy()[0, 2], y.numpy()[0, 1])
    np.testing.assert_array_equal(y.numpy()[1, 0], np.ones((4, 5, 3)))  # the state before
    np.testing.assert_array_equal(state.numpy(), y.numpy()[:, -1])
    assert [v.shape for v in layer(Input((None, 4, 5, 2)))] == [(None, None, 4, 5, 3), (None, 4, 5, 3)]
    stateful = layers.RNN(Grid(), stateful=True)
    stateful(x)
    assert stateful.states[0].shape == (2, 4, 5, 3)


def test_training_reaches_the_cell() -> None:
    layer = layers.RNN([Training(), Training()])
    np.testing.assert_array_equal(layer(X, training=True).numpy(), np.full((3, 2), 5.0))
    np.testing.assert_array_equal(layer(X).numpy(), np.zeros((3, 2)))


def test_stacked_cells_are_layers_on_top_of_each_other() -> None:
    cells = [layers.LSTMCell(3), layers.GRUCell(2), Minimal(4)]
    layer = layers.RNN(cells, return_sequences=True, return_state=True)
    assert isinstance(layer.cell, layers.StackedRNNCells)
    y, *states = constant(layer, X)(X, mask=MASK)
    parts = [layers.LSTM(3), layers.GRU(2), layers.RNN(Minimal(4))]
    below, weights = X, layer.get_weights()
    for part, state in zip(parts, states, strict=True):
        part.return_sequences = part.return_state = True
        part(below)
        part.set_weights([weights.pop(0) for _ in part.weights])
        below, *ends = part(below, mask=MASK)
        for a, b in zip(tree.flatten(state), ends, strict=True):
            np.testing.assert_allclose(a.numpy(), b.numpy(), atol=1e-6)
    np.testing.assert_allclose(y.numpy(), below.numpy(), atol=1e-6)
    flat = [np.zeros((3, n), "float32") for n in (3, 3, 2, 4)]  # initial states may come without the structure
    np.testing.assert_array_equal(layer(X, initial_state=flat)[0].numpy(), layer(X)[0].numpy())
    assert layer.cell.state_size == [[3, 3], 2, 4]
    assert layer.cell.output_size == 4
    with pytest.raises(ValueError, match="at least one cell"):
        layers.StackedRNNCells([])


def test_dropout_of_stacked_cells_is_drawn_once_a_sequence() -> None:
    layer = layers.RNN([layers.GRUCell(3, dropout=0.5, seed=1), layers.LSTMCell(3, recurrent_dropout=0.5, seed=2)])
    outputs = [layer(X, training=True).numpy() for _ in range(3)]
    assert (outputs[0] != outputs[1]).any()
    assert [cell.seed_generator.counter for cell in layer.cell.cells] == [3, 0]
    assert layer.cell.cells[1].recurrent_seed_generator.counter == 3
    assert all(cell._dropout_mask is None and cell._recurrent_dropout_mask is None for cell in layer.cell.cells)


# -- configs -------------------------------------------------------------------------------------------------------


def test_config_of_a_cell_of_the_user() -> None:
    layer = layers.RNN([Minimal(3), layers.GRUCell(2)], go_backwards=True, name="mine")
    config = layer.get_config()
    again = layers.RNN.from_config(config, custom_objects={"Minimal": Minimal})
    assert again.get_config() == config
    assert isinstance(again.cell.cells[0], Minimal)
    assert again.cell.cells[0] is not layer.cell.cells[0]
    with pytest.raises(ValueError, match="Minimal"):
        layers.RNN.from_config(config)


def test_bidirectional_copies_what_is_not_registered() -> None:
    def twice(x: Any) -> Any:
        return 2 * x

    for inner in (layers.RNN(Minimal(3)), layers.RNN([Minimal(2), Minimal(3)]), layers.SimpleRNN(3, activation=twice)):
        layer = layers.Bidirectional(inner)
        assert layer(X).shape == (3, 6)
        assert not inner.built
        names = {layer.forward_layer.name, layer.backward_layer.name}
        assert names == {f"forward_{inner.name}", f"backward_{inner.name}"}
        assert layer.forward_layer.cell is not layer.backward_layer.cell


def test_bidirectional_makes_new_weights() -> None:
    inner = layers.LSTM(3)
    inner(X)
    layer = layers.Bidirectional(inner)
    layer(X)
    assert (layer.forward_layer.get_weights()[0] != inner.get_weights()[0]).any()
    weights = [w + 1 for w in layer.get_weights()]
    given = layers.Bidirectional(inner, weights=weights)
    given(X)
    for a, b in zip(given.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("mode", ["sum", "mul", "ave", "concat", None])
@pytest.mark.parametrize("sequences", [True, False])
def test_merge_modes(mode: Any, sequences: bool) -> None:
    layer = layers.Bidirectional(layers.GRU(3, return_sequences=sequences, return_state=True), merge_mode=mode)
    *outputs, first, second = layer(X)
    forward, h = layer.forward_layer(X)
    backward, other = layer.backward_layer(X)
    a, b = forward.numpy(), backward.numpy()[:, ::-1] if sequences else backward.numpy()
    expected = {
        "sum": [a + b],
        "mul": [a * b],
        "ave": [(a + b) / 2],
        "concat": [np.concatenate([a, b], -1)],
        None: [a, b],
    }
    for y, value in zip(outputs, expected[mode], strict=True):
        np.testing.assert_allclose(y.numpy(), value, atol=1e-6)
    np.testing.assert_array_equal(first.numpy(), h.numpy())
    np.testing.assert_array_equal(second.numpy(), other.numpy())


def test_dtype_of_bidirectional() -> None:
    """Its outputs are of its own dtype, its states of that of the layers inside, as in Keras."""
    layer = layers.Bidirectional(layers.GRU(3, return_state=True), dtype="mixed_float16")
    assert [str(y.dtype) for y in layer(X)] == ["float16", "float32", "float32"]
    assert [y.dtype for y in layer(Input((None, 4)))] == ["float16", "float32", "float32"]


def test_what_bidirectional_refuses() -> None:
    lstm = layers.LSTM(3)
    with pytest.raises(ValueError, match="Invalid merge mode. Received: max"):
        layers.Bidirectional(lstm, merge_mode="max")
    with pytest.raises(ValueError, match="Please initialize `Bidirectional` layer with a `Layer` instance"):
        layers.Bidirectional("LSTM")
    with pytest.raises(ValueError, match="takes a recurrent layer, with an attribute `go_backwards`"):
        layers.Bidirectional(layers.Dense(3))
    with pytest.raises(ValueError, match="should have different `go_backwards` value"):
        layers.Bidirectional(lstm, backward_layer=layers.LSTM(3))
    with pytest.raises(ValueError, match='the same value for attribute "return_sequences", got "False"'):
        layers.Bidirectional(lstm, backward_layer=layers.LSTM(3, go_backwards=True, return_sequences=True))
    with pytest.raises(ValueError, match="`backward_layer` need to be a `Layer` instance"):
        layers.Bidirectional(lstm, backward_layer=3)
    with pytest.raises(ValueError, match="states of the forward layer and then of the backward"):
        layers.Bidirectional(lstm)(X, initial_state=[np.zeros((3, 3), "float32")] * 3)


# -- encoder and decoder -------------------------------------------------------------------------------------------


def test_encoder_and_decoder() -> None:
    """States of one LSTM begin another, while training on whole sequences and then step by step, as in Keras's tutorial."""
    dualnet.utils.set_random_seed(2)
    source = RANDOM.integers(0, 2, size=(96, 4, 3)).astype("float32")
    target = source[:, ::-1] * 0.5
    begun = np.concatenate([np.zeros((96, 1, 3), "float32"), target[:, :-1]], axis=1)

    encoder_inputs, decoder_inputs = Input((None, 3)), Input((None, 3))
    encoder = layers.LSTM(24, return_state=True)
    _, *states = encoder(encoder_inputs)
    decoder, dense = layers.LSTM(24, return_sequences=True, return_state=True), layers.Dense(3)
    sequence, *_ = decoder(decoder_inputs, initial_state=states)
    model = Model([encoder_inputs, decoder_inputs], dense(sequence))
    model.compile(dualnet.optimizers.Adam(0.02), "mse")
    history = model.fit([source, begun], target, epochs=40, batch_size=32, verbose=0).history["loss"]
    assert history[-1] < 0.25 * history[0]

    encoding = Model(encoder_inputs, states)
    given = [Input((24,)), Input((24,))]
    step_inputs = Input((1, 3))
    y, *after = decoder(step_inputs, initial_state=given)
    decoding = Model([step_inputs, *given], [dense(y), *after])
    carried = encoding.predict(source[:5], verbose=0)
    expected = model.predict([source[:5], begun[:5]], verbose=0)
    for t in range(4):
        y, *carried = decoding.predict([begun[:5, t : t + 1], *carried], verbose=0)
        np.testing.assert_allclose(y[:, 0], expected[:, t], atol=1e-5)

    again = Model.from_config(model.get_config())
    again.set_weights(model.get_weights())
    np.testing.assert_array_equal(again.predict([source[:5], begun[:5]], verbose=0), expected)


def test_a_cell_of_the_user_is_trained() -> None:
    dualnet.utils.set_random_seed(1)
    model = Sequential([Input((None, 4)), layers.RNN([Minimal(8), layers.GRUCell(8)]), layers.Dense(1)])
    model.compile(dualnet.optimizers.Adam(0.02), "mse")
    x = RANDOM.normal(size=(128, 6, 4)).astype("float32")
    history = model.fit(x, x.sum(axis=(1, 2))[:, None] / 5, epochs=30, verbose=0).history["loss"]
    assert history[-1] < 0.2 * history[0]
