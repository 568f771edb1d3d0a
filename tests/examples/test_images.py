"""Examples of networks that see and draw: autoencoders, adversarial networks, segmentation, detection, one-shot recognition."""

from __future__ import annotations

from pathlib import Path

import pytest

from . import helpers

# The figure at the small size: at least, at most. A score is 1 where nothing was learned, and the share of right digits 0.1 or 0.2.
EXPECTED = {
    "autoencoder": (0.0, 0.02),
    "conditional_gan": (0.5, 1.0),
    "dcgan": (3.0, 10.0),
    "gan": (2.0, 10.0),
    "siamese": (0.5, 1.0),
    "single_shot_detector": (0.4, 1.0),
    "unet": (0.4, 1.0),
    "variational_autoencoder": (-25.5, -20.0),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_the_small_example(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    least, most = EXPECTED[name]
    assert least <= helpers.run(name, tmp_path, monkeypatch, capsys) <= most
