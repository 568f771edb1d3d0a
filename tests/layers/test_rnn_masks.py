"""Masks and dropout of recurrent layers."""

from __future__ import annotations

from typing import Any
from unittest import mock

import dualnet_backends as backends
import numpy as np
import pytest

import dualnet
from dualnet import Input, Model, layers, ops, tree
from tests.backends import strict

from .rnn_cases import KINDS
from .test_rnn import MASK, RANDOM, X, constant

every_kind = pytest.mark.parametrize("kind", KINDS)


# -- masks ---------------------------------------------------------------------------------------------------------


@every_kind
@pytest.mark.parametrize("activation", ["tanh", "softsign"])
def test_masked_steps_are_left_out(kind: str, activation: str) -> None:
    """The last state is that of the sequence without the masked steps; the output before a step fills it."""
    layer = getattr(layers, kind)(3, activation=activation, return_sequences=True, return_state=True)
    first = [RANDOM.normal(size=(3, 3)).astype("float32") for _ in layer.get_initial_state(3)]
    y, *states = (v.numpy() for v in layer(X, mask=MASK, initial_state=first))
    for n, valid in enumerate(MASK[:2]):
        short, *ends = layer(X[n : n + 1, valid], initial_state=[s[n : n + 1] for s in first])
        np.testing.assert_allclose(y[n, valid], short.numpy()[0], atol=1e-6)
        for a, b in zip(states, ends, strict=True):
            np.testing.assert_allclose(a[n], b.numpy()[0], atol=1e-6)
    np.testing.assert_array_equal(y[0, 3:], y[0, [2, 2]])
    np.testing.assert_array_equal(y[1, 0], first[0][1])  # before the first output: the state
    np.testing.assert_array_equal(y[2], np.broadcast_to(first[0][2], (5, 3)))
    layer.zero_output_for_mask = True
    zeroed = layer(X, mask=MASK, initial_state=first)[0].numpy()
    np.testing.assert_array_equal(zeroed, np.where(MASK[..., None], y, 0))


def test_a_mask_may_have_other_axes() -> None:
    layer = layers.GRU(2, return_sequences=True)
    expected = layer(X, mask=MASK).numpy()
    wide = np.stack([MASK, np.zeros_like(MASK)], axis=-1)  # a step is left out where all of its entries are False
    np.testing.assert_array_equal(layer(X, mask=wide).numpy(), expected)
    samples = np.array([True, False, True])
    every = np.broadcast_to(samples[:, None], (3, 5))
    np.testing.assert_array_equal(layer(X, mask=samples).numpy(), layer(X, mask=every).numpy())


def test_masks_come_from_embedding_and_masking_and_go_on() -> None:
    ids = np.array([[3, 1, 2, 0, 0], [5, 0, 0, 0, 0]])
    embedding = layers.Embedding(6, 4, mask_zero=True)
    first, second = layers.LSTM(3, return_sequences=True), layers.GRU(2, return_state=True, return_sequences=True)
    y, state = second(first(embedding(ids)))
    np.testing.assert_array_equal(y._keras_mask.numpy(), ids > 0)
    assert state._keras_mask is None
    np.testing.assert_array_equal(y.numpy()[1], np.broadcast_to(y.numpy()[1, 0], (5, 2)))
    alone = layers.LSTM(3)
    assert alone(embedding(ids))._keras_mask is None
    padded = np.where(MASK[..., None], X, 7.0).astype("float32")
    layer = layers.SimpleRNN(3)
    np.testing.assert_array_equal(layer(layers.Masking(7.0)(padded)).numpy(), layer(X, mask=MASK).numpy())
    model = Model(inputs := Input((None,), dtype="int32"), layers.Bidirectional(layers.LSTM(2))(embedding(inputs)))
    longer = np.pad(ids, ((0, 0), (0, 3)))
    np.testing.assert_allclose(model.predict(ids, verbose=0), model.predict(longer, verbose=0), atol=1e-6)


def test_compute_mask() -> None:
    layer = layers.LSTM(3, return_sequences=True, return_state=True)
    assert layer.compute_mask(None, "mask") == ["mask", None, None]
    assert layers.LSTM(3).compute_mask(None, "mask") is None
    both = layers.Bidirectional(layers.LSTM(3, return_sequences=True), merge_mode=None)
    assert both.compute_mask(None, "mask") == ["mask", "mask"]
    assert layers.Bidirectional(layer).compute_mask(None, "mask") == ["mask", *[None] * 4]


