"""Files are read by their content, whatever their names, in the layouts of all versions of Keras that have them."""

from __future__ import annotations

import io
import re
import shutil
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import dualnet
from dualnet import layers

X = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")


def network() -> Any:
    """Layers of one class twice, a Sequential and a functional model inside, attention, recurrent layers, a wrapper."""
    inner = dualnet.Sequential([layers.Dense(4), layers.Dense(6)])
    a = dualnet.Input((4,))
    graph = dualnet.Model(a, layers.Dense(4)(layers.Dense(4)(a)))
    x = dualnet.Input((4,))
    h = layers.Reshape((3, 2))(inner(layers.Dense(4)(graph(layers.Dense(4)(x)))))
    h = layers.MultiHeadAttention(2, 2)(h, h)
    h = layers.Bidirectional(layers.LSTM(2, return_sequences=True))(h)
    h = layers.RNN([layers.GRUCell(3), layers.LSTMCell(2)], return_sequences=True)(h)
    h = layers.TimeDistributed(layers.BatchNormalization())(h)
    model = dualnet.Model(x, layers.Flatten()(h))
    rng = np.random.default_rng(1)
    model.set_weights([rng.uniform(0.1, 0.9, size=w.shape).astype("float32") for w in model.get_weights()])
    return model


def rewritten(path: Path, rename: Callable[[str], str]) -> None:
    """Give the groups of the weights in an archive other names."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    new = io.BytesIO()
    with h5py.File(io.BytesIO(members["model.weights.h5"])) as source, h5py.File(new, "w") as target:

        def copy(name: str, node: Any) -> None:
            if isinstance(node, h5py.Dataset):
                group, _, number = name.rpartition("/vars/")
                target.require_group(f"{rename(group)}/vars")[number] = node[()]

        source.visititems(copy)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {**members, "model.weights.h5": new.getvalue()}.items():
            archive.writestr(name, content)


def private_dense(name: str) -> str:
    return re.sub(r"/(query|key|value|output)_dense", r"/_\1_dense", name)


def keras_2_13(name: str) -> str:
    return re.sub(r"(^|/)layers(?=/)", r"\1_layer_checkpoint_dependencies", private_dense(name))


def counted_twice(name: str) -> str:
    """Layers with weights are counted twice in their model: the second Dense is dense_2."""

    def double(match: re.Match[str]) -> str:
        return f"{match[1]}_{2 * int(match[2])}"

    return re.sub(r"(_layer_checkpoint_dependencies/[a-z_]*?)_(\d+)(?=/|$)", double, keras_2_13(name))


def on_windows(name: str) -> str:
    return keras_2_13(name).replace("/", "\\")


LAYOUTS: dict[str, Callable[[str], str]] = {
    "early files of dualnet": lambda name: re.sub(r"(^|/)functional(?=/)", r"\1model", name),
    "Keras 2.14 and later, tf_keras": private_dense,
    "Keras 2.13": keras_2_13,
    "Keras 2.12": counted_twice,
    "Keras 2.12 on Windows": on_windows,
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_layouts_of_archives(name: str, tmp_path: Path) -> None:
    model = network()
    model.save(tmp_path / "m.keras")
    rewritten(tmp_path / "m.keras", LAYOUTS[name])
    loaded = dualnet.models.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(np.asarray(loaded(X)), np.asarray(model(X)))
    with zipfile.ZipFile(tmp_path / "m.keras") as archive:
        (tmp_path / "m.weights.h5").write_bytes(archive.read("model.weights.h5"))
    other = network()
    other.set_weights([w * 0 for w in other.get_weights()])
    other.load_weights(tmp_path / "m.weights.h5")
    np.testing.assert_array_equal(np.asarray(other(X)), np.asarray(model(X)))


def test_attributes_in_another_order(tmp_path: Path) -> None:
    """tf_keras walks through attributes backwards: a layer that two of them lead to has another path there."""

    class Net(dualnet.Model):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.a = [layers.Dense(4), layers.Dense(4)]
            self.z = self.a[1]

        def call(self, x: Any) -> Any:
            return self.z(self.a[0](x))

    model, other = Net(), Net()
    model(X)
    other(X)
    with h5py.File(tmp_path / "m.weights.h5", "w") as file:
        for path, layer in (("z", model.a[1]), ("layers/dense", model.a[0])):  # as a walk from z to a meets them
            for i, w in enumerate(layer.get_weights()):
                file[f"{path}/vars/{i}"] = w
    other.load_weights(tmp_path / "m.weights.h5")
    np.testing.assert_array_equal(np.asarray(other(X)), np.asarray(model(X)))


SUFFIXES = [".keras", ".h5", ".weights.h5", ".weights.json", ".safetensors"]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("name", ["m.keras", "m.h5", "m.weights.h5", "m.safetensors", "m.bin", "m"])
def test_a_name_says_nothing(suffix: str, name: str, tmp_path: Path) -> None:
    model, other = (dualnet.Sequential([dualnet.Input((4,)), layers.Dense(2)]) for _ in range(2))
    path = tmp_path / f"original{suffix}"
    model.save(path) if suffix in (".keras", ".h5") else model.save_weights(path)
    shutil.copy(path, tmp_path / name)
    if suffix in (".keras", ".h5"):
        np.testing.assert_array_equal(np.asarray(dualnet.models.load_model(tmp_path / name)(X)), np.asarray(model(X)))
    else:
        with pytest.raises(ValueError, match="holds weights only: make the model, then model.load_weights"):
            dualnet.models.load_model(tmp_path / name)
    other.load_weights(tmp_path / name)
    np.testing.assert_array_equal(np.asarray(other(X)), np.asarray(model(X)))


def test_what_is_not_read_here(tmp_path: Path) -> None:
    for name in ("saved", "unpacked", "folder"):
        (tmp_path / name).mkdir()
    (tmp_path / "saved/saved_model.pb").write_bytes(b"\x08")
    (tmp_path / "unpacked/config.json").write_text("{}")
    (tmp_path / "ckpt.index").write_bytes(b"")
    model = dualnet.Sequential([dualnet.Input((4,)), layers.Dense(2)])
    for name, match in (
        ("saved", "is a SavedModel.*load it with TensorFlow, and save it there"),
        ("saved/saved_model.pb", "is part of a SavedModel.*load it with TensorFlow"),
        ("unpacked", "put its files into one zip archive"),
        ("folder", "is a folder"),
        ("ckpt", "is a checkpoint of TensorFlow"),
    ):
        for load in (dualnet.models.load_model, model.load_weights):
            with pytest.raises(ValueError, match=match):
                load(tmp_path / name)


def test_a_file_of_a_model_that_was_not_built(keras: Any, tmp_path: Path) -> None:
    """Keras writes it with a warning, and without weights."""
    path = tmp_path / "m.keras"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        keras.Sequential([keras.layers.Dense(2)]).save(path)
    with pytest.warns(UserWarning, match=r"holds no weights: .*saved before it was built.* new ones") as warned:
        model = dualnet.models.load_model(path)
    assert len(warned) == 1
    assert not model.built
    built = dualnet.Sequential([dualnet.Input((4,)), layers.Dense(2)])
    before = built.get_weights()
    with pytest.raises(ValueError, match=r"holds no weights: .*saved before it was built.* nothing was loaded"):
        built.load_weights(path)
    np.testing.assert_array_equal(before[0], built.get_weights()[0])


def test_a_quantized_model_of_keras(keras: Any, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8)])
        model.quantize("int8")
        model.save(tmp_path / "m.keras")
        model.save_weights(tmp_path / "m.weights.h5")
    with pytest.raises(
        ValueError, match=r"QuantizedDTypePolicy, of weights that model.quantize\(\) made whole numbers"
    ):
        dualnet.models.load_model(tmp_path / "m.keras")
    with pytest.raises(ValueError, match="nothing was loaded.*its weights are quantized, which is not supported"):
        dualnet.Sequential([dualnet.Input((4,)), layers.Dense(8)]).load_weights(tmp_path / "m.weights.h5")
