"""Windows over a series: Dense and Conv1D."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest


def series(n: int = 300) -> np.ndarray:
    t = np.arange(n)
    return (np.sin(t / 5) + 0.05 * np.random.default_rng(0).normal(size=n)).astype("float32")


def test_windowed_dataset_as_in_tf_data() -> None:
    import dualnet as tf

    def windowed_dataset(values: Any, window_size: int, batch_size: int, shuffle_buffer: int) -> Any:
        dataset = tf.data.Dataset.from_tensor_slices(values)
        dataset = dataset.window(window_size + 1, shift=1, drop_remainder=True)
        dataset = dataset.flat_map(lambda window: window.batch(window_size + 1))
        dataset = dataset.shuffle(shuffle_buffer).map(lambda window: (window[:-1], window[-1]))
        return dataset.batch(batch_size).prefetch(1)

    values = series()
    dataset = windowed_dataset(values[:250], 20, 16, 100)
    x, y = next(iter(dataset))
    assert x.shape == (16, 20)
    assert y.shape == (16,)
    model = tf.keras.models.Sequential(
        [tf.keras.layers.Dense(10, input_shape=[20], activation="relu"), tf.keras.layers.Dense(1)]
    )
    model.compile(loss="mse", optimizer=tf.keras.optimizers.SGD(learning_rate=0.02, momentum=0.9))
    model.fit(dataset, epochs=15, verbose=0)
    windows = np.lib.stride_tricks.sliding_window_view(values[230:], 20)[:-1]
    error = np.abs(model.predict(windows, verbose=0)[:, 0] - values[250:]).mean()
    naive = np.abs(values[249:-1] - values[250:]).mean()
    assert error < naive


def test_timeseries_dataset_from_array() -> None:
    from dualnet import keras

    values = np.arange(10)
    dataset = keras.utils.timeseries_dataset_from_array(
        data=values[:-3], targets=values[3:], sequence_length=3, batch_size=2
    )
    windows = [
        (x.tolist(), int(t)) for inputs, targets in dataset for x, t in zip(np.asarray(inputs), np.asarray(targets))
    ]
    assert windows == [([i, i + 1, i + 2], i + 3) for i in range(5)]


def test_one_dimensional_convnet() -> None:
    from dualnet import keras
    from dualnet.keras import layers

    values = series()
    x = np.lib.stride_tricks.sliding_window_view(values, 24)[:-1, :, None]
    y = values[24:]
    inputs = keras.Input(shape=(24, 1))
    h = layers.Conv1D(8, 5, activation="relu", padding="causal", dilation_rate=2)(inputs)
    h = layers.MaxPooling1D(2)(h)
    h = layers.Conv1D(8, 3, activation="relu")(h)
    h = layers.GlobalAveragePooling1D()(h)
    model = keras.Model(inputs, layers.Dense(1)(h))
    model.compile(optimizer="rmsprop", loss="mse", metrics=["mae"])
    model.optimizer.learning_rate = 0.01
    history = model.fit(x[:200], y[:200], epochs=10, validation_data=(x[200:], y[200:]), verbose=0)
    assert history.history["val_mae"][-1] < np.abs(y[200:] - y[:200].mean()).mean() / 2


def test_causal_convolution_does_not_look_ahead() -> None:
    from dualnet.keras.layers import Conv1D

    x = np.random.default_rng(0).normal(size=(1, 10, 2)).astype("float32")
    layer = Conv1D(3, 4, padding="causal")
    before = layer(x).numpy()
    x[0, 6:] += 100
    np.testing.assert_array_equal(layer(x).numpy()[0, :6], before[0, :6])


def test_forecast_several_steps() -> None:
    from dualnet.keras import Sequential
    from dualnet.keras.layers import Dense, Flatten, Lambda, Reshape

    values = series(150)
    windows = np.lib.stride_tricks.sliding_window_view(values, 16)
    x, y = windows[:, :12, None], windows[:, 12:, None]
    model = Sequential([Lambda(lambda t: t * 2.0), Flatten(), Dense(4), Reshape((4, 1))])
    model.compile(loss="huber_loss", optimizer="Adam", metrics=["mape"])
    first = model.fit(x, y, epochs=1, verbose=0).history["loss"][0]
    assert model.fit(x, y, epochs=20, verbose=0).history["loss"][-1] < first / 2
    assert model.predict(x[:2], verbose=0).shape == (2, 4, 1)


def test_baseline_by_hand() -> None:
    from dualnet import keras

    values = series(60)
    naive = values[:-1]
    mae = keras.metrics.mean_absolute_error(values[1:], naive)
    assert float(np.mean(np.asarray(mae))) == pytest.approx(np.abs(np.diff(values)).mean(), rel=1e-5)
