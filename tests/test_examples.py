"""Every script of ``examples/`` runs, in a few seconds, and does what it says."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[1] / "examples"
# What ``main`` returns: at least, at most.
EXPECTED = {"digits": (0.93, 1.0), "custom_training_loop": (0.0, 0.05), "two_inputs": (0.88, 1.0)}


def test_every_example_is_in_the_table() -> None:
    assert {file.stem for file in FOLDER.glob("*.py")} == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_the_example_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    least, most = EXPECTED[name]
    assert least <= runpy.run_path(str(FOLDER / f"{name}.py"))["main"]() <= most
