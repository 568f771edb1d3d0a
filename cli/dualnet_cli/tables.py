"""Reading .csv and .tsv files: header detection, column selection, empty cells."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from . import columns, derive, table_lines
from .cells import EXACT, Notation, is_number_like
from .errors import show
from .schema import INPUT, Column, Data
from .table_lines import DataError


@dataclass(frozen=True)
class TableData:
    """The samples of a table.  x: (n, features), empty cells are NaN   y: (n,) or (n, targets) for each output, numbers or text

    features: the names. columns: those in the file, first the targets.
    categories: those of each categorical column.
    dropped: how many rows were left out because a cell was empty.
    layout: where the columns are in the file.
    """

    x: Any
    y: dict[str, Any]
    features: list[str]
    columns: list[str]
    categories: list[list[str]]
    dropped: int = 0
    layout: Layout | None = None


@dataclass(frozen=True)
class Layout:
    """The columns of a table by name, or by position where there is no name that is theirs alone.

    width: how many columns the table has. features: those to predict from, in this order. categorical: some of these.
    targets: those of each output.
    """

    header: bool
    width: int
    targets: dict[str, Column | list[Column]]
    features: list[Column]
    categorical: list[Column]


@dataclass(frozen=True)
class NewRows:
    """Rows to predict from.  x: (n, features), empty cells are NaN

    names: of all columns. cells: of all rows. used: the positions of the columns of ``x``. kept: which rows ``x`` has.
    """

    x: Any
    names: list[str]
    cells: list[list[str]]
    used: list[int]
    kept: list[int]


@dataclass(frozen=True)
class _Table:
    path: Path
    data: Data
    delimiter: str
    header: list[str] | None
    width: int
    notation: Notation

    @property
    def names(self) -> list[str]:
        return self.header or [f"column {i}" for i in range(self.width)]

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """(line, cells) of every row."""
        records = table_lines.records(self.path, self.data, self.delimiter)
        if self.header is not None:
            next(records)
        for line, row in records:
            if len(row) != self.width:
                message = f"line {line} has {len(row)} cell{'s' * (len(row) != 1)} where the first has {self.width}"
                raise DataError("path", f"{message}; skip_lines leaves out lines that are no row")
            yield line, row


def read_table(path: Path, data: Data, train: TableData | None = None) -> TableData:
    """Read a table. train: the training table, for a test table, which must have the same columns (if it lists any) and categories."""
    if data.derive:
        return _derived(path, data, train)
    with table_lines.read_errors(path, data):
        table = _table(path, data)
        used = columns.select(table.header, table.width, data)
        if train is not None and train.columns:
            _check_same_columns(_names(table, used), train.columns)
        numbers = _all_numbers(table, used)
        rows = list(table.rows()) if numbers is None else []
    if numbers is not None:
        result = _from_numbers(numbers, table, used)
    elif rows:
        result = _from_cells(rows, table, used, train)
    else:
        raise DataError("path", f"{path.name} holds no rows")
    return replace(result, layout=_layout(table, used))


def _layout(table: _Table, used: columns.Columns) -> Layout:
    names = table.header or []

    def column(i: int) -> Column:
        return names[i] if names and names.count(names[i]) == 1 else i

    return Layout(
        header=table.header is not None,
        width=table.width,
        targets={
            name: [column(i) for i in positions] if isinstance(positions, list) else column(positions)
            for name, positions in used.outputs.items()
        },
        features=[column(i) for i in used.features],
        categorical=[column(i) for i in used.features if i in used.categorical],
    )


def read_rows(path: Path, data: Data, categories: list[list[str]]) -> NewRows:
    """Read rows to predict from: a table that need not have the target.

    data: how the training table was written; ``features`` lists the columns. categories: those of each categorical column.
    """
    if data.derive:
        return _derived_rows(path, data, categories)
    with table_lines.read_errors(path, data):
        table = _table(path, data, fewest=1)
        used = columns.select(table.header, table.width, data, with_target=False)
        rows = list(table.rows())
    if not rows:
        raise DataError("path", f"{path.name} holds no rows")
    numbers = list(range(len(rows)))
    if data.missing == "drop":
        numbers = [n for n in numbers if not any(table.notation.is_missing(rows[n][1][i]) for i in used.features)]
    x, _, _ = _feature_columns([rows[n] for n in numbers], table, used, categories, may_be_empty=True)
    return NewRows(x, table.names, [row for _, row in rows], used.features, numbers)


def width(path: Path, data: Data) -> int:
    """How many columns a table has."""
    with table_lines.read_errors(path, data):
        return len(table_lines.sample(path, data, fewest=1)[1][0])


def _derived_rows(path: Path, data: Data, categories: list[list[str]]) -> NewRows:
    assert isinstance(data.features, list)
    read = _columns_to_read([str(c) for c in data.features], data)
    rows = read_rows(path, data.model_copy(update={"derive": {}, "features": read}), categories)
    known, names = iter(categories), []
    for column in read:
        names += [f"{column}={value}" for value in next(known)] if column in data.categorical else [column]
    return replace(rows, x=_with_derived(rows.x, names, data)[0])


def _names(table: _Table, used: columns.Columns) -> list[str]:
    """The names of the columns that are used, first the targets."""
    return [table.names[i] for i in (*used.target, *used.features)]


def _check_same_columns(names: list[str], expected: list[str]) -> None:
    for pair in itertools.zip_longest(names, expected):
        if pair[0] != pair[1]:
            column, expected_column = (f"column {show(name)}" if name is not None else "no column" for name in pair)
            message = f"there is {column} where the training table has {expected_column}"
            raise DataError("test_path", f"{message}; both need the same columns in the same order")


def _derived(path: Path, data: Data, train: TableData | None) -> TableData:
    """The table with the columns of ``derive``: read what the formulas need, compute, select the requested features."""
    requested = data.features if isinstance(data.features, list) or data.features is None else [data.features]
    read = None
    if requested is not None and not all(isinstance(c, str) for c in requested):
        raise DataError("features", "with derive, select columns by name, not by position")
    if requested is not None:
        read = _columns_to_read([str(c) for c in requested], data)
    table = read_table(path, data.model_copy(update={"derive": {}, "features": read}), train)
    x, names = _with_derived(table.x, table.features, data)
    assert table.layout is not None
    listed = [*table.layout.features, *data.derive] if requested is None else list(requested)
    return replace(table, x=x, features=names, layout=replace(table.layout, features=listed))


def _columns_to_read(requested: list[str], data: Data) -> list[str]:
    """The columns of the file that the requested features need."""
    try:
        needed = [name for formula in data.derive.values() for name in derive.columns(formula)]
    except derive.FormulaError as error:
        raise DataError("derive", str(error)) from None
    return list(dict.fromkeys(name for name in (*requested, *needed) if name not in data.derive))


def _with_derived(x: Any, names: list[str], data: Data) -> tuple[Any, list[str]]:
    """The requested features, and their names.  x: (n, columns of the file), one name each"""
    twice = [name for i, name in enumerate(names) if name in names[:i]]
    if twice:
        raise DataError("derive", f"several columns are called {show(twice[0])}; exclude all but one by position")
    values = dict(zip(names, x.T))
    try:
        for name, formula in data.derive.items():
            values[name] = _computed(name, formula, values)
    except derive.FormulaError as error:
        raise DataError("derive", str(error)) from None
    selected = list(values)
    if data.features is not None:
        requested = data.features if isinstance(data.features, list) else [data.features]
        selected = [name for c in requested for name in _indicators(str(c), names, data)]
    return np.stack([values[c] for c in selected], axis=1), selected


def _indicators(column: str, names: list[str], data: Data) -> list[str]:
    """The names of the features of a column: one for each category, if it is categorical."""
    return [name for name in names if name.startswith(f"{column}=")] if column in data.categorical else [column]


def _computed(name: str, formula: str, values: dict[str, Any]) -> Any:
    """A derived column. Empty cells stay empty; any other value that is no finite number is an error."""
    result = derive.compute(formula, values)
    wrong = ~np.isfinite(result)
    for column in derive.columns(formula):
        wrong &= np.isfinite(values[column])
    if wrong.any():
        row = int(np.argmax(wrong))
        inputs = ", ".join(f"{column} = {values[column][row]:g}" for column in derive.columns(formula))
        raise DataError("derive", f"{name} = {show(formula)} is {result[row]} in row {row + 1}, where {inputs}")
    return result


def _table(path: Path, data: Data, fewest: int = 2) -> _Table:
    delimiter, sample = table_lines.sample(path, data, fewest)
    notation = Notation.of(data)
    has_header = data.header if isinstance(data.header, bool) else _has_header(sample, data, notation)
    header = [name.strip() for name in sample[0]] if has_header else None
    return _Table(path, data, delimiter, header, len(sample[0]), notation)


def _has_header(sample: list[list[str]], data: Data, notation: Notation) -> bool:
    """Whether the first line holds names: it has text above numbers and no number, or the names that the config uses."""
    first, rows = [cell.strip() for cell in sample[0]], sample[1:]
    used = _column_names(data)
    if used and used <= set(first):
        return True
    numbers = [cell for cell in first if not notation.is_missing(cell) and notation.number(cell) is not None]
    above = next(
        (cell for index, cell in enumerate(first) if _names_numbers(index, sample, bool(numbers), notation)), ""
    )
    if above and numbers:
        message = f"{show(above)} in the first line stands above numbers, but {show(numbers[0])} is a number itself"
        raise DataError("header", f"{message}; set header = true if the line holds names, false if it holds values")
    if above or numbers:
        return bool(above)
    if rows and not used:
        cell = next(filter(None, first), "")
        message = f"every column is text, so {show(cell)} in the first line may be a name or a value"
        raise DataError("header", f"{message}; set header = true or false")
    return True


def _names_numbers(index: int, sample: list[list[str]], among_numbers: bool, notation: Notation) -> bool:
    """Whether the first cell of a column is text and the others are numbers."""
    cell = sample[0][index].strip()
    if notation.is_missing(cell) or notation.number(cell) is not None:
        return False
    below = [row[index] for row in sample[1:] if index < len(row) and not notation.is_missing(row[index])]
    numbers = [text for text in below if notation.number(text) is not None]
    if among_numbers or is_number_like(cell):  # the first line may be values, one of them written in another way
        return bool(below) and len(numbers) == len(below)
    return bool(numbers) or any(is_number_like(text) for text in below)


def _column_names(data: Data) -> set[str]:
    """The columns that ``[data]`` selects by name."""
    keys: list[Column | list[Column] | None] = [
        [column for column in data.target_columns if column != INPUT],
        data.features,
        data.text,
        data.exclude,
        data.categorical,
    ]
    listed = [column for value in keys for column in (value if isinstance(value, list) else [value])]
    return {column for column in listed if isinstance(column, str)}


def _all_numbers(table: _Table, used: columns.Columns) -> Any:
    """The rows by NumPy's reader, ten times as fast as cell by cell; None unless every cell is a plain number."""
    if used.categorical or table.data.text is not None or not table.notation.is_plain:
        return None
    lines = table_lines.lines(table.path, table.data)
    if table.header is not None:
        next(table_lines.cells(lines, table.delimiter))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of an empty file, which is reported by the caller
            rows = np.loadtxt(lines, delimiter=table.delimiter, comments=None, quotechar='"', ndmin=2)
    except UnicodeError:
        raise
    except ValueError:
        return None
    is_exact = rows.shape[1:] == (table.width,) and bool((np.abs(rows) < EXACT).all())
    return rows if is_exact and len(rows) else None


