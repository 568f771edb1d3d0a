"""Elements in a file: what `cache(filename)`, `snapshot` and `save` write, and every later pass and program reads.

The file is a line that says what it is, then records: one byte that says its kind, its length, its content, and a
checksum of all three. Records are layouts (JSON: the structure of an element, the dtypes and shapes of its arrays),
elements (the number of a layout and the bytes of the arrays) and, at the end, the number of elements. Nothing in it is
run when it is read.
"""

from __future__ import annotations

import json
import math
import os
import struct
import zlib
from collections.abc import Iterator
from typing import IO, Any

import numpy as np

from ..core.dtypes import standardize_dtype
from .elements import describe
from .streams import closing

_FIRST_LINE = b"dualnet elements, version 1\n"
_HEAD, _NUMBER, _CHECKSUM = struct.Struct("<cQ"), struct.Struct("<Q"), struct.Struct("<I")
_LAST_RECORD = _HEAD.size + _NUMBER.size + _CHECKSUM.size
_KINDS = "biufcmM"  # of dtypes whose bytes are the values

Path = str | os.PathLike[str]


def write_through(elements: Iterator[Any], path: Path) -> Iterator[Any]:
    """The elements, which are in the file once all of them have been consumed; until then it is not there.

    Raises:
        TypeError: an element has a part that a file cannot hold.
    """
    from ..saving.atomic import atomic_write  # loaded when a file is written

    folder = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(folder):
        raise FileNotFoundError(
            f"the folder {folder!r}, in which elements should be kept, does not exist: make it first"
        )
    layouts: dict[str, int] = {}
    count = 0
    with atomic_write(path) as file:
        file.write(_FIRST_LINE)
        for element in closing(elements):
            arrays: list[Any] = []
            layout = json.dumps(_layout(element, arrays))
            if layout not in layouts:
                layouts[layout] = len(layouts)
                _write(file, b"L", [layout.encode()])
            _write(file, b"E", [_NUMBER.pack(layouts[layout]), *map(_aligned, arrays)])
            count += 1
            yield element
        _write(file, b"Z", [_NUMBER.pack(count)])


def read(path: Path, size: int = -1) -> Iterator[Any]:
    """The elements in a file; their arrays are read-only.

    Args:
        size: how many there must be; negative: any number.

    Raises:
        ValueError: the file is incomplete or damaged, was written by something else, or has not `size` elements.
    """
    if os.path.isdir(path):
        raise IsADirectoryError(f"{os.fspath(path)!r} is a folder: give the name of a file in it")
    with open(path, "rb") as file:
        try:
            yield from _elements(file, size)
        except (_Damaged, LookupError, TypeError, AttributeError, ValueError, RecursionError, struct.error) as error:
            why = error if isinstance(error, _Damaged) else "it is damaged"
            raise ValueError(
                f"{os.fspath(path)!r} does not hold the elements of this dataset ({why}): delete it, and it is written anew, or "
                "give another name"
            ) from None


def count(path: Path) -> int:
    """The number of elements in a file.

    Raises:
        ValueError: the file is incomplete, or was written by something else.
    """
    with open(path, "rb") as file:
        try:
            return _count(file)
        except _Damaged as error:
            raise ValueError(f"{os.fspath(path)!r} cannot be read ({error}): write it again with save") from None


class _Damaged(Exception):
    """What is wrong with a file."""


def _count(file: IO[bytes]) -> int:
    """The number of elements, from the last record; the file is at the first record then."""
    length = os.fstat(file.fileno()).st_size
    if file.read(len(_FIRST_LINE)) != _FIRST_LINE:
        raise _Damaged("it was written by something else")
    start = file.tell()
    if length < start + _LAST_RECORD:
        raise _Damaged("it is incomplete")
    file.seek(length - _LAST_RECORD)
    kind, content = _read(file, length)
    if kind != b"Z":
        raise _Damaged("it is incomplete")
    file.seek(start)
    return int(_NUMBER.unpack(content)[0])


def _elements(file: IO[bytes], size: int) -> Iterator[Any]:
    count, length = _count(file), os.fstat(file.fileno()).st_size
    if size >= 0 and count != size:
        raise _Damaged(f"it has {count} of them, the dataset has {size}")
    layouts: list[Any] = []
    for _ in range(count):
        kind, content = _read(file, length)
        while kind == b"L":
            layouts.append(json.loads(content))
            kind, content = _read(file, length)
        if kind != b"E":
            raise _Damaged("an element is missing")
        (number,) = _NUMBER.unpack(content[: _NUMBER.size])
        element, end = _restored(layouts[number], content, _NUMBER.size)
        if end != len(content):
            raise _Damaged("an element is of another length")
        yield element


