"""Recurrent layers: what they compute, initial states, and what they refuse."""

from __future__ import annotations

from typing import Any
from unittest import mock

import numpy as np
import pytest

import dualnet
from dualnet import Input, Model, layers, ops, tree
from dualnet.testing import check_grads

from .rnn_cases import KINDS, RNNCase, draw
from .test_rnn_parity import ours

RANDOM = np.random.default_rng(5)
X = RANDOM.normal(size=(3, 5, 4)).astype("float32")
MASK = np.array([[1, 1, 1, 0, 0], [0, 1, 0, 1, 1], [0, 0, 0, 0, 0]], "bool")
every_kind = pytest.mark.parametrize("kind", KINDS)


def constant(layer: Any, x: Any) -> Any:
    """The layer, built, with weights that follow a rule."""
    layer(x)
    layer.set_weights([np.cos(np.arange(w.size) + n).reshape(w.shape) / 2 for n, w in enumerate(layer.get_weights())])
    return layer


# -- values --------------------------------------------------------------------------------------------------------

RAMP = (np.arange(12).reshape(1, 4, 3) / 12 - 0.4).astype("float32")
FROZEN: dict[str, tuple[dict[str, Any], list[float]]] = {
    "SimpleRNN": ({}, [-0.1490684, -0.3644503]),
    "SimpleRNN elu": (
        {"activation": "elu", "return_sequences": True},
        [-0.2335034, -0.3808464, -0.138614, -0.2789887, -0.1669995, -0.3302745, -0.1594736, -0.3289913],
    ),
    "LSTM": ({"return_state": True}, [0.1772972, 0.0989036, 0.1772972, 0.0989036, 0.3936803, 0.3028355]),
    "LSTM backwards": (
        {"return_state": True, "go_backwards": True},
        [0.1573637, 0.0987829, 0.1573637, 0.0987829, 0.3533818, 0.2646199],
    ),
    "LSTM hard": ({"recurrent_activation": "hard_sigmoid", "activation": "relu"}, [0.2461113, 0.1455958]),
    "GRU": (
        {"return_sequences": True},
        [0.5140135, 0.4434193, 0.5497727, 0.598909, 0.4610757, 0.6100793, 0.3187796, 0.5807959],
    ),
    "GRU before": ({"reset_after": False, "return_state": True}, [0.2425442, 0.4328243, 0.2425442, 0.4328243]),
}


@pytest.mark.parametrize("name", list(FROZEN))
def test_values(name: str) -> None:
    """Two units on a ramp, with weights cos(0), cos(1) ... / 2: what Keras 3.15 gives."""
    kwargs, expected = FROZEN[name]
    layer = constant(getattr(layers, name.split()[0])(2, **kwargs), RAMP)
    y, *states = layer(RAMP) if kwargs.get("return_state") else [layer(RAMP)]
    got = np.concatenate([np.ravel(v.numpy()) for v in (y, *states)])
    np.testing.assert_allclose(got, expected, atol=1e-6)


def with_op_activations(number: int) -> RNNCase:
    case = draw(number, KINDS[number % 3])
    arguments = case.layer[1]
    arguments["activation"] = "tanh" if case.layer[0] != "SimpleRNN" else arguments["activation"]
    if "recurrent_activation" in arguments:
        arguments["recurrent_activation"] = "sigmoid"
    return case


def test_one_op_computes_what_the_cell_does() -> None:
    """150 drawn combinations of arguments, masks and initial states: outputs, states and all gradients."""
    fused = 0
    for case in map(with_op_activations, range(1000, 1150)):
        layer = case.make()
        fused += layer._is_one_op(False)
        got = ours(case)
        with mock.patch.object(type(layer), "_is_one_op", return_value=False):
            expected = ours(case)
        for a, b in zip(got[0] + got[2], expected[0] + expected[2], strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5, err_msg=str(case.layer))
    assert fused > 100


@every_kind
@pytest.mark.parametrize("activation", ["tanh", "softsign"])  # the op, and the cell step by step
@pytest.mark.parametrize("mask", [None, MASK], ids=["all", "masked"])
def test_gradients(kind: str, activation: str, mask: Any) -> None:
    layer = getattr(layers, kind)(2, activation=activation, return_sequences=True, return_state=True, dtype="float64")
    layer(X)
    states = [RANDOM.normal(size=(3, 2)) for _ in layer.get_initial_state(3)]
    for n in range(1 + len(states)):
        check_grads(lambda x, *s, n=n: layer(x, initial_state=list(s), mask=mask)[n], X.astype("float64"), *states)


