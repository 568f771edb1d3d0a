"""Stateful recurrent layers: their states go on from batch to batch, in captured steps with the same bits as in eager ones."""

from __future__ import annotations

from typing import Any

import dualnet_backends as backends
import numpy as np
import pytest

import dualnet
from dualnet import Input, Sequential, layers, tree
from dualnet.capture.replay import CapturedPredictStep, step_source
from dualnet.core.autodiff import backward
from dualnet.core.tensor import Tensor
from dualnet.core.tracing import recording

from .rnn_cases import KINDS

RANDOM = np.random.default_rng(7)
X = RANDOM.normal(size=(3, 8, 4)).astype("float32")
every_kind = pytest.mark.parametrize("kind", KINDS)


def tensor(x: Any) -> Tensor:
    return Tensor(backends.current().asarray(x))


def stack(**options: Any) -> Any:
    return layers.RNN([layers.LSTMCell(3, name="first"), layers.GRUCell(2, name="second")], **options)


def both_ways(**options: Any) -> Any:
    return layers.Bidirectional(layers.LSTM(3, **options))


MAKERS: dict[str, Any] = {
    **{kind: lambda kind=kind, **options: getattr(layers, kind)(3, **options) for kind in KINDS},
    "relu": lambda **options: layers.GRU(3, activation="relu", **options),
    "dropout": lambda **options: layers.LSTM(3, dropout=0.3, recurrent_dropout=0.2, **options),
    "dropout of inputs": lambda **options: layers.GRU(3, dropout=0.3, **options),
    "stack": stack,
    "both ways": both_ways,
}
every_maker = pytest.mark.parametrize("name", list(MAKERS))


@every_maker
def test_captured_steps_give_the_same_bits(name: str) -> None:
    """fit, evaluate and predict of stateful layers, one with sequences below another, captured and eagerly."""

    def run(eagerly: bool) -> Any:
        dualnet.utils.set_random_seed(3)
        model = Sequential(
            [
                Input(batch_shape=(4, 5, 3)),
                MAKERS[name](stateful=True, return_sequences=True),
                MAKERS[name](stateful=True),
                layers.Dense(1),
            ]
        )
        model.compile("adam", "mse", run_eagerly=eagerly)
        random = np.random.default_rng(0)
        x, y = random.normal(size=(32, 5, 3)).astype("float32"), random.normal(size=(32, 1)).astype("float32")
        model.fit(x, y, batch_size=4, epochs=2, shuffle=False, verbose=0)
        states = [v.numpy() for v in model._state_variables()]
        loss = model.evaluate(x, y, batch_size=4, verbose=0)
        outputs = model.predict(x, batch_size=4, verbose=0)
        assert bool(step_source(model)) is not eagerly
        assert bool(step_source(model, CapturedPredictStep)) is not eagerly
        return [*model.get_weights(), *states, loss, outputs, *(v.numpy() for v in model._state_variables())]

    for a, b in zip(run(True), run(False), strict=True):
        np.testing.assert_array_equal(a, b)


@every_maker
def test_states_go_on(name: str) -> None:
    """Two halves of a sequence, one after the other, are the whole; resetting begins anew."""
    layer = MAKERS[name](stateful=True, return_sequences=True)
    if name == "both ways":
        layer = layer.forward_layer
    first = layer(X[:, :4]).numpy()
    second = layer(X[:, 4:]).numpy()
    layer.reset_states()
    whole = layer(X).numpy()
    np.testing.assert_allclose(np.concatenate([first, second], axis=1), whole, atol=1e-6)
    layer.reset_state()
    np.testing.assert_array_equal(layer(X).numpy(), whole)
    before = [v.numpy() for v in tree.flatten(layer.states)]
    layer.reset_state()
    assert not any(v.numpy().any() for v in tree.flatten(layer.states))
    layer.reset_state(before)
    again = layer(X).numpy()
    assert (again != whole).any()
    layer.reset_state(tree.pack_sequence_as(layer.states, before))
    np.testing.assert_array_equal(layer(X).numpy(), again)


@every_kind
def test_states_are_no_weights(kind: str) -> None:
    layer = getattr(layers, kind)(3, stateful=True)
    assert layer.states is None
    layer(X)
    assert [v.shape for v in layer.states] == [(3, 3)] * (2 if kind == "LSTM" else 1)
    assert len(layer.weights) == len(layer.get_weights()) == 3
    assert all(v.name == "rnn_state" and not v.trainable for v in layer.states)


