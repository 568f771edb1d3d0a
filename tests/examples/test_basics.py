"""The perceptron and its kin, and classic networks, each at its small size."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import dualnet as keras

from . import helpers

# What ``main(smoke=True)`` returns: at least, at most.
EXPECTED = {
    "perceptron": (1.0, 1.0),
    "numpy_networks": (12.0, 16.0),
    "radial_basis": (0.95, 1.0),
    "self_organizing_map": (0.90, 1.0),
    "lenet5_1998": (0.90, 1.0),
    "resnet20": (0.90, 1.0),
    "knowledge_distillation": (0.80, 1.0),
    "recommender": (0.48, 0.75),
}


@pytest.fixture
def same_floatx() -> Iterator[None]:
    before = keras.config.floatx()
    yield
    keras.config.set_floatx(before)


@pytest.mark.parametrize("name", EXPECTED)
@pytest.mark.usefixtures("same_floatx")
def test_the_small_example(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    least, most = EXPECTED[name]
    assert least <= helpers.run(name, tmp_path, monkeypatch, capsys) <= most
