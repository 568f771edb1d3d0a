"""The run directory: a run that replaces another one, killed or failing at any moment; the lock; leftovers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from dualnet_cli import run_dir, run_lock
from dualnet_cli.errors import CliError

import dualnet

from .helpers import SMALL, environment, run, start, write

FOLDER = Path("runs/small")


def contents(folder: Path) -> dict[str, bytes]:
    """The files below a folder, by name."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def old_run(tmp_path: Path) -> tuple[Path, dict[str, bytes]]:
    """(config, files) of a complete run in ``runs/small``, with a file of the user in it."""
    path = write(tmp_path, SMALL)
    assert run("train", path, "--quiet").exit_code == 0
    (FOLDER / "notes.txt").write_text("mine")
    return path, contents(FOLDER)


DIVERGING = [
    *("--set", 'compile.optimizer={ class = "SGD", learning_rate = 1e30 }', "--set", "compile.loss=mse"),
    *("--set", "model.layers.0.activation=linear", "--set", "model.layers.1.activation=linear", "--epochs", "20"),
]


def test_a_run_that_diverges_replaces_none(tmp_path: Path) -> None:
    path, before = old_run(tmp_path)
    result = run("train", path, "--force", *DIVERGING)
    assert result.exit_code == 1
    assert (
        "runs/small keeps its run, since the new one did not come to its end; that is in runs/small-2" in result.output
    )
    assert "saved in runs/small-2: config.toml" in result.output
    assert contents(FOLDER) == before
    assert json.loads(Path("runs/small-2/results.json").read_text())["train"]["loss"] is None


@pytest.mark.parametrize(
    "option", [("--set", "compile.loss=categorical_crossentropy"), ("--set", "data.y=[0, 1, 1, 9]")]
)
def test_a_mistake_in_the_data_replaces_none(option: tuple[str, ...], tmp_path: Path) -> None:
    path, before = old_run(tmp_path)
    assert run("train", path, "--force", *option).exit_code != 0
    assert contents(FOLDER) == before
    assert [p.name for p in Path("runs").iterdir()] == ["small"], "nothing was trained, so nothing is kept"


def test_an_error_before_the_first_step_leaves_nothing(tmp_path: Path) -> None:
    result = run("train", write(tmp_path, SMALL), "--set", "compile.loss=categorical_crossentropy")
    assert result.exit_code == 1
    assert not list(Path("runs").iterdir())


def test_a_run_replaces_what_the_old_one_wrote(tmp_path: Path) -> None:
    text = SMALL + '[[callbacks]]\nclass = "ModelCheckpoint"\nfilepath = "kept/epoch-{epoch}.keras"\n'
    path = write(tmp_path, text)
    assert run("train", path).exit_code == 0
    (FOLDER / "history.png").write_bytes(b"old")
    (FOLDER / "checkpoints" / "old").write_text("old")
    (FOLDER / "kept" / "mine").write_text("mine")
    result = run("train", path, "--force", "--seed", "8", "--epochs", "1")
    assert result.exit_code == 0, result.output
    files = contents(FOLDER)
    assert json.loads(files["results.json"])["seed"] == 8
    assert files.get("history.png") != b"old"
    assert "checkpoints/old" not in files
    assert {str(Path("kept/mine")), str(Path("kept/epoch-1.keras")), str(Path("kept/epoch-3.keras"))} <= set(files)
    assert not [name for name in files if name.startswith(".")]


