"""`text_dataset_from_directory`: batches of the texts in a folder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..data import AUTOTUNE, Dataset
from . import directory_index
from .directory_index import Files


def text_dataset_from_directory(
    directory: Any,
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    batch_size: int | None = 32,
    max_length: int | None = None,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
    format: str = "tf",
    verbose: bool = True,
) -> Any:
    """Return batches of the `.txt` files in a folder, read as UTF-8.

    Args:
        directory: with a folder per class when labels are inferred.
        labels: `"inferred"` from the folders, None, or a list with a number for each file in the order of their names.
        label_mode: `"int"`: int32 `(batch,)`; `"categorical"`: one hot `(batch, classes)`; `"binary"`: 0.0 and 1.0
            `(batch, 1)`; None: no labels.
        class_names: the folders to use, in the order of their labels; all, sorted, when None.
        batch_size: single texts when None.
        max_length: longer texts are cut off after so many characters.
        shuffle: mix the files, and anew in every pass. Otherwise they come sorted.
        seed: of the shuffle; drawn when None.
        validation_split: share of the files that is for validation.
        subset: `"training"`, `"validation"`, or `"both"` for a list of two datasets.
        follow_links: look into folders that links lead to.
        format: `"tf"` or `"grain"`, for Keras's sake; both give the same.
        verbose: print how many files and classes there are.

    Returns:
        A `dualnet.data.Dataset` of arrays of Python strings `(batch,)`, or of pairs of that and labels. Its attributes
        `class_names` and `file_paths` are lists.

    Raises:
        ValueError: an argument is none of these, there is no text, or a file is not UTF-8.
    """
    directory_index.check(labels, label_mode, class_names, validation_split, subset, shuffle, seed, format)
    if labels is None or label_mode is None:
        labels = label_mode = None
    if seed is None:
        seed = np.random.randint(10**6)
    files = directory_index.find(directory, labels, (".txt",), class_names, shuffle, seed, follow_links, verbose)

    def read(path: str) -> str:
        return _read(path, max_length)

    def make(files: Files, shuffle: bool) -> Dataset:
        if not files.paths:
            raise ValueError(f"No text files found in {os.fspath(directory)}: looked for .txt")
        names = directory_index.ordered(files, label_mode, batch_size, shuffle, seed)
        dataset = names.map(read) if files.labels is None else names.map(lambda path, label: (read(path), label))
        if batch_size is not None:
            dataset = dataset.batch(batch_size)
        dataset = dataset.prefetch(AUTOTUNE)
        dataset.class_names, dataset.file_paths = files.class_names, files.paths
        return dataset

    if subset == "both":
        parts = [directory_index.part(files, validation_split, name) for name in ("training", "validation")]
        return [make(parts[0], shuffle), make(parts[1], False)]
    return make(directory_index.part(files, validation_split, subset), shuffle)


def _read(path: str, max_length: int | None) -> str:
    try:
        with open(path, encoding="utf-8", newline="") as file:
            return file.read(-1 if max_length is None else max_length)
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 ({error.reason} at byte {error.start}): convert it") from error
