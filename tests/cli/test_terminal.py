"""The command as a process: what a pipe, a terminal and a signal make of it."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import shlex
import signal
import struct
import subprocess
import termios
import time
from pathlib import Path

import pytest

from .helpers import SMALL, command, environment, start, write

# Enough steps that a signal sent while it runs arrives while it runs.
LONG = SMALL.replace("epochs = 3", "epochs = 1000000")


def wait_for(path: Path, process: subprocess.Popen[str], lines: int) -> None:
    """Until a file has this many lines."""
    deadline = time.monotonic() + 30
    while not path.exists() or path.read_text().count("\n") < lines:
        assert process.poll() is None, "the command ended too early"
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_pipe_gets_plain_lines(tmp_path: Path) -> None:
    done = start("train", write(tmp_path, SMALL), cwd=tmp_path, FORCE_COLOR="1")
    assert (done.returncode, done.stderr) == (0, "")
    assert all(c.isprintable() or c == "\n" for c in done.stdout)
    lines = done.stdout.splitlines()
    assert lines[0].startswith("small: 4 samples to train on; 17 parameters; device cpu")
    assert [line[:9] for line in lines[1:4]] == ["epoch 1/3", "epoch 2/3", "epoch 3/3"]
    for line in lines[1:4]:
        assert re.search(r"loss \d\.\d{4}  accuracy \d\.\d{4}  .* samples/s$", line)


def test_closed_pipe(tmp_path: Path) -> None:
    """``dualnet train | head -1``: stops, keeps what was trained, and says nothing about it."""
    path = write(tmp_path, LONG)
    with subprocess.Popen(
        command("train", path),
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith("small: ")
        process.stdout.close()
        errors = process.stderr.read()
        assert process.wait(30) == 141
    assert errors == ""
    results = json.loads((tmp_path / "runs/small/results.json").read_text())
    assert results["interrupted"] is True
    assert (tmp_path / "runs/small/model.keras").is_file()


@pytest.mark.parametrize("arguments", [["--help"], ["devices"], ["summary"]])
def test_closed_pipe_of_other_commands(arguments: list[str], tmp_path: Path) -> None:
    read, written = os.pipe()
    os.close(read)
    done = subprocess.run(
        command(*arguments),
        cwd=tmp_path,
        env=environment(),
        stdout=written,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
    )
    os.close(written)
    assert done.stderr == ""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a file that is always full")
@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["devices"]])
def test_full_disk_is_one_line(arguments: list[str], tmp_path: Path) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            command(*arguments),
            cwd=tmp_path,
            env=environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
        )
    assert (done.returncode, done.stderr) == (1, "Error: writing: No space left on device\n")


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_closed_streams(closed: str, tmp_path: Path) -> None:
    line = f"{shlex.join(command('train', write(tmp_path, SMALL)))} {closed}"
    done = subprocess.run(["bash", "-c", line], cwd=tmp_path, env=environment(), capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")
    assert (tmp_path / "runs/small/results.json").is_file()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signal_keeps_what_was_trained(number: signal.Signals, code: int, tmp_path: Path) -> None:
    path = write(tmp_path, LONG)
    folder = tmp_path / "runs/small"
    with subprocess.Popen(
        command("train", path),
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        wait_for(folder / "metrics.csv", process, 5)
        process.send_signal(number)
        output, errors = process.communicate(timeout=30)
    assert process.returncode == code
    assert errors == ""
    results = json.loads((folder / "results.json").read_text())
    assert results["interrupted"] is True
    assert results["epochs"] >= 4
    assert results["train"]["loss"] > 0
    assert results["test"] is None
    assert (folder / "metrics.csv").read_text().count("\n") == results["epochs"] + 1
    assert f"interrupted during epoch {results['epochs']} of 1000000" in output
    assert output.splitlines()[-1].startswith(
        "saved in runs/small: config.toml, preparation.json, metrics.csv, results.json, model.keras"
    )
    assert start("train", "runs/small/config.toml", "--epochs=1", cwd=tmp_path).returncode == 0
    import dualnet

    assert dualnet.models.load_model(folder / "model.keras").count_params() == 17


def test_internal_error_is_one_line(tmp_path: Path) -> None:
    script = "import dualnet_cli.training as t, dualnet_cli.main as m; t.train = lambda *a: {}['x']; m.main()"
    line = [*command()[:1], "-c", script, "train", str(write(tmp_path, SMALL))]
    done = subprocess.run(line, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr == "Error: KeyError: 'x' (set DUALNET_DEBUG=1 to see where it comes from)\n"
    changed = environment(DUALNET_DEBUG="1")
    done = subprocess.run(line, cwd=tmp_path, env=changed, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def on_terminal(folder: Path, *arguments: str, columns: int = 100, **changes: str) -> str:
    """What the command writes to a terminal of this width."""
    main, side = pty.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    env = environment(**{"TERM": "xterm-256color", **changes})
    with subprocess.Popen(command(*arguments), cwd=folder, env=env, stdin=side, stdout=side, stderr=side) as process:
        os.close(side)
        chunks = []
        while True:
            try:
                chunk = os.read(main, 65536)
            except OSError:  # Linux reports the end of the terminal as an error
                break
            if not chunk:
                break
            chunks.append(chunk)
    os.close(main)
    assert process.returncode == 0
    return b"".join(chunks).decode()


SLOW = """
[data]
name = "digits"
scale = 16.0
flatten = true
[[model.layers]]
class = "Dense"
units = 200
activation = "relu"
[[model.layers]]
class = "Dense"
units = 10
activation = "softmax"
[compile]
optimizer = "sgd"
loss = "sparse_categorical_crossentropy"
metrics = ["accuracy"]
[fit]
epochs = 2
batch_size = 1
"""


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text)


def test_terminal_shows_a_bar(tmp_path: Path) -> None:
    write(tmp_path, SLOW, "slow.toml")
    text = on_terminal(tmp_path, "train", "slow.toml")
    bars = [line for line in re.split(r"[\r\n]+", plain(text)) if "ETA" in line]
    assert bars, "no bar was drawn"
    for part in ("epoch 1/2", "━", "/1437", "loss 0.", "accuracy 0.", "ETA 0:0", "samples/s", "cpu"):
        assert any(part in bar for bar in bars), part
    assert all(len(bar) <= 100 for bar in bars)
    assert "\x1b[?25l" in text, "the cursor is hidden while the bar is drawn"
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l"), "and shown again"
    last = [line for line in re.split(r"[\r\n]+", plain(text)) if line]
    assert len([line for line in last if line.startswith("epoch") and "ETA" not in line]) == 2
    assert last[-1].startswith("saved in runs/slow")


def test_narrow_terminal_without_colours(tmp_path: Path) -> None:
    write(tmp_path, SLOW, "slow.toml")
    text = on_terminal(tmp_path, "train", "slow.toml", columns=40, NO_COLOR="1")
    assert not re.search(r"\x1b\[[0-9;]*[34][0-7]", text), "colours although NO_COLOR is set"
    lines = re.split(r"[\r\n]+", plain(text))
    epochs = [line for line in lines if line.startswith("epoch")]
    assert epochs
    assert max(map(len, epochs)) <= 40


def test_dumb_terminal(tmp_path: Path) -> None:
    text = on_terminal(tmp_path, "train", str(write(tmp_path, SMALL)), TERM="dumb").replace("\r\n", "\n")
    assert all(c.isprintable() or c == "\n" for c in text)
