"""Reading HDF5 files that may be hostile: only plain arrays of numbers inside the file are accepted.

Links, external and virtual data, and arrays that claim to be much larger than their stored bytes are refused. Damage is reported
as ``ValueError``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_MAX_RATIO = 1000  # an array that claims more than this many times its bytes in the file is refused


def existing_file(path: Path) -> Path:
    """The path itself; ``FileNotFoundError`` when there is no such file."""
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    return path


@contextmanager
def open_file(source: Any, path: Path) -> Iterator[Any]:
    """An HDF5 file, opened for reading. source: a file name or a stream. path: its name in messages."""
    import h5py

    try:
        file = h5py.File(source, "r")
    except OSError as error:
        raise ValueError(f"{path} is not an HDF5 file, or it is damaged ({error})") from None
    with file:
        try:
            yield file
        except (OSError, RuntimeError, KeyError, UnicodeDecodeError) as error:  # raised by h5py inside a damaged file
            raise ValueError(f"{path} is damaged ({error})") from error


def get_node(group: Any, name: str, path: Path) -> Any:
    """The group or dataset ``name`` ("a/b/c") under a group, or None. Links are refused in every part of the name."""
    import h5py

    node = group
    for part in name.split("/"):
        link = node.get(part, getlink=True) if isinstance(node, h5py.Group) else None
        if link is None:
            return None
        if not isinstance(link, h5py.HardLink):
            raise ValueError(f"{path}: {name} is a link, which is refused")
        node = node[part]
    return node


def read_array(group: Any, name: str, path: Path) -> Any:
    """The array of numbers stored under ``name``."""
    import h5py

    dataset = get_node(group, name, path)
    if not isinstance(dataset, h5py.Dataset) or dataset.external or dataset.is_virtual or dataset.shape is None:
        raise ValueError(f"{path}: {name} is not a plain array, which is refused")
    if dataset.dtype.kind not in "fiub" and dataset.attrs.get("dtype") != "bfloat16":
        raise ValueError(f"{path}: {name} holds {dataset.dtype}, expected numbers")
    if dataset.nbytes > _MAX_RATIO * max(dataset.id.get_storage_size(), 1):
        raise ValueError(f"{path}: {name} claims {dataset.nbytes} bytes, which is refused")
    return dataset[()]


def loses_fractions(array: Any, variable: Any) -> bool:
    """Whether a variable (or an array) of whole numbers cannot hold an array of a file, which has floats."""
    return array.dtype.kind not in "iub" and str(variable.dtype).startswith(("int", "uint", "bool"))
