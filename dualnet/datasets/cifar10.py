"""CIFAR-10: colour images of 32 x 32 pixels in ten classes (Krizhevsky, 2009)."""

from __future__ import annotations

import numpy as np

from dualnet.datasets import cifar
from dualnet.datasets.splits import TrainTest

_NAME = "cifar-10-python.tar.gz"
_URLS = (cifar.HOME + _NAME,)
_SHA256 = "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"
_MEMBERS = tuple(f"cifar-10-batches-py/{name}" for name in [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"])


def load_data() -> TrainTest[np.uint8, np.uint8]:
    """Load 50,000 colour images for training and 10,000 for the test.

    `cifar-10-python.tar.gz` is taken from the folder `DUALNET_DATA_DIR`, the cache, or the network (170 MB, once), and
    always checked.

    The labels: 0 airplane, 1 automobile, 2 bird, 3 cat, 4 deer, 5 dog, 6 frog, 7 horse, 8 ship, 9 truck.

    Returns:
        `(x_train, y_train), (x_test, y_test)`, all uint8. `x`: `(50000, 32, 32, 3)` and `(10000, 32, 32, 3)`, red,
        green and blue from 0 to 255; `(n, 3, 32, 32)` when the image data format is "channels_first". `y`:
        `(50000, 1)` and `(10000, 1)`.

    Raises:
        dualnet.datasets.download.DataError: no source has the data, or a local file is wrong.
    """
    return cifar.load(_NAME, _URLS, _SHA256, _MEMBERS, "labels", np.uint8)
