"""Models made of inputs and outputs: structure, running, shared layers, ops on symbolic tensors, copies."""

from __future__ import annotations

import tracemalloc
import weakref
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import layers, ops
from dualnet.models import clone_model


def two_inputs() -> Any:
    a, b = dualnet.Input((4,), name="a"), dualnet.Input((4,), name="b")
    shared = layers.Dense(6, activation="relu", name="shared")
    joined = ops.concatenate([shared(a), shared(b)], axis=-1) * 2 + 1
    return dualnet.Model([a, b], layers.Dense(1, name="out")(joined))


def data(n: int = 12) -> list[Any]:
    rng = np.random.default_rng(0)
    return [rng.normal(size=(n, 4)).astype("float32") for _ in range(2)]


def expected(model: Any, x: list[Any]) -> Any:
    w, b, v, c = model.get_weights()
    hidden = np.concatenate([np.maximum(part @ w + b, 0) for part in x], axis=1) * 2 + 1
    return hidden @ v + c


def test_a_shared_layer_and_ops_compute_what_they_say() -> None:
    model, x = two_inputs(), data()
    assert np.allclose(model.predict(x, verbose=0), expected(model, x), atol=1e-6)
    assert model.count_params() == 4 * 6 + 6 + 12 + 1
    assert [layer.name for layer in model.layers] == ["a", "b", "shared", "out"]
    assert model.input_names == ["a", "b"]
    assert model.output_names == ["out"]
    assert model.output.shape == (None, 1)


def test_inputs_may_come_by_name() -> None:
    model, (a, b) = two_inputs(), data()
    assert np.array_equal(model.predict({"b": b, "a": a}, verbose=0), model.predict([a, b], verbose=0))
    with pytest.raises(ValueError, match=r"the dictionary lacks \['b'\]"):
        model({"a": a})
    with pytest.raises(ValueError, match=r"expects 2 inputs \(a, b\), but it received 1"):
        model(a)
    with pytest.raises(ValueError, match=r"name 'b' at path '1' .* expected shape=\(None, 4\), found shape=\(12, 3\)"):
        model([a, b[:, :3]])


def test_it_trains() -> None:
    dualnet.utils.set_random_seed(1)
    model, x = two_inputs(), data(64)
    model.compile("adam", "mse")
    losses = model.fit(x, x[0].sum(1) - x[1].sum(1), epochs=30, verbose=0).history["loss"]
    assert losses[-1] < 0.6 * losses[0]


def test_part_of_a_model_shares_its_weights() -> None:
    whole = dualnet.Sequential([dualnet.Input((4,)), layers.Dense(3, activation="tanh"), layers.Dense(2)])
    part = dualnet.Model(whole.input, whole.layers[0].output)
    x = data()[0]
    w, b = whole.layers[0].get_weights()
    assert np.allclose(part.predict(x, verbose=0), np.tanh(x @ w + b), atol=1e-6)
    assert part.layers[-1] is whole.layers[0]


def test_models_inside_models() -> None:
    inner = dualnet.Sequential([dualnet.Input((4,)), layers.Dense(3, activation="relu"), layers.Dropout(0.5)])
    x = dualnet.Input((4,))
    model = dualnet.Model(x, layers.Dense(2)(inner(x)))
    assert len(model.trainable_variables) == 4
    inner.trainable = False
    assert len(model.trainable_variables) == 2
    assert model.predict(data()[0], verbose=0).shape == (12, 2)
    # Dropout inside the nested model follows the training flag of the outer one.
    assert np.array_equal(model(data()[0]).numpy(), model(data()[0]).numpy())
    assert not np.array_equal(model(data()[0], training=True).numpy(), model(data()[0], training=True).numpy())


def test_dictionary_outputs_and_several_results_of_one_op() -> None:
    x = dualnet.Input((6,))
    left, right = ops.split(x, 2, axis=-1)
    model = dualnet.Model(x, {"sum": left + right, "difference": left - right})
    value = np.arange(12, dtype="float32").reshape(2, 6)
    out = model.predict(value, verbose=0)
    assert np.array_equal(out["sum"], value[:, :3] + value[:, 3:])
    assert np.array_equal(out["difference"], value[:, :3] - value[:, 3:])


def test_numpy_functions_and_open_shapes() -> None:
    x = dualnet.Input((None, 3))
    y = np.exp(x) + 1.0
    assert y.shape == (None, None, 3)
    assert ops.mean(y, axis=1).shape == (None, 3)
    assert ops.reshape(y, (-1, 3)).shape == (None, 3)
    assert y[:, 0].shape == (None, 3)


def test_a_subclass_may_give_inputs_and_outputs_to_super() -> None:
    class Mine(dualnet.Model):
        def __init__(self) -> None:
            x = dualnet.Input((4,))
            super().__init__(inputs=x, outputs=layers.Dense(2)(x))

    assert Mine().predict(data()[0], verbose=0).shape == (12, 2)


