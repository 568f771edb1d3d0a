"""Running the command from tests: in this process (quick) or in one of its own (signals, terminals, pipes)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result
from dualnet_cli.main import cli

ROOT = Path(__file__).resolve().parents[2]

SMALL = """
seed = 7

[data]
x = [[0, 0], [0, 1], [1, 0], [1, 1]]
y = [0, 1, 1, 0]

[[model.layers]]
class = "Dense"
units = 4
activation = "tanh"

[[model.layers]]
class = "Dense"
units = 1
activation = "sigmoid"

[compile]
optimizer = { class = "Adam", learning_rate = 0.1 }
loss = "binary_crossentropy"
metrics = ["accuracy"]

[fit]
epochs = 3
batch_size = 4
"""


def run(*arguments: str | Path) -> Result:
    """The command in this process. ``result.output`` is what both streams got."""
    return CliRunner().invoke(cli, [str(a) for a in arguments], prog_name="dualnet")


def write(folder: Path, text: str, name: str = "small.toml") -> Path:
    """A config file in ``folder``."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def environment(**changes: str) -> dict[str, str]:
    """That of this process, without what would change the command's mind, and with this checkout importable.

    A command in a process of its own runs on the CPU: what is tested there is the terminal, and a GPU takes seconds to start.
    """
    inherited = {k: v for k, v in os.environ.items() if k not in ("DUALNET_DEBUG", "NO_COLOR", "COLUMNS")}
    inherited["DUALNET_DEVICE"] = "cpu"
    paths = [str(ROOT / part) for part in ("backends", ".", "cli")]
    inherited["PYTHONPATH"] = os.pathsep.join([*paths, *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**inherited, **changes}


def command(*arguments: str | Path) -> list[str]:
    """The command line that starts the command in a process of its own."""
    return [sys.executable, "-m", "dualnet_cli", *map(str, arguments)]


def start(*arguments: str | Path, cwd: Path, **changes: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own, with its output in pipes."""
    return subprocess.run(
        command(*arguments), cwd=cwd, env=environment(**changes), capture_output=True, text=True, timeout=60
    )


def no_gpu() -> bool:
    """Whether no GPU answers, as tests of the error about it need."""
    import dualnet

    devices: list[Any] = dualnet.config.list_physical_devices("GPU")
    return not devices
