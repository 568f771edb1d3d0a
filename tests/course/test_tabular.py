"""Tables: wine, housing, advertising."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
import pytest

TABLES = Path(os.environ.get("DUALNET_DATA_DIR", "/nowhere"), "tabular")
with_tables = pytest.mark.skipif(not TABLES.exists(), reason="needs tabular/ in DUALNET_DATA_DIR")


def read(name: str, delimiter: str = ",") -> np.ndarray:
    with open(TABLES / name, newline="") as file:
        rows = list(csv.reader(file, delimiter=delimiter))[1:]
    return np.array([[float(v) for v in row] for row in rows])


@with_tables
def test_good_and_bad_wine() -> None:
    from dualnet import keras
    from dualnet.keras import layers

    with open(TABLES / "winequality-red.csv") as file:
        delimiter = ";" if ";" in file.readline() else ","
    table = read("winequality-red.csv", delimiter)
    x, y = table[:, :-1], (table[:, -1] >= 6).astype(int)
    keras.utils.set_random_seed(7)
    order = np.random.permutation(len(x))
    x, y = x[order], y[order]
    cut = int(0.8 * len(x))
    mean, std = x[:cut].mean(axis=0), x[:cut].std(axis=0)
    x = (x - mean) / std
    model = keras.Sequential(
        [
            layers.Dense(
                32, activation="relu", input_shape=(x.shape[1],), kernel_regularizer=keras.regularizers.l2(1e-3)
            ),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile("adam", "binary_crossentropy", metrics=["accuracy", "AUC", keras.metrics.Precision(name="precision")])
    model.fit(x[:cut], y[:cut], epochs=15, batch_size=32, verbose=0)
    results = model.evaluate(x[cut:], y[cut:], verbose=0, return_dict=True)
    assert results["accuracy"] > 0.7
    assert results["AUC"] > 0.75
    assert 0.6 < results["precision"] <= 1


@with_tables
def test_advertising_regression() -> None:
    from dualnet import keras

    table = read("advertising.csv")[:, 1:]
    x, y = table[:, :3], table[:, 3]
    normalizer = keras.layers.Normalization(axis=-1)
    normalizer.adapt(x)
    model = keras.Sequential([normalizer, keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.Adam(learning_rate=0.3), loss="mse", metrics=["mae", "rmse"])
    model.fit(x, y, epochs=60, verbose=0)
    loss, mae, rmse = model.evaluate(x, y, verbose=0)
    standard = np.c_[(x - x.mean(0)) / x.std(0), np.ones(len(x))]
    least_squares = np.linalg.lstsq(standard, y, rcond=None)[1][0] / len(x)
    assert loss == pytest.approx(least_squares, rel=0.02)
    assert rmse == pytest.approx(loss**0.5, rel=1e-4)
    assert mae < rmse


def test_wide_and_deep() -> None:
    from dualnet.keras.layers import Concatenate, Dense, Input
    from dualnet.keras.models import Model

    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 6)).astype("float32")
    y = x[:, :1] * 2 + np.tanh(x[:, 2:3] * x[:, 3:4])
    input_a, input_b = Input(shape=[3], name="wide_input"), Input(shape=[5], name="deep_input")
    hidden = Dense(20, activation="selu", kernel_initializer="lecun_normal")(input_b)
    hidden = Dense(20, activation="selu", kernel_initializer="lecun_normal")(hidden)
    output = Dense(1, name="output")(Concatenate()([input_a, hidden]))
    model = Model(inputs=[input_a, input_b], outputs=[output])
    model.compile(loss="mse", optimizer="nadam")
    before = model.evaluate((x[:, :3], x[:, 1:]), y, verbose=0)
    history = model.fit((x[:, :3], x[:, 1:]), y, epochs=30, batch_size=16, validation_split=0.1, verbose=0)
    assert history.history["loss"][-1] < before / 3
    named = model.predict({"wide_input": x[:5, :3], "deep_input": x[:5, 1:]}, verbose=0)
    np.testing.assert_allclose(named, model.predict((x[:5, :3], x[:5, 1:]), verbose=0))


def test_k_fold_cross_validation() -> None:
    from dualnet import keras
    from dualnet.keras import layers, models

    rng = np.random.default_rng(3)
    data = rng.normal(size=(60, 4)).astype("float32")
    targets = data.sum(1) / 2

    def build_model() -> models.Sequential:
        model = models.Sequential()
        model.add(layers.Dense(8, activation="relu", input_shape=(data.shape[1],)))
        model.add(layers.Dense(1))
        model.compile(optimizer=keras.optimizers.RMSprop(0.02), loss="mse", metrics=["mae"])
        return model

    k, scores = 3, []
    size = len(data) // k
    for i in range(k):
        rest = np.r_[0 : i * size, (i + 1) * size : len(data)]
        model = build_model()
        model.fit(data[rest], targets[rest], epochs=10, batch_size=1, verbose=0)
        scores.append(model.evaluate(data[i * size : (i + 1) * size], targets[i * size : (i + 1) * size], verbose=0)[1])
    assert np.mean(scores) < np.abs(targets).mean() / 2


def test_class_weights_move_the_threshold() -> None:
    from dualnet import keras

    rng = np.random.default_rng(0)
    y = (rng.uniform(size=400) < 0.1).astype("float32")
    x = (y[:, None] * 1.0 + rng.normal(size=(400, 1))).astype("float32")
    sensitivities = []
    for class_weight in (None, {0: 1.0, 1: 9.0}):
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.layers.Dense(1, activation="sigmoid", input_dim=1)])
        model.compile(keras.optimizers.SGD(0.5), "binary_crossentropy", metrics=["sensitivity"])
        history = model.fit(x, y, epochs=10, class_weight=class_weight, verbose=0)
        sensitivities.append(history.history["sensitivity"][-1])
    assert sensitivities[1] > sensitivities[0] + 0.3


def test_preprocessing_layers() -> None:
    from dualnet import keras

    ages = np.array([[3.0], [19.0], [45.0], [70.0]])
    buckets = keras.layers.Discretization(bin_boundaries=[18, 35, 60])
    assert buckets(ages).numpy().ravel().tolist() == [0, 1, 2, 3]
    one_hot = keras.layers.CategoryEncoding(num_tokens=4, output_mode="one_hot")
    assert one_hot(np.array([1, 3])).numpy().tolist() == [[0, 1, 0, 0], [0, 0, 0, 1]]
    normalize = keras.layers.Normalization()
    normalize.adapt(ages)
    np.testing.assert_allclose(normalize(ages).numpy(), (ages - ages.mean()) / ages.std(), rtol=1e-5)
    assert keras.layers.experimental.preprocessing.Rescaling(1 / 10)([5.0]).numpy().tolist() == [0.5]
