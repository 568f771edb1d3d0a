"""Fashion-MNIST: grey pictures of clothes, 28 x 28 pixels (Zalando SE, MIT licence), in four IDX files."""

from __future__ import annotations

import gzip
import zlib
from typing import BinaryIO, NamedTuple

import numpy as np

from dualnet.datasets import hashed
from dualnet.datasets.download import ContentError
from dualnet.datasets.mnist import parse_idx
from dualnet.datasets.splits import Images, TrainTest


class _Part(NamedTuple):
    name: str
    md5: str  # of the packed file, as Zalando publishes it
    size: int  # in bytes, unpacked


_PARTS = (
    _Part("train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d", 16 + 60000 * 784),
    _Part("train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe", 8 + 60000),
    _Part("t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79", 16 + 10000 * 784),
    _Part("t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310", 8 + 10000),
)
_MIRRORS = (
    hashed.KERAS_MIRROR,
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
)


def load_data() -> TrainTest[np.uint8, np.uint8]:
    """Load 60,000 grey pictures of clothes for training and 10,000 for the test.

    Taken from `fashion-mnist/` in the folder `DUALNET_DATA_DIR`, the cache, or the network (31 MB, once), and always
    checked.

    The labels: 0 T-shirt/top, 1 Trouser, 2 Pullover, 3 Dress, 4 Coat, 5 Sandal, 6 Shirt, 7 Sneaker, 8 Bag,
    9 Ankle boot.

    Returns:
        `(x_train, y_train), (x_test, y_test)`, all uint8. `x`: `(60000, 28, 28)` and `(10000, 28, 28)`, pixels 0
        (background) to 255. `y`: `(60000,)` and `(10000,)`.

    Raises:
        dualnet.datasets.download.DataError: no source has the data, or a local file is wrong.
    """
    x_train, y_train, x_test, y_test = (_fetch(part) for part in _PARTS)
    return (x_train, y_train), (x_test, y_test)


def _fetch(part: _Part) -> Images:
    def parse(file: BinaryIO) -> Images:
        try:
            with gzip.GzipFile(fileobj=file) as stream:
                return parse_idx(bytearray(stream.read(part.size + 1)))
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise ContentError(f"expected a gzip file, found a damaged one ({error})") from error

    urls = [mirror + part.name for mirror in _MIRRORS]
    return hashed.fetch_file(
        part.name, urls, part.md5, parse, folder="fashion-mnist", max_bytes=part.size + part.size // 1000 + 1024
    )