@every_kind
@pytest.mark.parametrize("activation", ["tanh", "softsign"])
def test_gradients_see_the_state_before(kind: str, activation: str) -> None:
    """The gradient of a batch is that of a layer given the states, though they are overwritten before it is taken."""
    layer = getattr(layers, kind)(3, activation=activation, stateful=True)
    layer(X)
    states = [v.numpy() for v in layer.states]

    def gradients(x: Any, **options: Any) -> list[Any]:
        with recording() as tape:
            y = layer(x, **options)
        got = backward(tape, y, backend.asarray(np.ones(y.shape, "float32")))
        return [backend.to_numpy(got[id(w)]) for w in layer.trainable_weights]

    backend = backends.current()
    expected = gradients(tensor(X), initial_state=[tensor(s) for s in states])
    layer.reset_state(states)
    for a, b in zip(gradients(tensor(X)), expected, strict=True):
        np.testing.assert_array_equal(a, b)


def test_initial_state_goes_before_the_states_of_the_layer() -> None:
    layer = layers.GRU(3, stateful=True)
    layer(X)
    state = RANDOM.normal(size=(3, 3)).astype("float32")
    other = layers.GRU(3)
    other(X)
    other.set_weights(layer.get_weights())
    np.testing.assert_array_equal(layer(X, initial_state=state).numpy(), other(X, initial_state=state).numpy())
    np.testing.assert_array_equal(layer.states[0].numpy(), other(X, initial_state=state).numpy())


def test_masked_steps_keep_the_state() -> None:
    layer = layers.LSTM(3, stateful=True)
    layer(X)
    before = [v.numpy() for v in layer.states]
    layer(X, mask=np.zeros((3, 8), "bool"))
    for v, state in zip(layer.states, before):
        np.testing.assert_array_equal(v.numpy(), state)


def test_building_a_model_leaves_the_states_alone() -> None:
    layer = layers.GRU(3, stateful=True)
    layer(X)
    before = layer.states[0].numpy()
    dualnet.Model(inputs := Input(batch_shape=(3, None, 4)), layer(inputs))
    np.testing.assert_array_equal(layer.states[0].numpy(), before)


def test_a_check_of_training_leaves_the_states_alone() -> None:
    """After the first epoch, fit looks for dead ReLUs with a call of its own; not of a stateful model."""

    def states(warnings: bool) -> list[Any]:
        dualnet.utils.set_random_seed(1)
        if not warnings:
            dualnet.config.disable_training_warnings()
        layer = layers.GRU(3, stateful=True)
        model = Sequential([Input(batch_shape=(3, 8, 4)), layer, layers.Dense(4, activation="relu"), layers.Dense(1)])
        model.compile("sgd", "mse")
        try:
            model.fit(np.concatenate([X] * 4), np.ones((12, 1)), batch_size=3, epochs=2, shuffle=False, verbose=0)
        finally:
            dualnet.config.enable_training_warnings()
        return [v.numpy() for v in layer.states]

    for a, b in zip(states(True), states(False), strict=True):
        np.testing.assert_array_equal(a, b)


def test_bidirectional() -> None:
    layer = both_ways(stateful=True, return_sequences=True)
    assert layer.states is None
    y = layer(X).numpy()
    assert len(layer.states) == 4
    assert (layer(X).numpy() != y).any()
    layer.reset_state()
    np.testing.assert_array_equal(layer(X).numpy(), y)
    with pytest.raises(AttributeError, match="Layer must be stateful"):
        both_ways().reset_states()


def test_refused() -> None:
    layer = layers.LSTM(3, stateful=True)
    layer(X)
    with pytest.raises(ValueError, match=r"(?s)Expected batch size: 3.*Received batch size: 2"):
        layer(X[:2])
    with pytest.raises(ValueError, match="the batch size must be static"):
        layers.GRU(3, stateful=True)(Input((5, 4)))
    with pytest.raises(ValueError, match="expects 2 states, got 1"):
        layer.reset_state([np.zeros((3, 3))])
    with pytest.raises(ValueError, match="not stateful, or not built"):
        layers.GRU(3).reset_state([np.zeros((3, 3))])
    layers.GRU(3).reset_state()  # which has nothing to do
