"""Training and prediction with the Keras API, for dualnet and for Keras on each of its backends."""

from __future__ import annotations

import time
from typing import Any

from .workloads import Workload


def build(keras: Any, workload: Workload) -> Any:
    """The compiled model."""
    layers = keras.layers
    make = {
        "dense": lambda units, activation: layers.Dense(units, activation=activation),
        "conv": lambda filters, size, activation: layers.Conv2D(filters, size, activation=activation),
        "pool": layers.MaxPooling2D,
        "flatten": layers.Flatten,
        "batchnorm": layers.BatchNormalization,
        "dropout": layers.Dropout,
        "lstm": lambda units: layers.LSTM(units),
    }
    model = keras.Sequential(
        [keras.Input(workload.input_shape), *(make[layer_type](*rest) for layer_type, *rest in workload.layers)]
    )
    loss = "mse" if workload.classes is None else "sparse_categorical_crossentropy"
    model.compile(getattr(keras.optimizers, workload.optimizer)(0.001), loss)
    return model


def train(keras: Any, workload: Workload, repeats: int, epochs: int = 2) -> list[float]:
    """Microseconds per step of ``fit``, for each repeat after a warm-up."""
    x, y = workload.data()
    model = build(keras, workload)
    model.fit(x, y, batch_size=workload.batch, epochs=1, verbose=0)
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        model.fit(x, y, batch_size=workload.batch, epochs=epochs, verbose=0)
        times.append((time.perf_counter() - start) / (epochs * workload.steps) * 1e6)
    return times


def predict(keras: Any, workload: Workload, repeats: int) -> list[float]:
    """Microseconds of ``predict`` for one sample, after the first."""
    x = workload.data()[0][:1]
    model = build(keras, workload)
    model.predict(x, verbose=0)
    times = []
    for _ in range(repeats * 20):
        start = time.perf_counter()
        model.predict(x, verbose=0)
        times.append((time.perf_counter() - start) * 1e6)
    return times


def cold(keras: Any, workload: Workload) -> None:
    """Build a model and train it for one epoch."""
    x, y = workload.data()
    build(keras, workload).fit(x, y, batch_size=workload.batch, epochs=1, verbose=0)
