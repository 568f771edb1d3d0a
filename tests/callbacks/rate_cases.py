"""Callbacks that set the learning rate or swap the weights: the cases of ``test_rates.py`` (see ``tests/parity.py``)."""

from __future__ import annotations

import contextlib
import io
import itertools
import math
import random
from collections.abc import Callable
from typing import Any

import numpy as np

RNG = np.random.default_rng(3)
X = RNG.normal(size=(20, 3)).astype("float32")
Y = (X @ RNG.normal(size=(3, 2))).astype("float32")


class ScriptedModel:
    """What callbacks need of a model, without a model."""

    metrics: tuple[Any, ...] = ()
    stop_training = False

    def __init__(self, optimizer: Any) -> None:
        self.optimizer = optimizer


def network(K: Any, optimizer: Any) -> Any:
    model = K.Sequential([K.Input((3,)), K.layers.Dense(4, "tanh"), K.layers.Dense(2)])
    rng = np.random.default_rng(5)
    model.set_weights([rng.normal(scale=0.4, size=w.shape).astype(w.dtype) for w in model.get_weights()])
    model.compile(optimizer, "mse")
    return model


def fit(K: Any, optimizer: Any, callbacks: list[Any], epochs: int = 4) -> Any:
    """History, weights and what was printed, of ``fit`` in the order of the data."""
    model = network(K, optimizer)
    with contextlib.redirect_stdout(io.StringIO()) as out:
        history = model.fit(
            X, Y, 5, epochs=epochs, verbose=0, shuffle=False, validation_data=(X[:8], Y[:8]), callbacks=callbacks
        )
    evaluated = model.evaluate(X, Y, verbose=0, callbacks=[c for c in callbacks if "Swap" in type(c).__name__])
    return {
        "history": history.history,
        "weights": model.get_weights(),
        "evaluate": float(evaluated),
        "printed": out.getvalue(),
    }


def plateau(K: Any) -> Any:
    """Many settings on many sequences of results."""
    rng = random.Random(5)
    results = []
    grid = itertools.product((1, 2, 4), (0, 2), (0.5, 0.1), ("min", "max"), (0.0, 0.02))
    for patience, cooldown, factor, mode, min_lr in grid:
        values = [round(0.5 + rng.gauss(0, 0.1), 2) for _ in range(12)]
        if rng.random() < 0.1:
            values[rng.randrange(12)] = math.nan
        callback = K.callbacks.ReduceLROnPlateau(
            "val_x", factor, patience, 1, mode, min_delta=0.01, cooldown=cooldown, min_lr=min_lr
        )
        results.append(_scripted(K, callback, values))
    again = K.callbacks.ReduceLROnPlateau("val_loss", 0.5, 1)
    results += [_scripted(K, again, values, "val_loss") for values in ([0.5, 0.6, 0.7], [0.9, 0.8, 0.85])]
    return results


def _scripted(K: Any, callback: Any, values: list[float], name: str = "val_x") -> Any:
    optimizer = K.optimizers.SGD(0.3)
    callback.set_model(ScriptedModel(optimizer))
    rates = []
    with contextlib.redirect_stdout(io.StringIO()) as out:
        callback.on_train_begin()
        for epoch, value in enumerate(values):
            logs = {"loss": 1.0, name: value}
            callback.on_epoch_begin(epoch)
            callback.on_epoch_end(epoch, logs)
            rates += [logs["learning_rate"], float(np.asarray(optimizer.learning_rate))]
    return {"rates": rates, "state": [callback.wait, callback.cooldown_counter], "printed": out.getvalue()}


CASES: dict[str, Callable[[Any], Any]] = {
    "plateau": plateau,
    "plateau in fit": lambda K: fit(
        K, K.optimizers.Adam(0.1), [K.callbacks.ReduceLROnPlateau("loss", 0.5, 1, 1, min_delta=0.5, cooldown=1)], 6
    ),
    "schedule of the epoch": lambda K: fit(
        K, K.optimizers.SGD(0.5), [K.callbacks.LearningRateScheduler(lambda epoch: 0.1 / (1 + epoch), verbose=1)]
    ),
    "schedule of epoch and rate": lambda K: fit(
        K, "adam", [K.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 2 if epoch < 2 else rate)]
    ),
    "schedule that gives a NumPy number": lambda K: fit(
        K, "sgd", [K.callbacks.LearningRateScheduler(lambda epoch: np.float32(0.01) * np.exp(-epoch))]
    ),
    "averages": lambda K: fit(K, K.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.7), []),
    "averages in evaluation": lambda K: fit(
        K, K.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.7), [K.callbacks.SwapEMAWeights()]
    ),
}
