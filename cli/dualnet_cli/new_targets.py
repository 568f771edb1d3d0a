"""Samples with their targets from another file, prepared as those of the training were, to evaluate on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from . import samples, tables
from .array_files import read_arrays
from .errors import CliError, listing, printable, show
from .preparation import Preparation
from .schema import TABLE_SUFFIXES, Data
from .table_lines import DataError
from .targets import encode, encode_as
from .trained import Trained


def read(path: Path, trained: Trained, label: str) -> tuple[Any, Any]:
    """The samples and targets in a file, as the model takes them. label: its name in messages.

    Raises:
        CliError: the file does not hold what the model was trained on.
    """
    shape = samples.input_shape(trained)
    learned = trained.preparation
    try:
        if path.name.lower().endswith(".npz"):
            x, y = _arrays(path, learned, shape)
        elif path.name.lower().endswith(TABLE_SUFFIXES):
            x, y = _table(path, trained, shape)
        else:
            raise DataError(
                "", "expected a table (.csv, .tsv, .csv.gz, .tsv.gz) or an .npz file with samples and targets"
            )
        if len(x) != len(y):
            raise DataError("", f"holds {len(x)} samples but {len(y)} targets")
        if not len(x):
            raise DataError("", "holds no samples")
        if learned is None:
            y = encode([y], Data(path=str(path)))[0][0]
        else:
            y = encode_as(y, learned.data, learned, trained.model.output_shape[-1])
            x = learned.samples(x)
        if not samples.fits(x.shape[1:], shape):
            raise DataError("", f"gives samples of shape {x.shape[1:]}, the model takes {shape}")
    except DataError as error:
        raise error.in_file(label, path.name) from None
    except MemoryError:
        raise CliError(f"{label}: is larger than the memory") from None
    return x, y


def _table(path: Path, trained: Trained, shape: Any) -> tuple[Any, Any]:
    learned = trained.preparation
    if learned is None:
        data = Data(path=str(path))
        width = tables.width(path, data)
        outputs = trained.model.output_shape[-1]
        if len(shape) != 1 or width - (shape[0] or 0) not in (1, outputs):
            expected = (
                f"{shape[0]} numbers and the target"
                if len(shape) == 1
                else f"samples of shape {shape}, in an .npz file"
            )
            raise DataError("", f"has {width} columns, expected {expected}: the model has no run that knows names")
        targets = list(range(shape[0], width))
        table = tables.read_table(path, data.model_copy(update={"target": targets if len(targets) > 1 else targets[0]}))
        return table.x.astype(np.float32), table.y
    if not learned.width:
        raise DataError("", "the model was not trained on a table; expected an .npz file with samples and targets")
    if not learned.header and tables.width(path, learned.data) != learned.width:
        raise DataError(
            "", f"has {tables.width(path, learned.data)} columns, expected {learned.width} as in the training"
        )
    known = tables.TableData(None, None, [], [], learned.categories)
    table = tables.read_table(path, learned.data, known)
    return table.x, table.y


def _arrays(path: Path, learned: Preparation | None, shape: Any) -> tuple[Any, Any]:
    arrays = read_arrays(path)
    pairs = [("x", "y"), ("x_test", "y_test")]
    if learned is not None and (learned.data.features or learned.data.target):
        pairs.insert(0, (str(learned.data.features or "x"), str(learned.data.target or "y")))
    names = next((pair for pair in pairs if set(pair) <= set(arrays)), None)
    if names is None:
        expected = " and ".join(show(name) for name in pairs[0])
        raise DataError("", f"holds {printable(listing(arrays))}, expected the arrays {expected}")
    x, y = (arrays[name] for name in names)
    if x.dtype.kind not in "biuf" or y.dtype.kind not in "biufU" or not x.ndim or not y.ndim:
        raise DataError("", f"holds arrays of {x.dtype} and {y.dtype}, expected numbers")
    raw = shape if learned is None else tuple(learned.sample_shape)
    if x.ndim == 1 and len(raw) == 1:
        x = x[:, None]
    if not samples.fits(x.shape[1:], raw):
        raise DataError("", f"holds samples of shape {x.shape[1:]}, expected {tuple(raw)}")
    return x.astype(np.float32) if learned is None and x.dtype.kind != "f" else x, y
