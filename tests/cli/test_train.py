"""What a training leaves behind, and that it can be repeated."""

from __future__ import annotations

import csv
import errno
import json
import tomllib
from pathlib import Path
from typing import Any

import dualnet_backends as backends
import numpy as np
import pytest

import dualnet

from .helpers import SMALL, no_gpu, run, write

VALIDATED = SMALL.replace("batch_size = 4", "batch_size = 2\nvalidation_split = 0.5").replace(
    "y = [0, 1, 1, 0]", "y = [0, 1, 1, 0]\ntest_split = 0.25"
)


def results(folder: str | Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((Path(folder) / "results.json").read_text())
    return loaded


def test_run_directory(tmp_path: Path) -> None:
    result = run("train", write(tmp_path, VALIDATED))
    assert result.exit_code == 0, result.output
    folder = tmp_path / "runs" / "small"
    names = {p.name for p in folder.iterdir()}
    expected = {"config.toml", "preparation.json", "metrics.csv", "results.json", "model.keras", "checkpoints"}
    assert expected == names - {"history.png"}
    assert f"saved in {Path('runs/small')}" in result.output

    summary = results(folder)
    assert summary["device"] == backends.current().device
    assert summary["seed"] == 7
    assert summary["epochs"] == 3
    assert summary["params"] == 17
    assert summary["interrupted"] is False
    assert summary["samples"] == {"train": 1, "validation": 2, "test": 1}
    for part in ("train", "validation", "test"):
        assert set(summary[part]) == {"loss", "accuracy"}
    assert 0 < summary["seconds_per_epoch"] <= summary["seconds"]
    assert summary["versions"]["numpy"] == np.__version__

    with (folder / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["epoch", "seconds", "loss", "accuracy", "val_loss", "val_accuracy"]
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert float(rows[-1]["val_loss"]) == pytest.approx(summary["validation"]["loss"], rel=1e-5)

    model = dualnet.models.load_model(folder / "model.keras")
    x, y = np.array([[1, 1]], "float32"), np.array([0], "int32")  # the last row, which is the test set
    assert model.evaluate(x, y, verbose=0, return_dict=True) == summary["test"]


def test_resolved_config_repeats_the_run(tmp_path: Path) -> None:
    path = write(tmp_path, VALIDATED)
    assert run("train", path, "--epochs", "4", "--set", "model.layers.0.units=5", "--seed", "9").exit_code == 0
    again = run("train", "runs/small/config.toml")
    assert again.exit_code == 0, again.output
    first, second = Path("runs/small"), Path("runs/small-2")
    assert (first / "config.toml").read_text().replace("small-2", "small") == (
        (second / "config.toml").read_text().replace("small-2", "small")
    )
    for part in ("train", "validation", "test", "seed", "epochs", "params"):
        assert results(first)[part] == results(second)[part]
    models = [dualnet.models.load_model(folder / "model.keras") for folder in (first, second)]
    for one, other in zip(models[0].get_weights(), models[1].get_weights()):
        assert one.tobytes() == other.tobytes()


def test_resolved_config_says_everything(tmp_path: Path) -> None:
    run("train", write(tmp_path, SMALL), "--set", "compile.optimizer=sgd", "--device", "cpu")
    table = tomllib.loads(Path("runs/small/config.toml").read_text())
    assert table["name"] == "small"
    assert table["device"] == "cpu"
    assert table["compile"]["optimizer"]["class"] == "SGD"
    assert table["compile"]["optimizer"]["learning_rate"] == 0.01
    assert table["fit"]["shuffle"] is True
    assert table["model"]["layers"][0]["kernel_initializer"] == "glorot_uniform"
    assert table["data"]["x"] == [[0, 0], [0, 1], [1, 0], [1, 1]]


def test_same_as_in_a_script(tmp_path: Path) -> None:
    """The command gives what the same lines in Python give."""
    assert run("train", write(tmp_path, SMALL)).exit_code == 0
    dualnet.utils.clear_session()
    dualnet.utils.set_random_seed(7)
    layers = dualnet.layers
    stack = [dualnet.Input(shape=(2,)), layers.Dense(4, "tanh"), layers.Dense(1, "sigmoid")]
    model = dualnet.Sequential(stack)
    optimizer = dualnet.optimizers.Adam(learning_rate=0.1)
    model.compile(optimizer=optimizer, loss="binary_crossentropy", metrics=["accuracy"])
    x, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], "float32"), np.array([0, 1, 1, 0], "int32")
    model.fit(x, y, epochs=3, batch_size=4, verbose=0)
    saved = dualnet.models.load_model("runs/small/model.keras")
    for one, other in zip(model.get_weights(), saved.get_weights()):
        assert one.tobytes() == other.tobytes()


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    path = write(tmp_path, SMALL)
    for expected in ("runs/small", "runs/small-2", "runs/small-3"):
        assert f"saved in {expected}:" in run("train", path).output
    before = {p: p.read_bytes() for p in Path("runs/small").rglob("*") if p.is_file()}

    refused = run("train", path, "--run-dir", "runs/small")
    assert refused.exit_code == 2
    assert "--run-dir runs/small: is not empty" in refused.output
    assert "--force" in refused.output
    assert {p: p.read_bytes() for p in Path("runs/small").rglob("*") if p.is_file()} == before

    Path("runs/small/notes.txt").write_text("mine")
    forced = run("train", path, "--run-dir", "runs/small", "--force", "--seed", "8")
    assert forced.exit_code == 0
    assert results("runs/small")["seed"] == 8
    assert Path("runs/small/notes.txt").read_text() == "mine"
    assert run("train", path, "--force", "--seed", "9").exit_code == 0
    assert results("runs/small")["seed"] == 9
    assert sorted(p.name for p in Path("runs").iterdir()) == ["small", "small-2", "small-3"]


