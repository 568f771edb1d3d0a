"""The progress bar on terminals, in pipes, in notebooks, and where there is no output at all."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path
from typing import Any

import pytest

from dualnet.callbacks import CallbackList, ProgbarLogger
from dualnet.utils import progbar as module
from dualnet.utils.io_utils import print_msg
from dualnet.utils.progbar import Progbar
from tests.callbacks.fakes import Counted, FakeModel, Unread

from .screens import Terminal

IGNORED_VARIABLES = {"NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "COLUMNS", "LINES"}
ROOT = Path(__file__).parents[2]
TWO_EPOCHS = """
import time
from dualnet.callbacks import CallbackList
calls = CallbackList(add_progbar=True, verbose="auto", epochs=2, steps=30)
calls.on_train_begin()
for epoch in range(2):
    calls.on_epoch_begin(epoch)
    for i in range(30):
        if i % 10 == 9:
            time.sleep(0.06)
        if calls.wants_train_batch_end:
            calls.on_train_batch_end(i, {"loss": 0.5, "accuracy": 1 / (i + 1)})
    calls.on_epoch_end(epoch, {"loss": 0.25, "accuracy": 0.5, "val_loss": 0.125})
calls.on_train_end()
"""
LINE = r"30/30 - 0s - \d+[mu]s/step - accuracy: 0.5000 - loss: 0.2500 - val_loss: 0.1250"
BAR = r"30/30 ━{20} 0s \d+[mu]s/step - accuracy: 0.5000 - loss: 0.2500 - val_loss: 0.1250"


def environment(**settings: str) -> dict[str, str]:
    path = os.pathsep.join(str(ROOT / floor) for floor in ("backends", "", "cli"))
    inherited = {k: v for k, v in os.environ.items() if k not in IGNORED_VARIABLES}
    return {**inherited, "PYTHONPATH": path, "PYTHONIOENCODING": "utf-8", "TERM": "xterm-256color", **settings}


def on_terminal(code: str, columns: int = 100, **settings: str) -> str:
    """All that a program writes to a terminal of its own."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=theirs, stdin=theirs, env=environment(**settings)
    ) as child:
        os.close(theirs)
        text = b""
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # what Linux says at the end
                break
            if not part:
                break
            text += part
    os.close(ours)
    assert child.returncode == 0
    return text.decode()


def on_screen(text: str) -> list[str]:
    """What is left to be seen: a line per row, later text over earlier text."""
    rows: list[str] = []
    for line in re.sub(r"\x1b\[[\d;]*m", "", text).replace("\r\n", "\n").split("\n"):
        row = ""
        for part in line.split("\r"):
            row = part + row[len(part) :]
        rows.append(row.rstrip())
    return rows


def test_on_a_terminal_the_bar_is_redrawn() -> None:
    text = on_terminal(TWO_EPOCHS)
    assert text.count("━") > 5 * 20, "drawn at the first step, during the epoch and at its end"
    assert "\x1b[32m━" in text
    assert "\x08" not in text
    rows = on_screen(text)
    assert [rows[0], rows[2], rows[4:]] == ["Epoch 1/2", "Epoch 2/2", [""]]
    assert re.fullmatch(BAR, rows[1])
    assert re.fullmatch(BAR, rows[3])


def test_no_color_is_honoured() -> None:
    text = on_terminal(TWO_EPOCHS, NO_COLOR="1")
    assert "\x1b" not in text
    assert "\r 1/30 ━╌" not in text
    assert "\r 1/30 ╌╌" in text, "without colours, what is done and what is left differ by shape"
    assert re.fullmatch(BAR, on_screen(text)[1])


def test_a_bar_never_wraps_before_its_end() -> None:
    text = on_terminal(TWO_EPOCHS, columns=50)
    drawn = [re.sub(r"\x1b\[\d+m", "", part) for part in re.split(r"\r", text) if "━" in part]
    unfinished = [part for part in drawn if "val_loss" not in part]
    assert len(unfinished) > 3
    assert max(map(len, unfinished)) == 49


