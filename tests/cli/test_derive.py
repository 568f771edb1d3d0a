"""Computed columns, scaled targets, and data files found in DUALNET_DATA_DIR."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from dualnet_cli import derive

from .helpers import run, write

TABLE = "a,b,c,y\n1,2,3,10\n4,5,6,20\n7,8,9,60\n2,2,2,30\n"
CONFIG = """
[data]
path = "t.csv"
{data}
[[model.layers]]
class = "Dense"
units = 1
[compile]
optimizer = "sgd"
loss = "mse"
[fit]
epochs = 1
"""


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("a / b", [0.5, 0.8]),
        ("-(a + 2) * b ** 2", [-12.0, -150.0]),
        ("log(a) - sqrt(b) + abs(-3)", [np.log(1) - np.sqrt(2) + 3, np.log(4) - np.sqrt(5) + 3]),
        ("2.5", [2.5, 2.5]),
    ],
)
def test_formulas(formula: str, expected: list[float]) -> None:
    table = {"a": np.array([1.0, 4.0]), "b": np.array([2.0, 5.0])}
    np.testing.assert_allclose(derive.compute(formula, table), expected)


@pytest.mark.parametrize(
    "formula",
    [
        "a +",
        "__import__('os').system('true')",
        "a.b",
        "a[0]",
        "lambda: 1",
        "a if b else c",
        "'text'",
        "True",
        "log(a, b)",
        "exec(a)",
    ],
)
def test_nothing_else_is_a_formula(formula: str) -> None:
    with pytest.raises(derive.FormulaError):
        derive.parse(formula)


def test_derived_columns_are_features(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(TABLE)
    path = write(tmp_path, CONFIG.format(data='features = ["c", "ratio"]\nderive = { ratio = "a / b" }'))
    result = run("train", path, "--run-dir", tmp_path / "run")
    assert result.exit_code == 0, result.output
    assert "3 parameters" in result.output
    again = run("train", tmp_path / "run" / "config.toml", "--run-dir", tmp_path / "again")
    assert again.exit_code == 0, again.output


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ('derive = { ratio = "a / d" }\nfeatures = ["ratio"]', 'no column "d"'),
        ('derive = { ratio = "a / " }', "is not a formula"),
        ('derive = { ratio = "a / b" }\nfeatures = [0]', "select columns by name"),
        ('target_scaling = "standard"\ntarget_scale = 2.0', "target_scaling"),
        ('target_scaling = "max"', "target_scaling"),
        ("ddof = 2", "ddof"),
    ],
)
def test_mistakes_name_the_key(tmp_path: Path, data: str, message: str) -> None:
    (tmp_path / "t.csv").write_text(TABLE)
    result = run("train", write(tmp_path, CONFIG.format(data=data)), "--run-dir", tmp_path / "run")
    assert result.exit_code == 2, result.output
    assert message in result.output
    assert "Traceback" not in result.output


def test_a_file_may_be_in_the_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "t.csv").write_text(TABLE)
    path = write(tmp_path, CONFIG.format(data=""))
    monkeypatch.delenv("DUALNET_DATA_DIR", raising=False)
    missing = run("train", path, "--run-dir", tmp_path / "run")
    assert missing.exit_code == 2
    assert "DUALNET_DATA_DIR may name the folder" in missing.output
    monkeypatch.setenv("DUALNET_DATA_DIR", str(tmp_path / "data"))
    found = run("train", path, "--run-dir", tmp_path / "run")
    assert found.exit_code == 0, found.output
