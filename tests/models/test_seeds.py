"""The same seed gives the same numbers: in one process, in two, and whatever else was made before."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import layers

X = np.random.default_rng(0).normal(size=(50, 4)).astype("float32")
Y = (X[:, :1] > 0).astype("float32")

PROGRAM = """
import hashlib, sys
import numpy as np
import dualnet
from dualnet import layers
dualnet.utils.set_random_seed(int(sys.argv[1]))
X = np.random.default_rng(0).normal(size=(50, 4)).astype("float32")
model = dualnet.Sequential([dualnet.Input((4,)), layers.Dense(16, "relu"), layers.Dropout(0.4), layers.Dense(1, "sigmoid")])
model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
history = model.fit(X, (X[:, :1] > 0) * 1.0, epochs=3, batch_size=8, verbose=0, validation_split=0.2)
digest = hashlib.sha256(repr(history.history).encode())
for w in [*model.get_weights(), *(v.numpy() for v in model.optimizer.variables)]:
    digest.update(w.tobytes())
print(digest.hexdigest())
"""


def program(seed: int) -> str:
    environment = {**os.environ, "PYTHONHASHSEED": "random", "DUALNET_DEVICE": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(seed)], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout


def test_the_same_bytes_in_every_process() -> None:
    first = program(7)
    assert len(first.strip()) == 64
    assert program(7) == first
    assert program(8) != first


def trained(make: Any = None, epochs: int = 2) -> tuple[Any, list[Any]]:
    model = (
        make()
        if make
        else dualnet.Sequential([layers.Dense(8, "relu"), layers.Dropout(0.5), layers.Dense(1, "sigmoid")])
    )
    model.compile("sgd", "binary_crossentropy")
    history = model.fit(X, Y, epochs=epochs, batch_size=8, verbose=0).history
    return history, model.get_weights()


def test_the_same_numbers_again_in_one_process() -> None:
    """The names of the layers differ the second time (dropout, dropout_1), the masks do not."""
    results = []
    for seed in (3, 3, 4):
        dualnet.utils.set_random_seed(seed)
        results.append(trained())
    assert results[0][0] == results[1][0] != results[2][0]
    for a, b, c in zip(*(weights for _, weights in results)):
        np.testing.assert_array_equal(a, b)
        assert (a != c).any()


def test_another_fit_takes_another_order_and_other_masks() -> None:
    def outputs(training: bool) -> list[Any]:
        dualnet.utils.set_random_seed(1)
        layer = layers.Dropout(0.5)
        return [layer(np.ones((4, 8), "float32"), training=training).numpy() for _ in range(3)]

    first, second, third = outputs(True)
    assert (first != second).any()
    assert (second != third).any()
    for a, b in zip((first, second, third), outputs(True)):
        np.testing.assert_array_equal(a, b)
    assert all((y == 1).all() for y in outputs(False))


def test_layers_do_not_share_masks_nor_disturb_each_other() -> None:
    ones = np.ones((8, 16), "float32")

    def masks(before: Any) -> Any:
        dualnet.utils.set_random_seed(5)
        before()
        return [layers.Dropout(0.5)(ones, training=True).numpy(), layers.Dropout(0.5)(ones, training=True).numpy()]

    alone = masks(lambda: None)
    assert (alone[0] != alone[1]).any()
    for created_before in (
        lambda: layers.Dense(3)(ones),
        lambda: trained(lambda: dualnet.Sequential([layers.Dense(1, "sigmoid")])),
    ):
        for a, b in zip(alone, masks(created_before)):
            np.testing.assert_array_equal(a, b)


def test_a_layer_with_a_seed_and_one_with_a_name() -> None:
    ones = np.ones((8, 16), "float32")

    def mask(**arguments: Any) -> Any:
        return layers.Dropout(0.5, **arguments)(ones, training=True).numpy()

    dualnet.utils.set_random_seed(1)
    first = mask(seed=4), mask(name="mine")
    np.testing.assert_array_equal(mask(seed=4), first[0])
    dualnet.utils.set_random_seed(1)
    np.testing.assert_array_equal(mask(name="mine"), first[1])
    dualnet.utils.set_random_seed(2)
    np.testing.assert_array_equal(mask(seed=4), first[0])
    assert (mask(name="mine") != first[1]).any()


@pytest.mark.parametrize("seed", [-1, 2**32, 1.5, "1", True, None])
def test_wrong_seeds(seed: Any) -> None:
    with pytest.raises(ValueError, match="set_random_seed expects an integer from 0 to"):
        dualnet.utils.set_random_seed(seed)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_keeps_the_mean(rate: float) -> None:
    y = layers.Dropout(rate, seed=2)(np.ones((400, 500), "float32"), training=True).numpy()
    assert set(np.unique(y)) == {0.0, np.float32(1 / (1 - rate))}
    assert y.mean() == pytest.approx(1, abs=0.02)
    assert (y == 0).mean() == pytest.approx(rate, abs=0.005)
    shared = layers.Dropout(rate, noise_shape=(None, 1), seed=2)(np.ones((400, 5), "float32"), training=True).numpy()
    assert (shared == shared[:, :1]).all()
    assert 0 < (shared[:, 0] == 0).mean() < 1
