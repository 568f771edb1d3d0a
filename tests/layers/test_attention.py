"""Attention layers: what the rows do not show. Files, dropout, gradients of one tensor in two places, and what is refused."""

from __future__ import annotations

import inspect
import textwrap
import tracemalloc
from pathlib import Path
from typing import Any

import dualnet_backends as backends
import numpy as np
import pytest
from dualnet_backends.kernels import attention as kernels

import dualnet
from dualnet import Input, Model, config, layers, models, ops
from dualnet.ops.nn.attention import attention
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


def test_long_sequences_give_what_short_ones_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """In blocks of a few scores, and with weights computed again for the gradients."""
    backend, random = backends.get("cpu"), np.random.default_rng(0)
    arrays = [random.normal(size=(2, n, heads, 3)) for n, heads in ((150, 4), (170, 2), (170, 2), (150, 4))]
    masks = {"query_mask": random.random((2, 150)) < 0.9, "key_mask": random.random((2, 170)) < 0.5}
    bias = random.normal(size=(4, 1, 170))

    def run(**options: Any) -> list[Any]:
        *inputs, dy = (ops.convert_to_tensor(x) for x in (*arrays[:3], bias, arrays[3]))
        with dualnet.GradientTape() as tape:
            for x in inputs:
                tape.watch(x)
            y = attention(*inputs, **options)
        return [x.numpy() for x in (y, *tape.gradient(y, inputs, dy))]

    for options in (
        {}, {"is_causal": True}, {"window": 20}, {"window": 40, "is_causal": True, "offset": 19}, masks, {"soft_cap": 1.0},
        {"is_causal": True, "mask": random.random((2, 1, 150, 170)) < 0.3}, {"is_causal": True, "window": 3, **masks},
        {"is_causal": True, "blind": "zero", **masks}, {"window": 4, "offset": 60},
    ):  # fmt: skip
        expected = run(**options)
        with monkeypatch.context() as patch:
            patch.setattr(type(backend), "scores_at_once", 500)
            patch.setattr(kernels, "KEPT", 0)
            patch.setattr(kernels, "ROWS", 7)
            got = run(**options)
        for a, b in zip(got, expected):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11, err_msg=str(options))


@pytest.mark.parametrize("shape", [(5, 70, 3, 8), (1, 700, 4, 8)])
def test_the_same_bits_on_any_number_of_threads(shape: tuple[int, ...]) -> None:
    random = np.random.default_rng(0)
    tensors = [ops.convert_to_tensor(random.normal(size=shape).astype("float32")) for _ in range(3)]
    results = []
    for n in (1, 2, 3):
        config.set_num_threads(n)
        try:
            with dualnet.GradientTape() as tape:
                for x in tensors:
                    tape.watch(x)
                y = ops.dot_product_attention(*tensors, is_causal=True)
            results.append([x.numpy() for x in (y, *tape.gradient(y, tensors))])
        finally:
            config.set_num_threads(None)
    for other in results[1:]:
        for a, b in zip(results[0], other):
            np.testing.assert_array_equal(a, b)


def test_the_memory_of_long_sequences_is_linear() -> None:
    """Each of the scores of 3,000 steps would take 72 MB."""
    tensors = [ops.convert_to_tensor(np.ones((1, 3000, 2, 8), "float32")) for _ in range(3)]
    mask = np.ones((1, 3000), bool)
    layer = layers.MultiHeadAttention(2, 4, sliding_window=700)
    x = ops.convert_to_tensor(np.ones((1, 3000, 4), "float32"))
    layer(x[:, :3], x[:, :3])
    tracemalloc.start()
    try:
        with dualnet.GradientTape() as tape:
            for t in (*tensors, x):
                tape.watch(t)
            y = ops.dot_product_attention(*tensors, is_causal=True)
            z = layer(x, x, value_mask=mask, query_mask=mask, use_causal_mask=True)
        tape.gradient([y, z], [*tensors, x])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 12e6


