"""Configs of other versions of Keras 3: where their classes are, arguments that are not known here, and numbers of calls."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import layers
from dualnet.saving import deserialize_keras_object
from dualnet.serialization.objects import look_up

CLASSES = {
    ("keras.src.backend.torch.optimizers.torch_adam", "Adam"): dualnet.optimizers.Adam,
    ("keras.src.backend.torch.optimizers.torch_sgd", "SGD"): dualnet.optimizers.SGD,
    ("keras.src.optimizers.rmsprop", "RMSprop"): dualnet.optimizers.RMSprop,
    ("keras.optimizers.legacy", "Adam"): dualnet.optimizers.Adam,
    ("keras.src.optimizers.schedules.learning_rate_schedule", "CosineDecay"): dualnet.optimizers.schedules.CosineDecay,
    ("keras.layers.core.dense", "Dense"): layers.Dense,
    ("keras.src.layers.core.dense", "Dense"): layers.Dense,
    ("tensorflow.keras.layers", "Dense"): layers.Dense,
    ("tensorflow.python.keras.layers.core", "Dense"): layers.Dense,
    ("keras.api._v2.keras.layers", "Add"): layers.Add,
    ("tf_keras.src.layers.merging.add", "Add"): layers.Add,
    ("keras.engine.sequential", "Sequential"): dualnet.Sequential,
    ("tf_keras.src.engine.sequential", "Sequential"): dualnet.Sequential,
    ("keras.engine.functional", "Functional"): dualnet.Model,
    ("tf_keras.src.engine.functional", "Functional"): dualnet.Model,
    ("tf_keras", "Sequential"): dualnet.Sequential,
    ("tf_keras.losses", "MeanSquaredError"): dualnet.losses.MeanSquaredError,
    ("tf_keras.metrics", "MeanSquaredError"): dualnet.metrics.MeanSquaredError,
    (None, "LSTM"): layers.LSTM,
}


@pytest.mark.parametrize("registered", [True, False])
@pytest.mark.parametrize(("module", "name"), CLASSES)
def test_where_classes_are(module: str | None, name: str, registered: bool) -> None:
    config = {"module": module, "registered_name": name if registered else None}
    assert look_up(config, name, None) is CLASSES[module, name]


@pytest.mark.parametrize(
    ("module", "name", "shown"),
    [
        (None, "Nothing", "the config names Nothing, which is not in dualnet"),
        ("my.module", "LSTM", "the config names my.module.LSTM, which"),
        ("keras_nothing.layers", "Dense", "keras_nothing.layers.Dense, which"),
        ("keras.layers", "get_file", "keras.layers.get_file, which"),
        ("tf_keras.src.engine.functional", "relu", "functional.relu, which"),
    ],
)
def test_what_is_nowhere(module: str | None, name: str, shown: str) -> None:
    with pytest.raises(ValueError, match=shown):
        look_up({"module": module, "registered_name": None}, name, None)
    with pytest.raises(ValueError, match=r"\(registered as 'mine>X'\)"):
        look_up({"module": module, "registered_name": "mine>X"}, name, None)


def chain(**arguments: Any) -> dict[str, Any]:
    """The config of a Dense in a Sequential, with more arguments than it has."""
    model = dualnet.Sequential([dualnet.Input((3,)), layers.Dense(2, name="d")])
    config = json.loads(model.to_json())
    config["config"]["layers"][1]["config"].update(arguments)
    return config


def test_arguments_of_a_newer_keras() -> None:
    nothing = {"new_feature": False, "unused": None, "options": {}, "names": [], "mode": ""}
    with pytest.warns(UserWarning, match="Dense has no argument 'new_feature' here, and False was left out") as warned:
        dualnet.models.model_from_json(json.dumps(chain(**nothing)))
    assert len(warned) == 1
    assert all(name in str(warned[0].message) for name in ("options", "names", "mode"))
    assert "unused" not in str(warned[0].message)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dualnet.models.model_from_json(
            json.dumps(chain(unused=None))
        )  # as Keras 3 writes for every feature that is not used
    for value in (True, 1, 0.5, "on", [1], {"a": 1}):
        with pytest.raises(ValueError, match="does not know the argument 'new_feature'"):
            dualnet.models.model_from_json(json.dumps(chain(new_feature=value)))


def test_arguments_that_change_nothing() -> None:
    stack = [dualnet.Input((4, 4, 3)), layers.RandomRotation(0.1), layers.RandomFlip(), layers.SpatialDropout2D(0.1)]
    config = json.loads(dualnet.Sequential(stack).to_json())
    for entry in config["config"]["layers"][1:3]:
        entry["config"].update(value_range=[0, 255], auto_vectorize=True)
    config["config"]["layers"][3]["config"].update(trainable=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = dualnet.models.model_from_json(json.dumps(config))
    assert [type(layer).__name__ for layer in model.layers] == ["RandomRotation", "RandomFlip", "SpatialDropout2D"]


def test_a_class_of_the_user_gets_every_argument() -> None:
    class Mine(layers.Layer):
        def __init__(self, flag: Any, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.flag = flag

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "flag": self.flag}

    config = {"class_name": "Mine", "module": None, "registered_name": None, "config": {"name": "m", "flag": False}}
    model = {
        "class_name": "Sequential",
        "module": "keras",
        "registered_name": None,
        "config": {"name": "s", "layers": [config]},
    }
    assert dualnet.models.model_from_json(json.dumps(model), {"Mine": Mine}).layers[0].flag is False
    assert deserialize_keras_object(config, {"Mine": Mine}).flag is False


# -- numbers of calls ----------------------------------------------------------------------------------------------


def graph(K: Any) -> Any:
    """A model and a Sequential inside, called several times; the results of some calls are outputs."""
    i = K.Input((4,))
    inner = K.Model(i, K.layers.Dense(4, "tanh")(i), name="inner")
    stack = K.Sequential([K.Input((4,)), K.layers.Dense(4, "tanh")], name="stack")
    x = K.Input((4,), name="x")
    a = inner(x)
    b = inner(a)
    s, t = stack(b), stack(a)
    return K.Model(x, [b, K.layers.Add()([a, t]), a, s])


def check_equal(a: Any, b: Any) -> None:
    x = np.random.default_rng(1).normal(size=(3, 4)).astype("float32")
    for y, z in zip(a.predict(x, verbose=0), b.predict(x, verbose=0), strict=True):
        np.testing.assert_allclose(y, z, atol=1e-6)


def test_calls_of_models_come_back(tmp_path: Path) -> None:
    model = graph(dualnet)
    for suffix in (".keras", ".h5"):
        model.save(tmp_path / f"m{suffix}")
        check_equal(dualnet.models.load_model(tmp_path / f"m{suffix}"), model)
    again = dualnet.Model.from_config(model.get_config())
    again.set_weights(model.get_weights())
    check_equal(again, model)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_calls_of_models_as_in_keras(suffix: str, keras: Any, tmp_path: Path) -> None:
    ours, theirs = graph(dualnet), graph(keras)
    theirs.save(tmp_path / f"theirs{suffix}")
    check_equal(dualnet.models.load_model(tmp_path / f"theirs{suffix}"), theirs)
    ours.save(tmp_path / f"ours{suffix}")
    check_equal(keras.models.load_model(tmp_path / f"ours{suffix}"), ours)


def frozen(K: Any) -> Any:
    parts = [K.layers.Dense(4), K.layers.BatchNormalization(), K.layers.Dense(4), K.layers.BatchNormalization()]
    inner = K.Sequential([K.Input((4,)), *parts], name="inner")
    rng = np.random.default_rng(5)
    inner.set_weights([np.abs(rng.normal(size=w.shape)).astype("float32") for w in inner.get_weights()])
    inner.layers[1].trainable = inner.layers[2].trainable = False
    return K.Sequential([K.Input((4,)), inner])


def test_frozen_layers_in_h5_files_as_in_keras(keras: Any, tmp_path: Path) -> None:
    ours, theirs = frozen(dualnet), frozen(keras)
    theirs.save(tmp_path / "theirs.h5")
    check_equal(dualnet.models.load_model(tmp_path / "theirs.h5"), theirs)
    ours.save(tmp_path / "ours.h5")
    check_equal(keras.models.load_model(tmp_path / "ours.h5"), ours)
    thawed = frozen(dualnet)
    thawed.layers[0].trainable = True  # the names of the weights say in which order they are
    for layer in thawed.layers[0].layers:
        layer.trainable = True
    ours.layers[0].trainable = True
    ours.save_weights(tmp_path / "all.h5")
    thawed.set_weights([w * 0 for w in thawed.get_weights()])
    thawed.load_weights(tmp_path / "all.h5")
    check_equal(thawed, ours)


def everything(K: Any) -> Any:
    """Layers and ops of the same names, of which .h5 files of Keras name no module."""
    x, y = K.Input((4,), name="x"), K.Input((4,), name="y")
    L = K.layers
    parts = [
        L.Add()([x, y]),
        L.Subtract()([x, y]),
        L.Multiply()([x, y]),
        L.Average()([x, y]),
        L.Maximum()([x, y]),
        L.Minimum()([x, y]),
    ]
    ops = [
        x * y,
        x + y,
        K.ops.maximum(x, y),
        K.ops.softmax(x),
        L.Softmax()(y),
        K.ops.reshape(x, (-1, 4)),
        L.Reshape((4,))(y),
    ]
    return K.Model([x, y], L.Concatenate()([*parts, *ops, L.Dot(1)([x, y])]))


def test_layers_and_ops_in_h5_files_of_keras(keras: Any, tmp_path: Path) -> None:
    theirs = everything(keras)
    theirs.save(tmp_path / "m.h5")
    loaded = dualnet.models.load_model(tmp_path / "m.h5")
    x, y = np.random.default_rng(2).normal(size=(2, 3, 4)).astype("float32")
    np.testing.assert_allclose(loaded.predict([x, y], verbose=0), theirs.predict([x, y], verbose=0), atol=1e-6)
