"""Every script of ``examples/`` runs, in a few seconds, and does what it says."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[1] / "examples"
# What ``main`` returns: at least, at most.
EXPECTED = {
    "digits": (0.93, 1.0),
    "custom_training_loop": (0.0, 0.05),
    "two_inputs": (0.88, 1.0),
    "transfer_learning": (0.75, 1.0),
}
SMOKE = {"transfer_learning": "transfer_learning.png"}  # those with a small version, and their plots


def test_every_example_is_in_the_table() -> None:
    assert {file.stem for file in FOLDER.glob("*.py")} == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_the_example_runs(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    least, most = EXPECTED[name]
    if name in SMOKE:
        pytest.importorskip("matplotlib")
    value = runpy.run_path(str(FOLDER / f"{name}.py"))["main"](**({"smoke": True} if name in SMOKE else {}))
    assert least <= value <= most
    if name in SMOKE:
        assert (tmp_path / SMOKE[name]).read_bytes().startswith(b"\x89PNG")
        assert capsys.readouterr().out.splitlines()[-1] == f"figure: {name} {value:.4f}"
