"""Callbacks, schedules, early stopping, sample weights, histories."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 4)).astype("float32")
Y = (X[:, :1] - X[:, 1:2]).astype("float32")


def small_model(**compiled: Any) -> Any:
    from dualnet import keras

    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.layers.Dense(8, activation="relu", input_shape=(4,)), keras.layers.Dense(1)])
    model.compile(**({"optimizer": "sgd", "loss": "mse"} | compiled))
    return model


def test_early_stopping_and_checkpoint(tmp_path: Path) -> None:
    from dualnet import keras

    path = str(tmp_path / "best.h5")
    callbacks = [
        keras.callbacks.EarlyStopping(monitor="val_loss", patience=3, restore_best_weights=True),
        keras.callbacks.ModelCheckpoint(path, monitor="val_loss", save_best_only=True),
    ]
    model = small_model(optimizer=keras.optimizers.SGD(lr=0.9))
    history = model.fit(X, Y, epochs=60, validation_split=0.25, callbacks=callbacks, verbose=0)
    assert len(history.epoch) < 60
    best = min(history.history["val_loss"])
    assert model.evaluate(X[60:], Y[60:], verbose=0) == pytest.approx(best, rel=1e-4)
    assert keras.models.load_model(path).evaluate(X[60:], Y[60:], verbose=0) == pytest.approx(best, rel=1e-4)


def test_own_callback_prints_and_stops(capsys: pytest.CaptureFixture[str]) -> None:
    from dualnet import keras

    class MyCallback(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            if (logs or {}).get("loss") < 0.2:
                print("\nLoss is low so cancelling training!")
                self.model.stop_training = True

    history = small_model(optimizer="Adam", metrics=["mae"]).fit(X, Y, epochs=300, callbacks=[MyCallback()], verbose=0)
    assert len(history.history["loss"]) < 300
    assert "cancelling" in capsys.readouterr().out


def test_batch_hooks_and_lambda_callback() -> None:
    from dualnet import keras

    seen: list[Any] = []

    class LossHistory(keras.callbacks.Callback):
        def on_train_begin(self, logs: Any = None) -> None:
            self.losses: list[float] = []

        def on_batch_end(self, batch: int, logs: Any = None) -> None:
            self.losses.append((logs or {}).get("loss"))

    recorder = LossHistory()
    echo = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: seen.append(epoch))
    small_model().fit(X, Y, batch_size=20, epochs=2, callbacks=[recorder, echo], verbose=0)
    assert len(recorder.losses) == 8
    assert recorder.losses[7] < recorder.losses[3]  # both are means of an epoch
    assert seen == [0, 1]


def test_learning_rate_schedules() -> None:
    from dualnet import keras

    def exponential_decay(lr0: float, s: int) -> Any:
        def exponential_decay_fn(epoch: int) -> float:
            return lr0 * 0.1 ** (epoch / s)

        return exponential_decay_fn

    scheduler = keras.callbacks.LearningRateScheduler(exponential_decay(0.01, 20))
    history = small_model().fit(X, Y, epochs=3, callbacks=[scheduler], verbose=0).history
    rates = history.get("lr", history.get("learning_rate"))
    np.testing.assert_allclose(rates, [0.01 * 0.1 ** (e / 20) for e in range(3)], rtol=1e-5)
    schedule = keras.optimizers.schedules.ExponentialDecay(0.01, decay_steps=100, decay_rate=0.5, staircase=True)
    assert [round(float(schedule(s)), 6) for s in (0, 99, 100, 250)] == [0.01, 0.01, 0.005, 0.0025]
    model = small_model(optimizer=keras.optimizers.SGD(schedule, momentum=0.9))
    model.fit(X, Y, epochs=2, verbose=0)
    assert int(model.optimizer.iterations) == 6


def test_power_scheduling_with_decay() -> None:
    from dualnet import keras

    def steps(optimizer: Any) -> Any:
        model = keras.Sequential([keras.layers.Dense(1, input_shape=(1,), use_bias=False, kernel_initializer="zeros")])
        model.compile(optimizer=optimizer, loss="mae")
        results = []
        for _ in range(4):
            model.train_on_batch(np.ones((1, 1)), np.full((1, 1), 100.0))
            results.append(float(model.get_weights()[0][0, 0]))
        return np.diff([0, *results])

    np.testing.assert_allclose(
        steps(keras.optimizers.SGD(lr=0.1, decay=0.5)), [0.1 / (1 + 0.5 * n) for n in range(4)], rtol=1e-5
    )


def test_reduce_on_plateau_with_old_names() -> None:
    from dualnet import keras
    from dualnet.keras import backend as K

    model = small_model(optimizer=keras.optimizers.SGD(lr=1e-9))
    plateau = keras.callbacks.ReduceLROnPlateau(monitor="loss", factor=0.5, patience=2, epsilon=1e-2)
    model.fit(X, Y, epochs=6, callbacks=[plateau], verbose=0)
    assert float(K.get_value(model.optimizer.lr)) == pytest.approx(0.25e-9)


def test_csv_logger_and_history(tmp_path: Path) -> None:
    from dualnet.keras.callbacks import CSVLogger

    history = small_model(metrics=["mae"]).fit(X, Y, epochs=3, callbacks=[CSVLogger(tmp_path / "log.csv")], verbose=0)
    with open(tmp_path / "log.csv") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["0", "1", "2"]
    np.testing.assert_allclose([float(r["mae"]) for r in rows], history.history["mae"], rtol=1e-6)
    assert history.params["epochs"] == 3
    assert history.model.stop_training is False


def test_find_the_learning_rate() -> None:
    from dualnet import keras
    from dualnet.keras import backend as K

    class ExponentialLearningRate(keras.callbacks.Callback):
        def __init__(self, factor: float) -> None:
            self.factor = factor
            self.rates: list[float] = []

        def on_batch_end(self, batch: int, logs: Any = None) -> None:
            self.rates.append(float(K.get_value(self.model.optimizer.lr)))
            self.model.optimizer.lr = self.model.optimizer.lr * self.factor

    finder = ExponentialLearningRate(1.5)
    small_model(optimizer=keras.optimizers.SGD(lr=1e-3)).fit(X, Y, batch_size=16, callbacks=[finder], verbose=0)
    np.testing.assert_allclose(finder.rates, 1e-3 * 1.5 ** np.arange(5), rtol=1e-4)


def test_sample_weights_by_hand() -> None:
    model = small_model()
    weights = RNG.uniform(size=80)
    error = (model.predict(X, verbose=0) - Y)[:, 0] ** 2
    results = model.evaluate(X, Y, sample_weight=weights, batch_size=80, verbose=0)
    assert results == pytest.approx((weights * error).mean(), rel=1e-4)


def test_same_seed_same_history() -> None:
    import dualnet as tf

    ends = []
    for _ in range(2):
        tf.keras.backend.clear_session()
        np.random.seed(42)
        tf.random.set_seed(42)
        model = tf.keras.Sequential(
            [tf.keras.layers.Dense(6, "relu"), tf.keras.layers.Dropout(0.3), tf.keras.layers.Dense(1)]
        )
        model.compile("rmsprop", "mse")
        ends.append(model.fit(X, Y, epochs=2, verbose=0).history["loss"])
        assert np.random.rand() == pytest.approx(0.3745401188)  # NumPy's own seed is left alone
    assert ends[0] == ends[1]


def test_l2_batch_norm_dropout_and_clipping() -> None:
    from functools import partial

    from dualnet import keras

    RegularizedDense = partial(
        keras.layers.Dense,
        activation="elu",
        kernel_initializer="he_normal",
        kernel_regularizer=keras.regularizers.l2(0.01),
        kernel_constraint=keras.constraints.max_norm(1.0),
    )
    model = keras.models.Sequential(
        [
            keras.layers.Input(shape=[4]),
            RegularizedDense(10),
            keras.layers.BatchNormalization(momentum=0.9),
            keras.layers.AlphaDropout(rate=0.1),
            RegularizedDense(1, activation=None),
        ]
    )
    model.compile(optimizer=keras.optimizers.SGD(learning_rate=0.05, clipvalue=1.0), loss="mse")
    model.fit(X, Y, epochs=3, verbose=0)
    assert len(model.losses) == 2
    assert (np.linalg.norm(model.layers[0].get_weights()[0], axis=0) <= 1.0001).all()
    assert len(model.layers[1].non_trainable_weights) == 2


def test_generators_and_sequences() -> None:
    from dualnet.keras.utils import Sequence

    class Batches(Sequence):
        def __len__(self) -> int:
            return 5

        def __getitem__(self, i: int) -> Any:
            return X[16 * i : 16 * i + 16], Y[16 * i : 16 * i + 16]

    def forever() -> Any:
        while True:
            for i in range(5):
                yield X[16 * i : 16 * i + 16], Y[16 * i : 16 * i + 16]

    ends = []
    for fit in (
        lambda m: m.fit(X, Y, batch_size=16, shuffle=False, epochs=2, verbose=0),
        lambda m: m.fit_generator(forever(), steps_per_epoch=5, epochs=2, verbose=0),
        lambda m: m.fit_generator(Batches(), epochs=2, shuffle=False, verbose=0),
    ):
        model = small_model()
        ends.append(fit(model).history["loss"])
    np.testing.assert_allclose(ends[1], ends[0], rtol=1e-5)
    np.testing.assert_allclose(ends[2], ends[0], rtol=1e-5)
    assert model.evaluate_generator(forever(), steps=5) == pytest.approx(model.evaluate(X, Y, verbose=0), rel=1e-5)
    np.testing.assert_array_equal(model.predict_generator(Batches()), model.predict(X, verbose=0))
