"""Training takes no more memory the longer it goes on."""

from __future__ import annotations

import gc
from pathlib import Path

import numpy as np
import pytest

from dualnet import Input, Sequential, layers

STATUS = Path("/proc/self/statm")


def resident() -> int:
    """Pages of this process that are in memory."""
    gc.collect()
    return int(STATUS.read_text(encoding="ascii").split()[1])


@pytest.mark.skipif(not STATUS.exists(), reason="the memory of a process is read where Linux tells it")
@pytest.mark.parametrize("eagerly", [False, True])
def test_flat_over_ten_thousand_steps(eagerly: bool) -> None:
    x = np.random.default_rng(0).normal(size=(1000, 8)).astype("float32")
    y = np.random.default_rng(1).integers(0, 3, 1000)
    model = Sequential([
        Input((8,)),
        layers.Dense(16, activation="relu"),
        layers.BatchNormalization(),
        layers.Dropout(0.2),
        layers.Dense(3, activation="softmax"),
    ])  # fmt: skip
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"], run_eagerly=eagerly)

    def train(epochs: int) -> None:
        model.fit(x, y, batch_size=4, epochs=epochs, verbose=0)

    train(4)
    objects, pages = len(gc.get_objects()), resident()
    train(40)
    # A step that kept one batch would keep 1.3 MB, 325 pages of 4 KiB; ten thousand steps that kept an object, 10,000 of them.
    assert len(gc.get_objects()) - objects < 1000
    assert resident() - pages < 200
