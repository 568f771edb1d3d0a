"""Safe loading of the pickled arrays of CIFAR, IMDB and Reuters, and of `.npz` files.

A pickle is a program that may call anything it can name. Here it can name three things, those that rebuild a NumPy array,
and even these are replaced by classes that only record and check their arguments. Everything else is refused.
"""

from __future__ import annotations

import io
import math
import pickle
import re
import zipfile
import zlib
from typing import Any, BinaryIO

import numpy as np

from dualnet.datasets.download import ContentError

MAX_BYTES = 1 << 30  # of one array file inside an archive; the largest real one has 60 MB

_TYPE_CODES = re.compile(r"[biuf][1248]|O[48]?")


class _ArrayType:
    """Replaces `numpy.ndarray`, which is only referred to."""


class _DType:
    """Replaces `numpy.dtype`: a number type, or objects. No fields, no sub-arrays."""

    def __init__(self, code: Any, align: Any = 0, copy: Any = 0) -> None:
        self.code = code.decode("ascii") if isinstance(code, bytes) else code
        self.order = "="
        if not isinstance(self.code, str) or not _TYPE_CODES.fullmatch(self.code):
            raise ContentError(f"expected an array of numbers or lists, found the type {self.code!r:.40}")

    def __setstate__(self, state: Any) -> None:
        order = state[1].decode("ascii") if isinstance(state[1], bytes) else state[1]
        if order not in ("<", ">", "=", "|") or any(part is not None for part in state[2:5]):
            raise ContentError("expected an array of a plain type")
        self.order = order

    @property
    def is_object(self) -> bool:
        return self.code.startswith("O")

    def numpy_dtype(self) -> np.dtype[Any]:
        return np.dtype(object) if self.is_object else np.dtype(self.order + self.code)


class _Array:
    """Replaces an array while it is being unpickled."""

    value: Any = None

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, fortran, content = state
        if not isinstance(shape, tuple) or not all(type(n) is int and n >= 0 for n in shape):
            raise ContentError(f"expected the shape of an array, found {shape!r:.40}")
        if not isinstance(dtype, _DType):
            raise ContentError("expected the type of an array, found something else")
        numpy_dtype, count = dtype.numpy_dtype(), math.prod(shape)
        needed = count if dtype.is_object else count * numpy_dtype.itemsize
        if not isinstance(content, list if dtype.is_object else bytes) or len(content) != needed:
            raise ContentError(f"expected the content of an array of shape {shape} {numpy_dtype}, found something else")
        if dtype.is_object:
            flat = np.empty(count, object)
            for i, item in enumerate(content):
                flat[i] = item
        else:
            flat = np.frombuffer(bytes(content), numpy_dtype).copy()
        self.value = flat.reshape(shape, order="F" if fortran else "C")


def _reconstruct(array_type: Any, shape: Any, code: Any) -> _Array:
    """Replaces NumPy's function of that name, which creates an empty array."""
    if array_type is not _ArrayType or shape != (0,):
        raise ContentError("expected an array, found a call of something else")
    return _Array()


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        # NumPy 2 moved `core` to `_core`; both occur in files.
        if name == "_reconstruct" and module in ("numpy.core.multiarray", "numpy._core.multiarray"):
            return _reconstruct
        if module == "numpy" and name in ("ndarray", "dtype"):
            return _ArrayType if name == "ndarray" else _DType
        raise ContentError(f"it asks for {module}.{name}, which is not part of an array: refused")

    def persistent_load(self, pid: Any) -> Any:
        raise ContentError("it refers to something outside: refused")


def load_pickle(file: Any) -> Any:
    """Return the content of a pickle: an array, or a dictionary of arrays, lists, bytes and numbers.

    Args:
        file: opened for reading bytes. Python 2 strings are returned as bytes.

    Raises:
        ContentError: the pickle refers to anything that is not part of an array, or is damaged.
    """
    try:
        value = _Unpickler(file, encoding="bytes").load()
        if isinstance(value, dict):
            return {key: _plain(item) for key, item in value.items()}
        return _plain(value)
    except ContentError as error:
        raise ContentError(f"a pickle that cannot be used: {error}") from error
    except Exception as error:
        # Damaged and malicious pickles raise nearly any exception.
        raise ContentError(f"a damaged pickle ({type(error).__name__}: {error})") from error


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, _Array) else value


def read_npz(file: BinaryIO, names: tuple[str, ...], max_bytes: int = MAX_BYTES) -> dict[str, Any]:
    """Return the arrays `names` of an `.npz` file, which may be arrays of lists.

    Raises:
        ContentError: one is missing or damaged, or contains anything that is not part of an array.
    """
    arrays = {}
    try:
        with zipfile.ZipFile(file) as archive:
            for name in names:
                arrays[name] = _read_npy(archive, name, max_bytes)
    except ContentError:
        raise
    except KeyError as error:
        raise ContentError(f"expected the arrays {', '.join(names)}: {error.args[0]}") from error
    except (OSError, EOFError, ValueError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise ContentError(f"expected an .npz file, found an unreadable one ({error})") from error
    return arrays


def _read_npy(archive: zipfile.ZipFile, name: str, max_bytes: int) -> Any:
    info = archive.getinfo(name + ".npy")
    if info.file_size > max_bytes:
        raise ContentError(f"expected at most {max_bytes:,} bytes for {name}, found {info.file_size:,} bytes")
    with archive.open(info) as stream:
        file = io.BytesIO(stream.read())
    version = np.lib.format.read_magic(file)
    headers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in headers:
        raise ContentError(f"expected an .npy file of version 1 or 2, found version {version}")
    shape, fortran, dtype = headers[version](file)
    if dtype.hasobject:
        if dtype.fields or dtype.subdtype:
            raise ContentError(f"expected {name} to be an array of lists or numbers, found {dtype}")
        array = load_pickle(file)
        if not isinstance(array, np.ndarray) or array.shape != shape:
            raise ContentError(f"expected {name} to be an array of shape {shape}, found something else")
        return array
    size = math.prod(shape) * dtype.itemsize
    content = bytearray(file.read())
    # The header is trusted only after the bytes were read, so that it cannot cause a huge allocation.
    if len(content) != size or dtype.itemsize == 0:
        raise ContentError(f"expected {size:,} bytes for {name} of shape {shape} {dtype}, found {len(content):,}")
    return np.frombuffer(content, dtype).reshape(shape, order="F" if fortran else "C")
