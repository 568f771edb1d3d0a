"""Weights in several files: exchanged with Keras, never a mixture of two saves, and no file read from elsewhere."""

from __future__ import annotations

import contextlib
import json
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import layers

from .models import MODELS, X, trained

KB = 1 / 1024**2  # in GB
every_model = pytest.mark.parametrize("model", MODELS)


def network(units: int = 8) -> Any:
    model = dualnet.Sequential([dualnet.Input((4,)), layers.Dense(units), layers.Dense(2)])
    model.compile("adam", "mse")
    model.optimizer.build(model.trainable_variables)
    return model


def same(a: Any, b: Any) -> None:
    for x, y in zip(a.get_weights(), b.get_weights(), strict=True):
        np.testing.assert_array_equal(x, y)


@every_model
def test_round_trip(model: str, tmp_path: Path) -> None:
    saved, other = trained(dualnet, model), trained(dualnet, model, steps=1)
    saved.save_weights(tmp_path / "m.weights.json", max_shard_size=0.1 * KB)
    files = sorted(p for p in tmp_path.iterdir() if p.suffix == ".h5")
    assert len(files) > 3
    content = json.loads((tmp_path / "m.weights.json").read_text())
    state = [*saved.get_weights(), *(v.numpy() for v in saved.optimizer.variables)]
    assert content["metadata"]["total_size"] == sum(w.nbytes for w in state)
    other.load_weights(tmp_path / "m.weights.json")
    same(saved, other)
    for a, b in zip(saved.optimizer.variables, other.optimizer.variables, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


@every_model
def test_exchanged_with_keras(model: str, keras: Any, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours, theirs = trained(dualnet, model), trained(keras, model, steps=1)
        ours.save_weights(tmp_path / "ours.weights.json", max_shard_size=0.1 * KB)
        theirs.load_weights(tmp_path / "ours.weights.json")
        same(ours, theirs)
        theirs.set_weights([w + 1 for w in theirs.get_weights()])
        theirs.save_weights(tmp_path / "theirs.weights.json", max_shard_size=0.2 * KB)
        ours.load_weights(tmp_path / "theirs.weights.json")
        same(ours, theirs)


def test_sizes_and_names(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"array 0 of 'layers/dense' has .* more than max_shard_size"):
        network().save_weights(tmp_path / "m.weights.json", max_shard_size=0.01 * KB)
    assert list(tmp_path.iterdir()) == []
    for size in (0, -1, True, "1GB"):
        with pytest.raises(ValueError, match="must be a positive number of GB"):
            network().save_weights(tmp_path / "m.weights.json", max_shard_size=size)
    network().save_weights(tmp_path / "m.weights.h5", max_shard_size=1)  # as in Keras
    assert (tmp_path / "m.weights.json").exists()
    for name in ("m.h5", "m.safetensors"):
        with pytest.raises(ValueError, match="max_shard_size is for files ending in .weights.json"):
            network().save_weights(tmp_path / name, max_shard_size=1)


def test_a_new_save_replaces_all_files_of_the_old_one(tmp_path: Path) -> None:
    (tmp_path / "m_other.weights.h5").write_text("precious")
    for units in (20, 4, 4):
        model = network(units)
        model.save_weights(tmp_path / "m.weights.json", max_shard_size=0.4 * KB)
        names = json.loads((tmp_path / "m.weights.json").read_text())["weight_map"].values()
        named = {name for entry in names for name in (entry if isinstance(entry, list) else [entry])}
        others = {"m.weights.json", "m_other.weights.h5", "m_00000.weights.h5"}
        assert {p.name for p in tmp_path.iterdir()} == named | others
        target = network(units)
        target.load_weights(tmp_path / "m.weights.json")
        same(target, model)


@pytest.mark.parametrize("function", ["fsync", "replace"])
def test_every_call_fails_once(function: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a failure, the files of one save or of the other are there, whole, and nothing else of the new one."""
    old, new = network(), network()
    path = tmp_path / "m.weights.json"
    real = getattr(os, function)
    kept = 0
    for k in range(1, 100):
        old.save_weights(path, max_shard_size=0.2 * KB)
        before = sorted(p.name for p in tmp_path.iterdir())
        calls: list[int] = []

        def call(*args: Any, k: int = k, calls: list[int] = calls) -> Any:
            calls.append(1)
            if len(calls) == k:
                raise OSError(28, "No space left on device")
            return real(*args)

        with monkeypatch.context() as patch:
            patch.setattr(os, function, call)
            with contextlib.suppress(OSError):
                new.save_weights(path, max_shard_size=0.2 * KB)
        target = network()
        target.load_weights(path)
        if sorted(p.name for p in tmp_path.iterdir()) == before:
            same(target, old)
            kept += 1
        else:  # what failed comes after the list of the new parts
            same(target, new)
        if len(calls) < k:
            break
    assert 2 < kept < k
    same(target, new)


MAPS: dict[str, tuple[Any, str]] = {
    "a path upwards": ({"/vars": "../secret.h5"}, "beside it, which is refused"),
    "an absolute path": ({"/vars": "/etc/secret.h5"}, "beside it, which is refused"),
    "a drive": ({"/vars": "c:secret.h5"}, "beside it, which is refused"),
    "no name": ({"/vars": 3}, "beside it, which is refused"),
    "a list with a number": ({"/vars": ["m.h5", 3]}, "beside it, which is refused"),
    "a missing file": ({"/vars": "none.weights.h5"}, "none.weights.h5, which is not beside it"),
    "no map": ([], "it has no weight_map"),
    "an empty map": ({}, "'dense' is not in the file"),
}


@pytest.mark.parametrize("name", MAPS)
def test_maps_that_are_refused(name: str, tmp_path: Path) -> None:
    weight_map, match = MAPS[name]
    (tmp_path / "m.weights.json").write_text(json.dumps({"weight_map": weight_map}))
    with pytest.raises((ValueError, FileNotFoundError), match=match):
        dualnet.Sequential([dualnet.Input((4,)), layers.Dense(2, name="dense")]).load_weights(
            tmp_path / "m.weights.json"
        )
    (tmp_path / "m.weights.json").write_text("{" + name)
    with pytest.raises(ValueError, match=r"m.weights.json is damaged"):
        network().load_weights(tmp_path / "m.weights.json")


def test_a_file_with_shards_holds_no_model(tmp_path: Path) -> None:
    network().save_weights(tmp_path / "m.weights.json", max_shard_size=1)
    with pytest.raises(ValueError, match="holds weights only: make the model, then"):
        dualnet.models.load_model(tmp_path / "m.weights.json")
    callback = dualnet.callbacks.ModelCheckpoint(tmp_path / "c.weights.json", save_weights_only=True)
    model = network()
    model.fit(X, X[:, :2], verbose=0, callbacks=[callback])
    target = network()
    target.load_weights(tmp_path / "c.weights.json")
    same(target, model)
