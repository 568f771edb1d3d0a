"""Which reader looks at a file, by its content."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

from ..file_kind import other_format
from ..limits import typed_errors
from .archives import note_zip
from .arrays import note_npy, note_safetensors
from .checkpoint_folders import is_checkpoint_folder, note_checkpoint_folder
from .hdf5_files import note_hdf5
from .json_files import note_json
from .numpy_programs import START, note_program
from .onnx_files import looks_like_onnx, note_onnx
from .report import Report


def inspect(path: Path) -> Report:
    """Look at a file or a folder. What is wrong with it becomes a part of the report.

    Raises:
        OSError: there is no such file, or it cannot be opened.
    """
    report = Report(path, size_on_disk(path))
    if path.is_dir():
        reader: Callable[[Report], None] = _note_folder
    elif path.exists() and not path.is_file():  # a pipe would be waited for
        raise OSError(errno.EINVAL, "is no regular file", str(path))
    else:
        with path.open("rb") as stream:
            reader = _reader(path, stream.read(64))
    try:
        with typed_errors(path):
            reader(report)
    except (ValueError, TypeError, RuntimeError, OSError) as error:
        report.refuse(error)
    return report


def _reader(path: Path, start: bytes) -> Callable[[Report], None]:
    """What looks at a file that begins like this."""
    if start.startswith(b"PK"):
        return note_zip
    if start.startswith(b"\x89HDF\r\n\x1a\n"):
        return lambda report: note_hdf5(report, path)
    if start.startswith(b"\x93NUMPY"):
        return note_npy
    if start[8:9] == b"{" and int.from_bytes(start[:8], "little") < path.stat().st_size:
        return note_safetensors
    if start.lstrip()[:1] == b"{":
        return note_json
    if start.startswith(START):
        return note_program
    if path.suffix == ".onnx" or looks_like_onnx(path):
        return note_onnx
    return _unknown


def _unknown(report: Report) -> None:
    report.refuse(
        other_format(report.path)
        or "is of no kind that dualnet reads or writes: no zip archive, HDF5, NumPy, safetensors, JSON or ONNX file"
    )


def _note_folder(report: Report) -> None:
    report.format = "folder"
    if is_checkpoint_folder(report.path):
        note_checkpoint_folder(report)
        return
    if (report.path / "saved_model.pb").is_file():
        report.format = "SavedModel of TensorFlow"
    report.refuse(other_format(report.path))


def size_on_disk(path: Path) -> int:
    """The bytes of a file, or of all files in a folder."""
    if not path.is_dir():
        return path.stat().st_size
    files = (Path(folder, name) for folder, _, names in os.walk(path) for name in names)
    return sum(os.lstat(file).st_size for file in files if os.path.lexists(file))
