"""``dualnet train`` on a disk that fails at every call in turn, and on one that loses power after every call."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from dualnet_cli import run_dir

import dualnet

from ..saving.disk import Disk, restore
from .helpers import SMALL, run, write

Files = dict[str, bytes]
MODEL, RESULTS, CONFIG = "model.keras", "results.json", "config.toml"


@pytest.fixture(autouse=True)
def _no_plots(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes most of the time of such runs; tests/saving/test_failing_disk.py writes plots."""
    from dualnet_cli import training

    monkeypatch.setattr(training, "find_spec", lambda name: None)


def files(folder: Path) -> Files:
    """The files of a run: its checkpoints, of which the number may differ, left out."""
    found = {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    return {name: content for name, content in found.items() if not name.startswith("checkpoints")}


def seed_of(found: Files) -> int:
    """The seed of the run that files are of; they are all of one run."""
    seed = json.loads(found[RESULTS])["seed"]
    assert f"seed = {seed}\n" in found[CONFIG].decode()
    assert found["metrics.csv"].count(b"\n") == 2
    return int(seed)


def weights(folder: Path) -> bytes:
    model = dualnet.models.load_model(folder / MODEL)
    return b"".join(w.tobytes() for w in model.get_weights())


def old_and_new(tmp_path: Path) -> tuple[Path, dict[int, bytes]]:
    """(config, weights by seed) of a run with seed 1 in ``runs/small``, and one with seed 2 that is not there any more."""
    path = write(tmp_path, SMALL.replace("epochs = 3", "epochs = 1"))
    trained = {}
    for seed in (2, 1):
        shutil.rmtree("runs", ignore_errors=True)
        assert run("train", path, "--quiet", "--seed", str(seed)).exit_code == 0
        trained[seed] = weights(Path("runs/small"))
    return path, trained


def fail_in_turn(tmp_path: Path, full: bool, prepare: Callable[[], None], *arguments: str | Path) -> list[str]:
    """Run the command with every call failing in turn. Returns the calls that failed, each with an error of the command."""
    failed = []
    for k in (*chosen(8 if full else 4, tmp_path, prepare, *arguments), 10_000):
        prepare()
        with Disk(tmp_path / "runs", k, full) as disk:
            result = run(*arguments)
        if not disk.failed:
            assert result.exit_code == 0, result.output
            break
        failed.append(disk.failed)
        assert result.exit_code == 1, f"{disk.failed} failed: {result.output}"
        assert any(line.startswith("Error: ") for line in result.output.splitlines()), (disk.failed, result.output)
        assert "Traceback" not in result.output
        check_after(disk.failed)
    assert not disk.failed
    return failed


def chosen(step: int, tmp_path: Path, prepare: Callable[[], None], *arguments: str | Path) -> list[int]:
    """The numbers of the calls that are to fail: with DUALNET_EVERY_CALL=1 all of them, else one of ``step`` kinds of calls."""
    prepare()
    with Disk(tmp_path / "runs") as disk:
        assert run(*arguments).exit_code == 0
    if os.environ.get("DUALNET_EVERY_CALL"):
        return list(range(1, disk.count + 1))
    kinds: dict[str, int] = {}
    for k, call in enumerate(disk.calls, 1):
        kinds.setdefault(re.sub(r"\.[a-z0-9_]{8}\.part|\d+", "", call), k)
    return list(kinds.values())[::step]


def check_after(failed: str) -> None:
    """What a run left can be opened, and nothing unfinished stays in it."""
    folder = Path("runs/small")
    if not folder.exists():
        return
    with run_dir.reopen(folder):
        pass
    hidden = [name for name in files(folder) if name.startswith(".") or name.endswith(".part")]
    assert not hidden, (failed, hidden)


@pytest.mark.parametrize("full", [False, True], ids=["one call fails", "full from then on"])
def test_a_new_run(full: bool, tmp_path: Path) -> None:
    path, trained = old_and_new(tmp_path)

    def prepare() -> None:
        shutil.rmtree("runs")
        Path("runs").mkdir()

    failed = fail_in_turn(tmp_path, full, prepare, "train", path, "--quiet", "--seed", "2")
    assert weights(Path("runs/small")) == trained[2]
    assert len(failed) > 5


@pytest.mark.parametrize("full", [False, True], ids=["one call fails", "full from then on"])
def test_a_run_that_replaces_another_one(full: bool, tmp_path: Path) -> None:
    """One of both is there each time, as a whole, and the old one unless the new one was complete."""
    path, trained = old_and_new(tmp_path)
    shutil.copytree("runs", "before")
    seen = set()

    def prepare() -> None:
        if Path("runs/small").exists():
            seen.add(check_whole(Path("runs/small"), trained))
        shutil.rmtree("runs")
        shutil.copytree("before", "runs")

    failed = fail_in_turn(tmp_path, full, prepare, "train", path, "--quiet", "--seed", "2", "--force")
    assert check_whole(Path("runs/small"), trained) == 2
    assert len(failed) > 5
    assert seen == {1, 2}


def check_whole(folder: Path, trained: dict[int, bytes]) -> int:
    """The seed of the run in a directory, all of whose files are of that run."""
    seed = seed_of(files(folder))
    assert weights(folder) == trained[seed]
    return seed


def test_power_is_lost_while_a_run_is_replaced(tmp_path: Path) -> None:
    """After the next opening one of both runs is there as a whole: the old one first, the new one once the command has returned."""
    path, trained = old_and_new(tmp_path)
    found: list[set[int]] = []
    known: dict[frozenset[tuple[str, bytes]], int] = {}

    def look(disk: Disk) -> None:
        seeds = set()
        for state in disk.states():
            key = frozenset(state.items())
            if key not in known:
                copy = tmp_path / "copies" / str(len(known)) / "small"
                copy.mkdir(parents=True)
                restore({name[len("small/") :]: content for name, content in state.items() if name != "small/"}, copy)
                with run_dir.reopen(copy):
                    pass
                known[key] = check_whole(copy, trained)
                shutil.rmtree(copy.parent)
            seeds.add(known[key])
        found.append(seeds)

    with Disk(tmp_path / "runs", after=look):
        assert run("train", path, "--quiet", "--seed", "2", "--force").exit_code == 0
    assert found[0] == {1}
    assert found[-1] == {2}
    assert sorted(found, key=max) == found, "once the new one is there it stays"
    assert len(known) > 50


def test_every_call_fails_while_a_run_goes_on(tmp_path: Path) -> None:
    """Whatever fails, the run can be gone on with, and comes to the numbers of one that nothing happened to."""
    path = write(tmp_path, SMALL)
    assert run("train", path, "--quiet").exit_code == 0
    expected = weights(Path("runs/small"))
    shutil.rmtree("runs")
    assert run("train", path, "--quiet", "--epochs", "1").exit_code == 0
    shutil.copytree("runs", "before")
    arguments = ("train", "--resume", "runs/small", "--epochs", "3", "--quiet")

    def prepare() -> None:
        if Path("runs/small").exists() and Path("tried").exists():
            result = run(*arguments)
            assert result.exit_code == 0, result.output
            assert weights(Path("runs/small")) == expected
        Path("tried").touch()
        shutil.rmtree("runs")
        shutil.copytree("before", "runs")

    failed = fail_in_turn(tmp_path, False, prepare, *arguments)
    assert weights(Path("runs/small")) == expected
    assert len(failed) > 5


@pytest.mark.parametrize("again", [("train", "--resume", "runs/small"), ("train", "--force"), ("train",)])
def test_the_exit_code_of_a_full_disk(again: tuple[str, ...], tmp_path: Path) -> None:
    """It is 1 from the first call on: the command line was right."""
    path = write(tmp_path, SMALL.replace("epochs = 3", "epochs = 1"))
    assert run("train", path, "--quiet").exit_code == 0
    arguments = again if "--resume" in again else (*again, path)
    with Disk(tmp_path / "runs", 1, full=True) as disk:
        result = run(*arguments, "--quiet", "--epochs", "2")
    assert disk.failed
    assert result.exit_code == 1, result.output
    assert "No space left on device" in result.output
