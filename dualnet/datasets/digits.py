"""Handwritten digits, 8 x 8 pixels: the UCI "Optical Recognition of Handwritten Digits" test set.

E. Alpaydin and C. Kaynak, 1998, https://doi.org/10.24432/C50P49, CC BY 4.0; see DIGITS-LICENCE.txt.
The file is part of the package, so nothing is downloaded.
"""

from __future__ import annotations

import operator
from pathlib import Path

import numpy as np

from dualnet.datasets.splits import TrainTest

_FILE = Path(__file__).with_name("digits.npz")


def load_data(test_split: float = 0.2, seed: int = 113) -> TrainTest[np.uint8, np.uint8]:
    """Load 1,797 grey images of the digits 0 to 9, shuffled and split in two.

    Args:
        test_split: share of the images in the test part, at least 0 and below 1.
        seed: shuffles the images before the split; a non-negative integer below 2**128. The same
            seed gives the same order with every NumPy version.

    Returns:
        `(x_train, y_train), (x_test, y_test)`, all uint8. `x`: `(n, 8, 8)`, pixels 0 (paper) to
        16 (ink). `y`: `(n,)`, the digit. With the defaults n is 1,437 and 360.

    Raises:
        ValueError: `test_split` or `seed` is out of range.
    """
    if not 0 <= test_split < 1:
        raise ValueError(f"test_split must be at least 0 and below 1, got {test_split!r}")
    if not 0 <= operator.index(seed) < 2**128:
        raise ValueError(f"seed must be at least 0 and below 2**128, got {seed!r}")
    with np.load(_FILE, allow_pickle=False) as stored:
        images, labels = stored["images"], stored["labels"]

    # NumPy guarantees the raw stream of a bit generator forever, but not the result of shuffle().
    order = np.argsort(np.random.Philox(key=int(seed)).random_raw(len(labels)), kind="stable")
    train = int(len(labels) * (1 - test_split))
    first, last = order[:train], order[train:]
    return (images[first], labels[first]), (images[last], labels[last])