def test_run_dir(tmp_path: Path) -> None:
    path = write(tmp_path, SMALL)
    assert run("train", path, "--run-dir", "deep/er/here").exit_code == 0
    assert Path("deep/er/here/results.json").is_file()
    Path("empty").mkdir()
    assert run("train", path, "--run-dir", "empty").exit_code == 0
    refused = run("train", path, "--run-dir", str(path), "--force")
    assert refused.exit_code == 2
    assert "not a directory" in refused.output
    refused = run("train", path, "--run-dir", f"{path}/below")
    assert refused.exit_code == 2
    assert "Not a directory" in refused.output


def test_quiet(tmp_path: Path) -> None:
    result = run("train", write(tmp_path, VALIDATED), "--quiet")
    lines = result.output.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("test accuracy ")
    assert lines[1].startswith("saved in runs/small: ")


def test_diverging_loss(tmp_path: Path) -> None:
    text = SMALL.replace("binary_crossentropy", "mse").replace("sigmoid", "linear").replace("tanh", "linear")
    text = text.replace('class = "Adam", learning_rate = 0.1', 'class = "SGD", learning_rate = 1e6')
    result = run("train", write(tmp_path, text), "--epochs", "200")
    assert result.exit_code == 1
    assert "the loss became" in result.output
    assert "learning_rate" in result.output
    summary = results("runs/small")
    assert summary["epochs"] < 200
    assert summary["train"]["loss"] is None
    assert Path("runs/small/model.keras").is_file()


def test_error_in_the_middle_keeps_the_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dualnet_cli.run_dir import RunDir

    def full(self: RunDir, row: dict[str, float]) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "metrics.csv")

    monkeypatch.setattr(RunDir, "add_metrics", full)
    result = run("train", write(tmp_path, SMALL))
    assert (result.exit_code, result.output.splitlines()[-1]) == (1, "Error: metrics.csv: No space left on device")
    assert dualnet.models.load_model("runs/small/model.keras").count_params() == 17


