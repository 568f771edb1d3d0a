"""What reads each kind of file, and which errors it may raise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dualnet

ERRORS: tuple[type[Exception], ...] = (ValueError, TypeError, OSError)


def read(path: Path, models: dict[str, Any]) -> None:
    """Read a file as dualnet reads files of its name. models: a model for the weights of each seed."""
    name = path.name
    if name.endswith(".weights.h5"):
        models[name.removesuffix(".weights.h5")].load_weights(path)
    elif name.endswith((".keras", ".h5")):
        dualnet.models.load_model(path)
    elif name == "preparation.json":
        _command_line(lambda: _preparation(path))
    elif name.endswith(".json"):
        dualnet.models.model_from_json(path.read_text(errors="replace"))
    else:
        _command_line(lambda: _samples(path))


def inspect(path: Path) -> None:
    """Describe a file, which must never fail: what is wrong with it is part of the description."""
    from dualnet.saving.inspection import inspect as describe

    describe(path)


def _preparation(path: Path) -> None:
    import numpy as np
    from dualnet_cli import preparation
    from dualnet_cli.table_lines import DataError

    learned = preparation.read(path)
    try:
        learned.predictions(learned.samples(np.ones((2, 2))))
    except DataError as error:
        raise ValueError(str(error)) from None


def _samples(path: Path) -> None:
    from dualnet_cli import array_files, images, tables
    from dualnet_cli.schema import Data

    if path.suffix in (".npz", ".npy"):
        array_files.read_arrays(path)
    elif path.suffix == ".png":
        images.read_images([path], (8, 8), resize=False)
    else:
        tables.read_table(path, Data(path=str(path)))


def _command_line(run: Any) -> None:
    """Errors of the command line have one line, and are printed as they are."""
    from dualnet_cli.errors import CliError

    try:
        run()
    except CliError as error:
        if "\n" in error.message:
            raise AssertionError(f"not one line: {error.message}") from None
