"""Files in folders, with a label each: what the data sets made from directories have in common."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..data import Dataset
from .io_utils import print_msg


class Files(NamedTuple):
    """File names, their labels (int32, or None) and the names of the classes (or None)."""

    paths: list[str]
    labels: Any
    class_names: list[str] | None


def check(
    labels: Any,
    label_mode: str | None,
    class_names: Sequence[str] | None,
    validation_split: float | None,
    subset: str | None,
    shuffle: bool,
    seed: int | None,
    format: str,
) -> None:
    """Raise ValueError for arguments that are wrong or do not go together."""
    if not (labels is None or isinstance(labels, (list, tuple)) or (isinstance(labels, str) and labels == "inferred")):
        raise ValueError(
            f'`labels` argument should be "inferred", None or a list with a label for every file, got {labels!r:.60}'
        )
    if class_names is not None and not isinstance(labels, str):
        raise ValueError('You can only pass `class_names` if `labels="inferred"`: they are the names of the folders')
    if label_mode not in ("int", "categorical", "binary", None):
        raise ValueError(f'`label_mode` argument must be "int", "categorical", "binary" or None, got {label_mode!r}')
    if validation_split is not None and validation_split and not 0 < validation_split < 1:
        raise ValueError(f"`validation_split` must be between 0 and 1, got {validation_split}")
    if bool(validation_split) != bool(subset):
        raise ValueError("`validation_split` must be set if `subset` is, and the reverse: give both or neither")
    if subset not in ("training", "validation", "both", None):
        raise ValueError(f'`subset` must be either "training", "validation" or "both", got {subset!r}')
    if validation_split and shuffle and seed is None:
        raise ValueError(
            "with validation_split and shuffle you must provide a `seed`: it keeps the training and the validation files apart"
        )
    if format not in ("tf", "grain"):
        raise ValueError(f'`format` should be "tf" or "grain", got {format!r}')


def find(
    directory: Any,
    labels: Any,
    formats: tuple[str, ...],
    class_names: Sequence[str] | None,
    shuffle: bool,
    seed: int,
    follow_links: bool,
    verbose: bool,
) -> Files:
    """The files below a directory that end in one of `formats`, in Keras's order for this seed."""
    directory = os.fspath(directory)
    if not os.path.isdir(directory):
        raise ValueError(f"{directory} is no folder")
    if isinstance(labels, str):
        folders = [entry.name for entry in os.scandir(directory) if entry.is_dir() and not entry.name.startswith(".")]
        names = sorted(folders) if class_names is None else list(class_names)
        missing = [name for name in names if name not in folders]
        if missing:
            raise ValueError(
                f"the `class_names` passed did not match the folders in {directory}, {sorted(folders)}: there is no {missing[0]!r}"
            )
        found = [_below(os.path.join(directory, name), formats, follow_links) for name in names]
        paths = [path for some in found for path in some]
        numbers: Any = np.repeat(np.arange(len(names), dtype=np.int32), [len(some) for some in found])
    else:
        paths = _below(directory, formats, follow_links)
        numbers, names = None, []
        if labels is not None:
            if len(labels) != len(paths):
                raise ValueError(
                    f"Expected the lengths of `labels` to match the number of files in {directory}, {len(paths)}, got {len(labels)}"
                )
            numbers, names = np.array(labels, np.int32), [str(label) for label in sorted(set(labels))]
    if verbose:
        classes = "" if numbers is None else f" belonging to {len(names)} classes"
        print_msg(f"Found {len(paths)} files{classes}.")
    if shuffle:
        order = np.arange(len(paths))
        np.random.RandomState(seed).shuffle(order)
        paths = [paths[i] for i in order]
        numbers = None if numbers is None else numbers[order]
    return Files(paths, numbers, None if numbers is None else names)


def _below(directory: str, formats: tuple[str, ...], follow_links: bool) -> list[str]:
    walk = sorted(os.walk(directory, followlinks=follow_links), key=lambda found: found[0])
    return [
        os.path.join(root, name) for root, _, names in walk for name in sorted(names) if name.lower().endswith(formats)
    ]


def part(files: Files, validation_split: float | None, subset: str | None) -> Files:
    """The files for training, or those for validation, which are the last ones."""
    if not validation_split:
        return files
    count = int(validation_split * len(files.paths))
    cut = len(files.paths) - count
    chosen = slice(0, cut) if subset == "training" else slice(cut, None)
    print_msg(f"Using {cut if subset == 'training' else count} files for {subset}.")
    labels = None if files.labels is None else files.labels[chosen]
    return Files(files.paths[chosen], labels, files.class_names)


def encoded(files: Files, label_mode: str | None) -> Any:
    """The labels as a loss wants them: int32 `(n,)`, one hot `(n, classes)`, or 0.0 and 1.0 `(n, 1)`."""
    labels, names = files.labels, files.class_names
    if labels is None or label_mode == "int":
        return labels
    assert names is not None
    if label_mode == "binary":
        if len(names) != 2:
            raise ValueError(f'with label_mode="binary" there must be exactly 2 classes, got {len(names)}: {names}')
        return labels.astype(np.float32)[:, None]
    if len(labels) and (labels.min() < 0 or labels.max() >= len(names)):
        raise ValueError(f'label_mode="categorical" needs labels from 0 to {len(names) - 1}, got {sorted(set(labels))}')
    return np.eye(len(names), dtype=np.float32)[labels]


def ordered(files: Files, label_mode: str | None, batch_size: int | None, shuffle: bool, seed: int) -> Dataset:
    """File names, with labels if there are any, mixed anew in every pass if wanted."""
    labels = encoded(files, label_mode)
    names = np.empty(len(files.paths), object)
    names[:] = files.paths
    dataset = Dataset.from_tensor_slices(names if labels is None else (names, labels))
    return dataset.shuffle(batch_size * 8 if batch_size else 1024, seed=seed) if shuffle else dataset
