"""``dualnet inspect`` and ``dualnet convert``: files of every format, damaged and hostile ones, and what is not replaced."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Iterator
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


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what is no model to load: exported models, weights in several files, checkpoints."""
    folder = tmp_path_factory.mktemp("exported")
    dualnet.utils.set_random_seed(0)
    model = dualnet.Sequential(
        [dualnet.Input((3,)), layers.Dense(5, "relu", name="hidden"), layers.Dense(2, name="out")]
    )
    model.compile("adam", "mse")
    checkpoint = dualnet.callbacks.Checkpoint(folder / "steps")
    model.fit(np.ones((4, 3)), np.ones((4, 2)), epochs=2, verbose=0, callbacks=[checkpoint])
    model.save_weights(folder / "m.weights.json", max_shard_size=7e-8)
    model.save_weights(folder / "m.safetensors")
    model.export(folder / "m.py", verbose=False)
    return folder


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


def test_sharded_weights(exported: Path, tmp_path: Path) -> None:
    seen = facts(exported / "m.weights.json")
    assert seen["format"] == "weights of Keras 3 in several files (.weights.json)"
    assert seen["params"] == 3 * 5 + 5 + 5 * 2 + 2
    names = [part["name"] for part in seen["parts"]]  # type: ignore[attr-defined]
    assert len(names) > 1
    for file in exported.glob("m*.weights.*"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / names[0]).unlink()
    (tmp_path / names[1]).write_bytes((tmp_path / names[2]).read_bytes())
    problems = str(facts(tmp_path / "m.weights.json", 1)["problems"])
    assert f"the file {names[0]}, which it names, is not beside it" in problems
    assert f"{names[1]} has no arrays of" in problems


def test_safetensors(exported: Path, tmp_path: Path) -> None:
    seen = facts(exported / "m.safetensors")
    assert [a["dtype"] for a in seen["arrays"]] == ["float32"] * 4  # type: ignore[attr-defined]
    content = (exported / "m.safetensors").read_bytes()
    (tmp_path / "long.safetensors").write_bytes(content + b"more")
    assert "the arrays end at byte" in str(facts(tmp_path / "long.safetensors", 1)["problems"])


def test_a_numpy_program(exported: Path, tmp_path: Path) -> None:
    seen = facts(exported / "m.py")
    assert seen["format"] == "program of NumPy (.py)"
    assert seen["model"] == {"class": "program", "name": "sequential"}
    assert seen["inputs"] == [{"name": "x", "shape": ["batch", 3], "dtype": "float32"}]
    assert seen["params"] == 32
    program = tmp_path / "m.py"
    program.write_bytes((exported / "m.py").read_bytes())
    assert "there is no m.npz beside it" in run("inspect", program).output
    np.savez(tmp_path / "m.npz", other=np.ones(3))
    assert "it belongs to another program" in run("inspect", program).output
    (tmp_path / "m.npz").write_bytes((exported / "m.npz").read_bytes()[:300])
    assert "would not run: m.npz" in run("inspect", program).output
    program.write_text('"""The model "of something"."""\n')
    assert "none that dualnet wrote" in run("inspect", program).output


def test_checkpoints(exported: Path, tmp_path: Path) -> None:
    seen = facts(exported / "steps")
    assert seen["details"] == {"goes_on_from": "step-00000002"}
    step = facts(exported / "steps/step-00000002")
    assert step["details"] == {"epochs_done": 2, "batches_of_the_next": 0, "steps": 2}
    assert step["params"] == 32
    copy = Path(shutil.copytree(exported / "steps", tmp_path / "steps"))
    state = copy / "step-00000002/state.json"
    state.write_text(state.read_text().replace('"epoch": 2', '"epoch": 3'))
    text = run("inspect", copy).output
    assert "passed over: " in text
    assert "state.json does not have its checksum" in text
    assert "step-00000001" in facts(copy, 1)["details"]["goes_on_from"]  # type: ignore[index]
    assert "does not have its checksum" in str(facts(copy / "step-00000002", 1)["problems"])
    (copy / "step-00000001/commit.json").unlink()
    assert "it is not complete" in str(facts(copy / "step-00000001", 1)["problems"])
    assert "the beginning" in str(facts(copy, 1)["details"])


@pytest.mark.parametrize(
    "name", ["m.py", "m.weights.json", "m.safetensors", "m.npz", "steps/step-00000002/commit.json"]
)
def test_damage_is_reported(name: str, exported: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(exported, tmp_path / "copy"))
    whole = (copy / name).read_bytes()
    seen = copy / name if "step-" not in name else (copy / name).parent
    for damaged in damage(whole):
        (copy / name).write_bytes(damaged)
        result = run("inspect", seen)
        assert result.exit_code in (0, 1), result.output
        assert result.exception is None or isinstance(result.exception, SystemExit)


def damage(content: bytes, count: int = 40) -> Iterator[bytes]:
    """The content cut off, with other bytes in it, and with a part twice."""
    random = np.random.default_rng(0)
    for i in range(count):
        at = int(random.integers(len(content)))
        changed = bytearray(content)
        changed[at] ^= 1 << int(random.integers(8))
        yield (content[:at], bytes(changed), content[:at] + content[at // 2 :])[i % 3]


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
