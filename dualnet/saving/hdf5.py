"""Arrays in HDF5 files, which may be hostile: only plain arrays of numbers inside the file are read.

HDF5 has no bfloat16: as in Keras, such an array is one of 2 bytes for each element whose attribute "dtype" says what they are.

Links, external and virtual data, and arrays that claim to be much larger than their stored bytes are refused. Filters that HDF5
would load from a plugin are not looked for. Damage is reported as ``ValueError``.
"""

from __future__ import annotations

import math
import mmap
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, NamedTuple

from .limits import Budget
from .tensor_file import from_bytes

_BUILT_IN_FILTERS = (1, 2, 3, 4, 5, 6, 32000)  # of HDF5, and LZF, which h5py brings; any other one is a plugin
_limits: ContextVar[_Limits | None] = ContextVar("limits of the open file", default=None)
_plugins = threading.Lock()
_plugin_paths: list[bytes] = []
_files_without_plugins = 0


class _Limits(NamedTuple):
    """What may be read from an open file. longest: the bytes of the largest object in its heaps."""

    budget: Budget
    longest: int


def existing_file(path: Path) -> Path:
    """The path itself; ``FileNotFoundError`` when there is no such file."""
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    return path


@contextmanager
def open_file(source: Any, path: Path) -> Iterator[Any]:
    """An HDF5 file, opened for reading. source: a file name, or a stream with ``getbuffer``. path: its name in messages."""
    import h5py

    longest = _check_heaps(source, path)
    with _no_plugins():
        try:
            file = h5py.File(source, "r")
        except (OSError, RuntimeError) as error:
            raise ValueError(f"{path} is not an HDF5 file, or it is damaged ({error})") from None
        with file:
            before = _limits.set(_Limits(Budget(file.id.get_filesize()), longest))
            try:
                _check_attributes(file, path)
                yield file
            except (
                OSError,
                RuntimeError,
                KeyError,
                UnicodeDecodeError,
            ) as error:  # raised by h5py inside a damaged file
                raise ValueError(f"{path} is damaged ({error})") from error
            finally:
                _limits.reset(before)


def _check_heaps(source: Any, path: Path) -> int:
    """The bytes of the largest object in the heaps of a file, which hold the strings of attributes.

    Raises ``ValueError`` for a damaged heap: the HDF5 library follows an object of size 0 in it forever.
    """
    if hasattr(source, "getbuffer"):
        return _walk_heaps(source.getbuffer(), path)
    with open(source, "rb") as stream:
        if not os.fstat(stream.fileno()).st_size:
            return 0  # and it cannot be mapped
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return _walk_heaps(content, path)


def _walk_heaps(content: Any, path: Path) -> int:
    """Go through the objects of every global heap: "GCOL", version 1, size; then for each object its index, size and content."""
    longest = 0
    for match in re.finditer(rb"GCOL\x01\0\0\0", content):
        start = match.start()
        end = start + int.from_bytes(content[start + 8 : start + 16], "little")
        at = start + 16
        while at + 16 <= min(end, len(content)):
            is_free = content[at : at + 2] == b"\0\0"
            size = int.from_bytes(content[at + 8 : at + 16], "little")
            step = size if is_free else 16 + (size + 7) // 8 * 8
            if step < 16 or at + step > end:
                raise ValueError(f"{path} is damaged: an object of its heap has the size {size}")
            if not is_free:
                longest = max(longest, size)
            at += step
    return longest


@contextmanager
def _no_plugins() -> Iterator[None]:
    """While a file is open HDF5 knows no folder to load plugins from: a file would name them, and they are programs."""
    import h5py

    global _files_without_plugins
    with _plugins:
        _files_without_plugins += 1
        while h5py.h5pl.size():
            _plugin_paths.append(h5py.h5pl.get(0))
            h5py.h5pl.remove(0)
    try:
        yield
    finally:
        with _plugins:
            _files_without_plugins -= 1
            while _plugin_paths and not _files_without_plugins:
                h5py.h5pl.prepend(_plugin_paths.pop())