def _from_numbers(rows: Any, table: _Table, used: columns.Columns) -> TableData:
    names = table.names
    targets = table.data.targets()
    as_written = {name for name in used.outputs if targets[name].target_type == "class"}  # names of classes: 007
    y = {name: rows[:, positions] for name, positions in used.outputs.items()}
    if as_written:
        y |= _targets(list(table.rows()), table, used, as_written)
    return TableData(rows[:, used.features], y, [names[i] for i in used.features], _names(table, used), [])


def _from_cells(
    rows: list[tuple[int, list[str]]], table: _Table, used: columns.Columns, train: TableData | None
) -> TableData:
    data, notation = table.data, table.notation
    count = len(rows)
    if data.missing == "drop":
        indices = [*used.features, *used.target]
        rows = [(line, row) for line, row in rows if not any(notation.is_missing(row[i]) for i in indices)]
        if not rows:
            raise DataError("missing", "every row has an empty cell, so none is left")
    known = None if train is None else train.categories
    x, features, categories = _feature_columns(rows, table, used, known)
    y = _targets(rows, table, used, set(used.outputs))
    return TableData(x, y, features, _names(table, used), categories, count - len(rows))


def _targets(
    rows: list[tuple[int, list[str]]], table: _Table, used: columns.Columns, names: set[str]
) -> dict[str, Any]:
    """The targets of some outputs.  -> (n,) or (n, targets)"""
    y = {}
    for name, positions in used.outputs.items():
        if name in names:
            data = table.data.targets()[name]
            listed = positions if isinstance(positions, list) else [positions]
            with columns.of_output(name):
                values = [
                    columns.target([(line, row[i]) for line, row in rows], table.names[i], table.notation, data)
                    for i in listed
                ]
            y[name] = np.array(values).T if isinstance(positions, list) else np.array(values[0])
    return y


