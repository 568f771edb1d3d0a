"""Weights of bfloat16, which NumPy and HDF5 do not have, in every format, with dualnet and with Keras."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet.saving.inspection import inspect

pytest.importorskip("ml_dtypes", reason="NumPy has bfloat16 from the package ml_dtypes")

MODELS = (".keras", ".h5")
FORMATS = (*MODELS, ".weights.h5", ".weights.json")  # of which each is read by Keras, too


def trained(K: Any) -> Any:
    K.utils.set_random_seed(0)
    half = {"dtype": "bfloat16"}
    stack = [K.layers.Dense(3, "relu", **half), K.layers.BatchNormalization(**half), K.layers.Dense(2, **half)]
    model = K.Sequential([K.Input((4,)), *stack])
    model.compile(K.optimizers.Adam(0.01), K.losses.MeanSquaredError())
    model.train_on_batch(np.ones((6, 4), "float32"), np.ones((6, 2), "float32"))
    return model


def state(model: Any) -> list[Any]:
    """The weights as float32, which has all values of bfloat16. Their own dtype is checked."""
    values = [np.asarray(w.numpy()) for w in model.weights]
    assert {v.dtype.name for v in values} == {"bfloat16"}
    return [v.astype("float32") for v in values]


def back(path: Path, saved: Any, reader: Any) -> Any:
    """The model that a library reads from the file of another one."""
    if path.suffix in MODELS and not path.name.endswith(".weights.h5"):
        saved.save(path)
        return reader.models.load_model(path, compile=path.suffix == ".keras")
    options = {"max_shard_size": 1} if path.suffix == ".json" else {}
    saved.save_weights(path, **options)
    model = trained(reader)
    for w in model.weights:
        w.assign(np.zeros(w.shape))
    model.load_weights(path)
    return model


@pytest.mark.parametrize("suffix", [*FORMATS, ".safetensors"])
def test_with_dualnet(suffix: str, tmp_path: Path) -> None:
    saved = trained(dualnet)
    loaded = back(tmp_path / f"m{suffix}", saved, dualnet)
    np.testing.assert_equal(state(loaded), state(saved))
    if suffix in (".keras", ".weights.h5", ".weights.json"):
        pairs = zip(loaded.optimizer.variables, saved.optimizer.variables)
        assert all(a.dtype == b.dtype and np.array_equal(a.numpy(), b.numpy()) for a, b in pairs)
    report = inspect(tmp_path / f"m{suffix}")
    assert report.problems == []
    assert {array.dtype for array in report.arrays} == {"float32" if suffix == ".h5" else "bfloat16"}


@pytest.mark.parametrize("suffix", FORMATS)
def test_with_keras(suffix: str, tmp_path: Path, keras: Any) -> None:
    for saver, reader in ((dualnet, keras), (keras, dualnet)):
        saved = trained(saver)
        path = tmp_path / f"{saver.__name__}{suffix}"
        np.testing.assert_equal(state_of(back(path, saved, reader), keras), state_of(saved, keras))


def state_of(model: Any, keras: Any) -> list[Any]:
    values = [keras.ops.convert_to_numpy(w) if isinstance(w, keras.Variable) else w.numpy() for w in model.weights]
    assert {v.dtype.name for v in values} == {"bfloat16"}
    return [v.astype("float32") for v in values]


@pytest.mark.parametrize("keep", ["Checkpoint", "BackupAndRestore"])
def test_a_run_goes_on(keep: str, tmp_path: Path) -> None:
    x, y = np.ones((8, 4), "float32"), np.ones((8, 2), "float32")

    def fit(epochs: int, **options: Any) -> list[Any]:
        model = trained(dualnet)
        callback = getattr(dualnet.callbacks, keep)(tmp_path / "kept", **options)
        model.fit(x, y, 4, epochs=epochs, verbose=0, callbacks=[callback])
        return state(model)

    fit(1, **({} if keep == "Checkpoint" else {"delete_checkpoint": False}))
    model = trained(dualnet)
    model.fit(x, y, 4, epochs=2, verbose=0)
    np.testing.assert_equal(fit(2), state(model))