def get_node(group: Any, name: str, path: Path, known: dict[str, Any] | None = None) -> Any:
    """The group or dataset ``name`` ("a/b/c") under a group, or None; "/a" is in the file itself.

    Links are refused in every part of the name.

    Args:
        known: the nodes that were met under this group, by their names: each is checked once.
    """
    import h5py

    node, at = group.file if name.startswith("/") else group, ""
    known = {} if known is None else known
    for part in name.removeprefix("/").split("/"):
        at = f"{at}/{part}"
        if at in known:
            node = known[at]
            continue
        link = node.get(part, getlink=True) if isinstance(node, h5py.Group) else None
        if link is None:
            return None
        if not isinstance(link, h5py.HardLink):
            raise ValueError(f"{path}: {name} is a link, which is refused")
        node = known[at] = node[part]
        _check_attributes(node, path)
    return node


def _check_attributes(node: Any, path: Path) -> None:
    """Raise ``ValueError`` for an attribute that claims to be larger than the file."""
    import h5py

    size = node.file.id.get_filesize()
    for name in node.attrs:
        attribute = h5py.h5a.open(node.id, name.encode())
        if math.prod(attribute.shape or ()) * attribute.get_type().get_size() > size:
            raise ValueError(f"{path}: attribute {name!r} claims more than there is in the file")


def read_attribute(node: Any, name: str, path: Path) -> Any:
    """The value of an attribute, or None where there is none.

    Raises ``ValueError`` for one that is far more than the file can hold: many strings in it may be one and the same in the file.
    """
    import h5py

    if name not in node.attrs:
        return None
    limits = _limits.get()
    if limits is not None:
        attribute = h5py.h5a.open(node.id, name.encode())
        count, kind = math.prod(attribute.shape or ()), attribute.get_type()
        has_strings = kind.detect_class(h5py.h5t.VLEN) or (
            isinstance(kind, h5py.h5t.TypeStringID) and kind.is_variable_str()
        )
        if has_strings and count == 1:  # which is in the file once, so it can be read to see how long it is
            claimed = len(node.attrs[name])
        else:
            claimed = count * max(kind.get_size(), limits.longest if has_strings else 0)
        limits.budget.take(claimed, claimed, f"attribute {name!r}", path)
    return node.attrs[name]


def read_array(group: Any, name: str, path: Path) -> Any:
    """The array of numbers stored under ``name``."""
    dataset = get_node(group, name, path)
    check_array(dataset, name, path)
    limits = _limits.get()
    if limits is not None:
        limits.budget.take(dataset.nbytes, dataset.id.get_storage_size(), name, path)
    if dataset.dtype.kind == "V":
        return from_bytes(dataset[()].tobytes(), "BF16").reshape(dataset.shape)
    return dataset[()]


def write_array(group: Any, name: str, array: Any) -> None:
    """Store an array of numbers under ``name``."""
    dataset = group.create_dataset(name, data=array)
    if array.dtype.name == "bfloat16":
        dataset.attrs["dtype"] = "bfloat16"


def check_array(dataset: Any, name: str, path: Path) -> None:
    """Raise ``ValueError`` for what is not a plain array of numbers. Nothing but its description is read."""
    import h5py

    if not isinstance(dataset, h5py.Dataset) or dataset.external or dataset.is_virtual or dataset.shape is None:
        raise ValueError(f"{path}: {name} is not a plain array, which is refused")
    if dataset.dtype.kind not in "fiub" and not _is_bfloat16(dataset, path):
        raise ValueError(f"{path}: {name} holds {dataset.dtype}, expected numbers")
    settings = dataset.id.get_create_plist()
    filters = [settings.get_filter(i)[0] for i in range(settings.get_nfilters())]
    unknown = [number for number in filters if number not in _BUILT_IN_FILTERS]
    if unknown:
        raise ValueError(f"{path}: {name} is packed with filter {unknown[0]}, a plugin of HDF5, which is not loaded")


def _is_bfloat16(dataset: Any, path: Path) -> bool:
    """Whether an array holds bfloat16. In its ``.h5`` files Keras does not say so, and stores nothing else like this."""
    says = read_attribute(dataset, "dtype", path)
    return dataset.dtype.str == "|V2" and dataset.dtype.names is None and says in (None, "bfloat16", b"bfloat16")


def dtype_of(dataset: Any) -> str:
    """The dtype of an array that ``check_array`` accepts."""
    return "bfloat16" if dataset.dtype.kind == "V" else str(dataset.dtype)


def loses_fractions(array: Any, variable: Any) -> bool:
    """Whether a variable (or an array) of whole numbers cannot hold an array of a file, which has floats."""
    return array.dtype.kind not in "iub" and str(variable.dtype).startswith(("int", "uint", "bool"))
