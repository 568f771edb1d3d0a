"""MNIST: handwritten digits, 28 x 28 pixels (LeCun, Cortes, Burges), in four IDX files."""

from __future__ import annotations

import hashlib
import math
import os
import warnings
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dualnet.datasets import download
from dualnet.datasets.download import ContentError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Images = NDArray[np.uint8]
    Split = tuple[NDArray[np.uint8], NDArray[np.uint8]]


class _Part(NamedTuple):
    key: str  # in an .npz file
    name: str
    shape: tuple[int, ...]
    sha256: str  # of the unpacked IDX file

    @property
    def header(self) -> bytes:
        sizes = b"".join(n.to_bytes(4, "big") for n in self.shape)
        return bytes([0, 0, _UINT8, len(self.shape)]) + sizes


_UINT8 = 0x08
_PARTS = (
    _Part(
        "x_train",
        "train-images-idx3-ubyte.gz",
        (60000, 28, 28),
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    ),
    _Part(
        "y_train",
        "train-labels-idx1-ubyte.gz",
        (60000,),
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ),
    _Part(
        "x_test",
        "t10k-images-idx3-ubyte.gz",
        (10000, 28, 28),
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    ),
    _Part(
        "y_test",
        "t10k-labels-idx1-ubyte.gz",
        (10000,),
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
)
_MIRRORS = (
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
)


def load_data(path: str = "mnist.npz") -> tuple[Split, Split]:
    """Load 60,000 grey images of handwritten digits for training and 10,000 for the test.

    Looked for in this order, and checked wherever it is found: `mnist/` with the four `.gz` files,
    or `mnist.npz`, in the folder `DUALNET_DATA_DIR` names; the cache; the network (11.6 MB, once).

    Args:
        path: name of an `.npz` copy (Keras's own, for one) that is used if the cache's folder
            `datasets` has it. A name, not a path.

    Returns:
        `(x_train, y_train), (x_test, y_test)`, all uint8. `x`: `(60000, 28, 28)` and
        `(10000, 28, 28)`, pixels 0 (paper) to 255 (ink). `y`: `(60000,)` and `(10000,)`, the digit.

    Raises:
        dualnet.datasets.download.DataError: no source has the data, or a local file is wrong.
        ValueError: `path` is not a plain file name.
    """
    download.check_file_name(path)
    local = download.data_dir()
    if local is not None and any(os.path.exists(local / "mnist" / part.name) for part in _PARTS):
        return _pair([_fetch(part) for part in _PARTS])
    if local is not None and os.path.exists(npz := local / "mnist.npz"):
        try:
            return _pair(read_npz(npz))
        except ContentError as error:
            raise ContentError(f"{npz}: {error}; {download.LOCAL_ADVICE}") from error
    if os.path.exists(npz := download.cache_dir() / "datasets" / path):
        try:
            return _pair(read_npz(npz))
        except ContentError as error:
            warnings.warn(f"{npz}: {error}; delete it, it is not used", stacklevel=2)
    return _pair([_fetch(part) for part in _PARTS])


def _pair(arrays: list[Images]) -> tuple[Split, Split]:
    x_train, y_train, x_test, y_test = arrays
    return (x_train, y_train), (x_test, y_test)


def _fetch(part: _Part) -> Images:
    size = len(part.header) + math.prod(part.shape)
    urls = [mirror + part.name for mirror in _MIRRORS]
    content = download.fetch(part.name, urls, part.sha256, size, folder="mnist", gzipped=True)
    return parse_idx(content)


def parse_idx(content: bytes | bytearray) -> Images:
    """Return the array in an IDX file of unsigned bytes: a view of `content`, writable if that is.

    An IDX file is two zero bytes, the type (8 for unsigned bytes), the number of dimensions, each
    dimension as a big-endian 32-bit integer, then the values in C order.

    Raises:
        ContentError: anything in that is otherwise, down to one byte too many.
    """
    if len(content) < 4 or content[0] or content[1] or content[2] != _UINT8:
        found = bytes(content[:4]).hex(" ")
        raise ContentError(f"expected an IDX file of unsigned bytes, 00 00 08 .., found {found}")
    start = 4 + 4 * content[3]
    if content[3] == 0 or len(content) < start:
        raise ContentError(f"expected an IDX header with sizes, found {len(content)} bytes in all")
    shape = tuple(int.from_bytes(content[i : i + 4], "big") for i in range(4, start, 4))
    if len(content) - start != math.prod(shape):
        expected = f"expected {math.prod(shape):,} bytes after the header for shape {shape}"
        raise ContentError(f"{expected}, found {len(content) - start:,}")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def read_npz(path: Path) -> list[Images]:
    """Return x_train, y_train, x_test, y_test of an `.npz` file, which must be MNIST's.

    Raises:
        ContentError: they are not, or the file cannot be read.
    """
    arrays = []
    try:
        with zipfile.ZipFile(path) as archive:
            for part in _PARTS:
                arrays.append(_read_npy(archive, part))
    except ContentError:
        raise
    except KeyError as error:
        raise ContentError(f"expected x_train, y_train, x_test, y_test: {error.args[0]}") from error
    except (OSError, EOFError, ValueError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise ContentError(f"expected an .npz file, found no way to read it ({error})") from error
    return arrays


def _read_npy(archive: zipfile.ZipFile, part: _Part) -> Images:
    expected = f"expected {part.key} of shape {part.shape} uint8, found"
    info = archive.getinfo(part.key + ".npy")
    if info.file_size > math.prod(part.shape) + 4096:
        raise ContentError(f"{expected} {info.file_size:,} bytes")
    with archive.open(info) as file:
        version = np.lib.format.read_magic(file)
        read_header = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }
        if version not in read_header:
            raise ContentError(f"{expected} .npy version {version}")
        shape, fortran, dtype = read_header[version](file)
        # The header is believed only after this, so that it cannot ask for memory.
        if shape != part.shape or dtype != np.uint8 or fortran:
            raise ContentError(f"{expected} {shape} {dtype}")
        values = bytearray(file.read())
    found = hashlib.sha256(part.header + values).hexdigest()
    if found != part.sha256:
        raise ContentError(f"expected {part.key} with IDX sha256 {part.sha256[:16]}..., found {found[:16]}...")
    return np.frombuffer(values, np.uint8).reshape(shape)
