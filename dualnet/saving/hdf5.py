"""Reading HDF5 files that may be hostile: plain arrays of numbers inside the file, and nothing else.

Links to other places or files, external and virtual data, and arrays that claim to be much larger than what is stored are
refused; what is damaged is told as ``ValueError``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_MAX_RATIO = 1000  # an array that claims more than this many times its bytes in the file is refused


def existing(path: Any) -> Any:
    """The path itself, or ``FileNotFoundError``."""
    if not os.path.isfile(path):
        raise FileNotFoundError(f"there is no file {path}")
    return path


@contextmanager
def open_file(source: Any, path: Any) -> Iterator[Any]:
    """An HDF5 file, opened for reading. source: a file name or a stream. path: its name in messages."""
    import h5py

    try:
        file = h5py.File(source, "r")
    except OSError as error:
        raise ValueError(f"{path} is not an HDF5 file, or it is damaged ({error})") from None
    with file:
        try:
            yield file
        except (OSError, RuntimeError, KeyError, UnicodeDecodeError) as error:  # what h5py raises inside a damaged file
            raise ValueError(f"{path} is damaged ({error})") from error


def find(group: Any, where: str, path: Any) -> Any:
    """What stands at ``where`` ("a/b/c") under a group, or None. Links are refused on every step of the way."""
    import h5py

    node = group
    for part in where.split("/"):
        link = node.get(part, getlink=True) if isinstance(node, h5py.Group) else None
        if link is None:
            return None
        if not isinstance(link, h5py.HardLink):
            raise ValueError(f"{path}: {where} is a link, which is refused")
        node = node[part]
    return node


def read(group: Any, where: str, path: Any) -> Any:
    """The array of numbers at ``where``."""
    import h5py

    dataset = find(group, where, path)
    if not isinstance(dataset, h5py.Dataset) or dataset.external or dataset.is_virtual or dataset.shape is None:
        raise ValueError(f"{path}: {where} is not a plain array, which is refused")
    if dataset.dtype.kind not in "fiub" and dataset.attrs.get("dtype") != "bfloat16":
        raise ValueError(f"{path}: {where} holds {dataset.dtype}, expected numbers")
    if dataset.nbytes > _MAX_RATIO * max(dataset.id.get_storage_size(), 1):
        raise ValueError(f"{path}: {where} claims {dataset.nbytes} bytes, which is refused")
    return dataset[()]
