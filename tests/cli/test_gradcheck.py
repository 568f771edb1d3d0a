"""``dualnet gradcheck``: a table, and an exit code that says whether all is right."""

from __future__ import annotations

import pytest
from click.testing import CliRunner
from dualnet_cli.main import cli

from dualnet.testing import LayerCheck


def test_the_digits_config() -> None:
    result = CliRunner().invoke(cli, ["gradcheck", "--samples", "3"])
    assert result.exit_code == 0, result.output
    assert "10 gradients checked on 3 samples, 0 wrong" in result.output
    assert "WRONG" not in result.output


def test_a_wrong_gradient_is_exit_code_1(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [LayerCheck("dense", "Dense", "kernel", (2, 3), 0.5, False)]
    monkeypatch.setattr("dualnet.testing.check_model", lambda model, x: rows)
    result = CliRunner().invoke(cli, ["gradcheck", "xor"])
    assert result.exit_code == 1
    assert "WRONG" in result.output


def test_a_wrong_config_is_exit_code_2() -> None:
    result = CliRunner().invoke(cli, ["gradcheck", "--set", "model.layers.0.units=-1"])
    assert result.exit_code == 2
    assert "units" in result.output


def test_kinks_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [LayerCheck("relu", "ReLU", "input", (2, 3), 1e-9, True, 2, 6)]
    monkeypatch.setattr("dualnet.testing.check_model", lambda model, x: rows)
    result = CliRunner().invoke(cli, ["gradcheck", "xor"])
    assert result.exit_code == 0
    assert "2 of 6 outputs lie at a kink" in result.output
