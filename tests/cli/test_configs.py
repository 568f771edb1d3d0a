"""Every config that comes with dualnet runs, and says what it is for."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import tomllib
from pathlib import Path
from typing import Any

import pytest
from dualnet_cli import shipped
from dualnet_cli.config import find_data

from dualnet.datasets.download import cache_dir

from .helpers import ROOT, SMALL, run, write

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


SHIPPED_DATA = {
    *("digits_augmented", "digits_logistic", "digits_mlp", "digits_own_model", "digits_two_outputs"),
    *("housing_mlp", "sunspots_window", "wine_mlp", "wine_perceptron", "wine_two_inputs", "xor"),
}


@pytest.fixture
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without a network, on which dualnet was just installed; its cache."""
    from dualnet.datasets import download

    monkeypatch.setattr(download, "RETRY_WAIT", 0.01)
    monkeypatch.delenv("DUALNET_DATA_DIR", raising=False)
    monkeypatch.setenv("DUALNET_CACHE_DIR", str(tmp_path / "cache"))
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
        monkeypatch.setenv(name.lower(), "http://127.0.0.1:9")
    return tmp_path / "cache"


@pytest.mark.parametrize("name", NAMES)
def test_fresh_machine_without_a_network(name: str, fresh: Path) -> None:
    result = run("train", name, "--quiet", "--epochs", "1")
    if name in SHIPPED_DATA:
        assert result.exit_code == 0, result.output
        return
    assert result.exit_code == 1, result.output
    assert result.output.count("\n") == 1
    for text in (f"the cache {fresh}", "https://", "connect to the network", "DUALNET_DATA_DIR"):
        assert text in result.output
    assert not Path("runs").exists()


def test_a_table_is_downloaded_once(fresh: Path, tmp_path: Path) -> None:
    table = b"a,y\n1,2\n3,4\n"
    (tmp_path / "source.csv").write_bytes(table)
    urls = [f"file://{tmp_path}/none.csv", f"file://{tmp_path}/source.csv"]
    data = f'path = "tables/t.csv"\nurls = {json.dumps(urls)}\nsha256 = "{hashlib.sha256(table).hexdigest()}"\n'
    text = SMALL.replace("x = [[0, 0], [0, 1], [1, 0], [1, 1]]\ny = [0, 1, 1, 0]", data + "target_threshold = 3")
    config = write(tmp_path, text)
    for number, path in enumerate((config, config, tmp_path / "run0" / "config.toml")):
        result = run("train", path, "--run-dir", tmp_path / f"run{number}")
        assert result.exit_code == 0, result.output
        assert (fresh / "datasets" / "tables" / "t.csv").read_bytes() == table
        (tmp_path / "source.csv").unlink(missing_ok=True)
    (fresh / "datasets" / "tables" / "t.csv").unlink()
    result = run("train", config, "--run-dir", tmp_path / "run3")
    assert result.exit_code == 1
    assert f"there is no {tmp_path}/tables/t.csv" in result.output
    wrong = run("train", write(tmp_path, text.replace("sha256 =", "# ")), "--run-dir", tmp_path / "run3")
    assert wrong.exit_code == 2
    assert "[data] sha256: is required with urls" in wrong.output


def test_shipped_tables_have_their_licence() -> None:
    folder = ROOT / "configs" / "tabular"
    text = (folder / "LICENCES.txt").read_text()
    tables = [path for path in folder.iterdir() if path.name != "LICENCES.txt"]
    assert sum(path.stat().st_size for path in tables) < 500_000
    for path in tables:
        assert f"\n{path.name}: " in text
    assert "configs/tabular/LICENCES.txt" in (ROOT / "pyproject.toml").read_text()


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


def test_house_values() -> None:
    results = trained("housing_mlp")
    assert results["params"] == 641
    assert results["validation"]["loss"] <= 0.40


def test_good_wines() -> None:
    results = trained("wine_mlp")
    assert results["params"] == 731
    assert results["test"]["accuracy"] >= 0.72


def test_a_perceptron_knows_good_wines() -> None:
    results = trained("wine_perceptron")
    assert results["params"] == 12
    assert results["test"]["accuracy"] >= 0.70


def test_sunspots_are_forecast_better_than_by_the_year_before() -> None:
    rows = list(csv.DictReader((ROOT / "configs" / "tabular" / "sunspots.csv").read_text().splitlines()))
    spots = [float(row["sunspots"]) / 100 for row in rows]
    first = int(len(spots) * 0.8)
    naive = sum(abs(b - a) for a, b in zip(spots[first - 1 :], spots[first:])) / len(spots[first:])
    assert naive == pytest.approx(0.254, abs=0.001)
    assert trained("sunspots_window")["test"]["mean_absolute_error"] <= 0.75 * naive


def test_two_outputs_of_digits() -> None:
    test = trained("digits_two_outputs")["test"]
    assert test["digit_accuracy"] >= 0.97
    assert test["image_loss"] <= 0.015


def test_a_function_makes_the_model() -> None:
    assert trained("digits_own_model", "--epochs", "15")["test"]["accuracy"] >= 0.96


@pytest.mark.parametrize("seed", range(1, 6))
def test_xor_is_learned(seed: int) -> None:
    assert trained("xor", "--seed", str(seed))["train"]["accuracy"] == 1.0


def test_bare_command_takes_the_default() -> None:
    result = run("train", "--epochs", "1")
    assert result.exit_code == 0, result.output
    assert "digits_mlp: " in result.output
    assert Path("runs/digits_mlp/model.keras").is_file()
