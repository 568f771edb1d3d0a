"""The commands besides ``train``, and the help."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from dualnet_cli.main import COMMANDS

import dualnet

from .helpers import SMALL, environment, no_gpu, run, start, write


def test_version() -> None:
    result = run("--version")
    assert result.exit_code == 0
    assert result.output.startswith(f"dualnet {dualnet.__version__} (NumPy ")


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help(command: str) -> None:
    result = run(*command.split(), "--help")
    assert result.exit_code == 0
    assert "Usage: dualnet" in result.output
    for name in [] if command else COMMANDS:
        assert f"\n  {name} " in result.output


def test_devices() -> None:
    result = run("devices")
    assert result.exit_code == 0
    assert "\ncpu " in result.output
    assert "NumPy" in result.output
    assert ("No GPU: " in result.output) == no_gpu()


def test_summary(tmp_path: Path) -> None:
    result = run("summary")
    assert result.exit_code == 0, result.output
    assert "dense" in result.output
    assert "Total params" in result.output
    result = run("summary", write(tmp_path, SMALL), "--set", "model.layers.0.units=100")
    assert "401" in result.output
    assert "(None, 100)" in result.output
    assert run("summary", "mnist_mlp").exit_code == 0, "the shape of MNIST is known without the data"
    assert run("summary", "none.toml").exit_code == 2
    assert not (tmp_path / "runs").exists()


def test_summary_needs_no_gpu(tmp_path: Path) -> None:
    assert run("summary", write(tmp_path, 'device = "gpu:7"\n' + SMALL)).exit_code == 0


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script(shell: str) -> None:
    result = run("completion", shell)
    assert result.exit_code == 0
    assert "_DUALNET_COMPLETE" in result.output


def test_completion(tmp_path: Path) -> None:
    def complete(words: str, position: int) -> list[str]:
        line = {"_DUALNET_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(position)}
        return start(cwd=tmp_path, **line).stdout.split()

    assert complete("dualnet tr", 1) == ["plain,train"]
    assert "plain,digits_mlp" in complete("dualnet train di", 2)
    assert complete("dualnet train --dev", 2) == ["plain,--device"]
    assert complete("dualnet train --device g", 3) == ["plain,gpu"]


def test_help_is_quick_and_loads_no_library(tmp_path: Path) -> None:
    script = (
        "import sys\nfrom dualnet_cli.main import cli\n"
        "try: cli(['train', '--help'], prog_name='dualnet')\nexcept SystemExit: pass\n"
        "print('LOADED', [m for m in ('numpy', 'dualnet', 'rich', 'pydantic', 'h5py') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=60
    )
    assert "LOADED []" in done.stdout