@every_kind
def test_backwards_is_the_reversed_sequence(kind: str) -> None:
    forward = getattr(layers, kind)(3, return_sequences=True)
    y = forward(X[:, ::-1].copy())
    backward = getattr(layers, kind)(3, return_sequences=True, go_backwards=True)
    backward(X)
    backward.set_weights(forward.get_weights())
    np.testing.assert_allclose(backward(X).numpy(), y.numpy(), atol=1e-6)


@every_kind
def test_unrolled_is_the_same(kind: str) -> None:
    layer = getattr(layers, kind)(3, return_sequences=True, unroll=True)
    expected = layer(X, mask=MASK).numpy()
    layer.unroll = False
    np.testing.assert_array_equal(layer(X, mask=MASK).numpy(), expected)
    layer.unroll = True
    with pytest.raises(ValueError, match="Cannot unroll a RNN if the time dimension is undefined"):
        layer(Input((None, 4)))


@every_kind
@pytest.mark.parametrize("dtype", ["float64", "mixed_float16", "float16"])
def test_dtypes(kind: str, dtype: str) -> None:
    layer = getattr(layers, kind)(3, return_sequences=True, return_state=True)
    expected = layer(X)
    other = getattr(layers, kind)(3, return_sequences=True, return_state=True, dtype=dtype)
    other(X)
    other.set_weights(layer.get_weights())
    for y, z in zip(other(X), expected, strict=True):
        assert str(y.dtype) == dtype.removeprefix("mixed_")
        np.testing.assert_allclose(y.numpy(), z.numpy(), atol=1e-6 if dtype == "float64" else 4e-3)
    assert {str(w.dtype) for w in other.weights} == {"float32" if dtype == "mixed_float16" else dtype}


def test_unit_forget_bias() -> None:
    layer = layers.LSTM(2, bias_initializer="ones")
    layer(X)
    np.testing.assert_array_equal(layer.cell.bias.numpy(), np.ones(8))
    layer = layers.LSTM(2)
    layer(X)
    np.testing.assert_array_equal(layer.cell.bias.numpy(), [0, 0, 1, 1, 0, 0, 0, 0])


# -- initial states ------------------------------------------------------------------------------------------------


@every_kind
def test_initial_state(kind: str) -> None:
    layer = getattr(layers, kind)(3, return_state=True)
    _, *half = layer(X[:, :2])
    y, *states = layer(X[:, 2:], initial_state=half)
    expected, *ends = layer(X)
    for a, b in zip((y, *states), (expected, *ends), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), atol=1e-6)
    if kind != "LSTM":  # one state may come without a list
        np.testing.assert_array_equal(layer(X[:, 2:], initial_state=half[0])[0].numpy(), y.numpy())
    inputs, symbols = Input((None, 4)), [Input((3,)) for _ in half]
    model = Model([inputs, *symbols], layer(inputs, initial_state=symbols))
    for a, b in zip(model([X[:, 2:], *half]), (expected, *ends), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), atol=1e-6)


def test_symbolic_shapes() -> None:
    inputs = Input((None, 4))
    y, h, c = layers.LSTM(3, return_sequences=True, return_state=True)(inputs)
    assert [v.shape for v in (y, h, c)] == [(None, None, 3), (None, 3), (None, 3)]
    assert layers.GRU(3)(inputs).shape == (None, 3)
    both = layers.Bidirectional(layers.GRU(3, return_sequences=True), merge_mode="concat")
    assert both(inputs).shape == (None, None, 6)
    assert both.compute_output_shape((2, 7, 4)) == (2, 7, 6)
    stacked = layers.RNN([layers.LSTMCell(3), layers.GRUCell(2)], return_state=True)
    y, first, second = stacked(inputs)
    assert len(stacked(X)[2]) == len(second) == 1
    assert y.shape == (None, 2)
    assert tree.map_structure(lambda s: s.shape, [first, second]) == [[(None, 3), (None, 3)], [(None, 2)]]


# -- what is refused -----------------------------------------------------------------------------------------------


