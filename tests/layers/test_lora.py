"""Low-rank adaptation of Dense, Embedding, convolutions and EinsumDense."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import layers, ops

MADE: list[tuple[str, Any, tuple[Any, ...]]] = [
    ("Dense", {"units": 3}, (None, 4)),
    ("Embedding", {"input_dim": 5, "output_dim": 3}, (None, 4)),
    ("Conv2D", {"filters": 3, "kernel_size": 2}, (None, 4, 4, 2)),
    ("EinsumDense", {"equation": "abc,cde->abde", "output_shape": (None, 6, 7), "bias_axes": "e"}, (None, 4, 5)),
]
each = pytest.mark.parametrize(("name", "options", "shape"), MADE, ids=[name for name, _, _ in MADE])


def built(library: Any, name: str, options: Any, shape: Any, **more: Any) -> Any:
    layer = getattr(library.layers, name)(**options, **more)
    layer.build(shape)
    return layer


def inputs(name: str, shape: Any) -> Any:
    rng = np.random.default_rng(0)
    size = (2, *shape[1:])
    return rng.integers(0, 5, size) if name == "Embedding" else rng.normal(size=size).astype("float32")


def fill(layer: Any) -> None:
    for i, v in enumerate(layer.weights):
        n = int(np.prod(v.shape))
        v.assign(np.linspace(-1 + i, 1, n, dtype="float32").reshape(v.shape) * 0.3)


@each
def test_as_keras(name: str, options: Any, shape: Any, keras: Any) -> None:
    pair = [built(library, name, options, shape) for library in (dualnet, keras)]
    for layer in pair:  # given to __init__, Keras 3.15 does not pass lora_alpha on in Dense and Embedding
        layer.enable_lora(2, lora_alpha=3)
    descriptions = [[(v.path.split("/")[-1], tuple(v.shape), v.trainable) for v in layer.weights] for layer in pair]
    assert descriptions[0] == descriptions[1]
    for layer in pair:
        fill(layer)
    x = inputs(name, shape)
    np.testing.assert_allclose(pair[0](x).numpy(), np.asarray(pair[1](x)), rtol=2e-5, atol=1e-5)
    stores: list[dict[str, Any]] = [{}, {}]
    for layer, store in zip(pair, stores):
        layer.save_own_variables(store)
    assert list(stores[0]) == list(stores[1])
    for key, value in stores[0].items():
        np.testing.assert_allclose(value, np.asarray(stores[1][key]), rtol=2e-5, atol=1e-5)
    ours, theirs = ({k: v for k, v in layer.get_config().items() if "lora" in k} for layer in pair)
    assert ours == theirs == {"lora_rank": 2, "lora_alpha": 3}


@each
def test_it_begins_with_no_effect_and_the_weight_is_frozen(name: str, options: Any, shape: Any) -> None:
    layer = built(dualnet, name, options, shape)
    x = inputs(name, shape)
    before, count = layer(x).numpy(), len(layer.trainable_weights)
    layer.enable_lora(2)
    np.testing.assert_array_equal(layer(x).numpy(), before)
    assert (len(layer.trainable_weights), len(layer.non_trainable_weights)) == (count + 1, 1)
    assert (layer.lora_enabled, layer.lora_rank, layer.lora_alpha) == (True, 2, 2)
    with dualnet.GradientTape() as tape:
        loss = ops.sum(ops.square(layer(x)))
    assert all(g is not None for g in tape.gradient(loss, layer.trainable_weights))


@each
def test_files_hold_both_together(name: str, options: Any, shape: Any, tmp_path: Path) -> None:
    def model(**more: Any) -> Any:
        layer = getattr(layers, name)(**options, **more, name="tuned")
        return dualnet.Sequential([dualnet.Input(shape[1:], dtype="int32" if name == "Embedding" else None), layer])

    tuned, plain, other = model(lora_rank=2), model(), model(lora_rank=3)
    fill(tuned.layers[0])
    x = inputs(name, shape)
    expected = tuned.predict(x, verbose=0)
    tuned.save_weights(tmp_path / "w.weights.h5")
    for reader in (plain, other):
        reader.load_weights(tmp_path / "w.weights.h5")
        np.testing.assert_allclose(reader.predict(x, verbose=0), expected, rtol=1e-5, atol=1e-6)
    tuned.save(tmp_path / "m.keras")
    again = dualnet.models.load_model(tmp_path / "m.keras")
    assert again.layers[0].lora_enabled
    np.testing.assert_allclose(again.predict(x, verbose=0), expected, rtol=1e-5, atol=1e-6)


def test_tuning_changes_only_the_low_rank_part_and_the_bias() -> None:
    dualnet.utils.set_random_seed(0)
    layer = layers.Dense(2)
    model = dualnet.Sequential([dualnet.Input((4,)), layer])
    layer.enable_lora(1)
    kernel, b = layer._kernel.numpy(), layer.lora_kernel_b.numpy()
    model.compile("sgd", "mse")
    model.fit(np.ones((8, 4)), np.ones((8, 2)), epochs=2, verbose=0)
    np.testing.assert_array_equal(layer._kernel.numpy(), kernel)
    assert np.abs(layer.lora_kernel_b.numpy() - b).max() > 0
    np.testing.assert_allclose(
        layer.kernel.numpy(), kernel + layer.lora_kernel_a.numpy() @ layer.lora_kernel_b.numpy(), rtol=1e-6
    )
    assert layer.lora_kernel_a.path == f"{layer.path}/lora_kernel_a"


@each
def test_rank_and_alpha_may_be_given_beforehand(name: str, options: Any, shape: Any) -> None:
    layer = built(dualnet, name, options, shape, lora_rank=2, lora_alpha=3)
    assert (layer.lora_enabled, layer.lora_rank, layer.lora_alpha) == (True, 2, 3)
    again = type(layer).from_config(layer.get_config())
    assert (again.lora_enabled, again.lora_rank, again.lora_alpha) == (False, 2, 3)
    assert "lora_rank" not in built(dualnet, name, options, shape).get_config()


def test_refused() -> None:
    with pytest.raises(ValueError, match="isn't yet built"):
        layers.Dense(2).enable_lora(2)
    layer = built(dualnet, "Dense", {"units": 2}, (None, 3), lora_rank=1)
    with pytest.raises(ValueError, match="already enabled"):
        layer.enable_lora(1)
    with pytest.raises(ValueError, match="incompatible with kernel constraints"):
        layers.Dense(2, kernel_constraint="max_norm", lora_rank=1)
    with pytest.raises(AttributeError, match="has no kernel yet: it is not built"):
        layers.Dense(2).kernel  # noqa: B018
