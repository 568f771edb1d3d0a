"""``dualnet train --resume``: a run that was cut off goes on as the run that was not. At length: ``python -m tests.cli.kill_runs``."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dualnet import callbacks
from dualnet.saving.checkpoints import checkpoints

from .helpers import ROOT, SMALL, command, environment, run, write
from .kill_runs import outcome

pytestmark = [
    pytest.mark.skipif(os.name == "nt", reason="signals of POSIX"),
    pytest.mark.filterwarnings(
        "ignore::pytest.PytestUnraisableExceptionWarning"
    ),  # files that a "killed" run leaves open
]

TABLE = "a,b,y\n" + "".join(f"{i % 7},{i % 5},{(i % 7 + i % 5) % 2}\n" for i in range(40))
DATA = SMALL.replace("x = [[0, 0], [0, 1], [1, 0], [1, 1]]\ny = [0, 1, 1, 0]", 'path = "data.csv"')
CONFIG = DATA.replace("batch_size = 4", "batch_size = 8\nvalidation_split = 0.2") + "[checkpoints]\nevery_steps = 1\n"
CONFIG += '[[callbacks]]\nclass = "EarlyStopping"\npatience = 9\nrestore_best_weights = true\n'
CONFIG += '[[callbacks]]\nclass = "CSVLogger"\nfilename = "log.csv"\n'
STEPS = 4  # in an epoch
RUN = Path("runs/small")


class Killed(BaseException):
    """What no code of the command catches."""


def config(folder: Path, text: str = CONFIG) -> Path:
    (folder / "data.csv").write_text(TABLE)
    return write(folder, text)


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint after every epoch, however short; no pictures, which take most of the time."""
    from dualnet_cli import resuming, training

    monkeypatch.setattr(sys.modules["dualnet.callbacks.checkpoint"], "_LARGEST_SHARE", 1e9)
    for module in (training, resuming):
        monkeypatch.setattr(module, "find_spec", lambda name: None)


@pytest.fixture
def act(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, Callable[[], Any]], None]:
    """A function that lets something happen once, at the end of a training step."""

    def at(step: int, what: Callable[[], Any]) -> None:
        from dualnet_cli.metrics_writer import MetricsWriter

        count = [0]

        def on_train_batch_begin(self: Any, batch: int, logs: Any = None) -> None:
            count[0] += 1
            if count[0] == step:
                what()

        monkeypatch.setattr(MetricsWriter, "on_train_batch_begin", on_train_batch_begin)

    return at


def kill() -> None:
    raise Killed


def send(number: signal.Signals) -> Callable[[], None]:
    return lambda: os.kill(os.getpid(), number)


def killed(path: Path, *options: str | Path) -> None:
    with pytest.raises(Killed):
        run("train", path, *options)


def whole(path: Path, *options: str) -> dict[str, Any]:
    """What a run leaves that is not cut off."""
    assert run("train", path, "--run-dir", "whole", *options).exit_code == 0
    return outcome(Path("whole"))


def resumed(*options: str | Path, expected: int = 0) -> str:
    result = run("train", "--resume", RUN, *options)
    assert result.exit_code == expected, result.output
    return result.output


def results() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((RUN / "results.json").read_text())
    return loaded


