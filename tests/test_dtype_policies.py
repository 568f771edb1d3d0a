"""Dtype policies, and layers that compute in another dtype than that of their weights."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import config, dtype_policies, layers, ops
from dualnet.dtype_policies import DTypePolicy, DTypePolicyMap
from dualnet.ops._autocast import AutocastScope

X = np.random.default_rng(0).normal(size=(6, 5)).astype("float32")
Y = np.random.default_rng(1).normal(size=(6, 2)).astype("float32")


@pytest.fixture(autouse=True)
def _no_policy_is_left() -> Iterator[None]:
    yield
    config.set_dtype_policy(None)


def dtypes(layer: Any, x: Any) -> tuple[str, str, set[str]]:
    return str(layer(x).dtype), layer.compute_dtype, {v.dtype for v in layer.weights}


def test_a_mixed_layer_computes_in_16_bits_with_weights_of_32() -> None:
    assert dtypes(layers.Dense(2, dtype="mixed_float16"), X) == ("float16", "float16", {"float32"})
    assert dtypes(layers.Dense(2, dtype="float16"), X) == ("float16", "float16", {"float16"})
    assert dtypes(layers.Embedding(4, 2, dtype="mixed_float16"), [1, 2]) == ("float16", "float16", {"float32"})
    layer = layers.Dense(2, dtype=DTypePolicy("mixed_float16"))
    assert (layer.dtype, layer.variable_dtype, layer.input_dtype) == ("float32", "float32", "float16")
    assert layer.dtype_policy == DTypePolicy("mixed_float16")
    assert layers.Dense(2, dtype=layer.get_config()["dtype"]).dtype_policy == layer.dtype_policy
    layer.dtype_policy = "float32"
    assert dtypes(layer, X) == ("float32", "float32", {"float32"})


def test_layers_without_a_policy_have_the_global_one() -> None:
    config.set_dtype_policy("mixed_float16")
    inputs = dualnet.Input((5,))
    model = dualnet.Model(inputs, layers.Dense(2)(layers.BatchNormalization()(inputs)))
    assert inputs.dtype == "float32"
    assert [layer.compute_dtype for layer in model.layers] == ["float32", "float16", "float16"]
    assert model.output.dtype == "float16"
    assert model.predict(X, verbose=0).dtype == "float16"
    with pytest.raises(ValueError, match="Invalid `policy` argument"):
        config.set_dtype_policy(3)


def test_gradients_reach_the_weights_in_their_own_dtype() -> None:
    layer = layers.Dense(2, dtype="mixed_float16")
    exact = layers.Dense(2)
    for one in (layer, exact):
        one.build((None, 5))
    exact.set_weights(layer.get_weights())
    gradients = []
    for one in (layer, exact):
        with dualnet.GradientTape() as tape:
            loss = ops.sum(ops.square(ops.cast(one(X), "float32")))
        gradients.append(tape.gradient(loss, one.trainable_variables))
    assert {str(g.dtype) for g in gradients[0]} == {"float32"}
    for mixed, full in zip(*gradients):
        np.testing.assert_allclose(mixed.numpy(), full.numpy(), rtol=1e-2, atol=2e-2)
        assert not np.array_equal(mixed.numpy(), full.numpy())


def test_a_mixed_model_trains_with_a_loss_in_float32() -> None:
    dualnet.utils.set_random_seed(3)
    model = dualnet.Sequential(
        [dualnet.Input((5,)), layers.Dense(8, "relu", dtype="mixed_float16"), layers.Dense(2, dtype="mixed_float16")]
    )
    model.compile("adam", "mse")
    losses = model.fit(X, Y, epochs=30, verbose=0).history["loss"]
    assert losses[-1] < 0.8 * losses[0]
    assert model.compute_loss(X, Y, model(X)).dtype == "float32"
    assert {v.dtype for v in model.weights} == {"float32"}


def test_as_keras_computes(keras: Any) -> None:
    def outputs(library: Any) -> list[Any]:
        stack = [
            library.layers.Dense(4, "relu", dtype="mixed_float16"),
            library.layers.LayerNormalization(dtype="mixed_float16"),
        ]
        for i, layer in enumerate(stack):
            layer.build((None, 5 if i == 0 else 4))
        stack[0].set_weights([np.linspace(-1, 1, 20, dtype="float32").reshape(5, 4), np.full(4, 0.1, "float32")])
        y = stack[0](X)
        return [np.asarray(ops.convert_to_numpy(t) if library is dualnet else t) for t in (y, stack[1](y))]

    for ours, theirs in zip(outputs(dualnet), outputs(keras)):
        assert ours.dtype == theirs.dtype == "float16"
        np.testing.assert_allclose(ours, theirs, rtol=5e-3, atol=5e-3)


def test_variables_inside_a_scope() -> None:
    unchanged = dualnet.Variable(np.ones(2, "float32"), autocast=False)
    seen = dualnet.Variable(np.ones(2, "float32"))
    whole = dualnet.Variable(np.ones(2, "int32"))
    with AutocastScope("float16"):
        assert [v.dtype for v in (seen, unchanged, whole)] == ["float16", "float32", "int32"]
        assert [str(ops.negative(v).dtype) for v in (seen, unchanged, whole)] == ["float16", "float32", "int32"]
        with AutocastScope(None):
            assert seen.dtype == "float32"
        seen.assign([2.0, 3.0])
    assert seen.dtype == "float32"
    np.testing.assert_array_equal(seen.numpy(), [2, 3])
    with pytest.raises(ValueError, match="floating-point target dtype"):
        AutocastScope("int32")


def test_layers_of_other_dtypes_inside_a_mixed_one() -> None:
    class Outer(dualnet.Layer):
        def __init__(self) -> None:
            super().__init__(dtype="mixed_float16")
            self.full = layers.Dense(3, dtype="float32")
            self.w = self.add_weight((3,), "ones")

        def call(self, x: Any) -> Any:
            assert self.w.dtype == "float16"
            y = self.full(x)
            assert y.dtype == "float32"
            return ops.cast(y, "float16") * self.w

    assert Outer()(X).dtype == "float16"


def test_whole_numbers_and_layers_of_whole_numbers_are_left_alone() -> None:
    assert layers.Flatten(dtype="mixed_float16")(np.ones((2, 3), "int32")).dtype == "int32"
    assert layers.Identity(dtype="int32")(X).dtype == "float32"


def test_large_inputs_are_normalized_before_they_are_cast() -> None:
    big = np.full((2, 4, 8), 70000.0, "float32")
    big[..., 0] = -70000.0
    y = layers.GroupNormalization(groups=2, dtype="mixed_float16")(big)
    assert y.dtype == "float16"
    assert np.isfinite(y.numpy()).all()


def test_map_of_policies() -> None:
    policies = DTypePolicyMap("float32", {"model/a": "float16"})
    policies["model/decoder/.*"] = "mixed_float16"
    assert [policies[p].name for p in ("model/a", "model/decoder/x", "model/ab")] == [
        "float16",
        "mixed_float16",
        "float32",
    ]
    assert ("model/a" in policies, "model/b" in policies, len(policies)) == (True, False, 2)
    again = dtype_policies.deserialize(dtype_policies.serialize(policies))
    assert again == policies
    policies["model/decoder/y.*"] = "float16"
    with pytest.raises(ValueError, match="'model/decoder/yes' matches multiple"):
        policies["model/decoder/yes"]
    with pytest.raises(ValueError, match="model/a already exist"):
        policies["model/a"] = "float32"
    with pytest.raises(ValueError, match="Cannot interpret the assigned value"):
        policies["model/c"] = 123
    with pytest.raises(TypeError, match="`policy_map` must be a dict"):
        DTypePolicyMap(policy_map=[])  # type: ignore[arg-type]
    assert policies.pop("model/a").name == "float16"
    with pytest.raises(KeyError):
        policies.pop("model/a")

    layer = layers.Dense(2, name="a", dtype=DTypePolicyMap("float32", {"a": "mixed_float16"}))
    assert dtypes(layer, X) == ("float16", "float16", {"float32"})


@pytest.mark.parametrize("wrong", ["mixed_bfloat15", 123, 1.5, ["a"]], ids=str)
def test_what_is_no_policy(wrong: Any) -> None:
    with pytest.raises(ValueError, match="Cannot convert|Cannot interpret"):
        dtype_policies.get(wrong)


BFLOAT16 = """
import sys
sys.modules["ml_dtypes"] = None  # as if it was not installed
import numpy as np
import dualnet
from dualnet import layers, ops
x = np.ones((2, 2), "float32")
for name, call in {
    "policy": lambda: dualnet.config.set_dtype_policy("mixed_bfloat16"),
    "policy of a layer": lambda: layers.Dense(2, dtype="mixed_bfloat16"),
    "layer": lambda: layers.Dense(2, dtype="bfloat16"),
    "input": lambda: dualnet.Input((2,), dtype="bfloat16"),
    "cast": lambda: ops.cast(x, "bfloat16"),
    "symbolic cast": lambda: ops.cast(dualnet.Input((2,)), "bfloat16"),
    "zeros": lambda: ops.zeros((2,), "bfloat16"),
    "cumsum": lambda: ops.cumsum(x, dtype="bfloat16"),
    "variable": lambda: dualnet.Variable([1.0], dtype="bfloat16"),
    "random": lambda: dualnet.random.normal((2,), dtype="bfloat16"),
    "metric": lambda: dualnet.metrics.Mean(dtype="bfloat16"),
    "loss": lambda: dualnet.losses.MeanSquaredError(dtype="mixed_bfloat16"),
}.items():
    try:
        call()
    except TypeError as error:
        assert "pip install 'dualnet[bfloat16]'" in str(error), (name, error)
    else:
        raise AssertionError(name)
"""


def _paths() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


def test_bfloat16_without_its_package_is_refused_where_it_is_named() -> None:
    subprocess.run([sys.executable, "-c", BFLOAT16], check=True, env=_paths())


def test_bfloat16_is_loaded_when_it_is_named() -> None:
    pytest.importorskip("ml_dtypes")
    code = (
        "import sys, numpy, dualnet; assert 'ml_dtypes' not in sys.modules; "
        "y = dualnet.layers.Dense(2, dtype='mixed_bfloat16')(numpy.ones((1, 2), 'float32')); assert y.dtype == 'bfloat16'"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=_paths())
