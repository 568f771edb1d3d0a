"""The first programs of ``examples/``: they are short enough to run whole."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from . import helpers

# What ``main`` returns: at least, at most.
WHOLE = {
    "digits": (0.93, 1.0),
    "custom_training_loop": (0.0, 0.05),
    "two_inputs": (0.88, 1.0),
}
EXPECTED = {"transfer_learning": (0.75, 1.0)}


@pytest.mark.parametrize("name", WHOLE)
def test_the_whole_example(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    least, most = WHOLE[name]
    assert least <= runpy.run_path(str(helpers.FOLDER / f"{name}.py"))["main"]() <= most


@pytest.mark.parametrize("name", EXPECTED)
def test_the_small_example(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    least, most = EXPECTED[name]
    assert least <= helpers.run(name, tmp_path, monkeypatch, capsys) <= most
