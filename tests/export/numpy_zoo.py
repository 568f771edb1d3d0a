"""Every network of the zoo as a program of NumPy: ``python -m tests.export.numpy_zoo [NAME ...]``.

The tests do this with one network of most families.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np

import dualnet
from tests.applications.network import Network, draw_weights, zeros_for_random_numbers
from tests.applications.table import ROWS

from .numpy_programs import loaded


def difference(row: Network) -> float:
    """How far the outputs of a program are from those of the network, in relation to the largest."""
    with zeros_for_random_numbers(dualnet):
        model: Any = row.small(dualnet)
    model.set_weights(draw_weights(model))
    x = np.random.default_rng(1).uniform(-1, 1, (2, *model.inputs[0].shape[1:])).astype("float32")
    expected, actual = model.predict(x, verbose=0), loaded(model)["predict"](x)
    assert actual.shape == expected.shape
    assert actual.dtype == expected.dtype
    return float(np.abs(actual - expected).max() / np.abs(expected).max())


def main(names: list[str]) -> None:
    for row in ROWS:
        if not names or row.title in names:
            start = time.perf_counter()
            print(
                f"{row}: outputs differ by {difference(row):.1e} of the largest, {time.perf_counter() - start:.0f} s",
                flush=True,
            )


if __name__ == "__main__":
    main(sys.argv[1:])
