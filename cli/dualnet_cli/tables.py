"""Reading .csv and .tsv files: header detection, column selection, empty cells."""

from __future__ import annotations

import csv
import itertools
import math
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from . import derive
from .errors import did_you_mean, listing, one_line, printable, show
from .schema import Column, Data

_MISSING = {"", "na", "n/a", "nan", "null", "none", "?"}
_SAMPLE = 20  # records from which delimiter and header are detected


class DataError(ValueError):
    """A mistake in the data; ``key`` is the related key of ``[data]``."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


Categories = dict[str, list[str]]


@dataclass(frozen=True)
class TableData:
    """The samples of a table.  x: (n, features), empty cells are NaN   y: (n,) or (n, targets), numbers or text

    features: the names. categories: those of the categorical columns, by column.
    """

    x: Any
    y: Any
    features: list[str]
    categories: Categories


@dataclass(frozen=True)
class _Layout:
    delimiter: str
    header: list[str] | None
    width: int

    @property
    def names(self) -> list[str]:
        return self.header or [f"column {i}" for i in range(self.width)]


def read_table(path: Path, data: Data, known_categories: Categories | None = None) -> TableData:
    """Read a table. known_categories: those of the training table, for a test table, which must have the same columns."""
    if data.derive:
        return _derived(path, data, known_categories)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            layout = _layout(file, path, data)
            columns = _select_columns(layout, data)
            rows = _all_numbers(file, layout) if not data.categorical else None
            if rows is None:
                file.seek(0)
                rows = _cells(file, layout)
    except UnicodeDecodeError as error:
        raise DataError("path", f"{path.name} is not UTF-8 text (byte {error.start})") from None
    except csv.Error as error:
        raise DataError("path", f"{path.name}: {one_line(error)}") from None
    except OSError as error:
        raise DataError("path", f"{path.name} cannot be read: {error.strerror}") from None
    if not len(rows):
        raise DataError("path", f"{path.name} holds no rows")
    return _table_data(rows, layout, columns, data, known_categories)


def _derived(path: Path, data: Data, known_categories: Categories | None) -> TableData:
    """The table with the columns of ``derive``: read what the formulas need, compute, select the requested features."""
    requested = data.features if isinstance(data.features, list) or data.features is None else [data.features]
    read = None
    try:
        needed = [name for formula in data.derive.values() for name in derive.columns(formula)]
        if requested is not None:
            read = list(dict.fromkeys([*(c for c in requested if c not in data.derive), *needed]))
        table = read_table(path, data.model_copy(update={"derive": {}, "features": read}), known_categories)
        columns = dict(zip(table.features, table.x.T))
        for name, formula in data.derive.items():
            columns[name] = derive.compute(formula, columns)
    except derive.FormulaError as error:
        raise DataError("derive", str(error)) from None
    selected = list(columns) if requested is None else [c for c in requested if c in columns]
    if requested is not None and len(selected) != len(requested):
        raise DataError("features", "with derive, select columns by name, not by position")
    x = np.stack([columns[c] for c in selected], axis=1)
    return replace(table, x=x, features=[str(c) for c in selected])


def _layout(file: TextIO, path: Path, data: Data) -> _Layout:
    head = list(itertools.islice(file, _SAMPLE))
    if not "".join(head).strip():
        raise DataError("path", f"{path.name} is empty")
    delimiter = data.delimiter
    if delimiter == "auto":
        delimiter = "\t" if path.suffix.lower() == ".tsv" else _guess_delimiter(head)
    sample = [row for row in csv.reader(head, delimiter=delimiter) if row]
    width = len(sample[0])
    if width < 2:
        message = f"{path.name} has only one column when split at {show(delimiter)}; a target and a feature are needed"
        raise DataError("delimiter", message)
    header = data.header if isinstance(data.header, bool) else _has_header(sample)
    file.seek(0)
    return _Layout(delimiter, [name.strip() for name in sample[0]] if header else None, width)


def _guess_delimiter(head: list[str]) -> str:
    """The delimiter that splits every line into the same number of cells, and into the most."""

    def rank(delimiter: str) -> tuple[bool, int]:
        widths = [len(row) for row in csv.reader(head, delimiter=delimiter) if row]
        return len(set(widths)) == 1 and widths[0] > 1, widths[0]

    return max((",", ";", "\t", "|"), key=rank)


def _number(cell: str) -> float | None:
    """The cell as a number, NaN for an empty one, None for text."""
    text = cell.strip()
    if text.lower() in _MISSING:
        return math.nan
    try:
        return float(text) if "_" not in text else None
    except ValueError:
        return None


def _has_header(sample: list[list[str]]) -> bool:
    """Whether the first line is a header: it has text above a column of numbers, or consists of distinct texts."""
    first, rows = sample[0], sample[1:]
    is_text = [cell.strip() != "" and _number(cell) is None for cell in first]
    for index, text in enumerate(is_text):
        below = [_number(row[index]) for row in rows if index < len(row)]
        if text and below and all(value is not None for value in below):
            return True
    return all(is_text) and len(set(first)) == len(first)


@dataclass(frozen=True)
class _Columns:
    target: list[int]
    features: list[int]
    categorical: set[int]
    single: bool  # the target was one column, not a list of one


def _select_columns(layout: _Layout, data: Data) -> _Columns:
    target = -1 if data.target is None else data.target
    targets = [_index(c, layout, "target") for c in (target if isinstance(target, list) else [target])]
    excluded = {_index(c, layout, "exclude") for c in data.exclude}
    categorical = {_index(c, layout, "categorical") for c in data.categorical}
    if data.features is None:
        features = [i for i in range(layout.width) if i not in targets and i not in excluded]
    else:
        requested = data.features if isinstance(data.features, list) else [data.features]
        features = [_index(c, layout, "features") for c in requested]
    names = layout.names
    for index in features:
        if index in targets:
            raise DataError("features", f"{show(names[index])} is the target as well; predicting it would be no feat")
        if index in excluded:
            raise DataError("exclude", f"{show(names[index])} is listed in features as well")
    for index in categorical:
        if index not in features:
            raise DataError("categorical", f"{show(names[index])} is not one of the features")
    if not features:
        raise DataError("features", "no column is left to predict from")
    return _Columns(targets, features, categorical, not isinstance(target, list))


def _index(column: Column, layout: _Layout, key: str) -> int:
    if isinstance(column, int):
        if not -layout.width <= column < layout.width:
            raise DataError(key, f"there is no column {column}: the table has {layout.width}, 0 to {layout.width - 1}")
        return column % layout.width
    if layout.header is None:
        raise DataError(key, f"the table has no header, so there is no column {show(column)}; give its position")
    matches = [i for i, name in enumerate(layout.header) if name == column]
    if not matches:
        known = did_you_mean(column, layout.header) or f"; columns: {printable(listing(layout.header, 20))}"
        raise DataError(key, f"there is no column {show(column)}{known}")
    if len(matches) > 1:
        raise DataError(key, f"{len(matches)} columns are called {show(column)}; give the position instead")
    return matches[0]


def _all_numbers(file: TextIO, layout: _Layout) -> Any:
    """The rows by NumPy's reader, ten times as fast as cell by cell; None unless every cell is a number."""
    if layout.header is not None:
        next(csv.reader(file, delimiter=layout.delimiter))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of an empty file, which is reported by the caller
            rows = np.loadtxt(file, delimiter=layout.delimiter, comments=None, quotechar='"', ndmin=2)
    except ValueError:
        return None
    return rows if rows.shape[1:] == (layout.width,) and np.isfinite(rows).all() else None