def test_history_picture(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the extra plot is not installed")
    for epochs in ("1", "3"):
        assert run("train", write(tmp_path, VALIDATED), "--epochs", epochs, "--run-dir", epochs).exit_code == 0
        assert Path(epochs, "history.png").read_bytes().startswith(b"\x89PNG")


def test_no_picture_without_matplotlib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dualnet_cli import training

    monkeypatch.setattr(training, "find_spec", lambda name: None)
    result = run("train", write(tmp_path, SMALL))
    assert result.exit_code == 0
    assert "history.png" not in result.output
    assert not Path("runs/small/history.png").exists()


def test_early_stopping(tmp_path: Path) -> None:
    text = SMALL + '[[callbacks]]\nclass = "EarlyStopping"\nmonitor = "accuracy"\npatience = 2\nmin_delta = 2\n'
    result = run("train", write(tmp_path, text), "--epochs", "50")
    assert result.exit_code == 0, result.output
    assert "stopped by a callback after 3 of 50 epochs" in result.output
    assert results("runs/small")["epochs"] == 3


def test_files_of_callbacks_go_to_the_run_directory(tmp_path: Path) -> None:
    text = SMALL + '[[callbacks]]\nclass = "CSVLogger"\nfilename = "log.csv"\n'
    text += '[[callbacks]]\nclass = "ModelCheckpoint"\nfilepath = "epoch-{epoch}.keras"\n'
    result = run("train", write(tmp_path, text))
    assert result.exit_code == 0, result.output
    names = {p.name for p in Path("runs/small").iterdir()}
    assert {"log.csv", "epoch-1.keras", "epoch-2.keras", "epoch-3.keras"} <= names
    assert tomllib.loads(Path("runs/small/config.toml").read_text())["callbacks"][0]["filename"] == "log.csv"


def test_set(tmp_path: Path) -> None:
    path = write(tmp_path, SMALL.replace('{ class = "Adam", learning_rate = 0.1 }', '"adam"'))
    sets = ["compile.optimizer.learning_rate=0.5", "model.layers.-1.name=last", "compile.metrics=[]", "name=other"]
    sets += ["fit.shuffle=false", "compile.loss=mse"]
    result = run("train", path, *[a for text in sets for a in ("--set", text)])
    assert result.exit_code == 0, result.output
    table = tomllib.loads(Path("runs/other/config.toml").read_text())
    assert table["compile"]["optimizer"]["class"] == "Adam"
    assert table["compile"]["optimizer"]["learning_rate"] == 0.5
    assert table["model"]["layers"][1]["name"] == "last"
    assert table["compile"]["metrics"] == []
    assert table["compile"]["loss"] == "mse"
    assert table["fit"]["shuffle"] is False
    assert set(results("runs/other")["train"]) == {"loss"}


@pytest.mark.skipif(not no_gpu(), reason="a GPU answers here")
@pytest.mark.parametrize("how", ["option", "config", "backend", "environment"])
def test_gpu_that_is_not_there(how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = {"config": 'device = "gpu"\n', "backend": 'backend = "cupy"\n'}
    path = write(tmp_path, lines.get(how, "") + SMALL)
    if how == "environment":
        monkeypatch.setenv("DUALNET_DEVICE", "gpu")
    result = run("train", path, *(["--device", "gpu:0"] if how == "option" else []))
    assert result.exit_code == 2
    assert len(result.output.splitlines()) == 1
    assert "GPU" in result.output
    assert not Path("runs").exists()


def test_device_precedence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUALNET_DEVICE", "gpu:99")
    path = write(tmp_path, SMALL)
    assert run("train", path).exit_code == 2, "the environment decides when nothing else does"
    assert run("train", path, "--device", "auto").exit_code == 0, "the option comes before the environment"
    assert run("train", write(tmp_path, 'device = "cpu"\n' + SMALL)).exit_code == 0, "so does the config"
    path = write(tmp_path, 'backend = "cupy"\n' + SMALL)
    assert run("train", path, "--device", "cpu").exit_code == 0, "the option comes before the config"
    monkeypatch.setenv("DUALNET_DEVICE", "tpu")
    result = run("train", write(tmp_path, SMALL))
    assert result.exit_code == 2
    assert result.output.startswith("Error: DUALNET_DEVICE: ")
    assert '"tpu"' in result.output.replace("'", '"')
