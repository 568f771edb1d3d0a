"""``dualnet runs``: what it says of runs in every state, and of run directories that are damaged."""

from __future__ import annotations

import json
import os
import pty
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest
from dualnet_cli import run_dir, run_records

from .helpers import SMALL, command, environment, run, write

CONFIG = """
name = "small"
[data]
x = [[0], [1]]
y = [0, 1]
[model]
layers = [{ class = "Dense", units = %d, kernel = 1 }, { class = "Dense", units = 1, kernel = 1 }]
[compile]
optimizer = { class = "%s", learning_rate = %s }
loss = "mse"
[fit]
epochs = 3
"""


def make(
    path: Path,
    units: int = 4,
    optimizer: str = "Adam",
    rate: str = "0.1",
    losses: tuple[str, ...] = ("2", "1.5", "0.5"),
    **results: Any,
) -> Path:
    """A run directory as a training leaves it; with ``results`` its ``results.json``."""
    path.mkdir(parents=True)
    (path / "config.toml").write_text(CONFIG % (units, optimizer, rate))
    if losses:
        lines = [f"{i},0.25,{loss}\n" for i, loss in enumerate(losses, 1)]
        (path / "metrics.csv").write_text("epoch,seconds,loss\n" + "".join(lines))
    if results:
        table = {"epochs": 3, "epochs_asked_for": 3, "interrupted": False, "seconds": 0.9, "device": "cpu", **results}
        (path / "results.json").write_text(json.dumps(table))
    return path


def everything(folder: Path) -> None:
    """A run in each state below a folder."""
    make(folder / "a-10", test={"loss": 0.25, "mae": 0.5}, train={"loss": 0.5}, started="2026-01-02T00:00:00+00:00")
    make(folder / "a-2", 8, rate="1e-2", train={"loss": 0.75}, started="2026-01-01T00:00:00+00:00", seconds=100.0)
    make(folder / "deep" / "stopped", epochs=2, losses=("2", "1.5"), interrupted=True, train={"loss": 1.5})
    make(folder / "killed", 16, losses=("2",))
    (make(folder / "failed", losses=("2",)) / "model.keras").write_bytes(b"")
    make(folder / "diverged", optimizer="SGD", losses=("2", "nan"), epochs=2, train={"loss": None})
    make(folder / "torn", losses=()).joinpath("results.json").write_text("{")
    (folder / "other").mkdir()
    (folder / "other" / "config.toml").write_text("[tool]\n")  # no run


def table(*arguments: str | Path) -> list[dict[str, Any]]:
    result = run("runs", *arguments, "--json")
    assert result.exit_code == 0, result.output
    rows: list[dict[str, Any]] = json.loads(result.stdout)
    return rows


def test_states(tmp_path: Path) -> None:
    everything(tmp_path / "runs")
    with run_dir.reopen(make(tmp_path / "runs" / "now", losses=("2", "1"))):
        rows = {row["run"]: row for row in table()}
    assert {name: (row["state"], row["epochs"], row["epochs_asked_for"]) for name, row in rows.items()} == {
        "a-2": ("finished", 3, 3),
        "a-10": ("finished", 3, 3),
        "deep/stopped": ("interrupted", 2, 3),
        "diverged": ("diverged", 2, 3),
        "failed": ("failed", 1, 3),
        "killed": ("interrupted", 1, 3),
        "now": ("running", 2, 3),
        "torn": ("damaged", 0, None),
    }
    assert rows["a-10"]["figure"] == {"name": "test mae", "value": 0.5}
    assert rows["now"]["figure"] == {"name": "training loss", "value": 1.0}
    assert rows["diverged"]["figure"] == {"name": "training loss", "value": None}
    assert rows["torn"]["problem"].startswith("results.json: ")
    assert rows["killed"]["seconds"] == 0.25
    settings = {"model.layers.0.units": 4, "compile.optimizer.class": "Adam", "compile.optimizer.learning_rate": 0.1}
    assert rows["a-10"]["settings"] == settings


def test_a_run_that_replaces_another_one_is_listed_beside_it(tmp_path: Path) -> None:
    path = make(tmp_path / "runs" / "a", train={"loss": 0.5})
    with run_dir.create(str(path), "a", force=True) as new:
        new.write_text("config.toml", CONFIG % (5, "SGD", "0.5"))
        new.add_metrics({"epoch": 1, "seconds": 0.5, "loss": 2.0})
        rows = table()
    assert [(row["run"], row["state"], row["epochs"]) for row in rows] == [
        ("a", "finished", 3),
        ("a (new)", "running", 1),
    ]


