"""Training runs that Keras and dualnet must agree on: the cases of ``test_fit_keras.py`` (see ``tests/parity.py``)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

N = 22  # with batches of 8 the last one is smaller
RNG = np.random.default_rng(12)
X = RNG.normal(size=(N, 4)).astype("float32")
VALUES = (X @ RNG.normal(size=(4, 2)) + 0.1 * RNG.normal(size=(N, 2))).astype("float32")
LABELS = RNG.integers(0, 3, size=N)
ONE_HOT = np.eye(3, dtype="float32")[LABELS]
BINARY = (X[:, :1] > 0).astype("float32")
WEIGHTS = RNG.uniform(0.2, 2.0, size=N).astype("float32")
CROSS = "sparse_categorical_crossentropy"
CLASS_WEIGHT = {0: 1.0, 1: 2.5, 2: 0.25}


def set_weights(model: Any, seed: int = 5) -> None:
    """The same weights on both sides."""
    rng = np.random.default_rng(seed)
    model.set_weights([rng.normal(scale=0.4, size=w.shape).astype(w.dtype) for w in model.get_weights()])


def network(K: Any, units: int, last: str | None, **dense: Any) -> Any:
    """4 -> 5 -> units."""
    layers = [K.layers.Dense(5, "tanh", **dense), K.layers.Dense(units, last)]
    model = K.Sequential([K.Input((4,)), *layers])
    set_weights(model)
    return model


KINDS: dict[str, tuple[int, str | None, Any, Any]] = {
    # loss: units, last activation, y, loss
    "mse": (2, None, VALUES, "mse"),
    "mae": (2, None, VALUES, "mean_absolute_error"),
    "bce": (1, "sigmoid", BINARY, "binary_crossentropy"),
    "cce": (3, "softmax", ONE_HOT, "categorical_crossentropy"),
    "scce": (3, "softmax", LABELS, CROSS),
}


def fit(
    K: Any,
    task: str = "scce",
    optimizer: Callable[[Any], Any] = lambda K: K.optimizers.SGD(0.1),
    metrics: Any = None,
    weighted_metrics: Any = None,
    dense: Callable[[Any], dict[str, Any]] | None = None,
    epochs: int = 5,
    y: Any = None,
    loss: Any = None,
    **arguments: Any,
) -> Any:
    """History and final weights of ``fit`` in the order of the data, with batches of 8."""
    units, last, labels, usual = KINDS[task]
    model = network(K, units, last, **(dense(K) if dense else {}))
    model.compile(optimizer(K), loss or usual, metrics=metrics, weighted_metrics=weighted_metrics)
    labels = labels if y is None else y
    settings = {"batch_size": 8, "verbose": 0, "shuffle": False} | arguments
    history = model.fit(X, labels, epochs=epochs, **settings).history
    return {"history": history, "weights": model.get_weights()}


def object_loss(K: Any, make: Callable[[Any], Any], task: str) -> Any:
    """``fit`` with a loss that is an object, on logits."""
    units, _, labels, _ = KINDS[task]
    model = network(K, units, None)
    model.compile(K.optimizers.SGD(0.1), make(K), metrics=["accuracy"])
    return model.fit(X, labels, epochs=5, batch_size=8, verbose=0, shuffle=False).history


def regularized(K: Any) -> dict[str, Any]:
    return {
        "kernel_regularizer": K.regularizers.L1L2(0.01, 0.02),
        "bias_regularizer": "l2",
        "activity_regularizer": K.regularizers.L1(0.05),
    }


def on_batches(K: Any) -> Any:
    """What the methods for one batch return, and in which order."""
    model = network(K, 3, "softmax")
    model.compile(K.optimizers.SGD(0.1), CROSS, metrics=["accuracy"], weighted_metrics=[CROSS])
    y = LABELS[:, None]
    return [
        model.train_on_batch(X, y),
        model.train_on_batch(X, y, sample_weight=WEIGHTS),
        model.train_on_batch(X, y, class_weight=CLASS_WEIGHT),
        model.train_on_batch(X, y, return_dict=True),
        model.test_on_batch(X, y),
        model.test_on_batch(X, y, sample_weight=WEIGHTS, return_dict=True),
        model.predict_on_batch(X[:3]),
        model.get_weights(),
    ]


def judged(K: Any) -> Any:
    """What evaluate and predict return."""
    model = network(K, 3, "softmax")
    model.compile("sgd", CROSS)
    bare = model.evaluate(X, LABELS, verbose=0, batch_size=8)
    model.compile("sgd", CROSS, metrics=["accuracy"], weighted_metrics=[CROSS])
    return [
        bare,
        model.evaluate(X, LABELS, verbose=0, batch_size=8),
        model.evaluate(X, LABELS, verbose=0, batch_size=8, sample_weight=WEIGHTS),
        model.evaluate(X, LABELS, verbose=0, batch_size=8, return_dict=True),
        model.evaluate(X, LABELS, verbose=0, batch_size=8, steps=2),
        model.predict(X, verbose=0, batch_size=8),
    ]


def custom_loss(K: Any) -> Any:
    """Functions as loss and metric: one number per sample, or one for all."""

    def worst(y_true: Any, y_pred: Any) -> Any:
        return K.ops.max(K.ops.abs(y_true - y_pred), axis=-1)

    def biggest(y_true: Any, y_pred: Any) -> Any:
        return K.ops.max(y_pred)

    model = network(K, 2, None)
    model.compile(K.optimizers.SGD(0.1), worst, metrics=[biggest, worst])
    return model.fit(X, VALUES, epochs=3, batch_size=8, verbose=0, shuffle=False, sample_weight=WEIGHTS).history


def own_step(K: Any) -> Any:
    """Penalties of layers inside layers, added by hand and by regularizers."""

    class Adds(K.layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.dense = K.layers.Dense(4, "tanh", activity_regularizer="l2", kernel_regularizer="l1")

        def call(self, x: Any) -> Any:
            x = self.dense(x)
            self.add_loss(0.3 * K.ops.mean(x * x))
            return x

    model = K.Sequential([K.Input((4,)), Adds(), K.layers.Dense(2)])
    set_weights(model)
    model.compile(K.optimizers.SGD(0.1), "mse")
    history = model.fit(X, VALUES, epochs=5, batch_size=8, verbose=0, shuffle=False, validation_split=0.3).history
    return {"history": history, "weights": model.get_weights()}


OPTIMIZERS: dict[str, Callable[[Any], Any]] = {
    "sgd": lambda K: K.optimizers.SGD(0.1, momentum=0.9, nesterov=True),
    "adam": lambda K: K.optimizers.Adam(0.05),
    "rmsprop": lambda K: K.optimizers.RMSprop(0.02),
}
VALIDATION = (X[:7] * 0.9, LABELS[:7])
BY_SHAPE = ["accuracy", "acc"]

CROSSENTROPY = {"bce": "crossentropy", "cce": "ce", "scce": "crossentropy"}

CASES: dict[str, Callable[[Any], Any]] = {
    **{
        f"{task} with {name}": partial(fit, task=task, optimizer=optimizer)
        for task in KINDS
        for name, optimizer in OPTIMIZERS.items()
        if name == "sgd" or task in ("mse", "scce")
    },
    **{f"{loss}, {task}": partial(fit, task=task, loss=loss) for task, loss in CROSSENTROPY.items()},
    "sparse metrics": partial(fit, metrics=[*BY_SHAPE, CROSS]),
    "categorical metrics": partial(fit, task="cce", metrics=BY_SHAPE),
    "binary metrics": partial(fit, task="bce", metrics=[*BY_SHAPE, "mse"]),
    "repeated metrics": partial(fit, task="mse", metrics=["mae", "mae"], weighted_metrics=["mae", "mae"]),
    "sample weights": partial(fit, metrics=["acc"], weighted_metrics=["acc"], sample_weight=WEIGHTS),
    "sample weights, adam": partial(fit, task="mse", optimizer=OPTIMIZERS["adam"], sample_weight=WEIGHTS),
    "class weights": partial(fit, class_weight=CLASS_WEIGHT, metrics=["acc"], weighted_metrics=["acc"]),
    "class weights, one-hot": partial(fit, task="cce", class_weight={0: 3.0, 2: 0.5}),
    "class weights and validation": partial(fit, class_weight=CLASS_WEIGHT, validation_split=0.3),
    "regularizers": partial(fit, dense=regularized, validation_data=VALIDATION),
    "constraints": partial(fit, dense=lambda K: {"kernel_constraint": K.constraints.MaxNorm(0.5), "bias_constraint": "non_neg"}),
    "validation split": partial(fit, validation_split=0.3, metrics=["acc"]),
    "validation split and weights": partial(fit, validation_split=0.3, sample_weight=WEIGHTS, weighted_metrics=["acc"]),
    "validation data": partial(fit, validation_data=VALIDATION, validation_batch_size=3),
    "weighted validation data": partial(fit, validation_data=(*VALIDATION, WEIGHTS[:7]), validation_freq=2),
    "validation steps": partial(fit, validation_data=VALIDATION, validation_batch_size=3, validation_steps=2),
    "validation in some epochs": partial(fit, validation_data=VALIDATION, validation_freq=[1, 4]),
    "from a later epoch": partial(fit, initial_epoch=2, optimizer=OPTIMIZERS["adam"]),
    "steps per epoch": partial(fit, steps_per_epoch=2, epochs=2, batch_size=4),
    "one column of labels": partial(fit, y=LABELS[:, None], metrics=["acc"]),
    "labels without a column": partial(fit, task="bce", y=BINARY[:, 0], metrics=["acc"]),
    "logits, sparse": partial(
        object_loss, make=lambda K: K.losses.SparseCategoricalCrossentropy(from_logits=True), task="scce"
    ),
    "logits, binary": partial(object_loss, make=lambda K: K.losses.BinaryCrossentropy(from_logits=True), task="bce"),
    "smoothed labels": partial(
        object_loss, make=lambda K: K.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1), task="cce"
    ),
    "summed loss": partial(object_loss, make=lambda K: K.losses.MeanSquaredError(reduction="sum"), task="mse"),
    "functions as loss and metric": custom_loss,
    "penalties of layers": own_step,
    "on batches": on_batches,
    "evaluate and predict": judged,
}  # fmt: skip
