"""The headers of NumPy's arrays in files: what an array claims to be, before any of it is read."""

from __future__ import annotations

from typing import Any

from .limits import typed_errors

_MAX_RANK = 64  # of NumPy


def read_header(stream: Any, name: str) -> tuple[tuple[int, ...], Any]:
    """(shape, dtype) of the array that begins in a stream. name: of the array, in messages.

    Raises:
        ValueError: it is no array, is damaged, or holds Python objects, which are never read.
    """
    import numpy as np

    with typed_errors(name):
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(stream)
    if dtype.hasobject:
        raise ValueError(f"{name} holds Python objects, which are never read")
    if any(n < 0 for n in shape) or len(shape) > _MAX_RANK:
        raise ValueError(f"{name} has the shape {shape}")
    return shape, dtype
