"""The columns of a table: which are features and which are targets, and their values."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from .cells import EXACT, Notation, is_number_like, look, remedy
from .errors import did_you_mean, listing, printable, show
from .schema import INPUT, Column, Data
from .table_lines import DataError

Cells = list[tuple[int, str]]
"""(line, text) of the cells of a column."""


@dataclass(frozen=True)
class Columns:
    """Positions of the columns that are used.

    target: those of all outputs. outputs: those of each, a position where one column was named and no list; without outputs whose target
    is the input.
    """

    target: list[int]
    features: list[int]
    categorical: set[int]
    outputs: dict[str, int | list[int]]


def select(header: list[str] | None, width: int, data: Data, with_target: bool = True) -> Columns:
    """The columns that ``[data]`` names. with_target: False for a table to predict from, which needs no target."""

    def index(column: Column, key: str) -> int:
        return _index(column, header, width, key)

    outputs: dict[str, int | list[int]] = {}
    names = header or [f"column {i}" for i in range(width)]
    for output, own in data.targets().items() if with_target else ():
        with of_output(output):
            if own.one_target is None and output:
                raise DataError("target", f'needs columns, such as {{ columns = "{printable(names[-1])}" }}')
            target = -1 if own.one_target is None else own.one_target
            if target == INPUT and INPUT not in (header or ()):
                continue
            positions = [index(c, "target") for c in target] if isinstance(target, list) else index(target, "target")
            if isinstance(positions, list):
                _refuse_twice("target", positions, names)
            outputs[output] = positions
    flat = [i for positions in outputs.values() for i in (positions if isinstance(positions, list) else [positions])]
    targets = list(dict.fromkeys(flat))
    excluded = {index(c, "exclude") for c in data.exclude}
    categorical = {index(c, "categorical") for c in data.categorical}
    if data.text is not None:
        features = [index(data.text, "text")]
    elif data.features is None and data.window is not None:
        features = [i for i in range(width) if i not in excluded]  # the target's own past is what it is predicted from
    elif data.features is None:
        features = [i for i in range(width) if i not in targets and i not in excluded]
    else:
        requested = data.features if isinstance(data.features, list) else [data.features]
        features = [index(c, "features") for c in requested]
    _refuse_twice("features", features, names)
    for i in features:
        if i in targets and data.window is None:
            raise DataError("features", f"{show(names[i])} is the target as well; predicting it would be no feat")
        if i in excluded:
            raise DataError("exclude", f"{show(names[i])} is listed in features as well")
    for i in categorical:
        if i not in features:
            raise DataError("categorical", f"{show(names[i])} is not one of the features")
    if not features:
        raise DataError("features", "no column is left to predict from")
    return Columns(targets, features, categorical, outputs)


def _refuse_twice(key: str, positions: list[int], names: list[str]) -> None:
    for number, i in enumerate(positions):
        if i in positions[:number]:
            raise DataError(key, f"{show(names[i])} is listed twice")


@contextmanager
def of_output(name: str) -> Iterator[None]:
    """Say of an error which output's target it is about, and name its keys as in the table of that output. name: "" for the only one."""
    try:
        yield
    except DataError as error:
        if not name:
            raise
        problem, advice = (
            re.sub(r"\btarget_(type|threshold|scale|scaling)\b", r"\1", text) for text in (error.problem, error.advice)
        )
        raise DataError("target", f"{printable(name)}: {problem}", advice) from None


def _index(column: Column, header: list[str] | None, width: int, key: str) -> int:
    if isinstance(column, int):
        if not -width <= column < width:
            raise DataError(key, f"there is no column {column}: the table has {width}, 0 to {width - 1}")
        return column % width
    if header is None:
        raise DataError(key, f"the table has no header, so there is no column {show(column)}; give its position")
    matches = [i for i, name in enumerate(header) if name == column]
    if not matches:
        known = did_you_mean(column, header) or f"; columns: {printable(listing(header, 20))}"
        raise DataError(key, f"there is no column {show(column)}{known}")
    if len(matches) > 1:
        raise DataError(key, f"{len(matches)} columns are called {show(column)}; give the position instead")
    return matches[0]


def categories(cells: Cells, name: str, notation: Notation, known: list[str] | None) -> tuple[list[str], Any]:
    """The distinct texts of a column, and a column of 0 and 1 for each of them.

    known: the texts of the training table, for a test table.
    """
    texts = [text.strip() for _, text in cells]
    distinct = sorted(set(texts)) if known is None else known
    for (line, _), text in zip(cells, texts):
        if notation.is_missing(text):
            raise DataError("missing", _empty(name, text, line), _DROP)
        if text not in distinct:
            raise DataError("test_path", f"{show(text)} in column {show(name)} is not in the training table")
    return distinct, [[float(text == value) for text in texts] for value in distinct]


_DROP = 'set missing = "drop", or missing_values without it if it is a value'


def _empty(name: str, text: str, line: int) -> str:
    if not text:
        return f"column {show(name)} is empty on line {line}"
    return f"column {show(name)} is empty on line {line}: it holds {show(text)}"


