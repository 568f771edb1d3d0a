"""``dualnet inspect`` and ``dualnet convert``: files of every format, damaged and hostile ones, and what is not replaced."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

import dualnet
from dualnet import layers

from .helpers import SMALL, run, write


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with a model in every format."""
    dualnet.utils.set_random_seed(0)
    inner_input = dualnet.Input((3,))
    inner = dualnet.Model(inner_input, layers.Dense(4, name="hidden")(inner_input), name="inner")
    inputs = dualnet.Input((3,))
    model = dualnet.Model(inputs, layers.Dense(2, name="out", trainable=False)(inner(inputs)))
    model.compile("adam", "mse", metrics=["mae"])
    model.train_on_batch(np.ones((2, 3)), np.ones((2, 2)))
    for name in ("m.keras", "m.h5"):
        model.save(tmp_path / name)
    model.save_weights(tmp_path / "m.weights.h5")
    (tmp_path / "m.json").write_text(model.to_json())
    np.savez(tmp_path / "a.npz", x=np.ones((4, 3), "float32"))
    np.save(tmp_path / "a.npy", np.ones((2, 2)))
    return tmp_path


def facts(path: Path, code: int = 0) -> dict[str, object]:
    result = run("inspect", path, "--json")
    assert result.exit_code == code, result.output
    return dict(json.loads(result.output))


FORMATS = {
    "m.keras": "model of Keras 3 (.keras)",
    "m.h5": "model of Keras 1 or 2 (.h5)",
    "m.weights.h5": "weights of Keras 3 (.weights.h5)",
    "m.json": "config of a model (JSON), without weights",
    "a.npz": "NumPy arrays (.npz)",
    "a.npy": "NumPy array (.npy)",
}


def test_formats_are_told_apart_by_content(files: Path) -> None:
    for name, expected in FORMATS.items():
        assert facts(files / name)["format"] == expected
        other = (files / name).rename(files / "renamed.bin")
        assert facts(other)["format"] == expected
        assert run("inspect", other).exit_code == 0


@pytest.mark.parametrize("name", ["m.keras", "m.h5"])
def test_a_model(name: str, files: Path) -> None:
    seen = facts(files / name)
    assert seen["params"] == 3 * 4 + 4 + 4 * 2 + 2
    listed = {layer["name"]: layer for layer in seen["layers"]}  # type: ignore[attr-defined]
    assert listed["out"]["params"] == 10
    assert not listed["out"]["trainable"]
    assert listed["hidden"]["depth"] == 1
    assert sorted(a["shape"] for a in listed["out"]["arrays"]) == [[2], [4, 2]]
    assert "Adam(" in seen["compile"]["optimizer"]  # type: ignore[index]
    assert seen["compile"]["loss"] in ("mse", "mean_squared_error")  # type: ignore[index]
    assert seen["state"]
    text = run("inspect", files / name).output
    assert "26 parameters" in text
    assert "out (frozen)" in text


def test_nothing_is_built(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a layer was made")

    monkeypatch.setattr("dualnet.layers.Dense.__init__", refuse)
    for name in FORMATS:
        facts(files / name)


def changed(path: Path, old: bytes, new: bytes) -> Path:
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["config.json"] = members["config.json"].replace(old, new)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_why_a_file_would_be_refused(files: Path) -> None:
    hostile = changed(
        files / "m.keras", b'"module": "keras.layers", "class_name": "Dense"', b'"module": "os", "class_name": "system"'
    )
    assert "os.system" in str(facts(hostile, 1)["problems"])
    assert "would be refused: the config names os.system" in run("inspect", hostile).output
    (files / "cut.keras").write_bytes((files / "m.keras").read_bytes()[:500])
    assert facts(files / "cut.keras", 1)["problems"]
    (files / "cut.h5").write_bytes((files / "m.h5").read_bytes()[:700])
    assert facts(files / "cut.h5", 1)["problems"]
    (files / "text.txt").write_text("hello")
    assert "no kind that dualnet reads" in str(facts(files / "text.txt", 1)["problems"])
    (files / "saved").mkdir()
    (files / "saved/saved_model.pb").write_bytes(b"x")
    assert "SavedModel" in str(facts(files / "saved", 1)["format"])
    assert run("inspect", files).exit_code == 1, "a folder that is no run"
    assert run("inspect", files / "none").exit_code == 2


def test_a_run(tmp_path: Path) -> None:
    assert run("train", write(tmp_path, SMALL), "--run-dir", tmp_path / "r", "-q").exit_code == 0
    seen = facts(tmp_path / "r")
    assert seen["format"] == "run of dualnet"
    assert seen["epochs"] == 3
    assert seen["model_file"]["params"] == 17  # type: ignore[index]
    assert "3 of 3 epochs" in run("inspect", tmp_path / "r").output
    (tmp_path / "r/results.json").write_text("{")
    (tmp_path / "r/model.keras").unlink()
    text = run("inspect", tmp_path / "r").output
    assert "results.json is damaged" in text
    assert "there is no model.keras" in text


def predict(path: Path) -> object:
    return dualnet.models.load_model(path).predict(np.ones((1, 3)), verbose=0)


def test_models_in_other_formats(files: Path) -> None:
    expected = predict(files / "m.keras")
    for source, target in (("m.keras", "n.h5"), ("n.h5", "n.keras"), ("m.h5", "n.hdf5")):
        result = run("convert", files / source, files / target)
        assert result.exit_code == 0, result.output
        np.testing.assert_allclose(predict(files / target), expected, rtol=1e-6)
    loaded = dualnet.models.load_model(files / "n.keras")
    assert loaded.optimizer.iterations == 1, "the optimizer goes on"


def test_weights_alone(files: Path) -> None:
    expected = predict(files / "m.keras")
    result = run("convert", files / "m.keras", files / "n.weights.h5")
    assert "not in it: the layers: only their weights" in result.output
    result = run("convert", files / "n.weights.h5", files / "n.keras")
    assert result.exit_code == 2
    assert "--model" in result.output
    result = run("convert", files / "n.weights.h5", files / "n.keras", "--model", files / "m.h5")
    assert result.exit_code == 0, result.output
    np.testing.assert_allclose(predict(files / "n.keras"), expected, rtol=1e-6)


def test_nothing_is_replaced_without_force(files: Path) -> None:
    before = (files / "m.h5").read_bytes()
    result = run("convert", files / "m.keras", files / "m.h5")
    assert result.exit_code == 2
    assert "exists" in result.output
    assert (files / "m.h5").read_bytes() == before
    assert "is the file that is read" in run("convert", files / "m.h5", files / "m.h5", "--force").output
    assert run("convert", files / "m.keras", files / "m.h5", "--force").exit_code == 0
    (files / "program.npz").write_bytes(b"mine")
    for source, target, message in (
        ("m.keras", "program.py", "program.npz: exists"),
        ("m.keras", "m.xyz", "expected a file ending in"),
        ("none.keras", "n.keras", "no such file"),
        ("m.keras", "none/n.keras", "there is no folder"),
        ("a.npy", "n.keras", "weights alone"),
    ):
        result = run("convert", files / source, files / target)
        assert result.exit_code == 2
        assert message in result.output