def _write(file: IO[bytes], kind: bytes, parts: list[Any]) -> None:
    record = b"".join([_HEAD.pack(kind, sum(map(len, parts))), *parts])
    file.write(record)
    file.write(_CHECKSUM.pack(zlib.crc32(record)))


def _read(file: IO[bytes], length: int) -> tuple[bytes, bytes]:
    head = file.read(_HEAD.size)
    if len(head) < _HEAD.size:
        raise _Damaged("it is incomplete")
    kind, size = _HEAD.unpack(head)
    if size > length - file.tell():  # before memory is taken for it
        raise _Damaged("it is damaged")
    content, checksum = file.read(size), file.read(_CHECKSUM.size)
    if len(checksum) < _CHECKSUM.size or _CHECKSUM.unpack(checksum)[0] != zlib.crc32(content, zlib.crc32(head)):
        raise _Damaged("it is damaged")
    return kind, content


def _aligned(data: bytes) -> bytes:
    return data + bytes(-len(data) % 8)


def _layout(part: Any, arrays: list[Any]) -> Any:
    """The layout of a part of an element; the bytes of its arrays are appended to `arrays`."""
    if part is None:
        return None
    if isinstance(part, dict):
        if type(part) is not dict or not all(isinstance(key, str) for key in part):
            raise TypeError(
                f"a file holds dictionaries whose keys are names, got {type(part).__name__} {describe(part)}"
            )
        return {"dict": [[key, _layout(value, arrays)] for key, value in part.items()]}
    if isinstance(part, tuple):
        if type(part) is not tuple:
            raise TypeError(
                f"a file holds plain tuples, got a {type(part).__name__}: make it a tuple or dictionary with map"
            )
        return {"tuple": [_layout(value, arrays) for value in part]}
    if hasattr(part, "element_spec"):
        raise TypeError(
            "a file holds numbers and text, and an element has a dataset, such as a window, as a part: turn it into an array "
            "first, with flat_map(lambda window: window.batch(size))"
        )
    array = np.asarray(part, object if isinstance(part, (str, bytes)) else None)
    if array.dtype.kind == "O":
        arrays.append(b"".join(map(_text, array.reshape(-1).tolist())))
        return {"text": list(array.shape)}
    if array.dtype.kind not in _KINDS and array.dtype.name != "bfloat16":
        raise TypeError(f"a file holds numbers and text, got an array of dtype {array.dtype}")
    arrays.append(array.tobytes())
    return {"array": ["bfloat16" if array.dtype.name == "bfloat16" else array.dtype.str, list(array.shape)]}


def _text(item: Any) -> bytes:
    if not isinstance(item, (str, bytes)):
        raise TypeError(f"a file holds numbers and text, got {item!r:.60} among texts")
    data = item.encode("utf-8", "surrogatepass") if isinstance(item, str) else item
    return _HEAD.pack(b"s" if isinstance(item, str) else b"b", len(data)) + data


def _restored(layout: Any, content: bytes, start: int) -> tuple[Any, int]:
    """A part of an element, and where in the content of its record the next begins."""
    if layout is None:
        return None, start
    (kind, about), *_ = layout.items()
    if kind == "dict":
        items = {}
        for key, part in about:
            items[key], start = _restored(part, content, start)
        return items, start
    if kind == "tuple":
        parts = []
        for part in about:
            value, start = _restored(part, content, start)
            parts.append(value)
        return tuple(parts), start
    if kind == "text":
        array, end = _texts(content, start, math.prod(about))
        array = array.reshape(about)
    else:
        name, shape = about
        dtype = np.dtype(standardize_dtype(name) if name == "bfloat16" else name)
        end = start + dtype.itemsize * math.prod(shape)
        array = np.frombuffer(content, dtype, math.prod(shape), start).reshape(shape)
    array.flags.writeable = False
    return (array if array.ndim else array[()]), end + -(end - start) % 8


def _texts(content: bytes, start: int, count: int) -> tuple[Any, int]:
    if not 0 <= count * _HEAD.size <= len(content) - start:  # before memory is taken for them
        raise _Damaged("it is damaged")
    texts = np.empty(count, object)
    for i in range(count):
        kind, length = _HEAD.unpack_from(content, start)
        start += _HEAD.size
        data = content[start : start + length]
        texts[i] = data.decode("utf-8", "surrogatepass") if kind == b"s" else data
        start += length
    return texts, start
