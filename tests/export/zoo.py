"""Every network of the zoo in ONNX Runtime: ``python -m tests.export.zoo [NAME ...]``, with ``--full`` at its own size.

The tests do this with one network of each family.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np

import dualnet
from dualnet.export.onnx.writer import to_onnx
from tests.applications.network import Network, draw_weights, zeros_for_random_numbers
from tests.applications.table import ROWS

from .running import more, run_onnx


def difference(row: Network, full: bool = False) -> float:
    """How far the outputs of two batches are from those of the network, in relation to the largest."""
    with zeros_for_random_numbers(dualnet):
        model: Any = row.of(dualnet)(weights=None, classifier_activation=None) if full else row.small(dualnet)
    model.set_weights(draw_weights(model))
    proto = to_onnx(model)
    shape = model.inputs[0].shape[1:]
    images = np.random.default_rng(1).uniform(0, 255, (1, *shape)).astype("float32")
    x = getattr(dualnet.applications, row.module).preprocess_input(images)
    largest = 0.0
    for batch in (x, more(x)):
        expected = model.predict(batch, verbose=0)
        (actual,) = run_onnx(proto, [batch])
        assert actual.shape == expected.shape
        largest = max(largest, float(np.abs(actual - expected).max() / np.abs(expected).max()))
    return largest


def main(arguments: list[str]) -> None:
    names = [a for a in arguments if a != "--full"]
    for row in ROWS:
        if names and row.title not in names:
            continue
        start = time.perf_counter()
        worst = difference(row, "--full" in arguments)
        print(f"{row}: outputs differ by {worst:.1e} of the largest, {time.perf_counter() - start:.1f} s", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
