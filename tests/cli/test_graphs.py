"""How steps are run: ``graphs`` in a config, and what ``dualnet train --verbose`` says about it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import dualnet
from tests.conftest import DEVICES

from .helpers import SMALL, run, write


@pytest.fixture(autouse=True)
def _switch(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(dualnet.core.settings, "_graphs", None)
    yield
    dualnet.core.settings.invalidate()


def test_the_config_switches_recording_off_and_the_run_directory_keeps_it(tmp_path: Path) -> None:
    assert run("train", write(tmp_path, SMALL), "--run-dir", "on").exit_code == 0
    assert dualnet.config.are_graphs_enabled()
    assert "graphs = true\n" in Path("on/config.toml").read_text()
    assert run("train", write(tmp_path, "graphs = false\n" + SMALL), "--run-dir", "off").exit_code == 0
    assert not dualnet.config.are_graphs_enabled()
    assert "graphs = false\n" in Path("off/config.toml").read_text()


@pytest.mark.parametrize("device", [d.partition(":")[0] for d in DEVICES if d != "strict:0"])
def test_verbose_says_how_steps_are_run(device: str, tmp_path: Path) -> None:
    path = write(tmp_path, SMALL)
    options = ["--device", device, "--epochs", "5"]
    silent = run("train", path, *options).output
    assert "train_step" not in silent
    lines = [line for line in run("train", path, *options, "--verbose").output.splitlines() if "train_step of" in line]
    what = "captured as a function" if device == "cpu" else "recorded: all of it"
    assert len(lines) == 1
    assert lines[0].endswith(what)
    if device != "cpu":
        path = write(tmp_path, "graphs = false\n" + SMALL)
        assert "captured as a function" in run("train", path, *options, "-v").output


def test_verbose_says_why_an_update_is_not_recorded(tmp_path: Path) -> None:
    if not any(d.startswith("gpu") for d in DEVICES):
        pytest.skip("there is no GPU")
    option = "compile.optimizer={class='SGD',gradient_accumulation_steps=2}"
    output = run("train", write(tmp_path, SMALL), "--device", "gpu", "--epochs", "6", "--set", option, "-v").output
    assert "updates run as written: SGD accumulates gradients" in output
