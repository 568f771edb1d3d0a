"""Training and prediction with the Keras API, for dualnet and for Keras on each of its backends."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from .workloads import Workload


def build(keras: Any, workload: Workload) -> Any:
    """The compiled model."""
    layers = keras.layers

    def residual(filters: int, stride: int) -> Callable[[Any], Any]:
        def block(x: Any) -> Any:
            y = layers.Conv2D(filters, 3, stride, padding="same", use_bias=False)(x)
            y = layers.ReLU()(layers.BatchNormalization()(y))
            y = layers.BatchNormalization()(layers.Conv2D(filters, 3, padding="same", use_bias=False)(y))
            if stride > 1:
                x = layers.BatchNormalization()(layers.Conv2D(filters, 1, stride, use_bias=False)(x))
            return layers.ReLU()(layers.add([x, y]))

        return block

    def encoder(heads: int, units: int) -> Callable[[Any], Any]:
        def block(x: Any) -> Any:
            width = x.shape[-1]
            x = layers.LayerNormalization()(layers.add([x, layers.MultiHeadAttention(heads, width // heads)(x, x)]))
            y = layers.Dense(width)(layers.Dense(units, activation="relu")(x))
            return layers.LayerNormalization()(layers.add([x, y]))

        return block

    is_sequence = len(workload.input_shape) == 2
    make: dict[str, Callable[..., Callable[[Any], Any]]] = {
        "dense": lambda units, activation: layers.Dense(units, activation=activation),
        "conv": lambda filters, size, activation: layers.Conv2D(filters, size, activation=activation),
        "pool": layers.MaxPooling2D,
        "global_pool": layers.GlobalAveragePooling1D if is_sequence else layers.GlobalAveragePooling2D,
        "flatten": layers.Flatten,
        "batchnorm": layers.BatchNormalization,
        "dropout": layers.Dropout,
        "lstm": layers.LSTM,
        "gru": layers.GRU,
        "residual": residual,
        "encoder": encoder,
    }
    inputs = outputs = keras.Input(workload.input_shape)
    for layer_type, *rest in workload.layers:
        outputs = make[layer_type](*rest)(outputs)
    model = keras.Model(inputs, outputs)
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


def each_step(keras: Any, workload: Workload, steps: int) -> list[float]:
    """Microseconds of each of so many steps of ``fit``, after a warm-up, with a callback that looks at the clock."""
    times: list[float] = []

    class Clock(keras.callbacks.Callback):  # type: ignore[misc]
        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
            self.start = time.perf_counter()

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            times.append((time.perf_counter() - self.start) * 1e6)

    x, y = workload.data()
    model = build(keras, workload)
    model.fit(x, y, batch_size=workload.batch, epochs=2, verbose=0)
    while len(times) < steps:
        model.fit(x, y, batch_size=workload.batch, verbose=0, callbacks=[Clock()])
    return times[:steps]


def predict(keras: Any, workload: Workload, repeats: int) -> list[float]:
    """Microseconds of ``predict`` for one sample, after the first."""
    x = workload.data()[0][:1]
    model = build(keras, workload)
    return _predictions(model, x, repeats * 20)


def predict_zoo(keras: Any, name: str, batch: int, repeats: int) -> list[float]:
    """Microseconds of ``predict`` of a network of ``keras.applications`` for one batch of images, after the first."""
    import numpy as np

    model = getattr(keras.applications, name)(weights=None)
    x = np.random.default_rng(0).standard_normal((batch, 224, 224, 3), dtype="float32")
    return _predictions(model, x, repeats, batch_size=batch)


def _predictions(model: Any, x: Any, times: int, **options: Any) -> list[float]:
    model.predict(x, verbose=0, **options)
    results = []
    for _ in range(times):
        start = time.perf_counter()
        model.predict(x, verbose=0, **options)
        results.append((time.perf_counter() - start) * 1e6)
    return results


def cold(keras: Any, workload: Workload) -> None:
    """Build a model and train it for one epoch."""
    x, y = workload.data()
    build(keras, workload).fit(x, y, batch_size=workload.batch, epochs=1, verbose=0)