def test_a_dumb_terminal_gets_lines() -> None:
    rows = on_terminal(TWO_EPOCHS, TERM="dumb").replace("\r\n", "\n").splitlines()
    assert [rows[0], rows[2]] == ["Epoch 1/2", "Epoch 2/2"]
    assert re.fullmatch(LINE, rows[1])


def test_in_a_pipe_there_are_no_control_characters() -> None:
    done = subprocess.run([sys.executable, "-c", TWO_EPOCHS], env=environment(), capture_output=True, check=True)
    text = done.stdout.decode()
    assert not set(text) & set(map(chr, range(32))) - {"\n"}
    assert re.fullmatch(rf"Epoch 1/2\n{LINE}\nEpoch 2/2\n{LINE}\n", text)
    assert done.stderr == b""


def test_training_survives_a_reader_that_goes_away(tmp_path: Path) -> None:
    done = tmp_path / "done"
    code = f"{TWO_EPOCHS}\nimport os, pathlib\npathlib.Path({str(done)!r}).touch()\nos._exit(0)"
    with subprocess.Popen([sys.executable, "-c", code], env=environment(), stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.close()
    assert (child.returncode, done.exists()) == (0, True)


@pytest.mark.parametrize("stream", [None, "closed", "full"])
def test_no_usable_stdout(stream: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    out: Any = None
    if stream == "closed":
        out = io.StringIO()
        out.close()
    elif stream == "full":
        if not os.path.exists("/dev/full"):
            pytest.skip("this system has no /dev/full")
        out = open("/dev/full", "w")  # noqa: SIM115
    monkeypatch.setattr(sys, "stdout", out)
    bar = Progbar(3)
    for i in range(1, 4):
        bar.update(i, [("loss", 1.0)])
    monkeypatch.undo()
    if stream == "full":
        with pytest.raises(OSError, match="No space left"):
            out.close()


def test_characters_the_encoding_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    class Ascii(io.TextIOWrapper):
        def isatty(self) -> bool:
            return True

    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", Ascii(raw, encoding="ascii"))
    monkeypatch.setenv("TERM", "xterm")
    Progbar(4).update(1, [("größe", 1.0)])
    print_msg("─")
    text = raw.getvalue().decode("ascii")
    monkeypatch.undo()
    assert "=====" in text
    assert "gr??e: 1.0000" in text
    assert text.endswith("?\n")


def test_a_notebook_is_recognized_by_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    class OutStream(io.StringIO):
        encoding = "utf-8"

    monkeypatch.setitem(sys.modules, "ipykernel", sys)
    monkeypatch.setattr(sys, "stdout", OutStream())
    assert not Progbar(3).redraws
    OutStream.__module__ = "ipykernel.iostream"
    assert Progbar(3).redraws
    bar = Progbar(3, stateful_metrics=["loss"])
    bar.update(1, [("loss", 12345.0)])
    bar.update(3, [("loss", 1.0)])
    text = sys.stdout.getvalue()  # type: ignore[attr-defined]
    monkeypatch.undo()
    assert text.count("\r") == 2
    assert on_screen(text)[0].endswith("loss: 1.0000"), "the longer text before is gone"


def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Make stdout a terminal for the rest of a test. (pytest would take back what a fixture does to stdout.)"""
    out = Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return out


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(module.time, "perf_counter", lambda: self.now)


def test_logs_are_read_only_when_the_bar_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal(monkeypatch)
    clock = Clock(monkeypatch)
    calls = CallbackList([ProgbarLogger()], model=FakeModel(), verbose=1, epochs=1, steps=1000)
    calls.on_train_begin()
    calls.on_epoch_begin(0)
    first = Counted(loss=1.0)
    calls.callbacks[0].on_train_batch_end(0, first)
    assert first.reads == 1
    clock.now = 0.049
    calls.on_train_batch_end(1, Unread())
    clock.now = 0.051
    with pytest.raises(AssertionError, match="read"):
        calls.on_train_batch_end(2, Unread())


@pytest.mark.parametrize("verbose", [1, 2])
def test_where_nothing_is_redrawn_no_batch_is_watched(verbose: int, capsys: pytest.CaptureFixture[str]) -> None:
    calls = CallbackList(add_progbar=True, model=FakeModel(), verbose=verbose, epochs=1, steps=1000)
    calls.on_train_begin()
    assert not calls.wants_train_batch_end
    calls.on_test_begin()
    assert not calls.wants_test_batch_end
    calls.on_epoch_end(0, {"loss": 1.0})
    assert capsys.readouterr().out.startswith("1000/1000 - 0s - ")


def test_an_unknown_number_of_steps_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    calls = CallbackList(add_progbar=True, model=FakeModel(), verbose=1, epochs=1, steps=None)
    calls.on_train_begin()
    assert calls.wants_train_batch_end
    calls.on_epoch_begin(0)
    for i in range(7):
        calls.on_train_batch_end(i, Unread())
    calls.on_epoch_end(0, {"loss": 1.0})
    assert capsys.readouterr().out.startswith("7/7 - 0s - ")


def test_validation_in_fit_is_silent_and_evaluate_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    out = terminal(monkeypatch)
    calls = CallbackList(add_progbar=True, model=FakeModel(), verbose=1, epochs=1, steps=2)
    calls.on_train_begin()
    calls.on_epoch_begin(0)
    before = out.getvalue()
    calls.on_test_begin()
    assert not calls.wants_test_batch_end
    calls.on_test_batch_end(0, Unread())
    calls.on_test_end({"loss": 1.0})
    assert out.getvalue() == before
    calls.on_epoch_end(0, {"loss": 1.0})
    calls.on_train_end({})
    out.truncate(0)
    calls.on_test_begin()
    assert calls.wants_test_batch_end
    calls.on_test_end({"loss": 0.5})
    assert "loss: 0.5000" in out.getvalue()


def test_what_is_averaged(capsys: pytest.CaptureFixture[str]) -> None:
    bar = Progbar(4, verbose=2, stateful_metrics=["last"])
    bar.add(1, [("mean", 1.0), ("last", 1.0)])
    bar.add(2, [("mean", 4.0), ("last", 4.0)])
    bar.add(1, [("mean", 5.0), ("last", 5.0), ("note", "text"), ("per_class", [1.0, 3.0])])
    assert capsys.readouterr().out.endswith("mean: 3.5000 - last: 5.0000 - note: text - per_class: 2.0000\n")
    bar = Progbar(2, verbose=2)
    bar.update(1, [("mean", 1.0)])
    bar.update(2, [("mean", 3.0)], finalize=False)
    bar.update(2, [("mean", 9.0)], finalize=True)
    assert capsys.readouterr().out.endswith("mean: 9.0000\n")
    bar = Progbar(2, verbose=2, stateless_metrics=["mean"])
    bar.update(1, [("mean", 1.0), ("last", 1.0)])
    bar.update(2, [("mean", 3.0), ("last", 3.0)])
    assert capsys.readouterr().out.endswith("mean: 2.0000 - last: 3.0000\n")


def test_silence(capsys: pytest.CaptureFixture[str]) -> None:
    Progbar(1, verbose=0).update(1, [("loss", 1.0)])
    assert capsys.readouterr().out == ""


def test_stateful_and_stateless_metrics_exclude_each_other() -> None:
    with pytest.raises(ValueError, match="exclude each other"):
        Progbar(1, stateful_metrics=[], stateless_metrics=[])


def test_auto_follows_interactive_logging(monkeypatch: pytest.MonkeyPatch) -> None:
    import dualnet.core.settings

    logger = ProgbarLogger()
    logger.set_params({"verbose": "auto", "epochs": 1, "steps": 1})
    assert logger.verbose == 1
    monkeypatch.setattr(dualnet.core.settings, "_interactive", False)
    logger.set_params({"verbose": "auto", "epochs": 1, "steps": 1})
    assert logger.verbose == 2
