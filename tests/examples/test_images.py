"""Examples of networks that see and draw: autoencoders, adversarial networks, segmentation, detection, one-shot recognition."""

from __future__ import annotations

from pathlib import Path

import pytest

from . import helpers

# The figure at the small size: at least, at most.
EXPECTED = {
    "autoencoder": (0.0, 0.02),
    "variational_autoencoder": (-25.5, -20.0),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_the_small_example(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    least, most = EXPECTED[name]
    assert least <= helpers.run(name, tmp_path, monkeypatch, capsys) <= most
