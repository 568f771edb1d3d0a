"""Labelled files in folders: the common part of the loaders of image and text directories."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..data import AUTOTUNE, Dataset
from .io_utils import print_msg


class Files(NamedTuple):
    """Paths, their labels (int32, or None) and the class names (or None)."""

    paths: list[str]
    labels: Any
    class_names: list[str] | None


@dataclass
class Options:
    """The arguments of the loaders, as for `image_dataset_from_directory`. ValueError if they contradict each other."""

    directory: Any
    labels: Any
    label_mode: str | None
    class_names: Sequence[str] | None
    batch_size: int | None
    shuffle: bool
    seed: int | None
    validation_split: float | None
    subset: str | None
    follow_links: bool
    format: str
    verbose: bool

    def __post_init__(self) -> None:
        labels, split, subset = self.labels, self.validation_split, self.subset
        if not (
            labels is None or isinstance(labels, (list, tuple)) or (isinstance(labels, str) and labels == "inferred")
        ):
            raise ValueError(
                f'`labels` argument should be "inferred", None or a list with a label for every file, got {labels!r:.60}'
            )
        if self.class_names is not None and not isinstance(labels, str):
            raise ValueError(
                'You can only pass `class_names` if `labels="inferred"`: they are the names of the folders'
            )
        if self.label_mode not in ("int", "categorical", "binary", None):
            raise ValueError(
                f'`label_mode` argument must be "int", "categorical", "binary" or None, got {self.label_mode!r}'
            )
        if split and not 0 < split < 1:
            raise ValueError(f"`validation_split` must be between 0 and 1, got {split}")
        if bool(split) != bool(subset):
            raise ValueError("`validation_split` must be set if `subset` is, and the reverse: give both or neither")
        if subset not in ("training", "validation", "both", None):
            raise ValueError(f'`subset` must be either "training", "validation" or "both", got {subset!r}')
        if split and self.shuffle and self.seed is None:
            raise ValueError(
                "with validation_split and shuffle you must provide a `seed`: it keeps the training and the validation files apart"
            )
        if self.format not in ("tf", "grain"):
            raise ValueError(f'`format` should be "tf" or "grain", got {self.format!r}')
        if labels is None or self.label_mode is None:
            self.labels = self.label_mode = None
        if self.seed is None:
            self.seed = np.random.randint(10**6)


def load_directory(
    options: Options, suffixes: tuple[str, ...], read: Callable[[str], Any], content: str, workers: int | None = None
) -> Any:
    """The dataset of a directory (a list of two if subset is "both"): `read(path)` of every file, with labels, batched.

    content: what the files contain, for messages. workers: the number of threads that read.
    """
    files = _find(options, suffixes)

    def dataset_of(files: Files, shuffle: bool) -> Dataset:
        if not files.paths:
            raise ValueError(f"No {content} found in {os.fspath(options.directory)}: looked for {', '.join(suffixes)}")
        paths = _path_dataset(files, options, shuffle)
        if files.labels is None:
            dataset = paths.map(read, num_parallel_calls=workers)
        else:
            dataset = paths.map(lambda path, label: (read(path), label), num_parallel_calls=workers)
        if options.batch_size is not None:
            dataset = dataset.batch(options.batch_size)
        dataset = dataset.prefetch(AUTOTUNE)
        dataset.class_names, dataset.file_paths = files.class_names, files.paths
        return dataset

    split = options.validation_split
    if options.subset == "both":
        training, validation = (_split(files, split, name) for name in ("training", "validation"))
        return [dataset_of(training, options.shuffle), dataset_of(validation, False)]
    return dataset_of(_split(files, split, options.subset), options.shuffle)


def _find(options: Options, suffixes: tuple[str, ...]) -> Files:
    """The files below the directory with one of the suffixes, in Keras's order for this seed."""
    directory, labels = os.fspath(options.directory), options.labels
    if not os.path.isdir(directory):
        raise ValueError(f"{directory} is no folder")
    if isinstance(labels, str):
        folders = [entry.name for entry in os.scandir(directory) if entry.is_dir() and not entry.name.startswith(".")]
        names = sorted(folders) if options.class_names is None else list(options.class_names)
        missing = [name for name in names if name not in folders]
        if missing:
            raise ValueError(
                f"the `class_names` passed did not match the folders in {directory}, {sorted(folders)}: there is no {missing[0]!r}"
            )
        per_class = [list_files(os.path.join(directory, name), suffixes, options.follow_links) for name in names]
        paths = [path for group in per_class for path in group]
        ids: Any = np.repeat(np.arange(len(names), dtype=np.int32), [len(group) for group in per_class])
    else:
        paths = list_files(directory, suffixes, options.follow_links)
        ids, names = None, []
        if labels is not None:
            if len(labels) != len(paths):
                raise ValueError(
                    f"Expected the lengths of `labels` to match the number of files in {directory}, {len(paths)}, got {len(labels)}"
                )
            ids, names = np.array(labels, np.int32), [str(label) for label in sorted(set(labels))]
    if options.verbose:
        classes = "" if ids is None else f" belonging to {len(names)} classes"
        print_msg(f"Found {len(paths)} files{classes}.")
    if options.shuffle:
        order = np.arange(len(paths))
        np.random.RandomState(options.seed).shuffle(order)
        paths = [paths[i] for i in order]
        ids = None if ids is None else ids[order]
    return Files(paths, ids, None if ids is None else names)


def list_files(directory: str, suffixes: tuple[str, ...], follow_links: bool) -> list[str]:
    """The files below a folder whose names end in one of the suffixes, sorted."""
    walk = sorted(os.walk(directory, followlinks=follow_links), key=lambda entry: entry[0])
    return [
        os.path.join(root, name) for root, _, names in walk for name in sorted(names) if name.lower().endswith(suffixes)
    ]


def _split(files: Files, validation_split: float | None, subset: str | None) -> Files:
    """The files for training, or the last ones for validation."""
    if not validation_split:
        return files
    count = int(validation_split * len(files.paths))
    cut = len(files.paths) - count
    selection = slice(0, cut) if subset == "training" else slice(cut, None)
    print_msg(f"Using {cut if subset == 'training' else count} files for {subset}.")
    labels = None if files.labels is None else files.labels[selection]
    return Files(files.paths[selection], labels, files.class_names)


def _encode_labels(files: Files, label_mode: str | None) -> Any:
    """The labels as int32 `(n,)`, one-hot `(n, classes)`, or 0.0 and 1.0 `(n, 1)`."""
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


def _path_dataset(files: Files, options: Options, shuffle: bool) -> Dataset:
    """The paths, with labels if there are any, reshuffled in every pass if `shuffle`."""
    labels = _encode_labels(files, options.label_mode)
    names = np.empty(len(files.paths), object)
    names[:] = files.paths
    dataset = Dataset.from_tensor_slices(names if labels is None else (names, labels))
    size = options.batch_size * 8 if options.batch_size else 1024
    return dataset.shuffle(size, seed=options.seed) if shuffle else dataset
