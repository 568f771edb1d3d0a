"""Zip archives: ``.keras`` and ``.npz`` files."""

from __future__ import annotations

import io
import mmap
import struct
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..hdf5 import open_file
from ..limits import check_member
from .arrays import npy_header
from .configs import note_config
from .hdf5_files import sort_arrays, stored_arrays
from .report import Report, StoredArray, parse_json


def note_zip(report: Report) -> None:
    """Note what is in a zip archive: a model, or arrays of NumPy."""
    with zipfile.ZipFile(report.path) as archive:
        names = archive.namelist()
        if "config.json" not in names and names and all(name.endswith(".npy") for name in names):
            report.format = "NumPy arrays (.npz)"
            for info in archive.infolist():
                check_member(info, report.path)
                with archive.open(info) as stream:
                    name = info.filename.removesuffix(".npy")
                    report.arrays.append(npy_header(stream, name, info.file_size))
            return
        report.format = "model of Keras 3 (.keras)" if "config.json" in names else "zip archive"
        weights: list[StoredArray] = []
        for info in archive.infolist():
            try:
                check_member(info, report.path)
                if info.filename.endswith(".h5"):
                    weights += _weights_member(report, archive, info)
                elif info.filename.startswith("assets/") and not info.is_dir():
                    report.assets.append((info.filename.removeprefix("assets/"), info.file_size))
            except (ValueError, zipfile.BadZipFile, OSError) as error:
                report.refuse(error)
        if "metadata.json" in names:
            metadata = parse_json(archive.read(_checked(archive, "metadata.json", report)), "metadata.json")
            report.versions = {key: str(value) for key, value in metadata.items()}
        for name in ("config.json", "model.weights.h5"):
            if name not in names:
                report.refuse(f"it holds no {name}")
        if "config.json" in names:
            note_config(
                report, parse_json(archive.read(_checked(archive, "config.json", report)), "config.json"), weights
            )


def _checked(archive: zipfile.ZipFile, name: str, report: Report) -> zipfile.ZipInfo:
    info = archive.getinfo(name)
    check_member(info, report.path)
    return info


def _weights_member(report: Report, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> list[StoredArray]:
    with _content(report, archive, info) as content, open_file(content, report.path) as file:
        return sort_arrays(report, stored_arrays(report, file))


@contextmanager
def _content(report: Report, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[Any]:
    """A member as a stream to search in. One that is stored as it is, as Keras and dualnet do, is not read as a whole."""
    if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1:
        yield io.BytesIO(archive.read(info))
        return
    with report.path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        name, extra = struct.unpack_from("<HH", mapped, info.header_offset + 26)
        start = info.header_offset + 30 + name + extra
        with memoryview(mapped) as whole, whole[start : start + info.file_size] as part, _Part(part) as content:
            yield content


class _Part(io.RawIOBase):
    """A part of a file in memory, as a stream."""

    def __init__(self, content: memoryview) -> None:
        self._content, self._at = content, 0

    def getbuffer(self) -> memoryview:
        """The bytes, without a copy."""
        return self._content

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = (0, self._at, len(self._content))[whence] + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        part = self._content[self._at : self._at + len(buffer)]
        buffer[: len(part)] = part
        self._at += len(part)
        return len(part)
