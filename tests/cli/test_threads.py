"""How many threads compute: the key ``num_threads``, ``DUALNET_NUM_THREADS``, and what ``dualnet devices`` says."""

from __future__ import annotations

from pathlib import Path

import pytest

import dualnet

from .helpers import SMALL, run, write


@pytest.fixture(autouse=True)
def any_number() -> object:
    yield
    dualnet.config.set_num_threads(None)


def test_the_key_of_a_config(tmp_path: Path) -> None:
    assert run("train", write(tmp_path, "num_threads = 3\n" + SMALL), "--quiet").exit_code == 0
    assert dualnet.config.num_threads() == 3
    assert "num_threads = 3\n" in Path("runs/small/config.toml").read_text()
    assert run("train", write(tmp_path, SMALL), "--set", "num_threads=2", "--quiet").exit_code == 0
    assert dualnet.config.num_threads() == 2


@pytest.mark.parametrize("value", ["0", "-1", "1.5", '"many"', "true"])
def test_a_number_that_is_none(value: str, tmp_path: Path) -> None:
    result = run("train", write(tmp_path, f"num_threads = {value}\n" + SMALL))
    assert result.exit_code == 2
    assert "num_threads" in result.output
    assert not Path("runs").exists()


def test_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUALNET_NUM_THREADS", "5")
    dualnet.config.set_num_threads(None)
    assert "5 of " in run("devices").output
    monkeypatch.setenv("DUALNET_NUM_THREADS", "many")
    dualnet.config.set_num_threads(None)
    for command in (["devices"], ["train", write(tmp_path, SMALL)]):
        result = run(*command)
        assert result.exit_code == 2
        assert "DUALNET_NUM_THREADS must be a whole number, 1 or more, got 'many'" in result.output
        assert "Traceback" not in result.output
    assert not Path("runs").exists()
