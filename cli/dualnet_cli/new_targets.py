"""Samples with their targets from another file, prepared as those of the training were, to evaluate on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from . import folders, samples, tables, windows
from .array_files import read_arrays
from .columns import of_output
from .errors import CliError, listing, printable, show
from .parts import length
from .preparation import Preparation
from .schema import TABLE_SUFFIXES, Data, is_folder
from .table_lines import DataError
from .targets import encode, encode_as
from .trained import Trained


def read(path: Path, trained: Trained, label: str) -> tuple[Any, Any]:
    """The samples and targets in a file, as the model takes them. label: its name in messages.

    Raises:
        CliError: the file does not hold what the model was trained on.
    """
    shape = trained.input_shape
    learned = trained.preparation
    try:
        if learned is not None and learned.vocabulary is not None:
            if not path.name.lower().endswith(".txt"):
                raise DataError("", "expected a .txt file, as the model was trained on")
            ids = windows.encode_text(folders.read_text(path, learned.data.encoding), learned.vocabulary)
            return windows.of_text(ids, learned.data)
        if path.is_dir():
            if learned is None or learned.data.path is None or not is_folder(learned.data.path):
                raise DataError(
                    "", "is a folder, and the model was not trained on one; expected a table or an .npz file"
                )
            x, labels = folders.read(path, learned.data)
            y = dict.fromkeys(learned.data.targets(), labels)
        elif path.name.lower().endswith(".npz"):
            x, y = _arrays(path, learned, shape, trained)
        elif path.name.lower().endswith(TABLE_SUFFIXES):
            x, y = _table(path, trained, shape)
        else:
            raise DataError(
                "", "expected a table (.csv, .tsv, .csv.gz, .tsv.gz) or an .npz file with samples and targets"
            )
        for target in y.values():
            if length(x) != len(target):
                raise DataError("", f"holds {length(x)} samples but {len(target)} targets")
        if not length(x):
            raise DataError("", "holds no samples")
        if learned is not None and learned.inputs is None:
            x = learned.side_by_side(x)
            if learned.data.window is not None:
                x, y = _with_later_rows(x, y, learned.data)
        y = _encoded(y, x, trained)
        x = x if learned is None else learned.by_input(x)
        samples.check_shape(x, shape)
    except DataError as error:
        raise error.in_file(label, path.name) from None
    except MemoryError:
        raise CliError(f"{label}: is larger than the memory") from None
    return x, y


def _with_later_rows(x: Any, y: dict[str, Any], data: Data) -> tuple[Any, dict[str, Any]]:
    """The windows that have a target, each with that of the row ``horizon`` after its last one.  x: all windows"""
    if len(x) <= data.horizon:
        raise DataError("window", f"holds no window with a target {data.horizon} rows after it")
    assert data.window is not None
    return x[: -data.horizon], {name: values[data.window - 1 + data.horizon :] for name, values in y.items()}


def _encoded(y: dict[str, Any], x: Any, trained: Trained) -> Any:
    """The targets of every output as those of the training; without names for the only one. x: the prepared samples"""
    learned = trained.preparation
    if learned is None:
        return encode([y[""]], Data())[0][0]
    targets, widths = {}, getattr(trained.model, "output_shape", None)
    for name, own in learned.data.targets().items():
        if learned.of_output(name).is_input:
            targets[name] = x
            continue
        width = widths[name] if isinstance(widths, dict) else widths
        with of_output(name):
            targets[name] = encode_as(y[name], own, learned.of_output(name), None if width is None else width[-1])
    return targets.get("", targets)


def _table(path: Path, trained: Trained, shape: Any) -> tuple[Any, Any]:
    learned = trained.preparation
    if learned is None:
        data = Data(path=str(path))
        width = tables.width(path, data)
        if isinstance(shape, dict) or not isinstance(trained.model.output_shape, tuple):
            raise DataError("", "several inputs or outputs need the names that a run knows, and this model has no run")
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
    known = tables.TableData(None, {}, [], [], learned.categories)
    table = tables.read_table(path, learned.data, known)
    return table.x, table.y


def _arrays(path: Path, learned: Preparation | None, shape: Any, trained: Trained) -> tuple[Any, dict[str, Any]]:
    arrays = read_arrays(path)
    if learned is None and not isinstance(trained.model.output_shape, tuple):
        raise DataError("", "several outputs need the names that a run knows, and this model has no run")
    targets = {"": "y"}
    if learned is not None:
        named = {name: learned.of_output(name) for name in learned.data.targets()}
        targets = {
            name: str(own.data.targets().get("", own.data).one_target or "y")
            for name, own in named.items()
            if not own.is_input
        }
    if isinstance(shape, dict) and (learned is None or learned.inputs is not None):
        x = samples.input_arrays(path, learned, shape)
        return x, {name: _target(arrays, array) for name, array in targets.items()}
    x_name = "x" if learned is None else str(learned.data.features or "x")
    wanted = [x_name, *targets.values()]
    held = next((end for end in ("", "_test") if all(f"{name}{end}" in arrays for name in wanted)), None)
    if held is None and {"x", "y"} <= set(arrays) and list(targets) == [""]:
        x_name, targets, held = "x", {"": "y"}, ""
    if held is None:
        expected = " and ".join(show(name) for name in wanted)
        raise DataError("", f"holds {printable(listing(arrays))}, expected the arrays {expected}")
    x = arrays[f"{x_name}{held}"]
    y = {name: _target(arrays, f"{array}{held}") for name, array in targets.items()}
    if x.dtype.kind not in "biuf" or not x.ndim:
        raise DataError("", f"{x_name} holds {x.dtype}, expected numbers")
    raw: Any = shape if learned is None else tuple(learned.sample_shape)
    if x.ndim == 1 and len(raw) == 1:
        x = x[:, None]
    if not samples.fits(x.shape[1:], raw):
        raise DataError("", f"holds samples of shape {x.shape[1:]}, expected {tuple(raw)}")
    return x.astype(np.float32) if learned is None and x.dtype.kind != "f" else x, y


def _target(arrays: dict[str, Any], name: str) -> Any:
    if name not in arrays:
        raise DataError("target", f"holds no array {show(name)}; it holds: {printable(listing(arrays))}")
    if arrays[name].dtype.kind not in "biufU" or not arrays[name].ndim:
        raise DataError("target", f"{printable(name)} holds {arrays[name].dtype}, expected numbers")
    return arrays[name]
