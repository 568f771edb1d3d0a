"""Files of arrays alone: ``.npy`` and ``.safetensors``."""

from __future__ import annotations

import math
from typing import Any

from ..npy import read_header
from ..tensor_file import open_tensors
from .hdf5_files import sort_arrays
from .report import Report, StoredArray


def note_npy(report: Report) -> None:
    """Note the array in an ``.npy`` file."""
    report.format = "NumPy array (.npy)"
    with report.path.open("rb") as stream:
        report.arrays.append(npy_header(stream, "x", report.size))


def npy_header(stream: Any, name: str, size: int) -> StoredArray:
    """The array that begins in a stream. size: the bytes that the stream has.

    Raises:
        ValueError: it is no array, or not all of one.
    """
    shape, dtype = read_header(stream, name)
    expected = math.prod(shape) * dtype.itemsize
    if (there := size - stream.tell()) < expected:
        raise ValueError(f"{name} is cut off: {dtype} of shape {shape} takes {expected} bytes, and there are {there}")
    return StoredArray(name, shape, str(dtype))


def note_safetensors(report: Report) -> None:
    """Note the arrays in a ``.safetensors`` file."""
    report.format = "tensors (.safetensors)"
    with open_tensors(report.path) as file:
        report.versions = file.metadata
        sort_arrays(report, [StoredArray(name, entry.shape, entry.dtype_name) for name, entry in file.entries.items()])
