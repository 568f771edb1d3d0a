"""Files beside the weights: vocabularies, and what a layer of one's own keeps there."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import layers, saving

# What Keras 3.15.1 writes for the same layers.
KERAS_FILES = {
    "assets/layers/integer_lookup/vocabulary.txt": b"-1\n3\n4",
    "assets/layers/string_lookup/vocabulary.txt": b"[UNK]\nv\nw\nu",
    "assets/layers/text_vectorization/_lookup_layer/vocabulary.txt": b"\n[UNK]\nb\n\xc3\xa9\na",
    "assets/layers/text_vectorization/vocabulary.txt": b"\n[UNK]\nb\n\xc3\xa9\na",
}
INPUTS = [np.array([["a b"], ["é x"]]), np.array([["v", "w"], ["q", "u"]]), np.array([[3], [9]])]


def model() -> Any:
    sentences = layers.TextVectorization(output_sequence_length=4)
    sentences.adapt(["a b", "b é"])
    words = layers.StringLookup(output_mode="tf_idf")
    words.adapt([["u", "v"], ["v", "w"]])
    numbers = layers.IntegerLookup()
    numbers.adapt(np.array([3, 3, 4]))
    first = dualnet.Input((1,), dtype="string", name="first")
    second = dualnet.Input((2,), dtype="string", name="second")
    third = dualnet.Input((1,), dtype="int64", name="third")
    return dualnet.Model([first, second, third], [sentences(first), layers.Dense(2)(words(second)), numbers(third)])


def rewritten(source: Path, target: Path, **members: Any) -> Path:
    """A copy of an archive with other or more members; None leaves one out."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in {**dict.fromkeys(old.namelist()), **members}:
            content = members[name] if name in members else old.read(name)
            if content is not None:
                new.writestr(name, content)
    return target


def test_vocabularies_are_where_keras_has_them(tmp_path: Path) -> None:
    file = tmp_path / "a.keras"
    model().save(file)
    with zipfile.ZipFile(file) as archive:
        names = [name for name in archive.namelist() if name.startswith("assets/")]
        assert {name: archive.read(name) for name in names} == KERAS_FILES
        config = json.loads(archive.read("config.json"))
    assert [entry["config"].get("vocabulary") for entry in config["config"]["layers"]] == [None] * 7


def test_a_model_comes_back_with_its_vocabularies(tmp_path: Path) -> None:
    saved = model()
    file = tmp_path / "a.keras"
    saved.save(file)
    again = saving.load_model(file)
    for a, b in zip(saved(INPUTS), again(INPUTS)):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    again.save(tmp_path / "b.keras")
    with zipfile.ZipFile(file) as first, zipfile.ZipFile(tmp_path / "b.keras") as second:
        assert {n: second.read(n) for n in KERAS_FILES} == KERAS_FILES
        configs = [json.loads(archive.read("config.json"))["config"]["layers"] for archive in (first, second)]
    assert [layer["config"] for layer in configs[0]] == [layer["config"] for layer in configs[1]]


def test_vocabulary_arguments_are_in_the_config(tmp_path: Path) -> None:
    x = dualnet.Input((1,), dtype="string")
    fixed = layers.StringLookup(vocabulary=["q", "r"], output_mode="tf_idf", idf_weights=[0.5, 0.25])
    later = layers.StringLookup(output_mode="count")
    later.set_vocabulary(["q", "s"])
    lines = layers.TextVectorization(split="character")
    lines.adapt(["x\ny"])  # a vocabulary that a file with a term on each line cannot hold
    saved = dualnet.Model(x, [fixed(x), later(x), lines(x)])
    saved.save(tmp_path / "a.keras")
    with zipfile.ZipFile(tmp_path / "a.keras") as archive:
        members = [name for name in archive.namelist() if name.startswith("assets")]
        assert members == [
            "assets/layers/string_lookup_1/vocabulary.txt"
        ]  # of the one that was set, which Keras looks there for
    again = saving.load_model(tmp_path / "a.keras")
    data = np.array([["q"], ["y\n"]])
    for a, b in zip(saved(data), again(data)):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_empty_terms_and_blanks_survive(tmp_path: Path) -> None:
    for terms in (["a", ""], ["", " "], [""], [" a\t", "é", "\x0b"]):
        layer = layers.StringLookup()
        layer.adapt(terms)
        layer.save_assets(tmp_path)
        again = layers.StringLookup()
        again.load_assets(tmp_path)
        assert again.get_vocabulary() == layer.get_vocabulary()


def test_without_its_file_a_layer_has_no_vocabulary(tmp_path: Path) -> None:
    model().save(tmp_path / "a.keras")
    file = rewritten(tmp_path / "a.keras", tmp_path / "b.keras", **dict.fromkeys(KERAS_FILES))
    with pytest.raises(ValueError, match="does not fit this model"):  # there are weights for a vocabulary
        saving.load_model(file)


@pytest.mark.parametrize(
    "name", ["../evil.txt", "a/../../evil.txt", "/evil.txt", "C:/evil.txt", "..\\evil.txt", "./evil.txt", "a//evil.txt"]
)
def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, name: str) -> None:
    model().save(tmp_path / "a.keras")
    evil = rewritten(tmp_path / "a.keras", tmp_path / "b.keras", **{f"assets/layers/string_lookup/{name}": b"x"})
    with pytest.raises(ValueError, match="leads out of its folder"):
        saving.load_model(evil)


def test_a_file_that_is_a_folder_too_is_refused(tmp_path: Path) -> None:
    model().save(tmp_path / "a.keras")
    evil = rewritten(
        tmp_path / "a.keras", tmp_path / "b.keras", **{"assets/layers/string_lookup/vocabulary.txt/a": b"x"}
    )
    with pytest.raises(ValueError, match="where it has a folder too"):
        saving.load_model(evil)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"[UNK]\na\na", "repeated term"), (b"\xff\xfe", "must be a text file in utf-8"), (b"", "does not fit")],
)
def test_a_damaged_vocabulary_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    model().save(tmp_path / "a.keras")
    broken = {"assets/layers/string_lookup/vocabulary.txt": content}
    with pytest.raises(ValueError, match=message):
        saving.load_model(rewritten(tmp_path / "a.keras", tmp_path / "b.keras", **broken))


@saving.register_keras_serializable("assets")
class Memo(layers.Layer):
    """A layer that keeps files in folders."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.memo = "nothing"

    def call(self, x: Any) -> Any:
        return x

    def save_assets(self, folder: str) -> None:
        Path(folder, "deep").mkdir()
        Path(folder, "deep", "memo.txt").write_text(self.memo)

    def load_assets(self, folder: str) -> None:
        self.memo = Path(folder, "deep", "memo.txt").read_text()


def test_layers_of_ones_own_keep_files(tmp_path: Path) -> None:
    saved = dualnet.Sequential([dualnet.Input((2,)), Memo()])
    saved.layers[0].memo = "hello"
    saved.save(tmp_path / "a.keras")
    assert saving.load_model(tmp_path / "a.keras").layers[0].memo == "hello"
