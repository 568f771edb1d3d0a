"""The image files that ``ImageDataGenerator`` reads: in folders of classes, or named in a table."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..core.warning import warn
from ..utils.directory_index import list_files
from ..utils.io_utils import print_msg

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".ppm", ".tif", ".tiff")
CLASS_MODES = ("categorical", "binary", "sparse", "input", None)
TABLE_MODES = (*CLASS_MODES[:-1], "raw", "multi_output", None)


class ImageFiles(NamedTuple):
    """Paths, what they are called, the label of each (or a list of arrays), the number of each class, and weights."""

    paths: list[str]
    names: list[str]
    labels: Any
    class_indices: dict[str, int]
    weights: Any = None


def directory_files(
    directory: Any,
    classes: Sequence[str] | None,
    class_mode: str | None,
    follow_links: bool,
    validation_split: float,
    subset: str | None,
) -> ImageFiles:
    """The image files in the folders of a directory, those of each class sorted and split."""
    if class_mode not in CLASS_MODES:
        raise ValueError(f"class_mode must be one of {CLASS_MODES}, got {class_mode!r}")
    directory = os.fspath(directory)
    if not os.path.isdir(directory):
        raise ValueError(f"{directory} is no folder")
    folders = sorted(entry.name for entry in os.scandir(directory) if entry.is_dir())
    chosen = list(classes) if classes else folders
    missing = [name for name in chosen if name not in folders]
    if missing:
        raise ValueError(f"classes names {missing[0]!r}, but {directory} has the folders {folders}")
    _check_binary(class_mode, chosen)
    paths: list[str] = []
    labels: list[int] = []
    for label, name in enumerate(chosen):
        files = list_files(os.path.join(directory, name), SUFFIXES, follow_links)
        files = files[_part(len(files), validation_split, subset)]
        paths += files
        labels += [label] * len(files)
    print_msg(f"Found {len(paths)} images belonging to {len(chosen)} classes.")
    names = [os.path.relpath(path, directory) for path in paths]
    return ImageFiles(paths, names, np.array(labels, "int32"), {name: i for i, name in enumerate(chosen)})


def table_files(
    table: Any,
    directory: Any,
    x_col: str,
    y_col: Any,
    weight_col: str | None,
    classes: Sequence[str] | None,
    class_mode: str | None,
    validate: bool,
    validation_split: float,
    subset: str | None,
) -> ImageFiles:
    """The image files in the rows of a table, and their labels."""
    if class_mode not in TABLE_MODES:
        raise ValueError(f"class_mode must be one of {TABLE_MODES}, got {class_mode!r}")
    names = [os.fspath(name) for name in _column(table, x_col)]
    paths = [name if directory is None else os.path.join(os.fspath(directory), name) for name in names]
    keep = np.arange(len(paths))
    if validate:
        keep = np.array([i for i, p in enumerate(paths) if p.lower().endswith(SUFFIXES) and os.path.isfile(p)], int)
        if len(keep) < len(paths):
            wrong = paths[next(i for i in range(len(paths)) if i not in set(keep.tolist()))]
            warn(f"{len(paths) - len(keep)} rows are left out: their file is not there or is no image, such as {wrong}")
    indices: dict[str, int] = {}
    labels: Any = None
    if class_mode in ("categorical", "binary", "sparse"):
        rows = _column(table, y_col)
        lists = [list(v) if isinstance(v, (list, tuple)) and class_mode == "categorical" else [v] for v in rows]
        wrong = next((v for row in lists for v in row if not isinstance(v, str)), None)
        if wrong is not None:
            raise TypeError(
                f'class_mode="{class_mode}" expects classes as strings in the column {y_col!r}, got {wrong!r}: convert the column '
                'with .astype(str), or use class_mode="raw" for numbers'
            )
        known = list(classes) if classes else sorted({v for i in keep for v in lists[i]})
        indices = {name: i for i, name in enumerate(known)}
        _check_binary(class_mode, known)
        keep = np.array([i for i in keep if any(v in indices for v in lists[i])], int)  # rows of other classes
        if class_mode == "categorical":
            labels = [[indices[v] for v in row if v in indices] for row in lists]
        else:
            labels = np.array([indices.get(row[0], 0) for row in lists], "int32")
    elif class_mode == "raw":
        columns = [y_col] if isinstance(y_col, str) else list(y_col)
        arrays = [np.asarray(_column(table, c)) for c in columns]
        labels = arrays[0] if isinstance(y_col, str) else np.stack(arrays, axis=-1)
    elif class_mode == "multi_output":
        if isinstance(y_col, str):
            raise TypeError('class_mode="multi_output" expects a list of columns in y_col')
        labels = [np.asarray(_column(table, c)) for c in y_col]
    keep = keep[_part(len(keep), validation_split, subset)]
    suffix = f" belonging to {len(indices)} classes" if indices else ""
    print_msg(
        f"Found {len(keep)} validated image filenames{suffix}." if validate else f"Found {len(keep)} files{suffix}."
    )
    if isinstance(labels, list):
        labels = [a[keep] for a in labels] if class_mode == "multi_output" else [labels[i] for i in keep]
    elif labels is not None:
        labels = labels[keep]
    weights = None if weight_col is None else np.asarray(_column(table, weight_col))[keep]
    return ImageFiles([paths[i] for i in keep], [names[i] for i in keep], labels, indices, weights)


def _column(table: Any, name: Any) -> list[Any]:
    try:
        column = table[name]
    except (KeyError, IndexError):
        known = [str(c) for c in getattr(table, "columns", table)]
        raise ValueError(f"the table has no column {name!r}; it has {', '.join(known)}") from None
    return column.tolist() if hasattr(column, "tolist") else list(column)


def _part(count: int, validation_split: float, subset: str | None) -> slice:
    """The first ones are for validation."""
    cut = int(validation_split * count)
    return slice(None) if subset is None else slice(None, cut) if subset == "validation" else slice(cut, None)


def _check_binary(class_mode: str | None, classes: Sequence[str]) -> None:
    if class_mode == "binary" and len(classes) != 2:
        raise ValueError(f'class_mode="binary" needs two classes, there are {len(classes)}: {list(classes)}')
