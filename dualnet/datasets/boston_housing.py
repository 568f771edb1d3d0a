"""Boston housing: what houses cost in the suburbs of Boston in the 1970s (Harrison and Rubinfeld, 1978)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO

from dualnet.datasets import hashed, pickles, splitting
from dualnet.datasets.download import ContentError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Split = tuple[NDArray[np.floating[Any]], NDArray[np.floating[Any]]]

_URLS = (hashed.KERAS_MIRROR + "boston_housing.npz",)
_SHA256 = "f553886a1f8d56431e820c5b82552d9d95cfcb96d1e678153f8839538947dff5"
_MAX_BYTES = 1 << 20


def load_data(path: str = "boston_housing.npz", test_split: float = 0.2, seed: int = 113) -> tuple[Split, Split]:
    """Load the median house values of 506 suburbs, shuffled and split in two.

    The features, in this order: CRIM (crimes per person), ZN (share of large lots), INDUS (share of industry), CHAS (1 at
    the river), NOX (nitric oxides), RM (rooms per house), AGE (share of houses from before 1940), DIS (distance to five
    centres of employment), RAD (access to highways), TAX (property tax), PTRATIO (pupils per teacher), B and LSTAT (share
    of people of lower status).

    B was made from the share of Black people on the assumption that segregation raises prices, and the data was gathered
    to study air pollution. It is here because courses use it; `california_housing` serves the same purpose without that.

    The file is looked for in the folder `DUALNET_DATA_DIR` names, in the cache, and in the network (57 kB, once), and
    checked wherever it is found.

    Args:
        path: name of the file in `DUALNET_DATA_DIR` and in the cache. A name, not a path.
        test_split: share of the rows in the test part, at least 0 and below 1.
        seed: of the shuffle before the split. The rows come in the order in which Keras gives them.

    Returns:
        `(x_train, y_train), (x_test, y_test)`, floating point. `x`: `(n, 13)`. `y`: `(n,)`, thousands of dollars, from 5 to
        50. With the defaults n is 404 and 102.

    Raises:
        ValueError: `test_split` or `path` is none of these.
        dualnet.datasets.download.DataError: no source has the data, or a local file is wrong.
    """
    if not 0 <= test_split < 1:
        raise ValueError(f"test_split must be at least 0 and below 1, got {test_split!r}")
    x, y = hashed.fetch_file(path, _URLS, _SHA256, _parse, max_bytes=_MAX_BYTES)
    return splitting.shuffled_split(x, y, test_split, seed)


def _parse(file: BinaryIO) -> tuple[Any, Any]:
    arrays = pickles.read_npz(file, ("x", "y"))
    x, y = arrays["x"], arrays["y"]
    if x.dtype.kind != "f" or y.dtype.kind != "f" or x.shape[1:] != (13,) or y.shape != x.shape[:1]:
        raise ContentError(f"expected x (n, 13) and y (n,), found {x.shape} {x.dtype} and {y.shape} {y.dtype}")
    return x, y
