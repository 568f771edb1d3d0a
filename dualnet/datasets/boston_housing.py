"""Boston housing: house prices in the suburbs of Boston in the 1970s (Harrison and Rubinfeld, 1978)."""

from __future__ import annotations

from typing import Any

import numpy as np

from dualnet.datasets import hashed, housing
from dualnet.datasets.splits import TrainTest

_URLS = (hashed.KERAS_MIRROR + "boston_housing.npz",)
_SHA256 = "f553886a1f8d56431e820c5b82552d9d95cfcb96d1e678153f8839538947dff5"
_MAX_BYTES = 1 << 20


def load_data(
    path: str = "boston_housing.npz", test_split: float = 0.2, seed: int = 113
) -> TrainTest[np.floating[Any], np.floating[Any]]:
    """Load the median house values of 506 suburbs, shuffled and split in two.

    The features, in this order: CRIM (crimes per person), ZN (share of large lots), INDUS (share of industry), CHAS (1 at
    the river), NOX (nitric oxides), RM (rooms per house), AGE (share of houses from before 1940), DIS (distance to five
    centres of employment), RAD (access to highways), TAX (property tax), PTRATIO (pupils per teacher), B and LSTAT (share
    of people of lower status).

    B was derived from the share of Black people on the assumption that segregation raises prices, and the data was
    collected to study air pollution. It is here because courses use it; `california_housing` is a better choice.

    The file is taken from the folder `DUALNET_DATA_DIR`, the cache, or the network (57 kB, once), and always checked.

    Args:
        path: name of the file in `DUALNET_DATA_DIR` and in the cache. A name, not a path.
        test_split: share of the rows in the test part, at least 0 and below 1.
        seed: seed of the shuffle before the split. The order of the rows is that of Keras.

    Returns:
        `(x_train, y_train), (x_test, y_test)`, floating point. `x`: `(n, 13)`. `y`: `(n,)`, thousands of dollars, from 5 to
        50. With the defaults n is 404 and 102.

    Raises:
        ValueError: `test_split` or `path` is invalid.
        dualnet.datasets.download.DataError: no source has the data, or a local file is wrong.
    """
    return housing.load(path, _URLS, _SHA256, 13, test_split, seed, max_bytes=_MAX_BYTES)
