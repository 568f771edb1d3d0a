"""The safetensors format: arrays by name in one file, without code. A length, a header in JSON, then the bytes of the arrays.

Read and written here rather than by the library of that name, whose interface for NumPy has no bfloat16 (decision 0033).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

_MAX_HEADER = 100_000_000  # as in the library
_DTYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U64": "uint64",
    "U32": "uint32",
    "U16": "uint16",
    "U8": "uint8",
    "BOOL": "bool",
}
_CODES = {name: code for code, name in _DTYPES.items()}
_SIZES = {code: 1 if name == "bool" else int(name.lstrip("bfloauint")) // 8 for code, name in _DTYPES.items()}


class Entry(NamedTuple):
    """What the header says of an array. start, stop: its bytes in the file."""

    code: str
    shape: tuple[int, ...]
    start: int
    stop: int


class SafetensorsFile:
    """An open file, whose header has been read and checked against its size. ``entries`` has the arrays by name."""

    def __init__(self, stream: IO[bytes], entries: dict[str, Entry]) -> None:
        self._stream = stream
        self.entries = entries

    def read(self, name: str) -> Any:
        """The array of this name; one of bfloat16 as float32, which has all its values."""
        import numpy as np

        entry = self.entries[name]
        self._stream.seek(entry.start)
        content = self._stream.read(entry.stop - entry.start)
        if entry.code == "BF16":
            return (np.frombuffer(content, "<u2").astype("uint32") << 16).view("float32").reshape(entry.shape)
        dtype = np.dtype(_DTYPES[entry.code]).newbyteorder("<")
        return np.frombuffer(content, dtype).astype(_DTYPES[entry.code], copy=False).reshape(entry.shape)


@contextmanager
def open_safetensors(path: Path) -> Iterator[SafetensorsFile]:
    """Open a file and check its header.

    Raises:
        ValueError: the header is damaged, or does not describe the bytes that follow it.
    """
    with path.open("rb") as stream:
        try:
            entries = _read_header(stream, path.stat().st_size)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise ValueError(f"{path} is not a safetensors file, or it is damaged ({error})") from None
        yield SafetensorsFile(stream, entries)


def _read_header(stream: IO[bytes], size: int) -> dict[str, Entry]:
    length = int.from_bytes(stream.read(8), "little")
    if not 2 <= length <= min(_MAX_HEADER, size - 8):
        raise ValueError(f"its header would have {length} bytes, the file has {size}")
    header = json.loads(stream.read(length))
    if not isinstance(header, dict):
        raise ValueError("its header is not a dictionary")
    entries = {name: _entry(name, value, 8 + length) for name, value in header.items() if name != "__metadata__"}
    position = 8 + length
    for name, entry in sorted(entries.items(), key=lambda item: item[1].start):
        if entry.start != position:
            raise ValueError(f"{name!r} begins at byte {entry.start}, and what is before it ends at {position}")
        position = entry.stop
    if position != size:
        raise ValueError(f"the arrays end at byte {position}, the file at {size}")
    return entries


def _entry(name: str, value: Any, offset: int) -> Entry:
    """An entry of the header, which must be consistent in itself."""
    code, shape, offsets = value["dtype"], value["shape"], value["data_offsets"]
    if code not in _DTYPES:
        raise ValueError(f"{name!r} has the dtype {code!r}, which is not supported")
    numbers = [*shape, *offsets]
    if len(offsets) != 2 or any(type(n) is not int or n < 0 for n in numbers) or len(shape) > 32:
        raise ValueError(f"{name!r} has the shape {shape} at {offsets}")
    if offsets[1] - offsets[0] != math.prod(shape) * _SIZES[code]:
        raise ValueError(f"{name!r} has {offsets[1] - offsets[0]} bytes, which do not make {code} of shape {shape}")
    return Entry(code, tuple(shape), offset + offsets[0], offset + offsets[1])


def to_bytes(arrays: Mapping[str, Any], metadata: Mapping[str, str] | None = None) -> bytes:
    """The content of a file with NumPy arrays by name; metadata: text for the header.

    Raises ``ValueError`` for an array of a dtype that the format does not have.
    """
    header: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    parts: list[bytes] = []
    position = 0
    # The widest elements come first, so that all are aligned.
    for name, array in sorted(arrays.items(), key=lambda item: (-item[1].dtype.itemsize, item[0])):
        dtype = str(array.dtype)
        if dtype not in _CODES:
            raise ValueError(f"{name!r} has the dtype {dtype}, and safetensors has {', '.join(_CODES)}")
        content = array.astype(array.dtype.newbyteorder("<")).tobytes() if dtype != "bfloat16" else array.tobytes()
        offsets = [position, position + len(content)]
        header[name] = {"dtype": _CODES[dtype], "shape": list(array.shape), "data_offsets": offsets}
        parts.append(content)
        position += len(content)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return b"".join([len(text).to_bytes(8, "little"), text, *parts])
