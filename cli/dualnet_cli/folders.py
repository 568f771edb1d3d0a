"""Folders of images or of texts, with a subfolder for each class."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from dualnet.utils.directory_index import list_files

from .errors import printable
from .images import IMAGE_SUFFIXES, read_images
from .schema import Data
from .table_lines import DataError

_TEXT_SUFFIXES = (".txt",)
_CHANNELS = {"grayscale": 1, "rgb": 3, "rgba": 4}


def read(path: Path, data: Data) -> tuple[Any, Any]:
    """The samples of a folder, and the class of each, the name of its subfolder.

    Returns:
        Images of shape (n, height, width, channels) from 0 to 255, or texts of shape (n, 1).

    Raises:
        DataError: there are no subfolders, or no files in one; files of both kinds; a text is not of the encoding.
        CliError: a file is no image.
    """
    try:
        entries = sorted(
            (entry for entry in os.scandir(path) if not entry.name.startswith(".")), key=lambda entry: entry.name
        )
    except OSError as error:
        raise DataError("path", f"{path.name} cannot be read: {error.strerror}") from None
    names = [entry.name for entry in entries if entry.is_dir()]
    loose = [entry.name for entry in entries if entry.name.lower().endswith((*IMAGE_SUFFIXES, *_TEXT_SUFFIXES))]
    loose = [name for name in loose if name not in names]
    if not names:
        raise DataError("path", f"{path.name} has no subfolders; expected one for each class, with its images or texts")
    if loose:
        raise DataError(
            "path", f"{path.name} holds {printable(loose[0])} itself; a file is in the subfolder of its class"
        )
    files = {name: list_files(str(path / name), (*IMAGE_SUFFIXES, *_TEXT_SUFFIXES), False) for name in names}
    empty = next((name for name, held in files.items() if not held), None)
    if empty is not None:
        raise DataError("path", f"{path.name}/{printable(empty)} holds no images and no .txt files")
    paths = [Path(file) for held in files.values() for file in held]
    texts = [file for file in paths if file.name.lower().endswith(_TEXT_SUFFIXES)]
    if texts and len(texts) < len(paths):
        other = next(file for file in paths if file not in texts)
        both = f"{printable(texts[0].name)} and {printable(other.name)}"
        raise DataError("path", f"{path.name} holds texts and images ({both}); expected files of one kind")
    y = np.repeat(np.array(names), [len(held) for held in files.values()])
    return (_texts(paths, data) if texts else _images(paths, data)), y


def _images(paths: list[Path], data: Data) -> Any:
    shape = (*(data.image_size or (None, None)), _CHANNELS[data.color_mode])
    return read_images(paths, shape, data.image_size is not None, advice="set image_size = [height, width] in [data]")


def _texts(paths: list[Path], data: Data) -> Any:
    if data.image_size is not None or data.color_mode != "rgb":
        key = "color_mode" if data.image_size is None else "image_size"
        raise DataError(key, "the folder holds texts, which have none; leave this out")
    texts = np.empty((len(paths), 1), object)
    for number, path in enumerate(paths):
        texts[number, 0] = read_text(path, data.encoding)
    return texts


def read_text(path: Path, encoding: str) -> str:
    """The text in a file. Raises ``DataError`` if it is not of the encoding."""
    try:
        return path.read_text(encoding="utf-8-sig" if encoding == "utf-8" else encoding)
    except UnicodeError:
        raise DataError("encoding", f"{printable(path.name)} is not {encoding} text") from None
    except OSError as error:
        raise DataError("path", f"{printable(path.name)} cannot be read: {error.strerror}") from None