@pytest.mark.parametrize(
    ("step", "place"),
    [
        (2, "resumed in epoch 1 of 3, after step 1"),
        (STEPS + 1, "resumed after epoch 1 of 3"),
        (2 * STEPS + 3, "resumed in epoch 3 of 3, after step 2"),
    ],
)
def test_a_run_that_was_killed(step: int, place: str, tmp_path: Path, act: Any) -> None:
    path = config(tmp_path)
    expected = whole(path)
    act(step, kill)
    killed(path)
    assert not (RUN / "results.json").exists()
    output = resumed()
    assert place in output
    assert outcome(RUN) == expected
    (entry,) = results()["resumed"]
    assert (entry["epoch"], entry["steps_done"]) == ((step - 2) // STEPS + 1 + (step % STEPS == 1), (step - 1) % STEPS)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)], ids=str
)
def test_a_run_that_was_stopped(number: signal.Signals, code: int, tmp_path: Path, act: Any) -> None:
    path = config(tmp_path, CONFIG.replace("every_steps = 1", "every_steps = 0"))
    expected = whole(path)
    act(STEPS + 2, send(number))
    before = signal.signal(number, signal.SIG_DFL)  # the tests themselves may run under nohup
    try:
        result = run("train", path)
    finally:
        signal.signal(number, before)
    assert result.exit_code == code, result.output
    assert "interrupted during epoch 2 of 3" in result.output
    assert (results()["interrupted"], results()["resumed"]) == (True, [])
    assert "resumed in epoch 2 of 3, after step 2" in resumed()
    assert outcome(RUN) == expected
    assert results()["interrupted"] is False