def test_what_cannot_be_a_model() -> None:
    a, b = dualnet.Input((4,), name="a"), dualnet.Input((4,), name="b")
    with pytest.raises(
        ValueError,
        match=r"path `` is not connected to `inputs` alone: it depends on 'b', which is not among the inputs \(a\)",
    ):
        dualnet.Model(a, layers.Dense(1)(a + b))
    with pytest.raises(ValueError, match="All `inputs` values must be KerasTensors"):
        dualnet.Model(np.ones((2, 4)), layers.Dense(1)(a))
    with pytest.raises(ValueError, match="has no value"):
        np.asarray(a)


def test_a_deep_model_needs_no_deep_stack() -> None:
    x = start = dualnet.Input((1,))
    for _ in range(1500):
        x = x + 1.0
    assert dualnet.Model(start, x)(np.zeros((2, 1))).numpy().tolist() == [[1500.0], [1500.0]]


@pytest.mark.parametrize("api", ["functional", "sequential"])
def test_clones_have_weights_of_their_own(api: str) -> None:
    if api == "functional":
        model, x = two_inputs(), data()
    else:
        model, x = dualnet.Sequential([layers.Dense(3, input_shape=(4,)), layers.Dense(1)]), data()[0]  # type: ignore[assignment]
    copy = clone_model(model)
    assert [w.shape for w in copy.get_weights()] == [w.shape for w in model.get_weights()]
    before = model.predict(x, verbose=0)
    assert not np.allclose(copy.predict(x, verbose=0), before)
    copy.set_weights(model.get_weights())
    assert np.array_equal(copy.predict(x, verbose=0), before)
    copy.set_weights([w * 0 for w in model.get_weights()])
    assert np.array_equal(model.predict(x, verbose=0), before)


def test_clone_that_replaces_some_layers() -> None:
    def wider(layer: Any) -> Any:
        config = layer.get_config()
        if config.get("units") == 6:
            config["units"] = 8
        return type(layer).from_config(config)

    assert clone_model(two_inputs(), clone_function=wider).get_layer("shared").units == 8


def test_a_symbolic_tensor_is_no_truth_and_no_sequence() -> None:
    x = dualnet.Input((3,))
    with pytest.raises(TypeError, match="neither true nor false"):
        bool(x > 0)
    with pytest.raises(NotImplementedError, match="cannot be iterated over"):
        list(x)


def test_names_of_models_without_one() -> None:
    """As in Keras: by the class, and ``functional`` for a model of inputs and outputs."""
    dualnet.utils.clear_session()
    x = dualnet.Input((4,))
    y = layers.Dense(2)(x)

    class Own(dualnet.Model):
        def __init__(self) -> None:
            x = dualnet.Input((4,))
            super().__init__(x, layers.Dense(2)(x))

    models = [
        dualnet.Model(x, y),
        dualnet.Model(x, y),
        dualnet.Sequential(),
        dualnet.Sequential(),
        Own(),
        dualnet.Model(),
    ]
    assert [m.name for m in models] == ["functional", "functional_1", "sequential", "sequential_1", "own", "model"]
    assert dualnet.models.clone_model(models[1]).name == "functional_1"
    assert dualnet.Model(x, y, name="mine").name == "mine"


class Watcher(layers.Layer):
    """Passes its input on, and notes how many earlier arrays are still alive."""

    seen: list[weakref.ref[Any]]
    alive: list[int]

    def call(self, inputs: Any) -> Any:
        y = inputs + 1
        if hasattr(y, "data"):
            type(self).alive.append(sum(ref() is not None for ref in type(self).seen))
            type(self).seen.append(weakref.ref(y.data))
        return y


def test_values_are_let_go_when_no_layer_needs_them_any_more() -> None:
    Watcher.seen, Watcher.alive = [], []
    x = a = dualnet.Input((4,))
    for _ in range(4):
        x = Watcher()(x)
    skip = x
    for _ in range(3):
        x = Watcher()(x)
    model = dualnet.Model(a, [layers.Add()([skip, x]), skip])
    Watcher.seen, Watcher.alive = [], []
    total, middle = model(np.zeros((2, 4), "float32"))
    assert Watcher.alive == [0, 1, 1, 1, 1, 2, 2]  # the input of each layer, and what the sum takes
    np.testing.assert_array_equal(total, np.full((2, 4), 11))
    np.testing.assert_array_equal(middle, np.full((2, 4), 4))


def test_a_prediction_needs_the_memory_of_a_few_layers() -> None:
    """Whether it is run op by op, traced, or replayed."""
    x = np.ones((64, 10_000), "float32")
    inputs = y = dualnet.Input((10_000,))
    for n in range(12):
        y = layers.Rescaling(1.5, offset=n)(y)
    model = dualnet.Model(inputs, y)
    first = model.predict_on_batch(x)
    for _ in range(4):
        tracemalloc.start()
        again = model.predict_on_batch(x)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert x.nbytes < peak < 5 * x.nbytes
        np.testing.assert_array_equal(again, first)
