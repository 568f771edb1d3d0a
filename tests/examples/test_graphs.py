"""Graph networks."""

from __future__ import annotations

from pathlib import Path

import pytest

from . import helpers

EXPECTED = {"graph_convolution": (0.8, 1.0), "graph_attention": (0.65, 1.0)}


@pytest.mark.parametrize("name", EXPECTED)
def test_the_small_example(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    least, most = EXPECTED[name]
    assert least <= helpers.run(name, tmp_path, monkeypatch, capsys) <= most