STOPPED = """
import os, signal, sys
from pathlib import Path
import dualnet_cli.training as training
from dualnet_cli.main import main

where, number = sys.argv.pop(1), getattr(signal, sys.argv.pop(1))
def stop(*_, **__):
    os.kill(os.getpid(), number)
if where == "epoch":
    real = training.MetricsWriter.on_epoch_end
    training.MetricsWriter.on_epoch_end = lambda self, epoch, logs=None: (real(self, epoch, logs), stop())
elif where == "batch":
    training.MetricsWriter.on_train_batch_begin = stop
else:
    real_save = training._save
    training._save = lambda *args: (real_save(*args), stop())
main()
"""


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize(
    ("where", "number", "code", "files"),
    [
        ("batch", "SIGKILL", -9, None),  # nothing was trained: it is as if it had not begun
        ("epoch", "SIGKILL", -9, {"config.toml", "metrics.csv"}),
        ("save", "SIGKILL", -9, {"config.toml", "metrics.csv", "model.keras"}),
        ("batch", "SIGINT", 130, {"config.toml", "metrics.csv", "model.keras", "results.json"}),
        ("epoch", "SIGTERM", 143, {"config.toml", "metrics.csv", "model.keras", "results.json"}),
    ],
)
def test_a_run_that_is_stopped_replaces_none(
    where: str, number: str, code: int, files: set[str] | None, tmp_path: Path
) -> None:
    path, before = old_run(tmp_path)
    arguments = [where, number, "train", str(path), "--force", "--quiet"]
    done = subprocess.run(
        [sys.executable, "-c", STOPPED, *arguments], env=environment(), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == code, done.stderr
    assert {name: content for name, content in contents(FOLDER).items() if not name.startswith(".")} == before
    again = start("train", path, "--run-dir", "runs/small", cwd=tmp_path)  # the next command tidies up, and is refused
    assert again.returncode == 2
    assert "is not empty" in again.stderr
    assert contents(FOLDER) == before
    if files is None:
        assert [p.name for p in Path("runs").iterdir()] == ["small"]
    else:
        assert "runs/small-2" in done.stderr + again.stderr
        kept = {name for name in contents(Path("runs/small-2")) if not name.startswith("checkpoints")}
        assert files <= kept <= {*files, "preparation.json", "history.png"}


def test_two_runs_cannot_write_to_one_directory(tmp_path: Path) -> None:
    path, before = old_run(tmp_path)
    with run_dir.create(str(FOLDER), "small", force=True) as first:
        first.write_text("config.toml", "first")
        for option in ([], ["--force"]):
            refused = run("train", path, "--run-dir", FOLDER, *option)
            assert refused.exit_code == 2
            assert refused.output.startswith("Error: runs/small: another run writes to it (process ")
            assert str(os.getpid()) in refused.output
        with pytest.raises(CliError, match="another run writes to it"):
            run_dir.reopen(FOLDER)
    assert contents(FOLDER) == before
    with run_dir.reopen(FOLDER) as again:
        assert run_lock.is_locked(again.home)
    assert not run_lock.is_locked(FOLDER)
    assert contents(FOLDER) == before


def test_a_lock_of_a_dead_process_is_no_obstacle(tmp_path: Path) -> None:
    text = textwrap.dedent("""
        import os, signal, sys
        from pathlib import Path
        from dualnet_cli.run_lock import Lock
        lock = Lock(Path(sys.argv[1]))
        print("locked", flush=True)
        sys.stdin.read()
    """)
    process = subprocess.Popen(
        [sys.executable, "-c", text, str(tmp_path)], env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"locked\n"
    assert run_lock.is_locked(tmp_path)
    assert run_lock.holder(tmp_path).startswith(f"process {process.pid} on ")
    with pytest.raises(CliError, match=f"process {process.pid} on "):
        run_lock.Lock(tmp_path)
    process.kill()
    process.communicate()
    assert (tmp_path / ".lock").exists()
    assert not run_lock.is_locked(tmp_path)
    with run_lock.Lock(tmp_path):
        assert run_lock.holder(tmp_path).startswith(f"process {os.getpid()} on ")
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.name == "nt", reason="of fcntl")
def test_a_file_system_without_locks_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno
    import fcntl

    def refuse(*_: Any) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    path = write(tmp_path, SMALL)
    monkeypatch.setattr(fcntl, "flock", refuse)
    result = run("train", path, "--quiet")
    assert result.exit_code == 0
    assert result.output.startswith("Warning: runs/small: the file system has no locks (No locks available)")
    assert len(result.output.splitlines()) == 3


def test_leftovers_of_killed_writes_are_removed(tmp_path: Path) -> None:
    names = [".model.keras.ab12_x9z.part", ".results.json.abcdefgh.part", "sub/.best.keras.12345678.part"]
    others = [
        ".model.keras.part",
        "model.keras.abcdefgh.part",
        ".x.ABCDEFGH.part",
        ".notes",
        "a/b/c/d/.m.abcdefgh.part",
    ]
    for name in names + others:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    with run_dir.reopen(tmp_path):
        pass
    assert sorted(contents(tmp_path)) == sorted(others)


def test_the_directory_of_this_process(tmp_path: Path) -> None:
    path = write(tmp_path, SMALL)
    (tmp_path / "here").mkdir()
    os.chdir("here")
    try:
        for _ in range(2):
            assert run("train", path, "--run-dir", ".", "--force").exit_code == 0
        assert run("train", path, "--run-dir", ".", "--force", *DIVERGING).exit_code == 1
        assert dualnet.models.load_model("model.keras").count_params() == 17
        assert Path("../here-2/model.keras").is_file()
    finally:
        os.chdir(tmp_path)
