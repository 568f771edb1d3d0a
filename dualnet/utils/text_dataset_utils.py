"""`text_dataset_from_directory`: batches of the text files in a folder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from . import directory_index


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

    The arguments that are not listed are those of `image_dataset_from_directory`.

    Args:
        max_length: texts are truncated to this number of characters.

    Returns:
        A `dualnet.data.Dataset` of arrays of Python strings `(batch,)`, or of pairs of that and labels. Its attributes
        `class_names` and `file_paths` are lists.

    Raises:
        ValueError: an argument is invalid, there is no text, or a file is not UTF-8.
    """

    def read(path: str) -> str:
        try:
            with open(path, encoding="utf-8", newline="") as file:
                return file.read(-1 if max_length is None else max_length)
        except UnicodeDecodeError as error:
            raise ValueError(f"{path} is not UTF-8 ({error.reason} at byte {error.start}): convert it") from error

    options = directory_index.Options(
        directory, labels, label_mode, class_names, batch_size, shuffle, seed, validation_split, subset, follow_links,
        format, verbose,
    )  # fmt: skip
    return directory_index.load_directory(options, (".txt",), read, "text files")
