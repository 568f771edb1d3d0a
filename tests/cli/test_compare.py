"""``dualnet compare``: tables for people, JSON for programs, and exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import dualnet_backends as backends
import pytest

import dualnet
from dualnet import Input, Sequential, layers
from dualnet.testing import Comparison, Difference

from .helpers import SMALL, environment, run, write

has_gpu = not backends.gpu_status()
DEVICE = ["--devices", "cpu"]  # the same on a machine with a GPU


def test_a_config_on_the_cpu() -> None:
    result = run("compare", "--steps", "2", *DEVICE)
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert lines[0].startswith("float32 and float64: largest differences")
    assert lines[1].split() == ["step", "layer", "outputs", "gradients"]
    assert lines[2].split()[:2] == ["1", "dense"]
    assert "all within 0.0001, the largest in layer dense" in result.output
    assert "captured and eager on cpu, weights after each of 6 steps" in result.output
    assert "36 comparisons, all the same bits" in result.output
    assert all(len(line) <= 80 for line in lines), max(lines, key=len)


@pytest.mark.skipif(has_gpu, reason="a GPU answers on this machine")
def test_it_says_that_there_is_no_gpu() -> None:
    result = run("compare", "xor")
    assert result.exit_code == 0
    assert f"skipped: two devices: {backends.gpu_status()}" in " ".join(result.output.split())
    result = run("compare", "xor", "--devices", "cpu,gpu")
    assert result.exit_code == 2
    assert "found none" in result.output
    assert "--devices cpu" in result.output


@pytest.mark.skipif(not has_gpu, reason=backends.gpu_status())
def test_two_devices() -> None:
    result = run("compare", "xor")
    assert result.exit_code == 0, result.output
    assert "cpu and gpu:0: largest differences" in result.output
    assert "captured and eager on gpu:0" in result.output
    assert result.output == run("compare", "xor", "--devices", "cpu,gpu").output


def test_json(tmp_path: Path) -> None:
    result = run("compare", write(tmp_path, SMALL), "--json", *DEVICE)
    assert result.exit_code == 0, result.output
    found = json.loads(result.output)
    assert found["skipped"] == []
    assert [c["compared"] for c in found["comparisons"]] == ["float32 and float64", "captured and eager on cpu"]
    assert found["comparisons"][0]["differences"][0]["layer"] == "dense"


def test_a_fault_is_exit_code_1(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "a_name_that_is_longer_than_its_column"
    rows = [
        Difference(1, "first", "Dense", "output", "output", 1e-9, 1e-8, True, True),
        Difference(1, name, "Dense", "output", "output", 0.5, 0.25, False, True),
        Difference(1, name, "Dense", "gradient", "kernel", float("inf"), float("inf"), False, False),
    ]
    made = Comparison("float32 and float64", 1e-4, rows)
    monkeypatch.setattr("dualnet.testing.compare_precision", lambda *_, **__: made)
    result = run("compare", "xor", *DEVICE)
    assert result.exit_code == 1
    said = " ".join(result.output.split())
    assert f"2 of 3 comparisons are past 0.0001 (!); first: layer {name} (Dense), its output, step 1: 5.0e-01" in said
    assert "a_name_that.._column" in result.output
    assert "2.5e-01!" in result.output
    assert all(len(line) <= 80 for line in result.output.splitlines())
    assert json.loads(run("compare", "xor", "--json", *DEVICE).output)["comparisons"][0]["fault"]["layer"] == name
    assert run("compare", "xor", "--tolerance", "1e-30", *DEVICE).exit_code == 1


def test_a_saved_model(tmp_path: Path) -> None:
    model = Sequential([Input((6,)), layers.Embedding(5, 4), layers.LSTM(3), layers.Dense(2, "softmax")])
    model.save(tmp_path / "plain.keras")
    result = run("compare", tmp_path / "plain.keras", *DEVICE)
    assert result.exit_code == 0, result.output
    assert "lstm" in result.output
    assert "the file has none; these are mse and sgd" in " ".join(result.output.split())
    model.compile("adam", "sparse_categorical_crossentropy")
    model.save(tmp_path / "compiled.h5")
    result = run("compare", tmp_path / "compiled.h5", *DEVICE)
    assert result.exit_code == 0, result.output
    assert "mse" not in result.output


def test_data_that_cannot_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    def load_data(*_: object, **__: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr(dualnet.datasets.mnist, "load_data", load_data)
    result = run("compare", "mnist_mlp", "--steps", "1", "--batch-size", "4", *DEVICE)
    assert result.exit_code == 0, result.output
    assert "skipped: the data: no network; these are random numbers" in result.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["none.toml"], "none.toml: no such file"),
        (["none.keras"], "none.keras: no such file"),
        (["wrong.keras"], "wrong.keras: "),
        (["wrong.h5"], "wrong.h5: "),
        (["folder.h5"], "folder.h5: "),
        (["xor", "--devices", "cpu,cpu"], "two different ones"),
        (["xor", "--devices", "cpu,gpu,gpu:1"], "two different ones"),
        (["xor", "--devices", ""], 'expected "auto", "cpu"'),
        (["xor", "--devices", "cpu,gqu"], 'got "gqu"; did you mean "gpu"?'),
        (["xor", "--steps", "0"], "--steps"),
        (["xor", "--tolerance", "0"], "--tolerance"),
        (["xor", "--set", "compile.loss=nothing"], "nothing"),
        (["text.keras"], "takes text: give data"),
        (["model.keras", "--set", "seed=1"], "--set changes a config"),
    ],
)
def test_wrong_input(arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("wrong.keras").write_bytes(b"no archive")
    Path("wrong.h5").write_bytes(b"no file of HDF5")
    Path("folder.h5").mkdir()
    if arguments[0] == "text.keras":
        text = layers.TextVectorization(10, output_sequence_length=3, vocabulary=["a", "b"])
        Sequential([Input((1,), dtype="string"), text, layers.Embedding(10, 2)]).save("text.keras")
    result = run("compare", *arguments)
    assert result.exit_code == 2, result.output
    assert said in " ".join(result.output.split())
    assert "Traceback" not in result.output


def test_a_pipe_that_is_closed() -> None:
    program = f"{sys.executable} -m dualnet_cli compare xor --devices cpu | head -1"
    done = subprocess.run(program, shell=True, capture_output=True, text=True, env=environment())
    assert done.stdout.startswith("float32 and float64")
    assert done.stderr == ""
