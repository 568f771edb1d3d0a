"""Targets as training wants them: numbers scaled, classes numbered, rows of 0 and 1."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import numpy as np

from .cells import first_inexact, look, number_name
from .columns import needs_numbers
from .errors import show
from .schema import Data
from .table_lines import DataError

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")


def encode(parts: list[Any], data: Data) -> tuple[list[Any], list[str] | None, Any, Any]:
    """The targets of every part, the names of the classes if they are classes, and what was subtracted and divided by."""
    targets = np.concatenate(parts)
    classes = None
    subtract: Any = None
    divide: Any = None
    key = needs_numbers(data)
    if key and targets.dtype.kind == "U":
        raise DataError(key, f"the target holds text ({show(str(targets.ravel()[0]))}), not numbers")
    if targets.dtype.kind == "f" and not np.isfinite(targets).all():
        raise DataError("target", "it holds values that are not finite numbers")
    if data.target_type == "class" or targets.dtype.kind == "U":
        if targets.ndim > 1 and targets.shape[1:] != (1,):
            raise DataError("target_type", "classes need a single target column")
        values, numbers = np.unique(targets.ravel(), return_inverse=True)
        names = [_class_name(value) for value in values]
        if data.target_type == "auto":
            _refuse_spellings(names)
        classes = _sorted(names)
        position = {name: i for i, name in enumerate(classes)}
        targets = np.array([position[name] for name in names], dtype=np.int32)[numbers]
    elif (number := first_inexact(targets)) is not None:
        message = f"it holds {number}, a whole number with more digits than float64 keeps"
        raise DataError("target", f'{message}; if it is an identifier, set target_type = "class"')
    elif data.target_threshold is not None:
        targets = (targets >= data.target_threshold).astype(np.int32)
    elif data.target_scaling == "standard":
        subtract, divide = mean_and_deviation(parts[0], data.ddof)
        targets = ((targets - subtract) / divide).astype(np.float32)
    elif data.target_scale is not None:
        divide = data.target_scale
        targets = (targets / divide).astype(np.float32)
    else:
        whole = targets.dtype.kind in "biu" or bool((targets == np.floor(targets)).all())
        small = whole and bool((np.abs(targets.astype(np.float64)) < 2**31).all())
        targets = targets.astype(np.int32 if small else np.float32)
    if targets.dtype.kind == "f" and not np.isfinite(targets).all():
        raise DataError("target", "it holds values too large for float32; set target_scale")
    if data.one_hot:
        targets = _one_hot(targets)
    edges = np.cumsum([len(part) for part in parts])[:-1]
    return np.split(targets, edges), classes, subtract, divide


def encode_as(y: Any, data: Data, learned: Any, outputs: int | None) -> Any:
    """Other targets as those of the training were encoded.

    learned: has ``classes``, ``target_subtract`` and ``target_divide``. outputs: how many columns one-hot targets have.

    Raises:
        DataError: a class that the training did not have, text in the place of numbers, values that are no finite numbers.
    """
    if learned.classes is None and y.dtype.kind == "U":
        raise DataError(
            "target", f"the target holds text ({show(str(y.ravel()[0]))}), expected numbers as in the training"
        )
    if y.dtype.kind == "f" and not np.isfinite(y).all():
        raise DataError("target", "the target holds values that are not finite numbers")
    if learned.classes is not None:
        position = {name: i for i, name in enumerate(learned.classes)}
        names = [_class_name(value) for value in y.ravel()]
        unknown = next((name for name in names if name not in position), None)
        if unknown is not None:
            raise DataError("target", f"the target has the class {show(unknown)}, which the training did not have")
        y = np.array([position[name] for name in names], dtype=np.int32)
    elif data.target_threshold is not None:
        y = (y >= data.target_threshold).astype(np.int32)
    elif learned.target_divide is not None:
        subtract = 0.0 if learned.target_subtract is None else np.asarray(learned.target_subtract)
        y = ((y - subtract) / np.asarray(learned.target_divide)).astype(np.float32)
    else:
        small = bool((y == np.floor(y)).all() and (np.abs(y.astype(np.float64)) < 2**31).all())
        y = y.astype(np.int32 if small else np.float32)
    if not data.one_hot:
        return y
    y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    if outputs is None or y.ndim != 1 or y.dtype.kind != "i" or y.min() < 0 or y.max() >= outputs:
        raise DataError("target", f"the target holds other classes than the {outputs} of the training")
    return np.eye(outputs, dtype=np.float32)[y]


def mean_and_deviation(train: Any, ddof: int) -> tuple[Any, Any]:
    """Mean and standard deviation of every column; 1 for a constant one, whose deviation may be a rounding error."""
    deviation = train.std(axis=0, ddof=ddof, dtype=np.float64)
    return train.mean(axis=0, dtype=np.float64), np.where(train.max(axis=0) > train.min(axis=0), deviation, 1.0)


def _refuse_spellings(names: list[str]) -> None:
    """Refuse classes that look like one, as those of a table are, with their lines, when it is read."""
    first: dict[str, str] = {}
    for name in names:
        if first.setdefault(look(name), name) != name:
            message = f"classes {show(first[look(name)])} and {show(name)} look like one"
            raise DataError("target", f'{message}; write them alike, or set target_type = "class" if they are two')


def _class_name(value: Any) -> str:
    return number_name(value) if isinstance(value, np.floating) else str(value)


def all_numbers(names: list[str]) -> bool:
    """Whether the names of all classes are numbers."""
    return all(_NUMBER.fullmatch(name) for name in names)


def _sorted(names: list[str]) -> list[str]:
    """The names of classes in the order of the numbers they are, if all are numbers, or else of the texts."""
    if not all_numbers(names):
        return sorted(names)
    ordered = sorted(names, key=Decimal)
    for name, following in zip(ordered, ordered[1:]):
        if Decimal(name) == Decimal(following):
            message = f"{show(name)} and {show(following)} are the same number in two spellings; write them alike"
            raise DataError("target", message)
    return ordered


def _one_hot(y: Any) -> Any:
    y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    if y.dtype.kind != "i" or y.ndim != 1 or (y < 0).any():
        raise DataError("one_hot", 'needs a target of whole numbers from 0; target_type = "class" makes them')
    if y.max() > 100_000:
        raise DataError("one_hot", f"the target goes up to {y.max()}, which would make as many columns")
    encoded = np.zeros((len(y), int(y.max()) + 1), np.float32)
    encoded[np.arange(len(y)), y] = 1
    return encoded
