"""TimeseriesGenerator: windows by hand, against Keras, and in fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet.preprocessing.sequence import TimeseriesGenerator

SERIES = np.arange(50.0)[:, None]
ARGUMENTS: list[dict[str, Any]] = [
    {"length": 10},
    {"length": 10, "sampling_rate": 2, "batch_size": 2},
    {"length": 7, "sampling_rate": 3, "stride": 2, "batch_size": 4, "reverse": True},
    {"length": 5, "start_index": 10, "end_index": 30, "batch_size": 3},
]


def test_windows_and_the_targets_behind_them() -> None:
    generator = TimeseriesGenerator(SERIES, SERIES, length=10, sampling_rate=2, batch_size=2)
    assert len(generator) == 20
    x, y = generator[0]
    np.testing.assert_array_equal(x[..., 0], [[0, 2, 4, 6, 8], [1, 3, 5, 7, 9]])
    np.testing.assert_array_equal(y, [[10], [11]])
    np.testing.assert_array_equal(generator[19][1], [[48], [49]])
    np.random.seed(0)
    x, y = TimeseriesGenerator(SERIES, SERIES, length=3, shuffle=True, batch_size=8)[0]
    np.testing.assert_array_equal(x[:, -1], y - 1)


@pytest.mark.keras
@pytest.mark.parametrize("arguments", ARGUMENTS)
def test_the_same_batches_as_keras(keras: Any, arguments: dict[str, Any]) -> None:
    theirs = pytest.importorskip("keras.src.legacy.preprocessing.sequence").TimeseriesGenerator
    own, other = (cls(SERIES, -SERIES, **arguments) for cls in (TimeseriesGenerator, theirs))
    assert len(own) == len(other)
    for i in range(len(own)):
        for a, b in zip(own[i], other[i], strict=True):
            np.testing.assert_array_equal(a, b)


def test_it_trains_and_says_what_does_not_fit() -> None:
    generator = TimeseriesGenerator(SERIES / 50, SERIES / 50, length=4, batch_size=8)
    model = dualnet.Sequential([dualnet.layers.Flatten(), dualnet.layers.Dense(1)])
    model.compile("adam", "mse")
    losses = model.fit(generator, epochs=30, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    with pytest.raises(ValueError, match="50 steps, but there are 49 targets"):
        TimeseriesGenerator(SERIES, SERIES[1:], length=3)
    with pytest.raises(ValueError, match="no window of 50 steps"):
        TimeseriesGenerator(SERIES, SERIES, length=50)
