"""The common format of the housing data sets: a table of numbers in an `.npz` file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, BinaryIO

import numpy as np

from dualnet.datasets import hashed, pickles
from dualnet.datasets.download import ContentError
from dualnet.datasets.splits import TrainTest


def load(
    path: str,
    urls: Sequence[str],
    sha256: str,
    columns: int,
    test_split: float,
    seed: int,
    *,
    max_bytes: int,
    rows: int | None = None,
) -> TrainTest[Any, Any]:
    """(x_train, y_train), (x_test, y_test) of the first `rows` samples, shuffled as in Keras."""
    if not 0 <= test_split < 1:
        raise ValueError(f"test_split must be at least 0 and below 1, got {test_split!r}")

    def parse(file: BinaryIO) -> tuple[Any, Any]:
        arrays = pickles.read_npz(file, ("x", "y"))
        x, y = arrays["x"], arrays["y"]
        if x.dtype.kind != "f" or y.dtype.kind != "f" or x.shape[1:] != (columns,) or y.shape != x.shape[:1]:
            expected = f"expected x (n, {columns}) and y (n,)"
            raise ContentError(f"{expected}, found {x.shape} {x.dtype} and {y.shape} {y.dtype}")
        return x, y

    x, y = (array[:rows] for array in hashed.fetch_file(path, urls, sha256, parse, max_bytes=max_bytes))
    order = np.arange(len(x))
    np.random.RandomState(seed).shuffle(order)  # Keras's generator, whose stream NumPy has frozen
    train, test = np.split(order, [int(len(x) * (1 - test_split))])
    return (x[train], y[train]), (x[test], y[test])