def _feature_columns(
    rows: list[tuple[int, list[str]]],
    table: _Table,
    used: columns.Columns,
    known: list[list[str]] | None,
    may_be_empty: bool = False,
) -> tuple[Any, list[str], list[list[str]]]:
    """The features, their names, and the categories of each categorical column. known: the categories of the training table."""
    if table.data.text is not None:
        return _text_column(rows, table, used.features[0]), [table.names[used.features[0]]], []
    categories: list[list[str]] = []
    parts, features = [], []
    for index in used.features:
        name, cells = table.names[index], [(line, row[index]) for line, row in rows]
        if index in used.categorical:
            expected = None if known is None else known[len(categories)]
            values, indicators = columns.categories(cells, name, table.notation, expected)
            categories.append(values)
            parts += indicators
            features += [f"{name}={value}" for value in values]
        else:
            parts.append(columns.feature(cells, name, table.notation, table.data.missing, may_be_empty))
            features.append(name)
    return np.array(parts, dtype=np.float64).T, features, categories


def _text_column(rows: list[tuple[int, list[str]]], table: _Table, index: int) -> Any:
    """A column of text.  -> (n, 1)"""
    texts = np.empty((len(rows), 1), object)
    for number, (line, row) in enumerate(rows):
        texts[number, 0] = row[index].strip()
        if not texts[number, 0]:
            name = show(table.names[index])
            raise DataError(
                "missing", f"column {name} is empty on line {line}", 'set missing = "drop" to leave out such rows'
            )
    return texts
