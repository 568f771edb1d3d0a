"""A layer that is in a model and in a model inside it stays one layer in files, configs and clones; names are unique."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import layers


@dualnet.saving.register_keras_serializable("tests")
class Around(layers.Layer):
    """A layer that keeps another one in its config."""

    def __init__(self, inner: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.inner = inner

    def call(self, x: Any) -> Any:
        return self.inner(x)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "inner": dualnet.saving.serialize_keras_object(self.inner)}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        return cls(dualnet.saving.deserialize_keras_object(config.pop("inner")), **config)


def model_inside() -> Any:
    x = dualnet.Input((4,))
    shared = layers.Dense(4, name="shared")
    return dualnet.Model(x, shared(dualnet.Model(x, shared(x), name="inner")(x)))


def called_often() -> Any:
    x = dualnet.Input((4,))
    shared = layers.Dense(4, name="shared")
    return dualnet.Model(x, shared(dualnet.Model(x, shared(shared(x)), name="inner")(shared(x))))


def chain_inside() -> Any:
    shared = layers.Dense(4, name="shared")
    inner = dualnet.Sequential([shared, layers.Dense(4, name="last")], name="inner")
    return dualnet.Sequential([dualnet.Input((4,)), shared, inner])


def model_in_three() -> Any:
    shared = dualnet.Sequential([dualnet.Input((4,)), layers.Dense(4), layers.BatchNormalization()], name="encoder")
    x, y, z = (dualnet.Input((4,)) for _ in range(3))
    a = dualnet.Model(x, layers.Dense(4)(shared(x)), name="a")
    b = dualnet.Model(y, layers.Dense(4)(shared(y)), name="b")
    return dualnet.Model(z, layers.Add()([a(z), b(z), shared(z)]))


def three_levels() -> Any:
    x, y, z = (dualnet.Input((4,)) for _ in range(3))
    shared = layers.Dense(4, name="shared")
    inner = dualnet.Model(x, shared(x), name="a")
    return dualnet.Model(z, shared(dualnet.Model(y, inner(y), name="b")(z)))


def in_a_layer() -> Any:
    x = dualnet.Input((4,))
    shared = layers.Dense(4, name="shared")
    return dualnet.Model(x, shared(Around(shared, name="around")(x)))


def in_a_wrapper() -> Any:
    x = dualnet.Input((3, 4))
    shared = layers.Dense(4, name="shared")
    return dualnet.Model(x, shared(layers.TimeDistributed(shared)(x)))


every_model = pytest.mark.parametrize(
    "make", [model_inside, called_often, chain_inside, model_in_three, three_levels, in_a_layer, in_a_wrapper]
)


def data_for(model: Any) -> Any:
    return np.random.default_rng(0).normal(size=(3, *model.inputs[0].shape[1:])).astype("float32")


def assert_same(again: Any, model: Any) -> None:
    """Equal outputs, before and after all weights change: no weight exists twice."""
    x = data_for(model)
    assert len(again.weights) == len(model.weights)
    assert np.array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))
    changed = [w * 0.5 + 0.1 for w in model.get_weights()]
    again.set_weights(changed)
    model.set_weights(changed)
    assert np.array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))


@every_model
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_files(make: Callable[[], Any], suffix: str, tmp_path: Path) -> None:
    model = make()
    model.save(tmp_path / f"m{suffix}")
    assert_same(dualnet.models.load_model(tmp_path / f"m{suffix}"), model)


@every_model
@pytest.mark.parametrize("suffix", [".weights.h5", ".h5"])
def test_configs_and_weights(make: Callable[[], Any], suffix: str, tmp_path: Path) -> None:
    model = make()
    model.save_weights(tmp_path / f"m{suffix}")
    for again in (dualnet.models.model_from_json(model.to_json()), type(model).from_config(model.get_config())):
        again.load_weights(tmp_path / f"m{suffix}")
        assert_same(again, model)
        model.load_weights(tmp_path / f"m{suffix}")


@every_model
@pytest.mark.parametrize("recursive", [False, True])
def test_clones(make: Callable[[], Any], recursive: bool) -> None:
    model = make()
    clone = dualnet.models.clone_model(model, recursive=recursive)
    assert not {id(v) for v in clone.weights} & {id(v) for v in model.weights}
    clone.set_weights(model.get_weights())
    assert_same(clone, model)


@every_model
def test_copies(make: Callable[[], Any]) -> None:
    model = make()
    assert_same(copy.deepcopy(model), model)
    assert_same(pickle.loads(pickle.dumps(model)), model)


def test_clone_function_is_called_once_for_a_shared_layer() -> None:
    seen: list[str] = []

    def copied(layer: Any) -> Any:
        seen.append(layer.name)
        return type(layer).from_config(layer.get_config())

    model = model_inside()
    clone = dualnet.models.clone_model(model, clone_function=copied, recursive=True)
    assert seen.count("shared") == 1
    clone.set_weights(model.get_weights())
    assert_same(clone, model)
    with pytest.raises(ValueError, match="Sequential"):
        dualnet.models.clone_model(chain_inside(), call_function=lambda layer, x: layer(x))


def test_training_goes_on_with_the_state_of_the_optimizer(tmp_path: Path) -> None:
    model, x = model_inside(), np.ones((4, 4), "float32")
    model.compile("adam", "mse")
    model.fit(x, 2 * x, verbose=0)
    model.save(tmp_path / "m.keras")
    again = dualnet.models.load_model(tmp_path / "m.keras")
    assert [again.train_on_batch(x, 2 * x) for _ in range(3)] == [model.train_on_batch(x, 2 * x) for _ in range(3)]


@every_model
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_keras_reads_the_right_values(make: Callable[[], Any], suffix: str, keras: Any, tmp_path: Path) -> None:
    class Around(keras.layers.Layer):  # type: ignore[misc, name-defined]
        def __init__(self, inner: Any, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.inner = inner

        def call(self, x: Any) -> Any:
            return self.inner(x)

        @classmethod
        def from_config(cls, config: dict[str, Any]) -> Any:
            return cls(keras.saving.deserialize_keras_object(config.pop("inner")), **config)

    model = make()
    model.save(tmp_path / f"m{suffix}")
    custom = {"tests>Around": Around, "Around": Around}
    theirs = keras.models.load_model(tmp_path / f"m{suffix}", custom_objects=custom)
    x = data_for(model)
    np.testing.assert_allclose(theirs.predict(x, verbose=0), model.predict(x, verbose=0), atol=1e-5)


def nested(K: Any) -> Any:
    x, y = K.Input((4,)), K.Input((4,))
    first = K.Model(x, K.layers.Dense(4)(x), name="first")
    second = K.Model(x, K.layers.Dense(4)(x), name="second")
    return K.Model(y, K.layers.Dense(2)(second(first(y))))


def test_models_in_a_model_both_ways_with_keras(keras: Any, tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
    for writer, reader in ((dualnet, keras), (keras, dualnet)):
        model = nested(writer)
        model.save(tmp_path / "m.keras")
        again = reader.models.load_model(tmp_path / "m.keras")
        np.testing.assert_allclose(again.predict(x, verbose=0), model.predict(x, verbose=0), atol=1e-6)


def test_files_that_called_models_in_a_model_by_another_name(tmp_path: Path) -> None:
    import h5py

    model = nested(dualnet)
    model.save_weights(tmp_path / "m.weights.h5")
    with h5py.File(tmp_path / "m.weights.h5", "r+") as file:
        assert sorted(file["layers"]) == ["dense", "functional", "functional_1", "input_layer"]
        file.move("layers/functional", "layers/model")
        file.move("layers/functional_1", "layers/model_1")
    again = dualnet.models.clone_model(model)
    again.load_weights(tmp_path / "m.weights.h5")
    assert_same(again, model)


# -- names ---------------------------------------------------------------------------------------------------------


def member() -> Any:
    return dualnet.Sequential([dualnet.Input((4,)), layers.Dense(2)], name="member")


def test_two_layers_of_one_name_are_refused() -> None:
    x, y = dualnet.Input((4,)), dualnet.Input((4,), name="left")
    left = dualnet.Input((4,), name="left")
    for inputs, outputs in (
        (x, layers.Average()([member()(x), member()(x)])),
        (x, layers.Dense(2, name="d")(layers.Dense(4, name="d")(x))),
        (x, layers.Dense(2, name="d")(layers.ReLU(name="d")(x))),
        ([left, y], layers.Add()([left, y])),
    ):
        with pytest.raises(ValueError, match=r"(?s)used 2 times.*unique"):
            dualnet.Model(inputs, outputs)
    same = layers.Dense(4, name="d")
    assert len(dualnet.Model(x, same(same(x))).weights) == 2
    inside = dualnet.Model(x, layers.Dense(4, name="d")(x), name="inside")
    assert len(dualnet.Model(x, layers.Dense(4, name="d")(inside(x))).weights) == 4  # one name at two levels


def test_an_option_that_an_operation_does_not_have_is_refused() -> None:
    x = dualnet.Input((4,))
    text = dualnet.Model(x, dualnet.ops.sum(x, axis=1)).to_json()
    assert '"axis": 1' in text
    with pytest.raises(ValueError, match=r"Sum with \['scale'\]"):
        dualnet.models.model_from_json(text.replace('"axis": 1', '"axis": 1, "scale": 2'))
