"""``RUN|MODEL`` on the command line: a trained model, with what its run remembers of the data."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import preparation, run_dir
from .errors import CliError, one_line, printable, system_error
from .preparation import Preparation

NOT_A_MODEL = (".csv", ".tsv", ".npz", ".npy", ".toml")  # what stands in the place of a model by mistake


@dataclass(frozen=True)
class Trained:
    """A trained model.

    label: its name in messages. run: the folder of the run that it comes from, or None for a file that is beside no run.
    """

    model: Any
    label: str
    run: Path | None
    preparation: Preparation | None


def choose_device(option: str | None) -> None:
    """Set the device: --device, else $DUALNET_DEVICE, else "auto"."""
    import dualnet

    name = option or os.environ.get("DUALNET_DEVICE") or "auto"
    try:
        dualnet.config.set_device(name)
    except (dualnet.config.DeviceNotFoundError, ValueError) as error:
        raise CliError(one_line(error) if option else f"DUALNET_DEVICE: {one_line(error)}") from None


def open_trained(name: str, before: Callable[[Path | None], None] | None = None) -> Trained:
    """The model of a run folder, or in a file. A file in a run folder is prepared for as that run was.

    before: called with the folder of the run, or None, before the model is loaded.

    Raises:
        CliError: there is no such file, it is no model, or a part of the run is damaged.
    """
    path = Path(name)
    label = printable(name)
    if not path.exists():
        raise CliError(f"{label}: no such run folder or model")
    if path.is_dir():
        folder, path = path, path / run_dir.MODEL
        if not path.is_file():
            what = "holds no finished run" if (folder / run_dir.CONFIG).is_file() else "is not the folder of a run"
            raise CliError(f"{label}: {what}: there is no {run_dir.MODEL} in it")
    elif path.name.lower().endswith(NOT_A_MODEL):
        raise CliError(f"{label}: expected the folder of a run or the file of a model here, and the data after it")
    else:
        folder = path.parent
    is_run = (folder / run_dir.CONFIG).is_file()
    if before is not None:
        before(folder if is_run else None)
    return Trained(load_model(path), label, folder if is_run else None, _preparation(folder) if is_run else None)


def load_model(path: Path) -> Any:
    """The model in a file. Raises ``CliError`` for a file that is none, and for one that cannot be read."""
    from dualnet.saving.api import load_model as load

    try:
        return load(path)
    except OSError as error:
        raise system_error(printable(str(path)), error) from None
    except (ValueError, TypeError) as error:
        message = one_line(error)
        label = printable(str(path))
        raise CliError(message if label in message else f"{label}: {message}") from None


def _preparation(folder: Path) -> Preparation:
    """What the run remembers; for a run before there was such a file, what its config makes of its data once more."""
    path = folder / run_dir.PREPARATION
    if os.path.lexists(path):
        return preparation.read(path)
    from .config import load
    from .data import load as load_data

    learned = load_data(load(folder / run_dir.CONFIG)).preparation
    assert learned is not None
    return learned
