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
from .parts import each, length
from .preparation import Preparation
from .schema import TABLE_SUFFIXES, Data, is_folder
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
    shape = trained.input_shape
    several = isinstance(shape, dict)
    with local_files(names) as paths:
        suffix = _suffix(paths[0])
        label = "standard input" if names[0] == "-" else printable(names[0])
        if len(paths) > 1 and not all(_suffix(path) in IMAGE_SUFFIXES for path in paths):
            raise CliError("several files are read if all are images; name one file of another kind at a time")
        try:
            if several and suffix not in (".npz", *TABLE_SUFFIXES):
                raise DataError(
                    "",
                    f"the model has the inputs {listing(shape)}; expected a table or an .npz file with an array for each",
                )
            if trained.preparation is not None and trained.preparation.vocabulary is not None:
                raise DataError(
                    "", "is for a model of single samples; this one goes on with a text: dualnet sample RUN"
                )
            if suffix in IMAGE_SUFFIXES:
                return _images(paths, trained.preparation, shape, resize, scale)
            if resize:
                raise DataError("", "--resize is for images")
            if several and suffix == ".npz" and (trained.preparation is None or trained.preparation.inputs is not None):
                samples = _all(input_arrays(paths[0], trained.preparation, shape))
            elif suffix in (".npy", ".npz"):
                samples = _arrays(paths[0], trained.preparation, shape)
            elif _takes_text(trained) and (trained.preparation is None or not suffix.startswith(TABLE_SUFFIXES)):
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
        else Samples(each(lambda x: x / np.float32(scale), samples.x), samples.rows, samples.kept, samples.columns)
    )


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
    return Samples(x, length(x), list(range(length(x))), columns or {}, notes or [])


def _expected(shape: Sequence[int | None]) -> str:
    return "(n, " + ", ".join("any" if n is None else str(n) for n in shape) + ")" if shape else "(n,)"


def fits(shape: Sequence[int], expected: Sequence[int | None]) -> bool:
    """Whether a shape is the expected one, where None stands for any size."""
    return len(shape) == len(expected) and all(e in (None, n) for n, e in zip(shape, expected))


# -- tables --------------------------------------------------------------------------------------------------------


def _table(path: Path, learned: Preparation | None, shape: Any) -> Samples:
    if learned is not None and not learned.width and _has_text(learned):
        raise DataError(
            "", "is a table, and the model was trained on files of text; expected a .txt file with a text on each line"
        )
    if learned is None or not learned.width:  # there are no names of columns
        if isinstance(shape, dict):
            raise DataError(
                "", f"is a table, and the inputs {listing(shape)} know no names of columns; expected an .npz file"
            )
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
    check_shape(x, shape)
    kept, window = rows.kept, None if learned is None else learned.data.window
    if window is not None:
        kept = kept[window - 1 :]
    others = [
        i for i in range(len(rows.names)) if i not in rows.used or data.window is not None or data.text is not None
    ]
    columns = {rows.names[i]: [row[i] for row in rows.cells] for i in others}
    notes = []
    missing = len(rows.cells) - len(rows.kept)
    if missing:
        notes.append(
            f"{missing} row{'s' * (missing > 1)} with an empty cell: no prediction, as such were left out of the training"
        )
    if data.skip_lines:
        notes.append(f"skip_lines = {show(data.skip_lines)}: left out as in the table of the training")
    if window is not None:
        ahead = f"{data.horizon} row{'s' * (data.horizon > 1)}"
        notes.append(
            f"a prediction is of {ahead} after the one it stands beside, from that and the {window - 1} before"
        )
    return Samples(x, len(rows.cells), kept, columns, notes)


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
    targets = list(dict.fromkeys(data.target_columns))
    if width != learned.width - len(targets):
        raise DataError(
            "",
            f"has {width} columns, expected {learned.width} as in the training, or {learned.width - len(targets)} without the target",
        )

    def moved(columns: Any) -> list[Any]:
        return [c - sum(isinstance(t, int) and t < c for t in targets) for c in columns]

    return data.model_copy(update={"features": moved(data.features), "categorical": moved(data.categorical)})


# -- arrays, images, text ------------------------------------------------------------------------------------------


def _arrays(path: Path, learned: Preparation | None, shape: Any) -> Samples:
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
    check_shape(x, shape)
    return _all(x)


def input_arrays(path: Path, learned: Preparation | None, shape: dict[str, tuple[int | None, ...]]) -> dict[str, Any]:
    """The samples of a model with several inputs that are arrays, prepared, by input."""
    arrays, x = read_arrays(path), {}
    for name, one in shape.items():
        own = None if learned is None or learned.inputs is None else learned.inputs[name]
        array = name if own is None else str(own.data.features)
        if array not in arrays:
            raise DataError(
                "features",
                f"holds no array {show(array)} for the input {show(name)}; it holds: {printable(listing(arrays))}",
            )
        values, raw = arrays[array], one if own is None else tuple(own.sample_shape)
        if values.dtype.kind not in "biuf":
            raise DataError("features", f"{printable(array)} holds {values.dtype}, expected numbers")
        if values.ndim == 1 and len(raw) == 1:
            values = values[:, None]
        if not fits(values.shape[1:], raw):
            raise DataError("features", f"{printable(array)} has the shape {values.shape}, expected {_expected(raw)}")
        x[name] = values.astype(np.float32) if own is None and values.dtype.kind != "f" else values
    counts = {name: len(values) for name, values in x.items()}
    if len(set(counts.values())) > 1:
        raise DataError("features", f"the inputs have different numbers of samples: {counts}")
    if not next(iter(counts.values())):
        raise DataError("features", "holds no samples")
    return x if learned is None else learned.samples(x)


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
    x = read_images(paths, raw, resize or (learned is not None and learned.data.image_size is not None))
    notes = []
    if learned is not None:
        if learned.highest <= 127:  # pixels of the training do not go from 0 to 255
            white = 1.0 if learned.highest <= 1 else learned.highest
            x = x * (white / 255.0)
            notes.append(f"pixels from 0 to {white:g}, as in the training")
        x = learned.samples(x)
        check_shape(x, shape)
    elif scale is not None:
        x = x.astype(np.float32) / np.float32(scale)
    else:
        x = x.astype(np.float32)
        notes.append("pixels go in from 0 to 255; --scale 255 makes them 0 to 1, if the model was trained so")
    return _all(x, {"file": [str(path) for path in paths]}, notes)


def _takes_text(trained: Trained) -> bool:
    inputs: Any = getattr(trained.model, "inputs", None)
    return bool(inputs) and str(inputs[0].dtype) == "string"


def _has_text(learned: Preparation) -> bool:
    return learned.data.path is not None and is_folder(learned.data.path) and learned.sample_shape == [1]


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
    check_shape(x, shape)
    return _all(x)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def check_shape(x: Any, shape: Any) -> None:
    """Raise ``DataError`` unless samples have the shape that the model takes."""
    if isinstance(shape, dict):
        for name in shape:
            check_shape(x[name], shape[name])
        return
    if not fits(x.shape[1:], shape):
        raise DataError(
            "features", f"gives samples of shape {_expected(x.shape[1:])}, the model takes {_expected(shape)}"
        )
