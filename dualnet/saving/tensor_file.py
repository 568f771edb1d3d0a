"""Arrays by name in the safetensors format: the length of a header, the header as JSON, and the bytes of the arrays.

They are written one by one, without a copy of all, and in every dtype of the format, which safetensors' own functions for NumPy
do not have (decision 0033). A header is read only if it describes the bytes that follow it, all of them, and each once.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from .limits import gc_paused

_ALIGNMENT = 8
_MAX_HEADER = 100_000_000  # bytes, as the format has it
_NAMES = {
    "bool": "BOOL",
    **{f"{kind}{bits}": f"{kind[0].upper()}{bits}" for kind in ("uint", "int") for bits in (8, 16, 32, 64)},
    **{f"float{bits}": f"F{bits}" for bits in (16, 32, 64)},
    "bfloat16": "BF16",
    "complex64": "C64",
    "float8_e4m3fn": "F8_E4M3",
    "float8_e5m2": "F8_E5M2",
}
_DTYPES = {name: dtype for dtype, name in _NAMES.items()}
_SIZES = {"BF16": 2, "F8_E4M3": 1, "F8_E5M2": 1}  # of the dtypes that NumPy does not have


class Entry(NamedTuple):
    """What the header says of an array. start, stop: its bytes in the file."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    stop: int

    @property
    def dtype_name(self) -> str:
        """The dtype in NumPy's words."""
        return _DTYPES[self.dtype]


class TensorFile:
    """An open file, whose header has been checked.

    Attributes:
        entries: what the header says of the arrays, by name.
        metadata: the text in the header.
    """

    def __init__(self, stream: IO[bytes], size: int) -> None:
        self._stream = stream
        try:
            self.entries, self.metadata = _read_header(stream, size)
        except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
            raise ValueError(f"not a safetensors file, or damaged ({error})") from None

    def read(self, name: str) -> Any:
        """The array of this name. One of bfloat16 is made float32, which has all its values, where ml_dtypes is not installed."""
        entry = self.entries[name]
        self._stream.seek(entry.start)
        content = self._stream.read(entry.stop - entry.start)
        return from_bytes(content, entry.dtype).reshape(entry.shape)


@contextmanager
def open_tensors(path: Path) -> Iterator[TensorFile]:
    """Open a file and check its header. Raises ``ValueError`` where it does not agree with the file."""
    with path.open("rb") as stream:
        try:
            file = TensorFile(stream, path.stat().st_size)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
        yield file


def read_tensors(content: bytes) -> dict[str, Any]:
    """The arrays of a file, in the order of the header. Raises ``ValueError`` if it is not of the format."""
    file = TensorFile(io.BytesIO(content), len(content))
    return {name: file.read(name) for name in file.entries}


def write_tensors(stream: IO[bytes], arrays: Mapping[str, Any], metadata: Mapping[str, str] | None = None) -> None:
    """Write arrays to a stream. metadata: text for the header. Raises ``TypeError`` for a dtype that the format does not have."""
    header: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    offset = 0
    for name, array in arrays.items():
        if array.dtype.name not in _NAMES:
            raise TypeError(f"{name} cannot be stored: safetensors has no dtype {array.dtype}")
        end = offset + array.nbytes
        header[name] = {"dtype": _NAMES[array.dtype.name], "shape": list(array.shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header, ensure_ascii=False).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    stream.write(len(text).to_bytes(8, "little") + text)
    for array in arrays.values():
        flat = np.ascontiguousarray(array).reshape(-1)
        if flat.dtype.byteorder == ">":
            flat = flat.astype(flat.dtype.newbyteorder("<"))
        stream.write(flat.view("uint8").data)


def _read_header(stream: IO[bytes], size: int) -> tuple[dict[str, Entry], dict[str, str]]:
    """What the header says of the arrays, and its text."""
    length = int.from_bytes(stream.read(8), "little")
    if not 2 <= length <= min(_MAX_HEADER, size - 8):
        raise ValueError(f"its header would have {length} bytes, the file has {size}")
    with gc_paused():
        header = json.loads(stream.read(length))
    entries = {name: _entry(name, value, 8 + length) for name, value in header.items() if name != "__metadata__"}
    position = 8 + length
    for name, entry in sorted(entries.items(), key=lambda item: (item[1].start, item[1].stop)):
        if entry.start != position:
            raise ValueError(f"{name} begins at byte {entry.start}, and what is before it ends at {position}")
        position = entry.stop
    if position != size:
        raise ValueError(f"the arrays end at byte {position}, the file at {size}")
    metadata = header.get("__metadata__") or {}
    return entries, {key: str(value) for key, value in metadata.items()}


def _entry(name: str, value: Any, offset: int) -> Entry:
    """An entry of the header, which must be consistent in itself."""
    dtype, shape, offsets = value["dtype"], value["shape"], value["data_offsets"]
    if dtype not in _DTYPES:
        raise ValueError(f"{name} has the dtype {dtype!r}, which is not supported")
    if len(offsets) != 2 or len(shape) > 32 or any(type(n) is not int or n < 0 for n in [*shape, *offsets]):
        raise ValueError(f"{name} has the shape {shape} at {offsets}")
    size = _SIZES[dtype] if dtype in _SIZES else np.dtype(_DTYPES[dtype]).itemsize
    if offsets[1] - offsets[0] != math.prod(shape) * size:
        raise ValueError(f"{name} has {offsets[1] - offsets[0]} bytes, which do not make {dtype} of shape {shape}")
    return Entry(dtype, tuple(shape), offset + offsets[0], offset + offsets[1])


def from_bytes(content: bytes, dtype: str) -> Any:
    """The numbers in some bytes.  dtype: in the words of the format.

    Those of bfloat16 are float32, which has all its values, where ml_dtypes is not installed.
    """
    if dtype not in _SIZES:
        return np.frombuffer(content, np.dtype(_DTYPES[dtype]).newbyteorder("<")).astype(_DTYPES[dtype], copy=False)
    try:
        import ml_dtypes
    except ImportError:
        if dtype == "BF16":
            return (np.frombuffer(content, "<u2").astype("uint32") << 16).view("float32")
        raise ValueError(f"the dtype {dtype} needs ml_dtypes: pip install ml_dtypes") from None
    return np.frombuffer(content, np.dtype(getattr(ml_dtypes, _DTYPES[dtype])))
