"""Attention layers: what the rows do not show. Files, dropout, gradients of one tensor in two places, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import Input, Model, layers, models, ops
from dualnet.testing import check_grads

RANDOM = np.random.default_rng(3)
Q, V, K = (RANDOM.normal(size=shape).astype("float32") for shape in ((2, 4, 5), (2, 6, 3), (2, 6, 7)))


def test_the_names_and_the_order_of_the_weights() -> None:
    layer = layers.MultiHeadAttention(2, 3, value_dim=4, use_gate=True, name="heads")
    layer(Q, V, key=K)
    assert [(w.path, w.shape) for w in layer.weights] == [
        ("heads/query/kernel", (5, 2, 3)), ("heads/query/bias", (2, 3)),
        ("heads/key/kernel", (7, 2, 3)), ("heads/key/bias", (2, 3)),
        ("heads/gate/kernel", (5, 2, 4)), ("heads/gate/bias", (2, 4)),
        ("heads/value/kernel", (3, 2, 4)), ("heads/value/bias", (2, 4)),
        ("heads/attention_output/kernel", (2, 4, 5)), ("heads/attention_output/bias", (5,)),
    ]  # fmt: skip


def test_one_tensor_as_query_key_and_value() -> None:
    layer = layers.MultiHeadAttention(2, 3, dtype="float64")
    x = ops.convert_to_tensor(Q, "float64")
    layer(x, x)
    check_grads(lambda x: layer(x, x, use_causal_mask=True), x)
    check_grads(lambda x: layer(x, x, use_causal_mask=True, return_attention_scores=True)[0], x)


@pytest.mark.parametrize("make", [
    lambda: layers.MultiHeadAttention(2, 3, value_dim=4),
    lambda: layers.GroupQueryAttention(3, 4, 2),
])  # fmt: skip
def test_one_op_gives_what_the_steps_give(make: Any) -> None:
    layer, mask = make(), RANDOM.random((2, 4, 6)) < 0.7
    mask[..., 0] = True
    value = RANDOM.normal(size=(2, 6, 5)).astype("float32")
    for options in ({}, {"attention_mask": mask}, {"use_causal_mask": True}, {"value_mask": mask[:, 0]}):
        y, scores = layer(Q, value, return_attention_scores=True, **options)
        np.testing.assert_allclose(layer(Q, value, **options).numpy(), y.numpy(), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(scores.numpy().sum(-1), 1, rtol=1e-6)


def test_the_sliding_window() -> None:
    layer = layers.MultiHeadAttention(1, 2, sliding_window=2)
    seen = layer(Q, V, return_attention_scores=True)[1].numpy()[0, 0] > 0
    np.testing.assert_array_equal(seen, abs(np.arange(6) - np.arange(4)[:, None]) < 2)
    seen = layer(Q, V, return_attention_scores=True, use_causal_mask=True)[1].numpy()[0, 0] > 0
    distance = np.arange(4)[:, None] - np.arange(6)
    np.testing.assert_array_equal(seen, (distance >= 0) & (distance < 2))


def test_dropout_is_of_the_weights_while_training() -> None:
    """Values of 1 and an identity behind them: the result is the sum of the weights that are left."""
    layer = layers.MultiHeadAttention(1, 1, dropout=0.25, output_shape=1, use_bias=False, seed=3)
    x = np.ones((40, 50, 1), "float32")
    layer(x, x)
    layer.set_weights([np.ones(w.shape, "float32") for w in layer.weights])
    np.testing.assert_allclose(layer(x, x).numpy(), 1, rtol=1e-5)
    y, scores = layer(x, x, training=True, return_attention_scores=True)
    assert abs(y.numpy().mean() - 1) < 0.01
    np.testing.assert_allclose(y.numpy().std(), np.sqrt(0.25 / 0.75 / 50), rtol=0.1)
    np.testing.assert_allclose(scores.numpy(), 1 / 50, rtol=1e-5)


@pytest.mark.parametrize("policy", ["float16", "mixed_float16"])
def test_half_precision(policy: str) -> None:
    layer = layers.MultiHeadAttention(2, 3, dtype=policy)
    mask = np.zeros((2, 4, 6), bool)
    mask[..., 1] = True
    y, scores = layer(Q, V, attention_mask=mask, return_attention_scores=True)
    assert y.dtype == scores.dtype == "float16"
    np.testing.assert_array_equal(scores.numpy()[..., 1], 1)
    np.testing.assert_allclose(layer(Q, V, attention_mask=mask).numpy(), y.numpy(), rtol=1e-2, atol=1e-3)


def test_the_mask_of_the_query_goes_on() -> None:
    ids = np.array([[1, 2, 0, 0], [3, 0, 0, 0]])
    x = layers.Embedding(5, 4, mask_zero=True)(ids)
    y = layers.MultiHeadAttention(2, 3)(x, x)
    np.testing.assert_array_equal(y._keras_mask.numpy(), ids != 0)


@pytest.mark.parametrize("make", [
    lambda lib: lib.layers.MultiHeadAttention(2, 3),
    lambda lib: lib.layers.MultiHeadAttention(2, 3, attention_axes=1, output_shape=(2, 4), dropout=0.1, use_gate=True),
    lambda lib: lib.layers.GroupQueryAttention(3, 4, 2, use_gate=True),
])  # fmt: skip
@pytest.mark.parametrize("ours_first", [True, False])
@pytest.mark.keras
def test_files_are_exchanged(make: Any, ours_first: bool, tmp_path: Path, keras: Any) -> None:
    """Models and weights that Keras wrote open here, and the reverse."""
    writer, reader = (dualnet, keras) if ours_first else (keras, dualnet)
    query, value = writer.Input((None, 5)), writer.Input((None, 5))
    model = writer.Model([query, value], make(writer)(query, value, use_causal_mask=True))
    data = [Q, RANDOM.normal(size=(2, 6, 5)).astype("float32")]
    expected = np.asarray(model.predict(data, verbose=0))
    model.save(tmp_path / "m.keras")
    model.save_weights(tmp_path / "m.weights.h5")
    again = reader.models.load_model(tmp_path / "m.keras")
    np.testing.assert_allclose(again.predict(data, verbose=0), expected, rtol=1e-5, atol=1e-5)
    for w in again.weights:
        w.assign(np.zeros(w.shape, "float32"))
    again.load_weights(tmp_path / "m.weights.h5")
    np.testing.assert_allclose(again.predict(data, verbose=0), expected, rtol=1e-5, atol=1e-5)


def test_a_layer_built_by_position_is_built_again_from_its_config() -> None:
    layer = layers.MultiHeadAttention(2, 3)
    layer.build((None, 4, 5), (None, 6, 3))
    again = layers.MultiHeadAttention.from_config(layer.get_config())
    again.build_from_config(layer.get_build_config())
    assert [w.shape for w in again.weights] == [w.shape for w in layer.weights]


def test_symbolic_shapes() -> None:
    query, value = Input((None, 5)), Input((6, 3))
    y, scores = layers.MultiHeadAttention(2, 3)(query, value, return_attention_scores=True)
    assert y.shape == (None, None, 5)
    assert scores.shape == (None, 2, None, 6)
    assert Model([query, value], y).predict([Q, V], verbose=0).shape == (2, 4, 5)


def test_what_is_refused() -> None:
    make = layers.MultiHeadAttention
    for wrong in ({"num_heads": 0}, {"key_dim": 2.5}, {"value_dim": -1}):
        with pytest.raises(ValueError, match="expected a positive integer"):
            make(**{"num_heads": 2, "key_dim": 3, **wrong})
    with pytest.raises(ValueError, match="must be an int, list, or tuple"):
        make(2, 3, attention_axes="a")
    with pytest.raises(ValueError, match="Invalid `output_shape`"):
        make(2, 3, output_shape=1.5)
    with pytest.raises(ValueError, match="positive integer"):
        make(2, 3, sliding_window=0)
    with pytest.raises(ValueError, match="Dropout is not supported"):
        make(2, 3, dropout=0.1, flash_attention=True)
    with pytest.raises(ValueError, match="attention scores is not supported"):
        make(2, 3, flash_attention=True)(Q, V, return_attention_scores=True)
    with pytest.raises(ValueError, match="except the last one, must be equal"):
        make(2, 3)(Q, V, key=K[:, :5])
    with pytest.raises(ValueError, match="at least 3"):
        make(2, 3)(Q[0], V[0])
    with pytest.raises(ValueError, match="between the batch and the features"):
        make(2, 3, attention_axes=2)(Q, V)
    image = np.zeros((2, 3, 4, 5), "float32")
    with pytest.raises(ValueError, match="needs one attention axis"):
        make(2, 3)(image, image, use_causal_mask=True)
    with pytest.raises(ValueError, match="must be divisible"):
        layers.GroupQueryAttention(3, 4, 3)
    with pytest.raises(ValueError, match=r"\(batch, steps, features\)"):
        layers.GroupQueryAttention(3, 4, 2)(image, image)


@pytest.mark.parametrize("name", ["MultiHeadAttention", "GroupQueryAttention"])
def test_a_model_without_a_key_is_loaded_again(name: str, tmp_path: Any) -> None:
    a = Input((4, 5))
    options = (
        {"num_heads": 2, "key_dim": 3}
        if name == "MultiHeadAttention"
        else {"num_query_heads": 2, "num_key_value_heads": 1, "head_dim": 3}
    )
    model = Model(a, getattr(layers, name)(**options)(a, a))
    model.save(tmp_path / "m.keras")
    again = models.load_model(tmp_path / "m.keras")
    x = np.random.default_rng(0).normal(size=(2, 4, 5)).astype("float32")
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))