def feature(cells: Cells, name: str, notation: Notation, missing: str, may_be_empty: bool = False) -> list[float]:
    """The numbers of a column, NaN where a cell is empty. may_be_empty: whether there may be nothing but empty cells."""
    numbers, empty = [], []
    for line, text in cells:
        value = notation.number(text)
        if value is None:
            cures = [remedy(text, notation), "list the column in categorical, or leave it out with exclude"]
            held = f"column {show(name)} holds {show(text)} on line {line}, which is no number"
            raise DataError("features", held, "; or ".join(cure for cure in cures if cure))
        _check(value, text, f"column {show(name)} holds {show(text)} on line {line}", notation, "features")
        if math.isnan(value):
            empty.append((line, text.strip()))
        numbers.append(value)
    _refuse_mixed_units(cells, name, notation, "features")
    if empty and missing == "error":
        line, text = empty[0]
        held = f" ({show(text)})" if text else ""
        count = "an empty cell" if len(empty) == 1 else f"{len(empty)} empty cells, the first"
        message = f"column {show(name)} has {count} on line {line}{held}"
        raise DataError("missing", message, 'set missing = "drop" or "mean", or exclude the column')
    if len(empty) == len(numbers) and not may_be_empty:
        raise DataError("missing", f"column {show(name)} is empty from top to bottom", "exclude it")
    return numbers


def _refuse_mixed_units(cells: Cells, name: str, notation: Notation, key: str) -> None:
    """Refuse numbers of one column in several units: 3 kg and 500 g."""
    first: tuple[int, str, tuple[str, ...]] | None = None
    for line, text in cells if notation.units else []:
        units = notation.units_of(text)
        if first is None and units:
            first = line, text, units
        if first is not None and units and units != first[2]:
            held = f"column {show(name)} holds {show(first[1].strip())} on line {first[0]} and {show(text.strip())} on line {line}"
            raise DataError(key, f"{held}, in different units; convert the column to one of them")


def _check(value: float, text: str, held: str, notation: Notation, key: str) -> None:
    if math.isinf(value):
        raise DataError(key, f"{held}; it must be finite")
    if abs(value) >= EXACT and notation.is_inexact(text):
        cure = "list the column in categorical, or exclude it" if key == "features" else 'set target_type = "class"'
        problem = f"{held}, a whole number with more digits than float64 keeps"
        raise DataError(key, problem, f"if it is an identifier, {cure}")


def needs_numbers(data: Data) -> str | None:
    """The key of ``[data]`` by which the target has to be numbers, if there is one."""
    keys = {
        "target_threshold": data.target_threshold is not None,
        "target_scale": data.target_scale is not None,
        "target_scaling": data.target_scaling != "none",
        "target_type": data.target_type == "number",
    }
    return next((key for key, used in keys.items() if used), None)


def _refuse_spellings(cells: Cells, name: str) -> None:
    """Refuse classes that differ in capitals, spaces or invisible characters only, such as "Yes" and "yes"."""
    lines: dict[str, int] = {}
    for line, cell in cells:
        lines.setdefault(cell.strip(), line)
    first: dict[str, str] = {}
    for text, line in lines.items():
        other = first.setdefault(look(text), text)
        if other != text:
            held = f"column {show(name)} holds {show(text)} on line {line} and {show(other)} on line {lines[other]}"
            cure = 'write them alike, or set target_type = "class" if they are two classes'
            raise DataError("target", f"{held}, which look like one class", cure)


def target(cells: Cells, name: str, notation: Notation, data: Data) -> list[Any]:
    """The numbers of a target column, or its texts, which are classes."""
    for line, text in cells:
        if notation.is_missing(text):
            raise DataError("target", _empty(name, text.strip(), line), _DROP)
    numbers = [notation.number(text) for _, text in cells]
    if data.target_type == "class":
        if any(number is None for number in numbers):
            return [text.strip() for _, text in cells]
        for (line, text), number in zip(cells, numbers):
            if number is not None and math.isinf(number):
                raise DataError("target", f"column {show(name)} holds {show(text)} on line {line}; it must be finite")
        return [notation.class_name(text) for _, text in cells]
    key = needs_numbers(data)
    texts = [cell for cell, number in zip(cells, numbers) if number is None]
    odd = texts if key or len(texts) < len(cells) else [cell for cell in cells if is_number_like(cell[1])]
    if odd:
        line, text = odd[0]
        held = f"column {show(name)} holds text ({show(text)} on line {line})"
        if len(texts) < len(cells):
            held += f" and numbers: {len(texts)} of {len(cells)} cells are no number"
        cures = [
            remedy(text, notation),
            "" if key else 'set target_type = "class" to make a class of every distinct text',
        ]
        raise DataError(key or "target", held, "; or ".join(filter(None, cures)))
    if texts:
        _refuse_spellings(cells, name)
        return [text.strip() for _, text in cells]
    for (line, text), number in zip(cells, numbers):
        assert number is not None
        _check(number, text, f"column {show(name)} holds {show(text)} on line {line}", notation, "target")
    _refuse_mixed_units(cells, name, notation, "target")
    return numbers
