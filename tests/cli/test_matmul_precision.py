"""How a GPU multiplies: ``matmul_precision`` in a config, ``DUALNET_MATMUL_PRECISION``, ``dualnet.config``, and where it is stated."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import dualnet
from dualnet.core.version import version

from .helpers import SMALL, run, write


@pytest.fixture(autouse=True)
def any_precision(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("DUALNET_MATMUL_PRECISION", raising=False)
    dualnet.config.set_matmul_precision(None)
    yield
    monkeypatch.undo()
    dualnet.config.set_matmul_precision(None)


def test_exact_by_default() -> None:
    assert dualnet.config.matmul_precision() == "float32"


def test_setting() -> None:
    """A captured step is one of the precision that it was captured in."""
    before = version()
    dualnet.config.set_matmul_precision("tensorfloat32")
    assert dualnet.config.matmul_precision() == "tensorfloat32"
    assert version() != before
    with pytest.raises(ValueError, match='expected "float32" or "tensorfloat32", got \'half\''):
        dualnet.config.set_matmul_precision("half")
    assert dualnet.config.matmul_precision() == "tensorfloat32"


def test_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUALNET_MATMUL_PRECISION", "tensorfloat32")
    assert dualnet.config.matmul_precision() == "tensorfloat32"
    dualnet.config.set_matmul_precision("float32")
    assert dualnet.config.matmul_precision() == "float32"


def test_environment_that_makes_no_sense(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUALNET_MATMUL_PRECISION", "tf32")
    result = run("train", write(tmp_path, SMALL))
    assert result.exit_code == 2
    assert '$DUALNET_MATMUL_PRECISION: expected "float32" or "tensorfloat32", got \'tf32\'' in result.output
    assert "Traceback" not in result.output
    assert not Path("runs").exists()


def test_config(tmp_path: Path) -> None:
    path = write(tmp_path, 'matmul_precision = "tensorfloat32"\n' + SMALL)
    assert run("train", path, "--device", "cpu", "--quiet").exit_code == 0
    assert dualnet.config.matmul_precision() == "tensorfloat32"
    assert 'matmul_precision = "tensorfloat32"\n' in Path("runs/small/config.toml").read_text()
    # Which the CPU does not know.
    assert json.loads(Path("runs/small/results.json").read_text())["matmul_precision"] == "float32"


def test_config_that_makes_no_sense(tmp_path: Path) -> None:
    result = run("train", write(tmp_path, 'matmul_precision = "half"\n' + SMALL))
    assert result.exit_code == 2
    assert "matmul_precision" in result.output
    assert "tensorfloat32" in result.output


def test_it_is_stated(tmp_path: Path) -> None:
    if dualnet.config.gpu_status():
        pytest.skip(dualnet.config.gpu_status())
    assert "products in float32" in run("devices").output
    assert "products in" not in run("train", write(tmp_path, SMALL), "--device", "gpu").output
    result = run(
        "train", write(tmp_path, SMALL), "--device", "gpu", "--force", "--set", 'matmul_precision="tensorfloat32"'
    )
    assert "device gpu:0, products in tensorfloat32" in result.output
    assert json.loads(Path("runs/small/results.json").read_text())["matmul_precision"] == "tensorfloat32"