def _cells(file: TextIO, layout: _Layout) -> list[tuple[int, list[str]]]:
    """(line, cells) of every row."""
    reader = csv.reader(file, delimiter=layout.delimiter)
    if layout.header is not None:
        next(reader)
    rows = []
    for row in reader:
        if not row:
            continue
        if any("\0" in cell for cell in row):
            raise DataError("path", f"line {reader.line_num} holds a zero byte; the file is not text")
        if len(row) != layout.width:
            raise DataError("path", f"line {reader.line_num} has {len(row)} cells where the first has {layout.width}")
        rows.append((reader.line_num, row))
    return rows


def _table_data(
    rows: Any, layout: _Layout, columns: _Columns, data: Data, known_categories: Categories | None
) -> TableData:
    names = layout.names
    if isinstance(rows, np.ndarray):
        y = rows[:, columns.target]
        features = [names[i] for i in columns.features]
        return TableData(rows[:, columns.features], y[:, 0] if columns.single else y, features, {})
    if data.missing == "drop":
        used = [*columns.features, *columns.target]
        rows = [(line, row) for line, row in rows if not any(row[i].strip().lower() in _MISSING for i in used)]
        if not rows:
            raise DataError("missing", "every row has an empty cell, so none is left")
    categories: Categories = {}
    parts, features = [], []
    for index in columns.features:
        name = names[index]
        if index in columns.categorical:
            cells = [row[index].strip() for _, row in rows]
            categories[name] = known_categories[name] if known_categories else sorted(set(cells))
            for (line, _), cell in zip(rows, cells):
                if cell.lower() in _MISSING:
                    raise DataError("missing", f'column {show(name)} is empty on line {line}; set missing = "drop"')
                if cell not in categories[name]:
                    raise DataError("test_path", f"{show(cell)} in column {show(name)} is not in the training table")
            parts += [[float(cell == value) for cell in cells] for value in categories[name]]
            features += [f"{name}={value}" for value in categories[name]]
        else:
            parts.append(_feature(rows, index, name, data))
            features.append(name)
    target = [_target(rows, i, names[i]) for i in columns.target]
    y = np.array(target[0]) if columns.single else np.array(target).T
    return TableData(np.array(parts).T, y, features, categories)


def _feature(rows: list[tuple[int, list[str]]], index: int, name: str, data: Data) -> list[float]:
    numbers, empty = [], []
    for line, row in rows:
        value = _number(row[index])
        if value is None or math.isinf(value):
            cure = "list it in categorical, or leave it out with exclude" if value is None else "it must be finite"
            raise DataError("features", f"column {show(name)} holds {show(row[index])} on line {line}; {cure}")
        if math.isnan(value):
            empty.append(line)
        numbers.append(value)
    if empty and data.missing == "error":
        message = f"column {show(name)} has {len(empty)} empty cells, the first on line {empty[0]}"
        raise DataError("missing", message + '; set missing = "drop" or "mean", or exclude the column')
    if len(empty) == len(numbers):
        raise DataError("missing", f"column {show(name)} is empty from top to bottom; exclude it")
    return numbers


def _target(rows: list[tuple[int, list[str]]], index: int, name: str) -> list[Any]:
    numbers = [_number(row[index]) for _, row in rows]
    for (line, row), number in zip(rows, numbers):
        if number is not None and math.isnan(number):
            raise DataError("target", f'column {show(name)} is empty on line {line}; set missing = "drop"')
        if number is not None and math.isinf(number):
            raise DataError("target", f"column {show(name)} holds {show(row[index])} on line {line}; it must be finite")
    if any(number is None for number in numbers):
        return [row[index].strip() for _, row in rows]
    return numbers