CACHED = {
    "MultiHeadAttention": ({"num_heads": 2, "key_dim": 3}, (2, 3)),
    "GroupQueryAttention": ({"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 2}, (2, 3)),
}


@pytest.mark.parametrize("name", list(CACHED))
@pytest.mark.parametrize("options", [{}, {"sliding_window": 2}, {"dropout": 0.3}, {"use_gate": True}], ids=str)
def test_step_by_step_with_a_cache(name: str, options: dict[str, Any]) -> None:
    arguments, sizes = CACHED[name]
    layer = getattr(layers, name)(**arguments, **options)
    x = RANDOM.normal(size=(2, 6, 5)).astype("float32")
    valid = np.array([[True] * 6, [True, False, True, False, True, True]])  # each query sees a key
    masks: list[dict[str, Any]] = [{}, {"value_mask": valid}]
    for mask in masks:
        expected, scores = layer(x, x, use_causal_mask=True, return_attention_scores=True, **mask)
        if "dropout" not in options:
            expected = layer(x, x, use_causal_mask=True, **mask)
        for first in (1, 3, 6):
            cache = ops.zeros((2, 2, 6, *sizes))
            outputs = []
            for index in (0, *range(first, 6)):
                stop = first if index == 0 else index + 1
                part = x[:, index:stop]
                for at in (index, ops.convert_to_tensor(index)):  # a number, and one that only the device knows
                    y, updated = layer(part, part, cache=cache, cache_update_index=at, use_causal_mask=True, **mask)
                    y_and_scores = layer(
                        part,
                        part,
                        cache=cache,
                        cache_update_index=at,
                        use_causal_mask=True,
                        return_attention_scores=True,
                        **mask,
                    )
                    assert len(y_and_scores) == 3
                    np.testing.assert_allclose(y_and_scores[1], scores[:, :, index:stop], rtol=1e-5, atol=1e-6)
                    np.testing.assert_array_equal(y_and_scores[2], updated)
                    np.testing.assert_allclose(y, expected[:, index:stop], rtol=1e-5, atol=1e-5)
                cache = updated
                outputs.append(y)
            np.testing.assert_allclose(ops.concatenate(outputs, axis=1), expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(
        layer(x, x, cache=cache, use_causal_mask=True, **mask)[0], expected, rtol=1e-5, atol=1e-5
    )


def test_a_mask_of_the_new_steps_alone() -> None:
    layer, x = layers.MultiHeadAttention(2, 3), RANDOM.normal(size=(2, 5, 4)).astype("float32")
    valid = np.array([[True, True, True, False, True], [True, True, False, True, True]])
    expected = layer(x, x, value_mask=valid, use_causal_mask=True)
    _, cache = layer(x[:, :2], x[:, :2], cache=ops.zeros((2, 2, 5, 2, 3)), cache_update_index=0, use_causal_mask=True)
    new = x[:, 2:]
    y, _ = layer(new, new, cache=cache, cache_update_index=2, use_causal_mask=True, value_mask=valid[:, 2:])
    np.testing.assert_allclose(y, expected[:, 2:], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("index", [2, np.int64(2), np.array(2)])
def test_the_index_of_a_cache_is_a_whole_number(index: Any) -> None:
    layer, x = layers.MultiHeadAttention(2, 3), RANDOM.normal(size=(1, 1, 6)).astype("float32")
    cache = ops.zeros((1, 2, 4, 2, 3))
    _, updated = layer(x, x, cache=cache, cache_update_index=index, use_causal_mask=True)
    written = np.abs(updated.numpy()).sum((0, 1, 3, 4)) > 0
    assert written.tolist() == [False, False, True, False]
    for wrong in (2.5, "a"):
        with pytest.raises(TypeError, match="expected a whole number"):
            layer(x, x, cache=cache, cache_update_index=wrong, use_causal_mask=True)
    with pytest.raises(ValueError, match="do not fit"):
        layer(x, x, cache=cache, cache_update_index=4, use_causal_mask=True)


def test_a_model_that_generates_step_by_step(tmp_path: Path) -> None:
    x, cache, index = (
        Input((1, 5), name="x"),
        Input((2, 6, 2, 3), name="cache"),
        Input((), batch_size=1, dtype="int32", name="i"),
    )
    layer = layers.MultiHeadAttention(2, 3)
    model = Model([x, cache, index], layer(x, x, cache=cache, cache_update_index=index[0], use_causal_mask=True))
    assert [tuple(y.shape) for y in model.outputs] == [(None, 1, 5), (None, 2, 6, 2, 3)]
    steps = RANDOM.normal(size=(2, 6, 5)).astype("float32")
    model.save(tmp_path / "m.keras")
    for m in (model, models.load_model(tmp_path / "m.keras")):
        state, outputs = np.zeros((2, 2, 6, 2, 3), "float32"), []
        for i in range(6):
            y, state = m([steps[:, i : i + 1], state, np.array([i], "int32")])
            outputs.append(y.numpy())
        np.testing.assert_allclose(
            np.concatenate(outputs, 1), layer(steps, steps, use_causal_mask=True), rtol=1e-5, atol=1e-5
        )


def test_the_example_of_the_docstring() -> None:
    text = inspect.cleandoc(layers.MultiHeadAttention.__doc__ or "")
    code = textwrap.dedent(text.split("::\n\n", 1)[1].split("Args:")[0])
    scope: dict[str, Any] = {}
    exec(code, scope)
    assert scope["y"].shape == (1, 1, 6)
    assert scope["step"] == 7
    assert (scope["cache"].numpy() != 0).all()


def test_caches_that_do_not_fit() -> None:
    layer = layers.MultiHeadAttention(2, 3)
    x, cache = np.zeros((2, 2, 5), "float32"), np.zeros((2, 2, 6, 2, 3), "float32")
    with pytest.raises(ValueError, match="should not be set"):
        layer(x, x, cache_update_index=1)
    with pytest.raises(ValueError, match="do not fit in a cache of 6 steps"):
        layer(x, x, cache=cache, cache_update_index=5)
    with pytest.raises(ValueError, match=r"expected a cache of shape \(batch, 2, steps, heads, size\)"):
        layer(x, x, cache=cache[0], cache_update_index=0)
    with pytest.raises(ValueError, match=r"have \(heads, size\) \(2, 3\)"):
        layer(x, x, cache=np.zeros((2, 2, 6, 2, 4), "float32"), cache_update_index=0)
    with pytest.raises(ValueError, match=r"values have \(heads, size\) \(2, 4\)"):
        layers.MultiHeadAttention(2, 3, value_dim=4)(x, x, cache=cache, cache_update_index=0)


def test_attention_without_heads() -> None:
    layer = layers.Attention(use_scale=True, score_mode="concat", name="a")
    layer([Q, Q])
    assert [(w.path, w.shape) for w in layer.weights] == [("a/scale", ()), ("a/concat_score_weight", ())]
    additive = layers.AdditiveAttention(name="b", seed=4)
    additive([Q, Q])
    assert [(w.path, w.shape) for w in additive.weights] == [("b/scale", (5,))]
    assert "score_mode" not in additive.get_config()
    assert additive.get_config()["seed"] == 4
    for wrong, match in (
        ({"score_mode": "scaled_dot"}, "Expected one of {'dot', 'concat'}"),
        ({"dropout": 1.5}, "between 0 and 1"),
    ):
        with pytest.raises(ValueError, match=match):
            layers.Attention(**wrong)
    for inputs, mask, match in (
        (Q, None, "must be called on a list"), ([Q], None, "length 2 or 3"), ([Q, Q, Q, Q], None, "length 2 or 3"),
        ([Q, Q], Q[..., 0], "mask must be a list"), ([Q, Q], [None], "accepts mask list of length 2 or 3"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=match):
            layers.Attention()(inputs, mask=mask)


@pytest.mark.parametrize("make", [layers.Attention, layers.AdditiveAttention])
def test_dropout_without_heads(make: Any) -> None:
    """Values of 1: the result is the sum of the weights that are left."""
    layer, x = make(dropout=0.25, seed=3), np.ones((40, 50, 1), "float32")
    np.testing.assert_allclose(layer([x, x]), 1, rtol=1e-5)
    y, scores = layer([x, x], training=True, return_attention_scores=True)
    assert abs(y.numpy().mean() - 1) < 0.01
    np.testing.assert_allclose(y.numpy().std(), np.sqrt(0.25 / 0.75 / 50), rtol=0.1)
    np.testing.assert_allclose(
        scores.numpy()[scores.numpy() > 0], 1 / 50 / 0.75, rtol=1e-5
    )  # as in Keras, after the dropout


def test_symbolic_attention_without_heads(tmp_path: Path) -> None:
    query, value = Input((4, 5)), Input((None, 5))
    y, scores = layers.Attention(use_scale=True)([query, value], return_attention_scores=True)
    assert (y.shape, scores.shape) == ((None, 4, 5), (None, 4, None))
    z = layers.AdditiveAttention()([y, value])
    model = Model([query, value], [z, scores])
    model.save(tmp_path / "m.keras")
    arrays = [RANDOM.normal(size=(2, n, 5)).astype("float32") for n in (4, 7)]
    for a, b in zip(model(arrays), models.load_model(tmp_path / "m.keras")(arrays)):
        np.testing.assert_array_equal(a, b)


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
