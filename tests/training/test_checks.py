"""Mistakes in the data are caught before the first step, with the shapes or values and what to do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import layers

X = np.random.default_rng(0).normal(size=(20, 4))
Y = np.arange(20) % 3


def changed(array: Any, value: Any) -> Any:
    array = array.copy()
    array[3, 1] = value
    return array


MISTAKES = {
    "labels from 1": ("sparse_categorical_crossentropy", X, Y + 1, "holds the label 3, but the model has 3 classes"),
    "negative labels": ("sparse_categorical_crossentropy", X, Y - 1, "holds the label -1"),
    "labels that are no whole numbers": (
        "sparse_categorical_crossentropy",
        X,
        Y * 0.5,
        "no whole numbers, such as 0.5",
    ),
    "one-hot for sparse": (
        "sparse_categorical_crossentropy",
        X,
        np.eye(3)[Y],
        "looks one-hot.*Use categorical_crossentropy",
    ),
    "sparse for one-hot": ("categorical_crossentropy", X, Y, "integer labels go with sparse_categorical_crossentropy"),
    "no probabilities": ("categorical_crossentropy", X, np.eye(3)[Y] * 2, "takes probabilities from 0 to 1"),
    "binary labels -1 and 1": ("binary_crossentropy", X, np.eye(3)[Y] * 2 - 1, "holds -1.0, but binary_crossentropy"),
    "NaN in x": (
        "mse",
        changed(X, np.nan),
        X[:, :3],
        r"x has 1 values that are NaN or infinite, the first in sample 3",
    ),
    "infinity in y": ("mse", X, changed(X[:, :3], np.inf), "y has 1 values that are NaN or infinite"),
    "different lengths": ("mse", X, X[:19, :3], "same number of samples, got x: 20; y: 19"),
    "a vector against three outputs": ("mse", X, np.ones(20), r"\(20,\) and \(20, 3\)"),
    "wrong number of features": ("mse", X[:, :3], X[:, :3], r"has 4 entries, got shape \(20, 3\)|expects shape"),
    "objects": ("mse", X.astype(object), X[:, :3], "dtype object"),
    "text": ("mse", X, np.full((20, 3), "a"), "dtype <U1"),
    "rows of different lengths": ("mse", [[1.0], [1.0, 2.0]], [[0.0], [1.0]], "cannot be used as data"),
    "a single number": ("mse", np.float32(3), np.float32(1), "the first axis must count the samples"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_and_nothing_is_trained(name: str) -> None:
    loss, x, y, message = MISTAKES[name]
    last = "sigmoid" if loss == "binary_crossentropy" else "softmax"
    model = dualnet.Sequential([dualnet.Input((4,)), layers.Dense(3, activation=last)])
    model.compile("sgd", loss)
    before = model.get_weights()
    with pytest.raises((ValueError, TypeError), match=message):
        model.fit(x, y, verbose=0, batch_size=20)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights()))
    assert int(model.optimizer.iterations) == 0


def test_validation_data_is_checked_before_training_starts() -> None:
    model = dualnet.Sequential([dualnet.Input((4,)), layers.Dense(3, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.raises(ValueError, match="holds the label 5"):
        model.fit(X, Y, validation_data=(X, Y + 5), verbose=0)
    assert int(model.optimizer.iterations) == 0


def test_an_ignored_class_is_no_mistake() -> None:
    model = dualnet.Sequential([dualnet.Input((4,)), layers.Dense(3, activation="softmax")])
    model.compile("sgd", dualnet.losses.SparseCategoricalCrossentropy(ignore_class=-1))
    assert np.isfinite(model.fit(X, np.where(Y == 0, -1, Y), verbose=0).history["loss"][0])


def test_large_finite_values_are_no_mistake() -> None:
    model = dualnet.Sequential([dualnet.Input((4,)), layers.Dense(3)])
    model.compile(dualnet.optimizers.SGD(0.0), "mae")
    x = np.full((20, 4), 3e38, dtype="float32")  # their sum overflows
    x[::2] *= -1
    model.fit(x * 1e-3, np.zeros((20, 3)), verbose=0)
