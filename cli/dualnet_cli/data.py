"""Reading the samples of ``[data]``: a built-in data set, a table, arrays, or lists in the config."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from dualnet.datasets import download, hashed

from .array_files import read_arrays
from .config import Settings
from .errors import Failure, did_you_mean, listing, one_line, show
from .prepare import Dataset, Part, RawData, prepare
from .schema import Data
from .table_lines import DataError
from .tables import TableData, read_table

BUILT_IN_SHAPES = {"digits": (8, 8), "mnist": (28, 28), "fashion_mnist": (28, 28), "cifar10": (32, 32, 3)}
_MAX_BYTES = 1 << 30  # a longer download is aborted


def load(settings: Settings) -> Dataset:
    """Read, split and prepare the samples. Mistakes in them raise a ``CliError`` that names the key."""
    try:
        return prepare(_read(settings), settings)
    except DataError as error:
        raise settings.fail(("data", error.key) if error.key else ("data",), one_line(error)) from None


def sample_shape(settings: Settings) -> tuple[int, ...]:
    """The shape of one sample; for a built-in data set it is known without loading the data."""
    if settings.data.name:
        shape = BUILT_IN_SHAPES[settings.data.name]
        return (math.prod(shape),) if settings.data.flatten else shape
    return tuple(load(settings).train.x.shape[1:])


def _read(settings: Settings) -> RawData:
    data = settings.data
    if data.name is not None:
        import dualnet

        try:
            train, test = getattr(dualnet.datasets, data.name).load_data()
        except (OSError, RuntimeError) as error:
            raise Failure(one_line(error)) from None
        return RawData(Part(*train), Part(*test), shuffle=False)
    if data.path is None:
        x, y = _numbers(data.x, "x"), data.y or []
        targets = np.array(y) if all(isinstance(value, str) for value in y) else _numbers(y, "y")
        return RawData(Part(x, targets), shuffle=False)
    path = _file(settings, data.path)
    test_path = settings.data_path(data.test_path) if data.test_path else None
    if path.suffix.lower() == ".npz":
        raw = _arrays(path, data)
        if test_path:
            raw = replace(raw, test=_arrays(test_path, data).train)
        if raw.test is not None:
            _check_classes(raw.train.y, raw.test.y, test_path or path, data)
        return raw
    table = read_table(path, data)
    raw = RawData(Part(table.x, table.y), features=table.features, dropped=table.dropped, table=table)
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


def _check_classes(train: Any, test: Any, path: Path, data: Data) -> None:
    """Refuse a test set whose targets are of another kind, or of a class that nothing was trained for."""
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


def _arrays(path: Path, data: Data) -> RawData:
    for key in ("features", "target"):
        if not isinstance(getattr(data, key), str | None):
            raise DataError(key, f"for an .npz file this is the name of one array, got {show(getattr(data, key))}")
    arrays = read_arrays(path)
    x_name, y_name = str(data.features or "x"), str(data.target or "y")
    if data.features is None and data.target is None and "x" not in arrays and "x_train" in arrays:
        x_name, y_name, x_test, y_test = "x_train", "y_train", "x_test", "y_test"
    else:
        x_test, y_test = f"{x_name}_test", f"{y_name}_test"
    for key, name in (("features", x_name), ("target", y_name)):
        if name not in arrays:
            hint = did_you_mean(name, arrays) or f"; it holds: {listing(arrays)}"
            raise DataError(key, f"{path.name} holds no array {show(name)}{hint}")
        if arrays[name].dtype.kind not in ("biuf" if key == "features" else "biufU") or arrays[name].ndim == 0:
            raise DataError(key, f"array {show(name)} does not hold numbers (dtype {arrays[name].dtype})")
    test = None
    if x_test in arrays and y_test in arrays and not data.test_path:
        if data.test_split:
            raise DataError("test_split", f"{path.name} holds a test set of its own, {x_test} and {y_test}")
        test = Part(arrays[x_test], arrays[y_test])
    return RawData(Part(arrays[x_name], arrays[y_name]), test)
