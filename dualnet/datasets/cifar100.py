"""CIFAR-100: colour images of 32 x 32 pixels in a hundred classes (Krizhevsky, 2009)."""

from __future__ import annotations

import numpy as np

from dualnet.datasets import cifar
from dualnet.datasets.splits import TrainTest

_NAME = "cifar-100-python.tar.gz"
_URLS = (cifar.HOME + _NAME,)
_SHA256 = "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7"
_MEMBERS = ("cifar-100-python/train", "cifar-100-python/test")


def load_data(label_mode: str = "fine") -> TrainTest[np.uint8, np.int64]:
    """Load 50,000 colour images for training and 10,000 for the test.

    `cifar-100-python.tar.gz` is taken from the folder `DUALNET_DATA_DIR`, the cache, or the network (169 MB, once), and
    always checked.

    Args:
        label_mode: `"fine"`, 100 classes, or `"coarse"`, the 20 groups they form.

    Returns:
        `(x_train, y_train), (x_test, y_test)`. `x`: uint8 `(50000, 32, 32, 3)` and `(10000, 32, 32, 3)`, red, green
        and blue from 0 to 255; `(n, 3, 32, 32)` when the image data format is "channels_first". `y`: int64
        `(50000, 1)` and `(10000, 1)`.

    Raises:
        ValueError: `label_mode` is something else.
        dualnet.datasets.download.DataError: no source has the data, or a local file is wrong.
    """
    if label_mode not in ("fine", "coarse"):
        raise ValueError(f'label_mode must be "fine" or "coarse", got {label_mode!r}')
    return cifar.load(_NAME, _URLS, _SHA256, _MEMBERS, f"{label_mode}_labels", np.int64)
