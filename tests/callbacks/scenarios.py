"""The same callbacks driven the same way in Keras and here; what happens must be the same.

Each scenario takes the library (``keras`` or ``dualnet``) and returns something JSON can hold. ``keras_results.json``
has what Keras 3.15.1 on JAX did. To write it anew: ``KERAS_BACKEND=jax python tests/callbacks/scenarios.py >
tests/callbacks/keras_results.json``.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import random
import tempfile
from pathlib import Path
from typing import Any

import numpy as np


class ScriptedModel:
    """What callbacks need of a model, without a model."""

    def __init__(self) -> None:
        self.stop_training = False
        self.weight = -1
        self.saved: list[str] = []

    def get_weights(self) -> list[Any]:
        return [self.weight]

    def set_weights(self, weights: list[Any]) -> None:
        (self.weight,) = weights

    def save(self, filepath: Any, overwrite: bool = True) -> None:
        self.saved.append(str(filepath))

    def save_weights(self, filepath: Any, overwrite: bool = True) -> None:
        self.saved.append(f"weights {filepath}")


def printed(function: Any) -> str:
    with contextlib.redirect_stdout(io.StringIO()) as out:
        function()
    return out.getvalue()


def recorder(lib: Any, seen: list[Any], stop_at: int | None = None) -> Any:
    """A callback that writes down every hook, its number and the names in its logs."""

    class Recorder(lib.callbacks.Callback):
        pass

    def hook(name: str) -> Any:
        def call(self: Any, *args: Any, logs: Any = None) -> None:
            *number, last = args if logs is None else (*args, logs)
            seen.append([name, *number, list(last)])
            if name == "on_train_batch_end" and number[0] == stop_at:
                self.model.stop_training = True

        return call

    for what in ("train", "test", "predict"):
        for when in ("begin", "end"):
            setattr(Recorder, f"on_{what}_{when}", hook(f"on_{what}_{when}"))
            setattr(Recorder, f"on_{what}_batch_{when}", hook(f"on_{what}_batch_{when}"))
            setattr(Recorder, f"on_epoch_{when}", hook(f"on_epoch_{when}"))
    return Recorder()


def small_model(lib: Any) -> Any:
    model = lib.Sequential([lib.Input(shape=(3,)), lib.layers.Dense(2, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


X = np.linspace(-1, 1, 30, dtype="float32").reshape(10, 3)
Y = np.arange(10) % 2


def hooks(lib: Any) -> Any:
    """The hooks of fit with validation, evaluate and predict, and what ``fit`` returns."""
    seen: list[Any] = []
    model = small_model(lib)
    history = model.fit(
        X,
        Y,
        4,
        epochs=4,
        initial_epoch=1,
        verbose=0,
        validation_split=0.3,
        validation_freq=2,
        callbacks=[recorder(lib, seen)],
    )
    seen.append([history.epoch, list(history.history), history.params, model.history is history])
    model.evaluate(X, Y, 4, verbose=0, callbacks=[recorder(lib, seen)])
    model.predict(X, 4, verbose=0, callbacks=[recorder(lib, seen)])
    return seen


def stopping_inside_an_epoch(lib: Any) -> Any:
    seen: list[Any] = []
    small_model(lib).fit(X, Y, 2, epochs=3, verbose=0, validation_split=0.2, callbacks=[recorder(lib, seen, stop_at=1)])
    return seen


def auto_mode(lib: Any) -> Any:
    """Which way each result of a compiled model is taken to be better."""
    model = lib.Sequential([lib.Input(shape=(3,)), lib.layers.Dense(1, activation="sigmoid")])
    model.compile("sgd", "mse", metrics=["accuracy", "mae", "mse"])
    names = ["loss", "val_loss", "accuracy", "val_accuracy", "mae", "val_mse", "unheard_of"]
    stoppers = {name: lib.callbacks.EarlyStopping(name, patience=99) for name in names}
    known: dict[str, Any] = {}
    for name, stopper in stoppers.items():
        try:
            model.fit(X, Y, epochs=1, verbose=0, validation_split=0.2, callbacks=[stopper])
        except ValueError:
            known[name] = None
        else:
            known[name] = "less" if "l" in stopper.monitor_op.__name__[:2] else "greater"
    return known


def early_stopping(lib: Any) -> Any:
    """Many settings on many sequences: where it stops, what it thinks is best, whose weights are restored."""
    rng = random.Random(5)
    results = []
    grid = itertools.product((0, 1, 3), (0, 0.1, 0.01), (None, 0.5), ("min", "max"), (False, True), (0, 2))
    for patience, min_delta, baseline, mode, restore, start in grid:
        # Few digits, so that ties and differences of just min_delta are there.
        values = [round(0.5 + rng.gauss(0, 0.15), rng.choice((1, 2))) for _ in range(9)]
        if rng.random() < 0.1:
            values[rng.randrange(3, 9)] = float("nan")
        stopper = lib.callbacks.EarlyStopping(
            "val_x", min_delta, patience, 1, mode, baseline, restore, start_from_epoch=start
        )
        results.append(_run_stopper(stopper, values))
    for values in ([0.8, 0.9, 0.95, 0.96], [1.0, 0.9, 0.8, 0.7], [0.5] * 4, [0.7, 0.8, 0.9, 1.0]):
        values = [float(np.float32(v)) for v in values]  # as metrics are
        for mode in ("min", "max"):
            results.append(_run_stopper(lib.callbacks.EarlyStopping("val_x", 0.1, 1, 1, mode), values))
    twice = lib.callbacks.EarlyStopping("val_loss", 0.05, 1, 1, restore_best_weights=True)
    for values in ([0.5, 0.4, 0.45, 0.46], [0.9, 0.8, 0.7, 0.75]):
        results.append(_run_stopper(twice, values, "val_loss"))
    return results


def _run_stopper(stopper: Any, values: list[float], name: str = "val_x") -> str:
    model = ScriptedModel()
    stopper.set_model(model)

    def run() -> None:
        stopper.on_train_begin()
        for epoch, value in enumerate(values):
            stopper.on_epoch_begin(epoch)
            model.weight = epoch
            stopper.on_epoch_end(epoch, {"loss": 1.0, name: value})
            if model.stop_training:
                break
        stopper.on_train_end()

    text = printed(run)
    best = None if stopper.best is None else round(float(stopper.best), 6)
    return f"{stopper.stopped_epoch} {stopper.best_epoch} {best} {stopper.wait} {model.weight} {text!r}"


def model_checkpoint(lib: Any) -> Any:
    """Which files are written when, and what is said."""
    values = [0.5, 0.4, 0.45, 0.4, float("nan"), 0.35]
    settings: list[dict[str, Any]] = [
        {"filepath": "a.keras"},
        {"filepath": "{epoch:02d}-{val_x:.2f}.keras", "verbose": 1},
        {"filepath": "a.keras", "save_best_only": True, "mode": "min", "verbose": 1},
        {"filepath": "{epoch}.h5", "save_best_only": True, "mode": "max", "verbose": 1},
        {"filepath": "a.keras", "save_best_only": True, "mode": "min", "initial_value_threshold": 0.42, "verbose": 1},
        {"filepath": "{epoch}.weights.h5", "save_weights_only": True, "verbose": 1},
        {"filepath": "{epoch}-{batch}.keras", "save_freq": 4},
        {"filepath": "{epoch}-{batch:03d}-{loss:.1f}.keras", "save_freq": 1},
        {"filepath": "{epoch}.keras", "save_freq": 7, "verbose": 1},
    ]
    results = []
    for setting, stride in itertools.product(settings, (1, 2)):
        checkpoint = lib.callbacks.ModelCheckpoint(monitor="val_x", **{"mode": "min", **setting})
        model = ScriptedModel()
        checkpoint.set_model(model)

        def run(checkpoint: Any = checkpoint, stride: int = stride) -> None:
            checkpoint.on_train_begin()
            for epoch, value in enumerate(values):
                checkpoint.on_epoch_begin(epoch)
                for batch in range(stride - 1, 6, stride):
                    checkpoint.on_train_batch_end(batch, {"loss": batch / 2})
                checkpoint.on_epoch_end(epoch, {"loss": 1.0, "val_x": value})

        text = printed(run)
        results.append([model.saved, text, None if checkpoint.best is None else round(float(checkpoint.best), 6)])
    return results


def csv_logger(lib: Any) -> Any:
    """The text of the files, with and without validation in the first epoch, going on, and with odd values."""
    plain = [{"loss": 0.5, "accuracy": 0.25}, {"loss": 0.1234567891, "accuracy": 1.0}]
    with_validation = [{**logs, "val_loss": 0.5, "val_accuracy": 1e-7} for logs in plain]
    odd = [{"b": np.array([1.5, 2.0]), "a": [1, 2], "c": "text, with comma", "d": np.float32(0.5), "e": np.array(2)}]
    runs: list[Any] = [
        [({}, plain)],
        [({}, with_validation)],
        [({}, [plain[0], with_validation[1], plain[1]])],
        [({"separator": ";"}, plain)],
        [({}, odd)],
        [({}, plain), ({"append": True}, plain), ({"append": True}, plain[:1])],
        [({"append": True}, plain)],
        [({}, plain), ({}, plain[:1])],
    ]
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for i, run in enumerate(runs):
            path = Path(folder, f"{i}.csv")
            for arguments, epochs in run:
                logger = lib.callbacks.CSVLogger(path, **arguments)
                logger.set_model(ScriptedModel())
                logger.on_train_begin()
                for epoch, logs in enumerate(epochs):
                    logger.on_epoch_end(epoch, logs)
                logger.on_train_end()
            results.append(path.read_bytes().decode())
    return results


def terminate_on_nan(lib: Any) -> Any:
    results = []
    for loss in (1.0, float("nan"), float("inf"), -float("inf"), np.float32("nan")):
        callback, model = lib.callbacks.TerminateOnNaN(), ScriptedModel()
        callback.set_model(model)
        text = printed(lambda callback=callback, loss=loss: callback.on_train_batch_end(3, logs={"loss": loss}))
        results.append([text, model.stop_training])
    return results


def lambda_callback(lib: Any) -> Any:
    seen: list[Any] = []
    callback = lib.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: seen.append(["epoch_begin", epoch]),
        on_epoch_end=lambda epoch, logs: seen.append(["epoch_end", epoch, sorted(logs)]),
        on_train_begin=lambda logs: seen.append(["train_begin", logs]),
        on_train_end=lambda logs: seen.append(["train_end", sorted(logs)]),
        on_train_batch_begin=lambda batch, logs: seen.append(["batch_begin", batch]),
        on_batch_end=lambda batch, logs: seen.append(["old_name_of_batch_end", batch, sorted(logs)]),
        on_test_batch_end=lambda batch, logs: seen.append(["test_batch_end", batch]),
    )
    small_model(lib).fit(X, Y, 5, epochs=2, verbose=0, validation_data=(X, Y), callbacks=[callback])
    return seen


SCENARIOS = {
    f.__name__: f
    for f in (
        hooks,
        stopping_inside_an_epoch,
        auto_mode,
        early_stopping,
        model_checkpoint,
        csv_logger,
        terminate_on_nan,
        lambda_callback,
    )
}


def main() -> None:
    """Print what Keras does, as JSON."""
    import sys

    sys.path.insert(0, str(Path(__file__).parents[2]))
    import keras

    from tests.utils.screens import SCREENS

    results = {name: run(keras) for name, run in (SCENARIOS | SCREENS).items()}
    print(json.dumps({"keras": keras.__version__, **results}, indent=0, ensure_ascii=False))


if __name__ == "__main__":
    main()
