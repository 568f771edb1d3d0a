"""Samples in an order drawn from a seed, parted for training and testing."""

from __future__ import annotations

from typing import Any

import numpy as np


def shuffled_split(x: Any, y: Any, test_split: float, seed: int) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """(x_train, y_train), (x_test, y_test): the last ``test_split`` of the shuffled samples are for testing."""
    order = np.arange(len(x))
    np.random.RandomState(seed).shuffle(order)  # Keras's generator, whose stream NumPy has frozen
    train = int(len(x) * (1 - test_split))
    first, last = order[:train], order[train:]
    return (x[first], y[first]), (x[last], y[last])
