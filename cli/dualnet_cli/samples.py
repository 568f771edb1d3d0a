"""Samples to predict from: a table, arrays, images or lines of text, in the form that a model takes."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from . import tables
from .array_files import read_arrays
from .errors import CliError, listing, printable, show, system_error
from .images import IMAGE_SUFFIXES, read_images
from .preparation import Preparation
from .schema import TABLE_SUFFIXES, Data
from .table_lines import DataError
from .trained import Trained

_MAX_STDIN = 1 << 30
_SIGNATURES = {
    b"\x93NUMPY": ".npy",
    b"PK\x03\x04": ".npz",
    b"\x89PNG": ".png",
    b"\xff\xd8\xff": ".jpg",
    b"\x1f\x8b": ".csv.gz",
}


@dataclass(frozen=True)
class Samples:
    """Samples as the model takes them.  x: (n, ...)

    columns: what stands beside each prediction, such as the columns of a table that are no features, by name.
    rows: how many rows the input has. kept: which of them ``x`` has.
    notes: what to tell the user.
    """

    x: Any
    rows: int
    kept: list[int]
    columns: dict[str, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def read(names: Sequence[str], trained: Trained, resize: bool, scale: float | None) -> Samples:
    """The samples in a file, in several images, or with "-" on standard input.

    resize: give images the size that the model takes. scale: divisor of all values, for a model without a run.

    Raises:
        CliError: what is in the file is not what the model takes.
    """
    if scale is not None and trained.preparation is not None:
        raise CliError("--scale is for a model without a run: this one's run remembers how its data was scaled")
    shape = input_shape(trained)
    with local_files(names) as paths:
        suffix = _suffix(paths[0])
        label = "standard input" if names[0] == "-" else printable(names[0])
        if len(paths) > 1 and not all(_suffix(path) in IMAGE_SUFFIXES for path in paths):
            raise CliError("several files are read if all are images; name one file of another kind at a time")
        try:
            if suffix in IMAGE_SUFFIXES:
                return _images(paths, trained.preparation, shape, resize, scale)
            if resize:
                raise DataError("", "--resize is for images")
            if suffix in (".npy", ".npz"):
                samples = _arrays(paths[0], trained.preparation, shape)
            elif _takes_text(trained):
                return _lines(paths[0])
            elif suffix == ".txt" and trained.preparation is None:
                samples = _numbers(paths[0], shape)
            else:
                samples = _table(paths[0], trained.preparation, shape)
        except DataError as error:
            raise error.in_file(label, paths[0].name) from None
        except MemoryError:
            raise CliError(f"{label}: is larger than the memory") from None
    return (
        samples
        if scale is None
        else Samples(samples.x / np.float32(scale), samples.rows, samples.kept, samples.columns)
    )


def input_shape(trained: Trained) -> tuple[int | None, ...]:
    """The shape of one sample as the model takes it."""
    shape = trained.model.input_shape
    if not isinstance(shape, tuple) or (shape and not isinstance(shape[-1], int | None)):
        raise CliError(f"{trained.label}: has several inputs; predict from Python, with model.predict")
    return tuple(shape[1:])


@contextmanager
def local_files(names: Sequence[str]) -> Iterator[list[Path]]:
    """The files that were named, and standard input as a temporary one, whose name ends as its content demands."""
    if "-" not in names:
        for name in names:
            _check_file(Path(name), printable(name))
        yield [Path(name) for name in names]
        return
    if len(names) > 1:
        raise CliError("- is standard input, and stands alone")
    content = sys.stdin.buffer.read(_MAX_STDIN + 1)
    if not content:
        raise CliError("standard input: is empty; expected samples")
    if len(content) > _MAX_STDIN:
        raise CliError(f"standard input: is larger than {_MAX_STDIN >> 30} GiB; give the name of a file")
    suffix = next((end for start, end in _SIGNATURES.items() if content.startswith(start)), ".csv")
    with tempfile.TemporaryDirectory(prefix="dualnet-stdin-") as folder:
        path = Path(folder, f"stdin{suffix}")
        path.write_bytes(content)
        yield [path]


def _check_file(path: Path, label: str) -> None:
    known = (*TABLE_SUFFIXES, ".npz", ".npy", ".txt", *IMAGE_SUFFIXES)
    try:
        if path.is_dir():
            raise CliError(
                f"{label}: is a folder; name the files in it, images for example as {label.rstrip('/')}/*.png"
            )
        if not path.exists():
            raise CliError(f"{label}: no such file")
        if not os.path.isfile(path):
            raise CliError(f"{label}: is not a plain file; pass what it holds on standard input, as -")
        if _suffix(path) not in known:
            raise CliError(f"{label}: expected a file ending in {listing(known, 20)}, or - for standard input")
        if not path.stat().st_size:
            raise CliError(f"{label}: is empty; expected samples")
    except OSError as error:
        raise system_error(f"{label}: cannot be read", error) from None


def _suffix(path: Path) -> str:
    name = path.name.lower()
    return next((suffix for suffix in TABLE_SUFFIXES if name.endswith(suffix)), path.suffix.lower())


def _all(x: Any, columns: dict[str, list[str]] | None = None, notes: list[str] | None = None) -> Samples:
    return Samples(x, len(x), list(range(len(x))), columns or {}, notes or [])


def _expected(shape: Sequence[int | None]) -> str:
    return "(n, " + ", ".join("any" if n is None else str(n) for n in shape) + ")" if shape else "(n,)"


def fits(shape: Sequence[int], expected: Sequence[int | None]) -> bool:
    """Whether a shape is the expected one, where None stands for any size."""
    return len(shape) == len(expected) and all(e in (None, n) for n, e in zip(shape, expected))


# -- tables --------------------------------------------------------------------------------------------------------


def _table(path: Path, learned: Preparation | None, shape: Sequence[int | None]) -> Samples:
    if learned is None or not learned.width:  # there are no names of columns
        data = Data(path=str(path))
        wanted = _all_columns(path, data, shape if learned is None else learned.sample_shape)
        rows = tables.read_rows(path, data.model_copy(update={"features": wanted}), [])
        x = rows.x.astype(np.float32) if learned is None else learned.samples(rows.x)
    else:
        data = learned.data
        rows = tables.read_rows(path, _in_this_file(path, learned), learned.categories)
        if not rows.kept:
            raise DataError("missing", "every row has an empty cell, so there is nothing to predict from")
        x = learned.samples(rows.x)
    _check_shape(x, shape)
    others = [i for i in range(len(rows.names)) if i not in rows.used]
    columns = {rows.names[i]: [row[i] for row in rows.cells] for i in others}
    notes = []
    missing = len(rows.cells) - len(rows.kept)
    if missing:
        notes.append(
            f"{missing} row{'s' * (missing > 1)} with an empty cell: no prediction, as such were left out of the training"
        )
    if data.skip_lines:
        notes.append(f"skip_lines = {show(data.skip_lines)}: left out as in the table of the training")
    return Samples(x, len(rows.cells), rows.kept, columns, notes)


def _all_columns(path: Path, data: Data, shape: Sequence[int | None]) -> list[str | int]:
    """The columns of a table by position, for a model that knows no names: there have to be as many as it takes."""
    width = tables.width(path, data)
    expected = shape[0] if len(shape) == 1 else None
    if len(shape) != 1:
        raise DataError(
            "", f"is a table, and the model takes arrays of shape {_expected(shape)}; expected an .npy or .npz file"
        )
    if expected is not None and width != expected:
        raise DataError(
            "", f"has {width} columns, expected {expected}, as many as the model takes; it knows no names of columns"
        )
    return list(range(width))


def _in_this_file(path: Path, learned: Preparation) -> Data:
    """``[data]`` for another table than that of the training: without names, columns are found by what is not there."""
    data = learned.data
    if learned.header:
        return data
    width = tables.width(path, data)
    if width == learned.width:
        return data
    targets = data.target if isinstance(data.target, list) else [data.target]
    if width != learned.width - len(targets):
        raise DataError(
            "",
            f"has {width} columns, expected {learned.width} as in the training, or {learned.width - len(targets)} without the target",
        )

    def moved(columns: Any) -> list[Any]:
        return [c - sum(t < c for t in targets) for c in columns]

    return data.model_copy(update={"features": moved(data.features), "categorical": moved(data.categorical)})


# -- arrays, images, text ------------------------------------------------------------------------------------------


def _arrays(path: Path, learned: Preparation | None, shape: Sequence[int | None]) -> Samples:
    wanted = ["x", "x_test"]
    if learned is not None and isinstance(learned.data.features, str):
        wanted.insert(0, learned.data.features)
    x = _one_array(read_arrays(path), wanted, path)
    if x.dtype.kind not in "biuf":
        raise DataError("features", f"holds {x.dtype}, expected numbers")
    raw = shape if learned is None else learned.sample_shape
    if x.ndim == len(raw) and fits(x.shape, raw):
        x = x[None]  # one sample on its own
    if not fits(x.shape[1:], raw) or not x.ndim:
        raise DataError("features", f"holds an array of shape {x.shape}, expected {_expected(raw)}")
    if not len(x):
        raise DataError("features", "holds no samples")
    if learned is None:
        if x.dtype.kind == "f" and not np.isfinite(x).all():
            raise DataError("features", "holds values that are not finite numbers")
        return _all(x.astype(np.float32) if x.dtype.kind != "f" else x)
    x = learned.samples(x)
    _check_shape(x, shape)
    return _all(x)


def _one_array(arrays: dict[str, Any], wanted: list[str], path: Path) -> Any:
    for name in wanted:
        if name in arrays:
            return arrays[name]
    if len(arrays) == 1:
        return next(iter(arrays.values()))
    raise DataError(
        "features", f"holds the arrays {printable(listing(arrays))}; expected one, or one called {show(wanted[0])}"
    )


def _images(
    paths: list[Path], learned: Preparation | None, shape: Sequence[int | None], resize: bool, scale: float | None
) -> Samples:
    raw = shape if learned is None else learned.sample_shape
    x = read_images(paths, raw, resize)
    notes = []
    if learned is not None:
        if learned.highest <= 127:  # pixels of the training do not go from 0 to 255
            white = 1.0 if learned.highest <= 1 else learned.highest
            x = x * (white / 255.0)
            notes.append(f"pixels from 0 to {white:g}, as in the training")
        x = learned.samples(x)
        _check_shape(x, shape)
    elif scale is not None:
        x = x.astype(np.float32) / np.float32(scale)
    else:
        x = x.astype(np.float32)
        notes.append("pixels go in from 0 to 255; --scale 255 makes them 0 to 1, if the model was trained so")
    return _all(x, {"file": [str(path) for path in paths]}, notes)


def _takes_text(trained: Trained) -> bool:
    inputs = trained.model.inputs
    return bool(inputs) and str(inputs[0].dtype) == "string"


def _lines(path: Path) -> Samples:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise DataError("encoding", f"is not UTF-8 text (byte {error.start})") from None
    texts = [line for line in lines if line.strip()]
    if not texts:
        raise DataError("", "holds no text; expected one sample on each line")
    return _all(np.array(texts, dtype=object)[:, None], {"text": texts})


def _numbers(path: Path, shape: Sequence[int | None]) -> Samples:
    """Rows of numbers with spaces or commas between them."""
    rows: list[list[float]] = []
    for number, line in enumerate(path.read_text(encoding="utf-8-sig", errors="replace").splitlines(), 1):
        cells = line.replace(",", " ").split()
        try:
            row = [float(cell) for cell in cells]
        except ValueError:
            wrong = next(cell for cell in cells if not _is_number(cell))
            raise DataError("features", f"line {number} holds {show(wrong)}, expected numbers") from None
        if row and not np.isfinite(row).all():
            raise DataError("features", f"line {number} holds a value that is no finite number")
        if row and rows and len(row) != len(rows[0]):
            raise DataError("features", f"line {number} has {len(row)} numbers where the first has {len(rows[0])}")
        if row:
            rows.append(row)
    if not rows:
        raise DataError("features", "holds no numbers")
    x = np.array(rows, np.float32)
    _check_shape(x, shape)
    return _all(x)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _check_shape(x: Any, shape: Sequence[int | None]) -> None:
    if not fits(x.shape[1:], shape):
        raise DataError(
            "features", f"gives samples of shape {_expected(x.shape[1:])}, the model takes {_expected(shape)}"
        )
