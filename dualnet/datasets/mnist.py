"""MNIST: handwritten digits, 28 x 28 pixels (LeCun, Cortes, Burges), in four IDX files."""

from __future__ import annotations

import hashlib
import math
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dualnet.core.warning import warn
from dualnet.datasets import download, pickles
from dualnet.datasets.download import ContentError
from dualnet.datasets.splits import Images, TrainTest


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


def load_data(path: str = "mnist.npz") -> TrainTest[np.uint8, np.uint8]:
    """Load 60,000 grey images of handwritten digits for training and 10,000 for the test.

    Taken from the first of these sources, and always checked: `mnist/` with the four `.gz` files, or
    `mnist.npz`, in the folder `DUALNET_DATA_DIR`; the cache; the network (11.6 MB, once).

    Args:
        path: name of an `.npz` copy (such as Keras's) in the folder `datasets` of the cache. A
            name, not a path.

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
            warn(f"{npz}: {error}; delete it, it is not used")
    return _pair([_fetch(part) for part in _PARTS])


def _pair(arrays: list[Images]) -> TrainTest[np.uint8, np.uint8]:
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
        ContentError: the file deviates from this in any respect.
    """
    if len(content) < 4 or content[0] or content[1] or content[2] != _UINT8:
        magic = bytes(content[:4]).hex(" ")
        raise ContentError(f"expected an IDX file of unsigned bytes, 00 00 08 .., found {magic}")
    start = 4 + 4 * content[3]
    if content[3] == 0 or len(content) < start:
        raise ContentError(f"expected an IDX header with sizes, found {len(content)} bytes in all")
    shape = tuple(int.from_bytes(content[i : i + 4], "big") for i in range(4, start, 4))
    if len(content) - start != math.prod(shape):
        expected = f"expected {math.prod(shape):,} bytes after the header for shape {shape}"
        raise ContentError(f"{expected}, found {len(content) - start:,}")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def read_npz(path: Path) -> list[Images]:
    """Return x_train, y_train, x_test, y_test of an `.npz` file with the content of MNIST.

    Raises:
        ContentError: the content differs, or the file cannot be read.
    """
    max_bytes = max(math.prod(part.shape) for part in _PARTS) + 4096
    try:
        with open(path, "rb") as file:
            arrays = pickles.read_npz(file, tuple(part.key for part in _PARTS), max_bytes)
    except ContentError:
        raise
    except OSError as error:
        raise ContentError(f"expected an .npz file, found an unreadable one ({error})") from error
    for part in _PARTS:
        array = arrays[part.key]
        if array.shape != part.shape or array.dtype != np.uint8 or not array.flags.c_contiguous:
            expected = f"expected {part.key} of shape {part.shape} uint8 in C order"
            raise ContentError(f"{expected}, found {array.shape} {array.dtype}")
        digest = hashlib.sha256(part.header + array.tobytes()).hexdigest()
        if digest != part.sha256:
            raise ContentError(f"expected {part.key} with IDX sha256 {part.sha256[:16]}..., found {digest[:16]}...")
    return list(arrays.values())
