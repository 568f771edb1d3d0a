"""Reading the samples of ``[data]``: a built-in data set, a table, arrays, or lists in the config."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from dualnet.datasets import download, hashed

from . import folders, language
from .array_files import read_arrays
from .columns import of_output
from .config import Settings
from .errors import Failure, did_you_mean, listing, one_line, printable, show
from .parts import Part
from .prepare import Dataset, RawData, prepare
from .schema import INPUT, Data, is_folder, is_text
from .table_lines import DataError
from .tables import TableData, read_table

BUILT_IN_SHAPES = {"digits": (8, 8), "mnist": (28, 28), "fashion_mnist": (28, 28), "cifar10": (32, 32, 3)}
_MAX_BYTES = 1 << 30  # a longer download is aborted


def load(settings: Settings) -> Dataset:
    """Read, split and prepare the samples. Mistakes in them raise a ``CliError`` that names the key."""
    data = settings.data
    try:
        if data.path is not None and is_text(data.path):
            test_path = None if data.test_path is None else settings.data_path(data.test_path)
            return language.load(settings, _file(settings, data.path), test_path)
        return prepare(_read(settings), settings)
    except MemoryError:
        raise settings.fail(("data",), "the samples are larger than the memory") from None
    except DataError as error:
        raise settings.fail(("data", error.key) if error.key else ("data",), one_line(error)) from None


def placeholder(settings: Settings) -> Dataset:
    """Zeros in the place of a built-in data set that is not here, whose shape is known all the same; other data are loaded."""
    if not settings.data.name:
        return load(settings)
    shape = BUILT_IN_SHAPES[settings.data.name]
    zeros = Part(np.zeros((10, *shape)), _the_target(np.arange(10), settings.data))
    return prepare(
        RawData(zeros, zeros, shuffle=False),
        replace(settings, fit=settings.fit.model_copy(update={"validation_split": 0.0})),
    )


def _read(settings: Settings) -> RawData:
    data = settings.data
    if data.name is not None:
        import dualnet

        try:
            train, test = getattr(dualnet.datasets, data.name).load_data()
        except (OSError, RuntimeError) as error:
            raise Failure(one_line(error)) from None
        held = [Part(x, _the_target(y, data)) for x, y in (train, test)]
        return RawData(held[0], held[1], shuffle=False)
    if data.path is None:
        x, y = _numbers(data.x, "x"), data.y or []
        targets = np.array(y) if all(isinstance(value, str) for value in y) else _numbers(y, "y")
        return RawData(Part(x, _the_target(targets, data)), shuffle=False)
    path = _file(settings, data.path)
    test_path = settings.data_path(data.test_path) if data.test_path else None
    if is_folder(data.path):
        x, y = folders.read(path, data)
        raw = RawData(Part(x, _the_target(y, data)))
        if test_path is not None:
            x, y = folders.read(test_path, data)
            raw = replace(raw, test=Part(x, _the_target(y, data)))
            _check_classes(raw.train.y, raw.test.y if raw.test else {}, test_path, data)
        return raw
    if path.suffix.lower() == ".npz":
        raw = _arrays(path, settings)
        if test_path:
            raw = replace(raw, test=_arrays(test_path, settings).train)
        if raw.test is not None:
            _check_classes(raw.train.y, raw.test.y, test_path or path, data)
        return raw
    table = read_table(path, data)
    raw = RawData(
        Part(table.x, table.y), features=table.features, dropped=table.dropped, table=table, shuffle=data.window is None
    )
    if test_path is None:
        return raw
    test = _test_table(test_path, table, data)
    return replace(raw, test=Part(test.x, test.y), dropped=table.dropped + test.dropped)


def _file(settings: Settings, name: str) -> Path:
    """The file of ``path``, downloaded if it is not on this machine."""
    path, data = settings.data_path(name), settings.data
    if data.urls is None or data.sha256 is None or path.exists():
        return path
    parent = PurePath(name).parent
    folder = "" if parent.is_absolute() or parent.drive or ".." in parent.parts else parent.as_posix()
    folder = "" if folder == "." else folder
    try:
        hashed.fetch_file(path.name, data.urls, data.sha256, lambda file: None, folder=folder, max_bytes=_MAX_BYTES)
    except (OSError, RuntimeError) as error:
        raise Failure(f"there is no {path}; {one_line(error)}") from None
    return download.cache_dir() / "datasets" / folder / path.name


def _test_table(path: Path, train: TableData, data: Data) -> TableData:
    try:
        table = read_table(path, data, train)
    except DataError as error:
        message = str(error) if path.name in str(error) else f"{path.name}: {error}"
        raise DataError(error.key, message) from None
    _check_classes(train.y, table.y, path, data)
    return table


def _check_classes(train: dict[str, Any], test: dict[str, Any], path: Path, data: Data) -> None:
    """Refuse a test set whose targets are of another kind, or of a class that nothing was trained for."""
    targets = data.targets()
    for name, y in train.items():
        with of_output(name):
            _check_classes_of(y, test[name], path, targets[name])


def _check_classes_of(train: Any, test: Any, path: Path, data: Data) -> None:
    key = "test_path" if data.test_path else "path"
    is_text = train.dtype.kind == "U"
    if is_text != (test.dtype.kind == "U"):
        held = ("numbers", "text") if is_text else ("text", "numbers")
        message = f"the test set in {path.name} has {held[0]} in the target where the training set has {held[1]}"
        raise DataError(key, f"{message}; target_type says which it is")
    if is_text or data.target_type == "class":
        unknown = np.setdiff1d(test, train)
        if len(unknown):
            message = f"the test set in {path.name} has the class {show(str(unknown[0]))}"
            raise DataError(key, f"{message}, which is not in the training set")


def _numbers(value: Any, key: str) -> Any:
    """The numbers of a list in the config; whole numbers keep all their digits."""
    try:
        array = np.array(value)
        if array.dtype.kind not in "biuf":
            raise TypeError
        return array if array.dtype.kind in "iu" else array.astype(np.float64)
    except (ValueError, TypeError):
        rows = value if isinstance(value, list) else [value]
        shapes = [_shape(row) for row in rows]
        for number, (row, shape) in enumerate(zip(rows, shapes), 1):
            if shape != shapes[0]:
                raise DataError(key, f"entry {number}, {show(row)}, is not shaped like the first") from None
        raise DataError(key, f"expected numbers in rows of equal length, got {show(value)}") from None


def _shape(row: Any) -> tuple[int, ...] | None:
    try:
        return np.shape(row)
    except ValueError:  # lists of different lengths
        return None


def _the_target(y: Any, data: Data) -> dict[str, Any]:
    """The targets of data that have one, "y", by output."""
    targets = {}
    for name, own in data.targets().items():
        with of_output(name):
            if own.target not in (None, "y", INPUT):
                raise DataError(
                    "target",
                    f'these data have the target "y", or "input" for the samples themselves, not {show(own.target)}',
                )
        if own.target != INPUT:
            targets[name] = y
    return targets


def _arrays(path: Path, settings: Settings) -> RawData:
    data = settings.data
    arrays = read_arrays(path)
    test_ends = "" if data.test_path else "_test"
    inputs = _array_inputs(settings)
    is_split = all(name not in arrays and f"{name}_train" in arrays for name in inputs.values())
    end = "_train" if is_split else ""
    targets = {
        name: str(own.target or "y") for name, own in data.targets().items() if own.target != INPUT or INPUT in arrays
    }
    for key, names in (("features", inputs), ("target", targets)):
        for output, name in names.items():
            with of_output(output) if key == "target" else nullcontext():
                _check_array(arrays, f"{name}{end}", key, path)

    def part(end: str) -> Part:
        x = {name: arrays[f"{array}{end}"] for name, array in inputs.items()}
        return Part(x.get("", x), {k: arrays[f"{v}{end}"] for k, v in targets.items()})

    test = None
    if test_ends and all(f"{name}{test_ends}" in arrays for name in (*inputs.values(), *targets.values())):
        if data.test_split:
            held = " and ".join(f"{name}{test_ends}" for name in (*inputs.values(), *targets.values()))
            raise DataError("test_split", f"{path.name} holds a test set of its own, {held}")
        test = part(test_ends)
    return RawData(part(end), test)


def _array_inputs(settings: Settings) -> dict[str, str]:
    """The array of each input of the model, by its name; that of the only one is called ""."""
    data = settings.data
    for key in ("features", "target"):
        columns = [data.features] if key == "features" else data.target_columns
        if wrong := next((c for c in columns if not isinstance(c, str | None)), None):
            raise DataError(key, f"for an .npz file this is the name of one array, got {show(wrong)}")
    for own in data.targets().values():
        if not isinstance(own.target, str | None):
            raise DataError("target", f"for an .npz file this is the name of one array, got {show(own.target)}")
    inputs = settings.model.inputs
    if inputs is None or any(entry.columns is not None for entry in inputs):
        return {"": str(data.features or "x")}
    if data.features is not None:
        raise DataError("features", "[[model.inputs]] say which array goes where; leave this out")
    return {entry.name: entry.array or entry.name for entry in inputs}


def _check_array(arrays: dict[str, Any], name: str, key: str, path: Path) -> None:
    if name not in arrays:
        hint = did_you_mean(name, arrays) or f"; it holds: {printable(listing(arrays))}"
        raise DataError(key, f"{path.name} holds no array {show(name)}{hint}")
    if arrays[name].dtype.kind not in ("biuf" if key == "features" else "biufU") or arrays[name].ndim == 0:
        raise DataError(key, f"array {show(name)} does not hold numbers (dtype {arrays[name].dtype})")
