"""California housing: house prices in the block groups of the 1990 census (Pace and Barry, 1997)."""

from __future__ import annotations

from typing import Any

import numpy as np

from dualnet.datasets import hashed, housing
from dualnet.datasets.splits import TrainTest

_URLS = (hashed.KERAS_MIRROR + "california_housing.npz",)
_SHA256 = "1a2e3a52e0398de6463aebe6f4a8da34fb21fbb6b934cf88c3425e766f2a1a6f"
_MAX_BYTES = 8 << 20
_SMALL = 600


def load_data(
    version: str = "large", path: str = "california_housing.npz", test_split: float = 0.2, seed: int = 113
) -> TrainTest[np.floating[Any], np.floating[Any]]:
    """Load the median house values of 20,640 block groups, shuffled and split in two.

    The features, in this order: MedInc (median income, in 10,000 dollars), HouseAge (median age, years), AveRooms and
    AveBedrms (rooms and bedrooms per household), Population (people in the block group), AveOccup (people per
    household), Latitude and Longitude (degrees).

    The file is taken from the folder `DUALNET_DATA_DIR`, the cache, or the network (0.7 MB, once), and always checked.

    The table `housing.csv` that many courses use has other columns (totals instead of means, the distance to the
    ocean as text). It is loaded by a config: `[data]` with `path = "housing.csv"`, `target = "median_house_value"`,
    `categorical = ["ocean_proximity"]`, `missing = "mean"`, `scaling = "standard"`.

    Args:
        version: `"large"`, or `"small"` for the first 600 rows only.
        path, test_split, seed: as for `boston_housing.load_data`.

    Returns:
        `(x_train, y_train), (x_test, y_test)`, floating point. `x`: `(n, 8)`. `y`: `(n,)`, dollars, about 15,000 to
        500,001 (where the census cut them off). With the defaults n is 16,512 and 4,128.

    Raises:
        ValueError: `version`, `test_split` or `path` is invalid.
        dualnet.datasets.download.DataError: no source has the data, or a local file is wrong.
    """
    if version not in ("small", "large"):
        raise ValueError(f'version must be "small" or "large", got {version!r}')
    rows = _SMALL if version == "small" else None
    return housing.load(path, _URLS, _SHA256, 8, test_split, seed, max_bytes=_MAX_BYTES, rows=rows)
