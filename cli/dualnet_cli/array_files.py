""".npy and .npz files: what they claim to hold is checked before anything is allocated."""

from __future__ import annotations

import io
import math
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np

from dualnet.saving.npy import read_header

from .errors import show
from .table_lines import DataError

MAX_RATIO = 1000  # of a compressed array to its bytes in the file
MAX_BYTES = 1 << 36


def read_arrays(path: Path) -> dict[str, Any]:
    """The arrays of a file by name; that of an .npy file is called "x". Nothing in it is run.

    Raises:
        DataError: the file is damaged, holds Python objects, or claims more than there is in it.
    """
    try:
        with path.open("rb") as file:
            if file.read(6) == b"\x93NUMPY":
                file.seek(0)
                return {"x": _read(file, "the array", path.stat().st_size)}
        with zipfile.ZipFile(path) as archive:
            members = [info for info in archive.infolist() if info.filename.endswith(".npy")]
            if not members:
                raise ValueError("no array")
            return {info.filename.removesuffix(".npy"): _member(archive, info) for info in members}
    except (ValueError, EOFError, KeyError, RuntimeError, OverflowError, zlib.error, zipfile.BadZipFile) as error:
        if isinstance(error, DataError):
            raise
        reason = ": it holds Python objects" if "Python objects" in str(error) else ""
        raise DataError("path", f"{path.name} is not an {_kind(path)} file of plain arrays{reason}") from None
    except OSError as error:
        raise DataError("path", f"{path.name} cannot be read: {error.strerror or 'it is damaged'}") from None


def _kind(path: Path) -> str:
    return ".npy" if path.suffix.lower() == ".npy" else ".npz"


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Any:
    name = show(info.filename.removesuffix(".npy"))
    if info.file_size > min(MAX_BYTES, MAX_RATIO * max(info.compress_size, 1)):
        raise DataError("path", f"array {name} claims to unpack to {info.file_size} bytes, which is refused")
    with archive.open(info) as stream:
        return _read(stream, f"array {name}", info.file_size)


def _read(stream: IO[bytes], name: str, size: int) -> Any:
    """The array in a stream of ``size`` bytes."""
    head = stream.read(1 << 16)
    start = io.BytesIO(head)
    shape, dtype = read_header(start, name)
    claimed = math.prod(shape) * dtype.itemsize
    if claimed > size:
        raise DataError("path", f"{name} claims {claimed} bytes, and there are {size}, so it is cut off or damaged")
    return np.lib.format.read_array(_Joined(head, stream), allow_pickle=False)


class _Joined(io.RawIOBase):
    """The beginning of a stream that was read already, followed by the rest."""

    def __init__(self, head: bytes, rest: IO[bytes]) -> None:
        super().__init__()
        self._head = io.BytesIO(head)
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        content = self._head.read(len(buffer)) or self._rest.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)
