"""Arrays by name in the safetensors format: the length of a header, the header as JSON, and the bytes of the arrays.

They are written one by one, without a copy of all, and in every dtype of the format, which safetensors' own functions for NumPy
do not have.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import IO, Any

import numpy as np

_ALIGNMENT = 8
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


def write_tensors(stream: IO[bytes], arrays: Mapping[str, Any]) -> None:
    """Write arrays to a stream. Raises ``TypeError`` for a dtype that the format does not have."""
    header, offset = {}, 0
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


def read_tensors(content: bytes) -> dict[str, Any]:
    """The arrays of a file, in their order: views of its bytes. Raises ``ValueError`` if it is not of the format."""
    size = int.from_bytes(content[:8], "little")
    body = memoryview(content)[8 + size :]
    try:
        header = json.loads(content[8 : 8 + size])
        header.pop("__metadata__", None)
        arrays = {}
        for name, entry in header.items():
            dtype, shape = _dtype(entry["dtype"]), tuple(entry["shape"])
            begin, end = entry["data_offsets"]
            if not 0 <= begin <= end <= len(body) or end - begin != math.prod(shape) * dtype.itemsize:
                raise ValueError(f"{name} does not lie inside the file")
            arrays[name] = np.frombuffer(body[begin:end], dtype).reshape(shape)
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"not a safetensors file ({error})") from None
    return arrays


def _dtype(name: str) -> Any:
    dtype = _DTYPES[name]
    if name in ("BF16", "F8_E4M3", "F8_E5M2"):
        import ml_dtypes

        return np.dtype(getattr(ml_dtypes, dtype))
    return np.dtype(dtype)
