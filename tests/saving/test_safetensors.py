"""Weights in .safetensors files: exchanged with the library of that name, and read only where the header agrees with the file."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import layers
from dualnet.saving.tensor_file import open_tensors, write_tensors

from .models import MODELS, X, trained


def read(path: Path) -> dict[str, Any]:
    with open_tensors(path) as file:
        return {name: file.read(name) for name in file.entries}


@pytest.mark.parametrize("model", MODELS)
def test_round_trip(model: str, tmp_path: Path) -> None:
    saved, other = trained(dualnet, model), MODELS[model](dualnet)
    saved.save_weights(tmp_path / "w.safetensors")
    other(X)
    other.load_weights(tmp_path / "w.safetensors")
    for a, b in zip(saved.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(ValueError, match="holds weights only: make the model, then model.load_weights"):
        dualnet.models.load_model(tmp_path / "w.safetensors")


def small() -> Any:
    x = dualnet.Input((3,))
    inner = dualnet.Sequential([layers.Dense(3, name="first"), layers.Dense(3)])
    return dualnet.Model(x, layers.BatchNormalization()(inner(layers.Dense(3, name="named")(x))))


def test_names_are_those_of_the_path_and_the_variable(tmp_path: Path) -> None:
    model = small()
    model.save_weights(tmp_path / "w.safetensors")
    dense = ("layers/dense", "layers/sequential/layers/dense", "layers/sequential/layers/dense_1")
    norm = [f"layers/batch_normalization/{n}" for n in ("beta", "gamma", "moving_mean", "moving_variance")]
    assert sorted(read(tmp_path / "w.safetensors")) == sorted(
        [*norm, *(f"{d}/{n}" for d in dense for n in ("kernel", "bias"))]
    )


def test_two_variables_of_one_name(tmp_path: Path) -> None:
    class Pair(layers.Layer):
        def build(self, shape: Any) -> None:
            self.a, self.b = (self.add_weight(shape=(2,), initializer="normal", name="w") for _ in range(2))

        def call(self, x: Any) -> Any:
            return x * self.a + self.b

    source, target = (dualnet.Sequential([dualnet.Input((2,)), Pair()]) for _ in range(2))
    source.save_weights(tmp_path / "w.safetensors")
    assert sorted(read(tmp_path / "w.safetensors")) == ["layers/pair/w", "layers/pair/w_1"]
    target.load_weights(tmp_path / "w.safetensors")
    for a, b in zip(source.get_weights(), target.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_order_in_the_file_does_not_matter(tmp_path: Path) -> None:
    model, target = small(), small()
    model.save_weights(tmp_path / "w.safetensors")
    arrays = read(tmp_path / "w.safetensors")
    content, offset = b"", 0
    header: dict[str, Any] = {}
    for name in sorted(arrays, reverse=True):
        data = arrays[name].tobytes()
        header[name] = {"dtype": "F32", "shape": arrays[name].shape, "data_offsets": [offset, offset + len(data)]}
        content, offset = content + data, offset + len(data)
    text = json.dumps(dict(sorted(header.items()))).encode()
    (tmp_path / "w.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + content)
    target.load_weights(tmp_path / "w.safetensors")
    for a, b in zip(model.get_weights(), target.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


DTYPES = (
    "float64",
    "float32",
    "float16",
    "int64",
    "int32",
    "int16",
    "int8",
    "uint64",
    "uint32",
    "uint16",
    "uint8",
    "bool",
)


@pytest.mark.parametrize("direction", ["ours to theirs", "theirs to ours"])
def test_the_library_agrees(direction: str, tmp_path: Path) -> None:
    library = pytest.importorskip("safetensors.numpy")
    rng = np.random.default_rng(0)
    arrays = {f"layers/{d}": (rng.normal(size=(3, 2)) * 9).astype(d) for d in DTYPES}
    arrays |= {"number": np.array(3, "float32"), "none": np.zeros((0, 4), "float32")}
    path = tmp_path / "w.safetensors"
    if direction == "ours to theirs":
        with path.open("wb") as stream:
            write_tensors(stream, arrays, {"format": "dualnet"})
        back = library.load_file(path)
    else:
        library.save_file(arrays, path)
        back = read(path)
    assert back.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(back[name], array)
        assert back[name].dtype == array.dtype


def test_bfloat16(tmp_path: Path) -> None:
    bfloat16 = pytest.importorskip("ml_dtypes").bfloat16
    array = np.array([[1.5, -2, 3e38], [0, np.inf, 1e-40]], bfloat16)
    with (tmp_path / "w.safetensors").open("wb") as stream:
        write_tensors(stream, {"x": array})
    with open_tensors(tmp_path / "w.safetensors") as file:
        assert file.entries["x"].dtype == "BF16"
        np.testing.assert_array_equal(file.read("x").astype(bfloat16), array)
    saved, loaded = (dualnet.Sequential([dualnet.Input((4,)), layers.Dense(2, dtype="bfloat16")]) for _ in range(2))
    saved.save_weights(tmp_path / "w.safetensors")
    loaded.load_weights(tmp_path / "w.safetensors")
    np.testing.assert_array_equal(loaded.get_weights()[0], saved.get_weights()[0])


Header = dict[str, Any]
DAMAGES: dict[str, tuple[Callable[[Header], Any], str]] = {
    "another dtype": (lambda h: h["layers/dense/kernel"].update(dtype="F4"), "'F4', which is not supported"),
    "no shape": (lambda h: h["layers/dense/kernel"].pop("shape"), "shape"),
    "a huge shape": (lambda h: h["layers/dense/kernel"].update(shape=[1 << 40, 1 << 40]), "do not make F32"),
    "a negative shape": (lambda h: h["layers/dense/kernel"].update(shape=[-4, -2]), "has the shape"),
    "a shape of floats": (lambda h: h["layers/dense/kernel"].update(shape=[4.0, 2]), "has the shape"),
    "a string as shape": (lambda h: h["layers/dense/kernel"].update(shape="42"), "has the shape"),
    "beyond the end": (lambda h: h["layers/dense/kernel"].update(data_offsets=[1 << 50, (1 << 50) + 32]), "begins at"),
    "one offset": (lambda h: h["layers/dense/kernel"].update(data_offsets=[8]), "has the shape"),
    "overlapping arrays": (lambda h: h["layers/dense/kernel"].update(data_offsets=[0, 32]), "begins at"),
    "an entry that is a number": (lambda h: h.update(x=3), "not subscriptable"),
    "bytes that belong to nobody": (lambda h: h.pop("layers/dense/kernel"), "the file at"),
}


def model() -> Any:
    return dualnet.Sequential([dualnet.Input((4,)), layers.Dense(2)])


@pytest.mark.parametrize("name", DAMAGES)
def test_headers_that_do_not_agree_with_the_file(name: str, tmp_path: Path) -> None:
    path, target = tmp_path / "w.safetensors", model()
    model().save_weights(path)
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    change, match = DAMAGES[name]
    change(header)
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + content[8 + length :])
    before = target.get_weights()
    with pytest.raises(ValueError, match=f"w.safetensors: not a safetensors file, or damaged .*{match}"):
        target.load_weights(path)
    for a, b in zip(before, target.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_every_cut_and_many_changed_bytes(tmp_path: Path) -> None:
    path, target = tmp_path / "w.safetensors", model()
    model().save_weights(path)
    whole = path.read_bytes()
    for n in range(0, len(whole), 7):
        path.write_bytes(whole[:n])
        with pytest.raises(ValueError, match=r"w.safetensors(: not a safetensors file| does not fit)"):
            target.load_weights(path)
    rng = np.random.default_rng(0)
    for _ in range(300):
        damaged = bytearray(whole)
        for i in rng.integers(0, 200, size=3):
            damaged[i] = rng.integers(256)
        path.write_bytes(bytes(damaged))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                target.load_weights(path)
            except ValueError as error:
                assert "w.safetensors" in str(error)


def test_nested_headers_and_headers_of_no_dictionary(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    for text in (b"[]", b"{" * 100_000, b'{"a":' * 100_000, b"{}", b"\xff\xfe"):
        path.write_bytes(len(text).to_bytes(8, "little") + text)
        with pytest.raises(ValueError, match=r"w.safetensors(: not a safetensors file| does not fit)"):
            model().load_weights(path)