def test_a_hangup_that_is_ignored(tmp_path: Path, act: Any) -> None:
    """As under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        act(2, send(signal.SIGHUP))
        assert run("train", config(tmp_path)).exit_code == 0
    finally:
        signal.signal(signal.SIGHUP, before)


def test_stopped_again_and_again(tmp_path: Path, act: Any) -> None:
    path = config(tmp_path)
    expected = whole(path)
    options: tuple[str | Path, ...] = (path,)
    for _ in range(3):
        act(3, send(signal.SIGTERM))
        assert run("train", *options).exit_code == 143
        options = ("--resume", RUN)
    act(3, lambda: None)
    assert run("train", "--resume", "small", "--quiet").exit_code == 0, "the name of a run below runs"
    assert outcome(RUN) == expected
    assert [entry["epoch"] for entry in results()["resumed"]] == [1, 2, 3]
    assert results()["seconds"] > sum(row["seconds"] for row in _rows()) * 0.99


def _rows() -> list[dict[str, float]]:
    header, *lines = (RUN / "metrics.csv").read_text().splitlines()
    return [dict(zip(header.split(","), map(float, line.split(",")))) for line in lines]


def test_a_finished_run(tmp_path: Path) -> None:
    path = config(tmp_path)
    longer = whole(path, "--epochs", "5")
    assert run("train", path).exit_code == 0
    before = {p: p.read_bytes() for p in RUN.rglob("*") if p.is_file()}
    assert resumed() == "runs/small is finished: 3 epochs; a larger number of --epochs trains it further\n"
    assert {p: p.read_bytes() for p in RUN.rglob("*") if p.is_file()} == before
    assert "--epochs 2: the run has 3 epochs; with --resume they can only become more" in resumed(
        "--epochs", "2", expected=2
    )
    assert "resumed after epoch 3 of 5" in resumed("--epochs", "5")
    assert outcome(RUN) == longer
    assert "is finished: 5 epochs" in resumed()


def test_a_run_that_a_callback_ended(tmp_path: Path, act: Any) -> None:
    path = config(tmp_path, CONFIG.replace("patience = 9", "patience = 1\nmin_delta = 9.0"))
    expected = whole(path)
    assert len(expected["metrics"]) == 2
    act(2 * STEPS, kill)
    killed(path)
    resumed()
    assert outcome(RUN) == expected
    assert "is finished: 2 epochs of 3, where it ended by itself" in resumed()
    assert len(_rows()) == 2


def test_a_run_that_came_to_its_end_but_for_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dualnet_cli import training

    path = config(tmp_path)
    expected = whole(path)
    with monkeypatch.context() as patch:
        patch.setattr(training, "_save", lambda *_: kill())
        killed(path)
    assert "resumed after epoch 3 of 3" in resumed()
    assert outcome(RUN) == expected


FINE_TUNE = """
seed = 3
[data]
path = "images.npz"
[model]
application = { class = "MobileNet", weights = "none", trainable = false, alpha = 0.25 }
[[model.layers]]
class = "Dropout"
rate = 0.3
[[model.layers]]
class = "Dense"
units = 3
activation = "softmax"
[compile]
optimizer = "sgd"
loss = "sparse_categorical_crossentropy"
[fit]
epochs = 1
batch_size = 2
fine_tune = { epochs = 1, learning_rate = 1e-3 }
[checkpoints]
every_steps = 1
"""


def test_fine_tuning(tmp_path: Path, act: Any) -> None:
    import numpy as np

    rng = np.random.default_rng(0)
    np.savez(tmp_path / "images.npz", x=rng.integers(0, 256, (6, 32, 32, 3)).astype("uint8"), y=np.arange(6) % 3)
    path = config(tmp_path, FINE_TUNE)
    expected = whole(path)
    for step in (4, 5):  # between the two calls of fit, and in the second
        act(step, kill)
        killed(path, "--run-dir", RUN)
        if step == 5:
            assert "in its fine-tuning by now" in resumed("--epochs", "2", expected=2)
        resumed()
        assert outcome(RUN) == expected, step
        shutil.rmtree(RUN)


def test_before_the_first_checkpoint(tmp_path: Path, act: Any) -> None:
    path = config(tmp_path)
    expected = whole(path)
    for keys, step, reason in (
        ("every_steps = 1", 1, "has no checkpoint yet"),
        ("keep = 0", 6, "keeps no checkpoints (keep = 0)"),
    ):
        path.write_text(CONFIG.replace("every_steps = 1", keys))
        act(step, kill)
        killed(path)
        assert f"runs/small {reason}: the training begins again, with the same seed" in resumed()
        found = outcome(RUN)
        assert (found["model"], found["metrics"]) == (expected["model"], expected["metrics"])
        shutil.rmtree(RUN)


# -- what is refused ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["small.toml"], "CONFIG does not go with --resume"),
        (["--seed", "0"], "--seed does not go with --resume"),
        (["--set", "fit.batch_size=2"], "--set does not go with --resume"),
        (["--run-dir", "other"], "--run-dir does not go with --resume"),
        (["--force"], "--force does not go with --resume"),
    ],
)
def test_options_that_make_another_run(options: list[str], message: str, tmp_path: Path) -> None:
    result = run("train", "--resume", "small", *options)
    assert (result.exit_code, len(result.output.splitlines())) == (2, 1)
    assert message in result.output


def test_no_run(tmp_path: Path) -> None:
    Path("empty").mkdir()
    for name, message in (
        ("empty", "holds no run (there is no config.toml in it)"),
        ("none", "no such directory, nor runs/none"),
        ("", "expected the directory of a run, got an empty name"),
    ):
        result = run("train", "--resume", name)
        assert (result.exit_code, len(result.output.splitlines())) == (2, 1)
        assert message in result.output


CHANGES: dict[str, tuple[Callable[[], Any], str]] = {
    "data": (
        lambda: Path("data.csv").write_text(TABLE.replace("3", "4")),
        "the file of [data] path has another content",
    ),
    "no data": (lambda: Path("data.csv").unlink(), "no such file"),
    "batch size": (
        lambda: _edit("batch_size = 8", "batch_size = 4"),
        "fit.batch_size was 8 when the run began and is 4 now; a run goes on with the settings it began with",
    ),
    "layer": (lambda: _edit("units = 4", "units = 5"), "model.layers.0.units was 4 when the run began and is 5 now"),
    "seed": (lambda: _edit("seed = 7", "seed = 8"), "seed was 7 when the run began and is 8 now"),
    "broken": (lambda: _edit("[fit]", "[fit"), "config.toml"),
}


def _edit(old: str, new: str) -> None:
    text = (RUN / "config.toml").read_text()
    assert old in text
    (RUN / "config.toml").write_text(text.replace(old, new, 1))


@pytest.mark.parametrize("change", CHANGES)
def test_what_has_changed(change: str, tmp_path: Path, act: Any) -> None:
    path = config(tmp_path)
    act(6, kill)
    killed(path)
    before = {p: p.read_bytes() for p in RUN.rglob("*") if p.is_file() and p.name != "config.toml"}
    edit, message = CHANGES[change]
    edit()
    output = resumed(expected=2)
    assert message in output
    assert len(output.splitlines()) == 1
    assert {p: p.read_bytes() for p in RUN.rglob("*") if p.is_file() and p.name != "config.toml"} == before


def test_another_version(tmp_path: Path, act: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import dualnet

    act(6, kill)
    killed(config(tmp_path))
    before = dualnet.__version__
    monkeypatch.setattr(dualnet, "__version__", "9.9")
    assert f"Note: the run began with dualnet {before}, and goes on with 9.9: bits may differ" in resumed()


@pytest.mark.filterwarnings("default::UserWarning")
def test_damaged_checkpoints(tmp_path: Path, act: Any) -> None:
    path = config(tmp_path)
    expected = whole(path)
    act(7, kill)
    killed(path)
    newest = checkpoints(RUN / "checkpoints")[-1] / "state.safetensors"
    newest.write_bytes(newest.read_bytes()[:-1])
    output = resumed()
    assert (
        f"Warning: {newest.parent}: state.safetensors does not have its checksum; the checkpoint before it is used"
        in output
    )
    assert outcome(RUN) == expected

    (RUN / "results.json").unlink()
    for folder in checkpoints(RUN / "checkpoints"):
        (folder / "state.json").unlink()
    output = resumed(expected=2)
    assert "no checkpoint in runs/small/checkpoints can be read" in output
    assert "to begin anew: dualnet train runs/small/config.toml" in output


def test_a_run_that_is_still_running(tmp_path: Path, act: Any) -> None:
    from dualnet_cli import run_dir

    act(6, kill)
    killed(config(tmp_path))
    with run_dir.reopen(RUN):
        assert "another run writes to it" in resumed(expected=2)


def test_checkpoints_of_a_program(tmp_path: Path, act: Any) -> None:
    import dualnet

    assert run("train", config(tmp_path), "--epochs", "1").exit_code == 0
    for folder in checkpoints(RUN / "checkpoints"):
        shutil.rmtree(folder)
    model = dualnet.models.load_model(RUN / "model.keras")
    model.fit([[0.0, 1.0]], [1], verbose=0, callbacks=[callbacks.Checkpoint(RUN / "checkpoints")])
    assert "are not of dualnet train" in resumed("--epochs", "2", expected=2)


# -- processes ---------------------------------------------------------------------------------------------------------


def test_a_terminal_that_is_closed(tmp_path: Path) -> None:
    import pty

    config(tmp_path, CONFIG.replace("epochs = 3", "epochs = 100000"))
    master, slave = pty.openpty()
    process = subprocess.Popen(
        command("train", "small.toml"),
        cwd=tmp_path,
        env=environment(TERM="xterm"),
        start_new_session=True,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        preexec_fn=_take_terminal,
    )
    os.close(slave)
    seen = b""
    end = time.monotonic() + 60
    while b"epoch" not in seen and time.monotonic() < end:
        seen += os.read(master, 4096)
    os.close(master)
    assert process.wait(timeout=60) == 129
    assert results()["interrupted"] is True
    assert checkpoints(RUN / "checkpoints")


def _take_terminal() -> None:
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@pytest.mark.parametrize("how", ["KILL", "full"])
def test_a_few_of_many(how: str) -> None:
    arguments = ["-m", "tests.cli.kill_runs", "--count", "2", "--how", how, "--only", "epochs"]
    paths = os.pathsep.join([*(str(ROOT / part) for part in ("backends", ".", "cli"))])
    done = subprocess.run(
        [sys.executable, *arguments],
        env=environment(PYTHONPATH=paths),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 runs, 0 lost or different" in done.stdout
