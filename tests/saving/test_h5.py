"""Whole models in .h5 files: both ways with Keras, and files as Keras 2 wrote them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import layers

X = np.random.default_rng(0).normal(size=(32, 8)).astype("float32")
Y = np.arange(32) % 3


def trained(api: Any = dualnet) -> Any:
    stack = [api.layers.Dense(6, activation="relu"), api.layers.Dropout(0.1), api.layers.Dense(3, activation="softmax")]
    model = api.Sequential([api.Input((8,)), *stack])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(X, Y, verbose=0)
    return model


def test_round_trip_with_optimizer(tmp_path: Path) -> None:
    model = trained()
    model.save(tmp_path / "m.h5")
    loaded = dualnet.models.load_model(tmp_path / "m.h5")
    assert np.array_equal(loaded.predict(X, verbose=0), model.predict(X, verbose=0))
    assert loaded.evaluate(X, Y, verbose=0) == model.evaluate(X, Y, verbose=0)
    for a, b in zip(loaded.optimizer.variables, model.optimizer.variables):
        assert np.array_equal(a.numpy(), b.numpy())


def test_weights_alone_and_uncompiled_models(tmp_path: Path) -> None:
    x = dualnet.Input((8,))
    h = layers.Dense(4)(x)
    model = dualnet.Model(x, [h, layers.Dense(2)(h)])
    model.save(tmp_path / "m.h5")
    loaded = dualnet.models.load_model(tmp_path / "m.h5")
    assert not loaded.compiled
    loaded.set_weights([w * 0 for w in loaded.get_weights()])
    loaded.load_weights(tmp_path / "m.h5")
    assert np.array_equal(loaded.predict(X, verbose=0)[1], model.predict(X, verbose=0)[1])


def test_keras_opens_ours_and_we_open_theirs(keras: Any, tmp_path: Path) -> None:
    ours, theirs = trained(), trained(keras)
    ours.save(tmp_path / "ours.h5")
    theirs.save(tmp_path / "theirs.h5")
    np.testing.assert_allclose(
        keras.models.load_model(tmp_path / "ours.h5").predict(X, verbose=0), ours.predict(X, verbose=0), atol=1e-6
    )
    loaded = dualnet.models.load_model(tmp_path / "theirs.h5")
    np.testing.assert_allclose(loaded.predict(X, verbose=0), theirs.predict(X, verbose=0), atol=1e-6)
    assert int(loaded.optimizer.iterations) == 1
    loaded.fit(X, Y, verbose=0)  # Keras itself cannot go on from its .h5 on JAX


def keras2_file(path: Path) -> list[Any]:
    """A file as Keras 2 wrote it: batch_input_shape, old initializer configs, names that end in :0."""
    import h5py

    def dense(name: str, units: int, **more: Any) -> dict[str, Any]:
        init = {"class_name": "GlorotUniform", "config": {"seed": None}}
        config = {
            "name": name,
            "trainable": True,
            "dtype": "float32",
            "units": units,
            "activation": "relu",
            "use_bias": True,
        }
        config |= {"kernel_initializer": init, "bias_initializer": {"class_name": "Zeros", "config": {}}, **more}
        return {"class_name": "Dense", "config": config}

    arrays = [
        np.full((8, 5), 0.1, "float32"),
        np.ones(5, "float32"),
        np.full((5, 2), 0.2, "float32"),
        np.zeros(2, "float32"),
    ]
    structure = {
        "class_name": "Sequential",
        "config": {"name": "s", "layers": [dense("d1", 5, batch_input_shape=[None, 8]), dense("d2", 2)]},
    }
    training = {
        "loss": "mse",
        "metrics": [["accuracy"]],
        "optimizer_config": {"class_name": "SGD", "config": {"name": "SGD", "learning_rate": 0.1, "momentum": 0.0}},
    }
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(structure)
        file.attrs["training_config"] = json.dumps(training)
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = [b"d1", b"d2"]
        for i, name in enumerate(("d1", "d2")):
            layer = group.create_group(name)
            names = [f"{name}/kernel:0", f"{name}/bias:0"]
            layer.attrs["weight_names"] = [n.encode() for n in names]
            for n, array in zip(names, arrays[2 * i : 2 * i + 2]):
                layer.create_dataset(n, data=array)
    return arrays


def test_a_file_of_keras_2(tmp_path: Path) -> None:
    w, b, v, c = keras2_file(tmp_path / "old.h5")
    model = dualnet.models.load_model(tmp_path / "old.h5")
    np.testing.assert_allclose(model.predict(X, verbose=0), np.maximum(np.maximum(X @ w + b, 0) @ v + c, 0), atol=1e-5)
    assert model.optimizer.learning_rate.numpy() == pytest.approx(0.1)


def test_files_that_are_no_models_are_refused(tmp_path: Path) -> None:
    (tmp_path / "junk.h5").write_bytes(b"not hdf5")
    with pytest.raises(ValueError, match="not an HDF5 file"):
        dualnet.models.load_model(tmp_path / "junk.h5")
    with pytest.raises(FileNotFoundError):
        dualnet.models.load_model(tmp_path / "none.h5")
    model = dualnet.Sequential([dualnet.Input((8,)), layers.Dense(2)])
    keras2_file(tmp_path / "old.h5")
    before = model.get_weights()
    with pytest.raises(ValueError, match="has weights for 2 layers, the model has 1"):
        model.load_weights(tmp_path / "old.h5")
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights()))
