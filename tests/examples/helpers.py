"""Runs an example at its small size, and checks what every example promises."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "examples"


def run(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> float:
    """Run `examples/NAME.py --smoke` in `folder`. Returns its figure, after a look at its picture and its last line."""
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(folder)
    value: float = runpy.run_path(str(FOLDER / f"{name}.py"))["main"](smoke=True)
    assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert capsys.readouterr().out.splitlines()[-1] == f"figure: {name} {value:.4f}"
    return value