@every_kind
@pytest.mark.parametrize("units", [0, -1, 2.5, True, "3"])
def test_units(kind: str, units: Any) -> None:
    for name in (kind, f"{kind}Cell"):
        with pytest.raises(ValueError, match="invalid value for argument `units`, expected a positive integer"):
            getattr(layers, name)(units)


def test_refused() -> None:
    lstm = layers.LSTM(3, return_state=True)
    with pytest.raises(ValueError, match="expected ndim=3"):
        lstm(X[0])
    with pytest.raises(ValueError, match="at least one step"):
        lstm(X[:, :0])
    with pytest.raises(ValueError, match="expected 2 tensors, got 1"):
        lstm(X, initial_state=[np.zeros((3, 3), "float32")])
    with pytest.raises(ValueError, match=r"the features, must be known"):
        layers.GRU(3)(Input((5, None)))
    with pytest.raises(ValueError, match="`dropout` must be a number from 0 to 1"):
        layers.GRU(3, dropout="half")
    with pytest.raises(ValueError, match="`implementation` must be 1 or 2"):
        layers.LSTM(3, implementation=3)
    with pytest.raises(ValueError, match=r"Expected one of \{'auto', True, False\}"):
        layers.LSTM(3, use_cudnn="never")
    for options in ({"activation": "relu"}, {"recurrent_activation": "hard_sigmoid"}):
        with pytest.raises(ValueError, match="use_cudnn=True was specified, but there is no op"):
            layers.GRU(3, use_cudnn=True, **options)(X)
    layer = layers.LSTM(3, use_cudnn=True, recurrent_dropout=0.5)
    layer(X)
    with pytest.raises(ValueError, match="in training no recurrent_dropout"):
        layer(X, training=True)
    with pytest.raises(ValueError, match="should have a `call` method"):
        layers.RNN(object())
    with pytest.raises(ValueError, match="should have a `state_size` attribute"):
        layers.RNN(layers.Dense(3))
    with pytest.raises(ValueError, match="All cells should have a `state_size` attribute"):
        layers.RNN([layers.GRUCell(3), layers.Dense(3)])
    assert layers.LSTM(3, time_major=False, return_sequences=True)(X).shape == (
        3,
        5,
        3,
    )  # as configs of tf.keras 2 have it
    with pytest.raises(ValueError, match=r"time_major=True is not supported: sequences are \(batch, steps, features\)"):
        layers.LSTM(3, time_major=True)


@every_kind
def test_gradients_of_gradients(kind: str) -> None:
    """The op of the whole sequence has a second derivative, that of the cells step by step."""
    layer = constant(getattr(layers, kind)(2, dtype="float64"), X.astype("float64"))

    def second() -> Any:
        x = ops.convert_to_tensor(X.astype("float64"))
        with dualnet.GradientTape() as outer:
            outer.watch(x)
            with dualnet.GradientTape() as inner:
                inner.watch(x)
                y = ops.sum(layer(x, mask=MASK) ** 2)
            gradient = inner.gradient(y, x)
            penalty = ops.sum(gradient**2)
        return [g.numpy() for g in outer.gradient(penalty, [x, *layer.trainable_weights])]

    got = second()
    with mock.patch.object(type(layer), "_is_one_op", return_value=False):
        expected = second()
    for a, b in zip(got, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-10)


@every_kind
def test_refuses_states_and_masks_of_other_shapes(kind: str) -> None:
    states = [np.zeros((3, 2), "float32")] * (2 if kind == "LSTM" else 1)
    with pytest.raises(ValueError, match=r"expected initial states of shape \(batch, units\) = \(3, 6\), got \(3, 2\)"):
        getattr(layers, kind)(6)(X, initial_state=states)
    states = [np.zeros((1, 6), "float32")] * (2 if kind == "LSTM" else 1)
    with pytest.raises(ValueError, match=r"expected initial states of shape \(batch, units\) = \(3, 6\), got \(1, 6\)"):
        getattr(layers, kind)(6)(X, initial_state=states)
    for shape in ((3, 6), (1, 5)):
        with pytest.raises(ValueError, match=r"expected a mask of shape \(batch, steps\) = \(3, 5\), got "):
            getattr(layers, kind)(6)(X, mask=np.ones(shape, "bool"))
