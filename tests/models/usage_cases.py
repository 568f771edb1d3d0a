"""``fit`` in the ways in which it is used: the cases of ``test_usage.py`` (see ``tests/parity.py``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .fit_cases import set_weights

N = 22
RNG = np.random.default_rng(3)
X, X2 = (RNG.normal(size=(N, n)).astype("float32") for n in (4, 2))
LABELS = RNG.integers(0, 3, N)
ONE_HOT = np.eye(3, dtype="float32")[LABELS]
BINARY = (X[:, :1] > 0).astype("float32")
W = RNG.uniform(0.2, 2.0, N).astype("float32")
CROSS = "sparse_categorical_crossentropy"


def net(K: Any, units: int = 3, last: str | None = "softmax", loss: Any = CROSS, **arguments: Any) -> Any:
    """A compiled model with known weights."""
    model = K.Sequential([K.Input((4,)), K.layers.Dense(5, "tanh"), K.layers.Dense(units, last)])
    set_weights(model)
    model.compile(K.optimizers.SGD(0.1), loss, **arguments)
    return model


def by_name(K: Any, **arguments: Any) -> Any:
    """The same with a dictionary of inputs."""
    a, b = K.Input((4,), name="a"), K.Input((2,), name="b")
    model = K.Model({"a": a, "b": b}, K.layers.Dense(3, "softmax")(K.layers.concatenate([a, b])))
    set_weights(model)
    model.compile(K.optimizers.SGD(0.1), CROSS, **arguments)
    return model


def fit(model: Any, x: Any, y: Any = None, **arguments: Any) -> Any:
    """The history, sorted, and the numbers of the epochs."""
    history = model.fit(x, y, **{"verbose": 0, "shuffle": False, "batch_size": 8, **arguments})
    return {"epochs": history.epoch, **{name: history.history[name] for name in sorted(history.history)}}


def twice(K: Any) -> Any:
    model = net(K, metrics=["accuracy"])
    return [fit(model, X, LABELS, epochs=2), fit(model, X, LABELS)]


def evaluations(K: Any) -> Any:
    # With the same metric weighted and not, Keras lists the first of them twice.
    model = net(K, weighted_metrics=["accuracy"])
    weighted = model.evaluate(X, LABELS, batch_size=5, sample_weight=W, verbose=0)
    return [weighted, model.evaluate(X, LABELS, verbose=0, return_dict=True)]


def on_batches(K: Any) -> Any:
    model = net(K, metrics=["accuracy"])
    results = [model.train_on_batch(X, LABELS), model.train_on_batch(X, LABELS, class_weight={0: 3.0})]
    return [*results, model.test_on_batch(X, LABELS, return_dict=True), model.predict_on_batch(X[:3])]


def without_a_loss(K: Any) -> Any:
    model = K.Sequential([K.Input((4,)), K.layers.Dense(3, "softmax")])
    set_weights(model)
    model.compile(metrics=["accuracy"])
    return model.evaluate(X, LABELS, verbose=0)


def added_losses_alone(K: Any) -> Any:
    class Mine(K.Model):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.dense = K.layers.Dense(2, kernel_initializer="ones")

        def call(self, x: Any) -> Any:
            y = self.dense(x)
            self.add_loss(K.ops.mean(y**2))
            return y

    model = Mine()
    model.compile(K.optimizers.SGD(0.01))
    return fit(model, X, epochs=2)


def averaged(K: Any) -> Any:
    model = net(K)
    model.compile(K.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5), CROSS)
    return [fit(model, X, LABELS, epochs=2), model.get_weights()]


def batches(n: int) -> Any:
    for i in range(n):
        yield X[i : i + 4], LABELS[i : i + 4]


CLASS_WEIGHT = {0: 1.0, 1: 2.0, 2: 3.0}
HALVES = {"validation_data": (X, LABELS), "epochs": 5}
CASES: dict[str, Callable[[Any], Any]] = {
    "validation_split of dicts": lambda K: fit(
        by_name(K, metrics=["accuracy"]), {"a": X, "b": X2}, LABELS, validation_split=0.3, epochs=2
    ),
    "validation_split of dicts and weights": lambda K: fit(
        by_name(K, weighted_metrics=["accuracy"]),
        {"a": X, "b": X2},
        LABELS,
        sample_weight=W,
        validation_split=0.3,
        epochs=2,
    ),
    "class_weight and validation_split": lambda K: fit(
        net(K), X, LABELS, class_weight=CLASS_WEIGHT, validation_split=0.25, epochs=2
    ),
    "class_weight of one class": lambda K: fit(net(K, weighted_metrics=["accuracy"]), X, LABELS, class_weight={1: 4.0}),
    "steps_per_execution": lambda K: fit(net(K, steps_per_execution=2), X, LABELS, epochs=2),
    "two fits": twice,
    "initial_epoch": lambda K: fit(net(K), X, LABELS, epochs=5, initial_epoch=3),
    "initial_epoch behind the end": lambda K: fit(net(K), X, LABELS, epochs=2, initial_epoch=3),
    "validation_freq": lambda K: fit(net(K), X, LABELS, validation_freq=2, **HALVES),
    "a list for validation_freq": lambda K: fit(net(K), X, LABELS, validation_freq=[1, 4], **HALVES),
    "validation batches": lambda K: fit(
        net(K), X, LABELS, validation_batch_size=5, validation_steps=2, validation_data=(X, LABELS)
    ),
    "validation with weights": lambda K: fit(
        net(K, weighted_metrics=["accuracy"]), X, LABELS, validation_data=(X, LABELS, W)
    ),
    "a metric with an axis": lambda K: fit(
        net(K, loss="categorical_crossentropy", metrics=[K.metrics.F1Score()]), X, ONE_HOT, validation_split=0.5
    ),
    "metrics of a classifier": lambda K: fit(
        net(K, loss="categorical_crossentropy", metrics=[K.metrics.F1Score("macro"), "auc", "precision", "recall"]),
        X,
        ONE_HOT,
        epochs=2,
    ),
    "metrics of all kinds": lambda K: fit(
        net(K, 1, "sigmoid", "bce", metrics=["acc", "mse", K.metrics.BinaryAccuracy(name="b"), _mean(K)]), X, BINARY
    ),
    "weights with an axis": lambda K: fit(
        net(K, 2, None, "mse", weighted_metrics=["mae"]), X, X2, sample_weight=W[:, None]
    ),
    "a generator": lambda K: fit(net(K), batches(5), batch_size=None, shuffle=True, steps_per_epoch=2, epochs=2),
    "evaluate": evaluations,
    "one batch": on_batches,
    "no loss": without_a_loss,
    "losses of layers alone": added_losses_alone,
    "averaged weights": averaged,
}


def _mean(K: Any) -> Any:
    def mean_of_labels(y_true: Any, y_pred: Any) -> Any:
        return K.ops.mean(y_true, axis=-1)

    return mean_of_labels
