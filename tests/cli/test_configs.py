"""Every config that comes with dualnet runs, and says what it is for."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from dualnet_cli import shipped

from .helpers import ROOT, run

NAMES = sorted(path.stem for path in (ROOT / "configs").glob("*.toml"))


def trained(name: str, *arguments: str) -> dict[str, Any]:
    """``results.json`` of a run of a shipped config."""
    result = run("train", name, "--quiet", *arguments)
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(Path("runs", name, "results.json").read_text())
    return found


def mnist_is_here() -> bool:
    """Whether MNIST can be read without a download, which a test must not start."""
    from dualnet.datasets.download import cache_dir

    places = [cache_dir() / "datasets" / "mnist"]
    if os.environ.get("DUALNET_DATA_DIR"):
        places.append(Path(os.environ["DUALNET_DATA_DIR"]) / "mnist")
    return any(list(place.glob("train-images-idx3-ubyte*")) for place in places)


def test_all_are_found() -> None:
    assert shipped.names() == NAMES
    assert {"digits_mlp", "digits_logistic", "xor", "mnist_mlp"} <= set(NAMES)
    help_text = run("train", "--help").output
    for name in NAMES:
        assert name in help_text


@pytest.mark.parametrize("name", NAMES)
def test_runs(name: str) -> None:
    if name.startswith("mnist") and not mnist_is_here():
        pytest.skip("MNIST is not here: set DUALNET_DATA_DIR, or run `dualnet train mnist_mlp` once to download it")
    found = trained(name, "--epochs", "1")
    assert found["epochs"] == 1
    assert found["train"]["loss"] > 0


@pytest.mark.parametrize("name", NAMES)
def test_is_explained(name: str) -> None:
    text = (ROOT / "configs" / f"{name}.toml").read_text()
    assert text.startswith("# ")
    assert text.count("#") >= 6
    assert max(map(len, text.splitlines())) <= 110


def test_default_config_reads_digits() -> None:
    """What ``dualnet train`` does for a stranger: 97 of 100 digits, in half a minute."""
    found = trained("digits_mlp")
    assert found["test"]["accuracy"] >= 0.97
    assert found["seconds"] < 30


def test_logistic_regression_reads_digits() -> None:
    assert trained("digits_logistic")["test"]["accuracy"] >= 0.93


@pytest.mark.parametrize("seed", range(1, 6))
def test_xor_is_learned(seed: int) -> None:
    assert trained("xor", "--seed", str(seed))["train"]["accuracy"] == 1.0


def test_bare_command_takes_the_default() -> None:
    result = run("train", "--epochs", "1")
    assert result.exit_code == 0, result.output
    assert "digits_mlp: " in result.output
    assert Path("runs/digits_mlp/model.keras").is_file()
