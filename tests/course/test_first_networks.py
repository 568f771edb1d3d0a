"""Perceptron, logistic and linear regression, XOR: the first cells of a course."""

from __future__ import annotations

import numpy as np


def blobs(n: int = 200) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = np.vstack([rng.normal(-2, 0.7, (n // 2, 2)), rng.normal(2, 0.7, (n // 2, 2))]).astype("float32")
    return x, np.repeat([0, 1], n // 2)


def test_and_gate_with_keras_1_names() -> None:
    from dualnet.keras.layers.core import Activation, Dense
    from dualnet.keras.models import Sequential
    from dualnet.keras.optimizers import SGD

    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    y = np.array([[0], [0], [0], [1]])
    model = Sequential()
    model.add(Dense(output_dim=1, input_dim=2, init="uniform"))
    model.add(Activation("sigmoid"))
    model.compile(loss="binary_crossentropy", optimizer=SGD(lr=1.0), metrics=["accuracy"])
    model.fit(x, y, nb_epoch=300, batch_size=4, verbose=0)
    assert model.predict_classes(x).ravel().tolist() == [0, 0, 0, 1]


def test_xor_needs_a_hidden_layer() -> None:
    from dualnet import keras
    from dualnet.keras import layers

    keras.utils.set_random_seed(3)
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], "float32")
    y = np.array([0, 1, 1, 0], "float32")
    linear = keras.Sequential([layers.Dense(1, activation="sigmoid", input_shape=(2,))])
    deep = keras.Sequential(
        [layers.Dense(8, activation="tanh", input_shape=(2,)), layers.Dense(1, activation="sigmoid")]
    )
    losses = []
    for model in (linear, deep):
        model.compile(optimizer=keras.optimizers.Adam(0.1), loss="binary_crossentropy", metrics=["accuracy"])
        losses.append(model.fit(x, y, epochs=150, verbose=0).history["loss"][-1])
    assert losses[0] > 0.68  # ln 2 is as good as it gets
    assert losses[1] < 0.05
    assert (deep.predict(x, verbose=0).ravel().round() == y).all()


def test_logistic_regression_and_its_boundary() -> None:
    from dualnet import keras

    x, y = blobs()
    model = keras.Sequential([keras.layers.Input(shape=(2,)), keras.layers.Dense(1, activation="sigmoid")])
    model.compile(optimizer="sgd", loss="binary_crossentropy", metrics=["acc"])
    history = model.fit(x, y, epochs=20, batch_size=16, verbose=0)
    assert history.history["acc"][-1] > 0.98
    (w, b) = model.layers[0].get_weights()
    assert w.shape == (2, 1)
    assert b.shape == (1,)
    by_hand = 1 / (1 + np.exp(-(x @ w + b)))
    np.testing.assert_allclose(model.predict(x, verbose=0), by_hand, rtol=1e-5, atol=1e-6)


def test_linear_regression_finds_slope_and_intercept() -> None:
    from dualnet.keras.layers import Dense
    from dualnet.keras.models import Sequential

    x = np.arange(-1, 1, 0.02)
    y = 3 * x - 2
    model = Sequential([Dense(units=1, input_shape=[1])])
    model.compile(optimizer="adam", loss="mean_squared_error")
    model.optimizer.lr = 0.1
    model.fit(x, y, epochs=60, verbose=0)
    slope, intercept = model.get_weights()
    np.testing.assert_allclose([slope[0, 0], intercept[0]], [3, -2], atol=0.02)


def test_one_step_of_gradient_descent_by_hand() -> None:
    from dualnet import keras

    x, t = np.array([[1.0, 2.0], [3.0, -1.0]], "float32"), np.array([[1.0], [0.0]], "float32")
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    w, b = np.array([[0.5], [-0.25]], "float32"), np.array([0.1], "float32")
    model.set_weights([w, b])
    model.compile(keras.optimizers.SGD(learning_rate=0.1), "mse")
    loss = model.train_on_batch(x, t)
    error = x @ w + b - t
    np.testing.assert_allclose(loss, (error**2).mean(), rtol=1e-6)
    np.testing.assert_allclose(model.get_weights()[0], w - 0.1 * 2 * x.T @ error / 2, rtol=1e-6)
    np.testing.assert_allclose(model.get_weights()[1], b - 0.1 * 2 * error.mean(0), rtol=1e-6)


def test_linear_regression_from_scratch_with_a_tape() -> None:
    import dualnet as tf

    tf.random.set_seed(1)
    x = tf.random.normal((100, 1))
    y = 4.0 * x + 1.0
    w, b = tf.Variable(0.0), tf.Variable(0.0)
    for _ in range(60):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(y - (w * x + b)))
        dw, db = tape.gradient(loss, [w, b])
        w.assign_sub(0.1 * dw)
        b.assign_sub(0.1 * db)
    np.testing.assert_allclose([w.numpy(), b.numpy()], [4, 1], atol=0.01)


def test_softmax_regression_with_sparse_and_one_hot_labels() -> None:
    from dualnet import keras
    from dualnet.keras.utils import to_categorical

    rng = np.random.default_rng(1)
    y = rng.integers(0, 3, 150)
    x = (np.eye(3)[y] * 3 + rng.normal(size=(150, 3))).astype("float32")
    weights = None
    ends = []
    for loss, target in [("sparse_categorical_crossentropy", y), ("categorical_crossentropy", to_categorical(y, 3))]:
        model = keras.models.Sequential([keras.layers.Dense(3, activation="softmax", input_dim=3)])
        weights = model.get_weights() if weights is None else weights
        model.set_weights(weights)
        model.compile("rmsprop", loss, metrics=["accuracy"])
        ends.append(model.fit(x, target, epochs=5, shuffle=False, verbose=0).history)
    np.testing.assert_allclose(ends[0]["loss"], ends[1]["loss"], rtol=1e-5)
    assert ends[0]["accuracy"] == ends[1]["accuracy"]


def test_summary_and_parameter_counts(capsys: object) -> None:
    from dualnet import keras

    model = keras.Sequential(name="counted")
    model.add(keras.layers.Dense(16, activation="relu", input_shape=(8,), name="hidden"))
    model.add(keras.layers.Dense(4, name="out"))
    lines: list[str] = []
    model.summary(print_fn=lambda text, **kw: lines.append(text))
    text = "\n".join(lines)
    assert "counted" in text
    assert "hidden" in text
    assert "212" in text
    assert model.count_params() == 8 * 16 + 16 + 16 * 4 + 4 == 212
    assert model.get_layer("hidden").output.shape == (None, 16)
