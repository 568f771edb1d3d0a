"""Every config that comes with dualnet runs, and says what it is for."""

from __future__ import annotations

import csv
import json
import os
import tomllib
from pathlib import Path
from typing import Any

import pytest
from dualnet_cli import shipped
from dualnet_cli.config import find_data

from dualnet.datasets.download import cache_dir

from .helpers import ROOT, run

NAMES = sorted(path.stem for path in (ROOT / "configs").glob("*.toml"))


def trained(name: str, *arguments: str) -> dict[str, Any]:
    """``results.json`` of a run of a shipped config."""
    result = run("train", name, "--quiet", *arguments)
    assert result.exit_code == 0, result.output
    results: dict[str, Any] = json.loads(Path("runs", name, "results.json").read_text())
    return results


def mnist_is_here() -> bool:
    """Whether MNIST can be read without a download, which a test must not start."""
    folders = [cache_dir() / "datasets" / "mnist"]
    if os.environ.get("DUALNET_DATA_DIR"):
        folders.append(Path(os.environ["DUALNET_DATA_DIR"]) / "mnist")
    return any(list(folder.glob("train-images-idx3-ubyte*")) for folder in folders)


def missing_data(name: str) -> str:
    """Why a config cannot run here, or "" when its data is there."""
    data = tomllib.loads((ROOT / "configs" / f"{name}.toml").read_text())["data"]
    if data.get("name") == "mnist" and not mnist_is_here():
        return "MNIST is not here: set DUALNET_DATA_DIR, or run `dualnet train mnist_mlp` once to download it"
    if data.get("name") == "cifar10" and not list((cache_dir() / "datasets").glob("cifar-10-batches-py*")):
        return "CIFAR-10 is not here: `dualnet train lenet5_cifar10` downloads it"
    if "path" in data and not find_data(ROOT / "configs", data["path"]).exists():
        return f"{data['path']} is not here: DUALNET_DATA_DIR may name the folder it is in"
    return ""


def test_all_are_listed() -> None:
    assert shipped.names() == NAMES
    assert {"digits_mlp", "digits_logistic", "xor", "mnist_mlp"} <= set(NAMES)
    help_text = run("train", "--help").output
    for name in NAMES:
        assert name in help_text


@pytest.mark.parametrize("name", NAMES)
def test_runs(name: str) -> None:
    if missing_data(name):
        pytest.skip(missing_data(name))
    results = trained(name, "--epochs", "1")
    assert results["epochs"] == 1
    assert results["train"]["loss"] > 0


@pytest.mark.parametrize("name", NAMES)
def test_is_explained(name: str) -> None:
    text = (ROOT / "configs" / f"{name}.toml").read_text()
    assert text.startswith("# ")
    assert text.count("#") >= 6
    assert max(map(len, text.splitlines())) <= 110


def test_default_config_reads_digits() -> None:
    """What ``dualnet train`` does for a stranger: 97 of 100 digits, in half a minute."""
    results = trained("digits_mlp")
    assert results["test"]["accuracy"] >= 0.97
    assert results["seconds"] < 30


def test_logistic_regression_reads_digits() -> None:
    assert trained("digits_logistic")["test"]["accuracy"] >= 0.93


@pytest.mark.skipif(bool(missing_data("advertising_linear")), reason=missing_data("advertising_linear"))
def test_gradient_descent_can_be_followed_with_pencil_and_paper() -> None:
    trained("advertising_linear", "--epochs", "4")
    rows = list(csv.DictReader(Path("runs/advertising_linear/metrics.csv").read_text().splitlines()))
    assert [float(row["loss"]) for row in rows] == pytest.approx([0.995, 0.97101, 0.947966, 0.925829], abs=1e-6)


@pytest.mark.skipif(bool(missing_data("housing_mlp")), reason=missing_data("housing_mlp"))
def test_house_values() -> None:
    results = trained("housing_mlp")
    assert results["params"] == 641
    assert results["validation"]["loss"] <= 0.40


@pytest.mark.skipif(bool(missing_data("wine_mlp")), reason=missing_data("wine_mlp"))
def test_good_wines() -> None:
    results = trained("wine_mlp")
    assert results["params"] == 731
    assert results["test"]["accuracy"] >= 0.72


@pytest.mark.parametrize("seed", range(1, 6))
def test_xor_is_learned(seed: int) -> None:
    assert trained("xor", "--seed", str(seed))["train"]["accuracy"] == 1.0


def test_bare_command_takes_the_default() -> None:
    result = run("train", "--epochs", "1")
    assert result.exit_code == 0, result.output
    assert "digits_mlp: " in result.output
    assert Path("runs/digits_mlp/model.keras").is_file()
