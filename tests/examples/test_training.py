"""The examples that compare ways to train: optimizers, initialisation, regularisation, schedules, and gradients by depth."""

from __future__ import annotations

from pathlib import Path

import pytest

from . import helpers

# What ``main`` returns at its small size: at least, at most.
EXPECTED = {
    "optimizers_compared": (0.90, 1.0),
    "vanishing_gradients": (0.55, 0.9),
    "initialization": (0.85, 1.0),
    "regularization": (0.80, 1.0),
    "learning_rate_schedules": (0.90, 1.0),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_the_small_example(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    least, most = EXPECTED[name]
    assert least <= helpers.run(name, tmp_path, monkeypatch, capsys) <= most
