"""Warnings are at the line of the program, so that each model, and not only the first one, gets its own."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import Input, Sequential, callbacks, layers, losses, metrics, optimizers
from dualnet.preprocessing.image import ImageDataGenerator

X = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")


def model(units: int = 2, trainable: bool = True) -> Any:
    net = Sequential([Input((3,)), layers.Dense(units, name="dense", trainable=trainable)])
    net.compile("sgd", "mse")
    return net


def batches() -> Any:
    yield X, X[:, :2]


def fit(*_: Any, **options: Any) -> None:
    model().fit(X, X[:, :2], verbose=0, **options)


def load(folder: Path, suffix: str) -> None:
    model().save(folder / f"m{suffix}")
    model(units=4).load_weights(folder / f"m{suffix}", skip_mismatch=True)


def gradients_missing(_: Path) -> None:
    a, b = dualnet.Variable(1.0), dualnet.Variable(1.0)
    optimizers.SGD().apply_gradients([(dualnet.ops.ones(()), a), (None, b)])


def float_weights(_: Path) -> None:
    metrics.MeanIoU(2, dtype="int32").update_state([0, 1], [0, 1], sample_weight=np.ones(2, "float32"))


WARNINGS: dict[str, Callable[[Path], Any]] = {
    "data ran out": lambda _: model().fit(batches(), steps_per_epoch=3, epochs=2, verbose=0),
    "nothing to train": lambda _: model(trainable=False).fit(X, X[:, :2], verbose=0),
    "nothing to train, on a batch": lambda _: model(trainable=False).train_on_batch(X, X[:, :2]),
    "shuffle of a generator": lambda _: model().fit(batches(), shuffle=False, verbose=0),
    "a metric that is not there": lambda _: fit(callbacks=[callbacks.EarlyStopping(monitor="val_loss")]),
    "unknown mode": lambda _: callbacks.EarlyStopping(mode="largest"),
    "unknown hook": lambda _: callbacks.LambdaCallback(on_epoch_ends=print),
    "skip_mismatch, .h5": lambda folder: load(folder, ".h5"),
    "skip_mismatch, .keras": lambda folder: load(folder, ".keras"),
    "a loss of one class": lambda _: losses.categorical_crossentropy([[1.0]], [[1.0]]),
    "a loss object of one class": lambda _: losses.CategoricalCrossentropy()([[1.0]], [[1.0]]),
    "no gradient": gradients_missing,
    "float weights of an integer metric": float_weights,
    "no statistics": lambda _: ImageDataGenerator(featurewise_center=True).standardize(np.zeros((4, 4, 3))),
    "no statistics, flow": lambda _: next(ImageDataGenerator(featurewise_center=True).flow(np.zeros((2, 4, 4, 3)))),
    "two channels": lambda _: ImageDataGenerator().flow(np.zeros((2, 4, 4, 2))),
    "no effect": lambda _: dualnet.config.enable_unsafe_deserialization(),
}


@pytest.mark.parametrize("name", WARNINGS)
def test_a_warning_is_at_the_line_of_the_program(name: str, tmp_path: Path) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        WARNINGS[name](tmp_path)
    assert caught
    assert [entry.filename for entry in caught] == [__file__] * len(caught)


def test_with_the_default_filter_every_model_is_warned_of() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        model(trainable=False).fit(X, X[:, :2], verbose=0)
        model(trainable=False).fit(X, X[:, :2], verbose=0)
    assert len(caught) == 2