def test_time_distributed_around_and_behind() -> None:
    sequences = RANDOM.normal(size=(2, 3, 5, 4)).astype("float32")
    inner = layers.LSTM(2)
    y = layers.TimeDistributed(inner)(sequences)
    np.testing.assert_allclose(y.numpy()[:, 1], inner(sequences[:, 1]).numpy(), atol=1e-6)
    masked = ops.convert_to_tensor(X)
    masked._keras_mask = ops.convert_to_tensor(MASK)
    y = layers.TimeDistributed(layers.Dense(2))(layers.GRU(3, return_sequences=True)(masked))
    np.testing.assert_array_equal(y._keras_mask.numpy(), MASK)


# -- dropout -------------------------------------------------------------------------------------------------------


@every_kind
@pytest.mark.parametrize("implementation", [1, 2])
def test_dropout_has_one_mask_for_all_steps(kind: str, implementation: int) -> None:
    """With units that let the inputs through, what is dropped at one step is dropped at all."""
    more = {} if kind == "SimpleRNN" else {"implementation": implementation}
    cell = getattr(layers, f"{kind}Cell")(3, dropout=0.5, seed=2, **more)
    masks = tree.flatten(cell.get_dropout_mask(ops.ones((40, 4))))
    assert len(masks) == (1 if kind == "SimpleRNN" or implementation == 2 else cell.gates)
    for mask in masks:
        assert set(np.unique(mask.numpy())) == {0.0, 2.0}
    assert len({m.numpy().tobytes() for m in masks}) == len(masks)
    again = tree.flatten(cell.get_dropout_mask(ops.ones((40, 4))))
    assert all(a is b for a, b in zip(again, masks))
    cell.reset_dropout_mask()
    assert (tree.flatten(cell.get_dropout_mask(ops.ones((40, 4))))[0].numpy() != masks[0].numpy()).any()


@every_kind
def test_dropout(kind: str) -> None:
    def run(training: bool = True, device: str = "cpu", **kwargs: Any) -> Any:
        with backends.device(device):
            layer = constant(getattr(layers, kind)(6, **{"seed": 4, **kwargs}), X)
            return layer(X, training=training).numpy()

    plain = run()
    np.testing.assert_array_equal(run(training=False, dropout=0.5, recurrent_dropout=0.5), plain)
    for options in ({"dropout": 0.5}, {"recurrent_dropout": 0.5}, {"dropout": 0.3, "recurrent_dropout": 0.2}):
        dropped = run(**options)
        assert (dropped != plain).any()
        np.testing.assert_array_equal(run(**options), dropped)
        assert (run(**options, seed=5) != dropped).any()
        np.testing.assert_allclose(run(**options, device="strict:0"), dropped, atol=1e-6)
    nothing = constant(getattr(layers, kind)(6, dropout=1.0), X)  # nothing of the inputs is left
    np.testing.assert_allclose(nothing(X, training=True).numpy(), nothing(X * 0).numpy(), atol=1e-6)


@every_kind
def test_dropout_through_the_op_is_that_of_the_cell(kind: str) -> None:
    """The same masks whether the sequence is one op or not."""
    outputs = []
    for is_op in (True, False):
        layer = constant(getattr(layers, kind)(6, dropout=0.4, seed=3, return_sequences=True), X)
        with mock.patch.object(type(layer), "_is_one_op", return_value=is_op):
            outputs.append(layer(X, training=True).numpy())
    np.testing.assert_allclose(*outputs, atol=1e-6)


def test_streams_of_dropout_are_their_own() -> None:
    def masks(recurrent: float) -> Any:
        dualnet.utils.set_random_seed(1)
        cell = layers.GRUCell(3, dropout=0.5, recurrent_dropout=recurrent, implementation=1)
        if recurrent:
            state = tree.flatten(cell.get_recurrent_dropout_mask(ops.ones((50, 4))))
            assert (state[0].numpy() != cell.get_dropout_mask(ops.ones((50, 4)))[0].numpy()).any()
        return cell.get_dropout_mask(ops.ones((50, 4)))[0].numpy()

    np.testing.assert_array_equal(masks(0.0), masks(0.5))
    after = layers.LSTMCell(3).seed_generator.name
    assert after.startswith("rnn_dropout")
    first, second = layers.LSTM(3, dropout=0.5), layers.LSTM(3, dropout=0.5)
    x = ops.ones((50, 4))
    assert (first.cell.get_dropout_mask(x).numpy() != second.cell.get_dropout_mask(x).numpy()).any()


def test_no_transfer_while_training() -> None:
    """Dropout, masks and initial zeros are made on the device."""
    with backends.device("strict:0"):
        layer = layers.LSTM(3, dropout=0.4, recurrent_dropout=0.2, activation="softsign")
        x, mask = ops.convert_to_tensor(X), ops.convert_to_tensor(MASK)
        layer(x)
        with strict.step():
            layer(x, mask=mask, training=True)