def test_the_table_in_a_pipe(tmp_path: Path) -> None:
    everything(tmp_path / "runs")
    result = run("runs")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["RUN", "STATE", "EPOCHS", "FIGURE", "TIME", "DEVICE", "units", "class", "learning_rate"]
    assert lines[1].split() == [
        "a-2",
        "finished",
        "3/3",
        "0.7500",
        "training",
        "loss",
        "1:40",
        "cpu",
        "8",
        "Adam",
        "0.01",
    ]
    assert [line.split()[0] for line in lines[1:]] == [
        "a-2", "a-10", "deep/stopped", "diverged", "failed", "killed", "torn",
    ]  # fmt: skip
    assert "torn: results.json: " in result.stderr


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--sort", "figure"], ["a-10", "a-2", "deep/stopped", "failed", "killed", "diverged", "torn"]),
        (["--sort", "figure", "--reverse"], ["failed", "killed", "deep/stopped", "a-2", "a-10", "diverged", "torn"]),
        (["--sort", "started"], ["a-2", "a-10", "deep/stopped", "diverged", "failed", "killed", "torn"]),
        (
            ["--sort", "units", "--state", "finished", "--state", "interrupted"],
            ["a-10", "deep/stopped", "a-2", "killed"],
        ),
        (["--sort", "seconds", "--name", "a-*"], ["a-10", "a-2"]),
        (["--name", "stopped"], ["deep/stopped"]),
        (["--where", "learning_rate=0.010"], ["a-2"]),
        (["--where", "optimizer.class=sgd"], ["diverged"]),
        (["--where", "layers.0.units=16", "--where", "rate=0.1"], []),
        (["deep"], []),
    ],
)
def test_order_and_filters(arguments: list[str], expected: list[str], tmp_path: Path) -> None:
    everything(tmp_path / "runs")
    if arguments == ["deep"]:
        assert [row["run"] for row in table("runs/deep")] == ["stopped"]
    else:
        assert [row["run"] for row in table(*arguments)] == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere: there is no such folder"),
        (["--sort", "learning_rat"], 'did you mean "learning_rate"?'),
        (["--sort", "kernel"], "which one: "),
        (["--where", "units"], "expected KEY=VALUE"),
        (["--state", "done"], "Invalid value for '--state'"),
    ],
)
def test_wrong_arguments(arguments: list[str], message: str, tmp_path: Path) -> None:
    everything(tmp_path / "runs")
    result = run("runs", *arguments)
    assert result.exit_code == 2
    assert message in result.output


def test_nothing_to_show(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    assert run("runs").stderr == "no runs below runs\n"
    assert run("runs", "--json").stdout == "[]\n"
    make(tmp_path / "runs" / "a")
    assert run("runs", "--state", "failed").stderr == "the only run does not fit\n"
    make(tmp_path / "runs" / "b")
    assert run("runs", "--state", "failed").stderr == "none of the 2 runs below runs fits\n"


def test_damaged_directories_are_listed_whatever_is_in_them(tmp_path: Path) -> None:
    assert run("train", write(tmp_path, SMALL), "--quiet").exit_code == 0
    folder = tmp_path / "runs" / "small"
    good = {name: (folder / name).read_bytes() for name in ("config.toml", "metrics.csv", "results.json")}
    draw = random.Random(0)
    states: dict[str, int] = {}
    for _ in range(400):
        for name, content in good.items():
            damaged = bytearray(content)
            for _ in range(draw.choice((0, 1, 4))):
                start = draw.randrange(len(damaged))
                how = draw.randrange(4)
                if how == 0:
                    del damaged[start:]
                elif how == 1:
                    damaged[start] = draw.randrange(256)
                elif how == 2:
                    del damaged[start : start + draw.randrange(40)]
                else:
                    damaged[start:start] = draw.choice((b"9" * 5000, b"[" * 3000, b"\0", b"null", b"1e999", b"\n"))
                damaged = damaged or bytearray(b" ")
            (folder / name).write_bytes(damaged)
        record = run_records.read(folder)
        states[record.state] = states.get(record.state, 0) + 1
        assert (record.state == "damaged") == bool(record.problem)
        assert record.problem.isprintable()
        run_records.differences([record])
    assert states.keys() >= {"finished", "damaged"}
    for name in good:
        (folder / name).unlink()
        (folder / name).mkdir()
    (tmp_path / "runs" / "b").mkdir()
    (tmp_path / "runs" / "b" / "results.json").symlink_to("nowhere")
    result = run("runs")
    assert result.exit_code == 0
    assert "b: config.toml is missing" in result.output


@pytest.mark.skipif(os.name == "nt", reason="a pseudoterminal of POSIX")
def test_the_table_on_a_terminal(tmp_path: Path) -> None:
    everything(tmp_path / "runs")
    master, slave = pty.openpty()
    process = subprocess.Popen(
        command("runs"),
        cwd=tmp_path,
        env=environment(COLUMNS="80", TERM="dumb"),
        stdout=slave,
        stderr=subprocess.DEVNULL,
    )
    os.close(slave)
    output = b""
    while True:
        try:
            part = os.read(master, 65536)
        except OSError:  # the other end was closed
            break
        output += part
        if not part:
            break
    assert process.wait() == 0
    os.close(master)
    lines = output.decode().splitlines()
    assert all(len(line) <= 80 for line in lines[:-1])
    assert lines[0].split()[:3] == ["RUN", "STATE", "EPOCHS"]
    assert "units" in lines[0]
    assert lines[-1].endswith("(--json shows all)")
    assert "learning_rate" in lines[-1]
