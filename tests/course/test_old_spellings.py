"""Cells of tf.keras 2 and of Keras 1 that say things in the words of their time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dualnet as tf
from dualnet import keras
from dualnet.keras import layers

X = np.random.default_rng(0).normal(size=(60, 5)).astype("float32")
Y = (X[:, 0] + X[:, 1] > 0).astype("float32")


@pytest.mark.parametrize(
    "name", ["SGD", "ADAM", "adam", "RMSprop", "rmsprop", "NADAM", "AdaMax", "Adagrad", "Adadelta", "Ftrl"]
)
def test_optimizers_by_name(name: str) -> None:
    from dualnet import keras

    model = keras.Sequential([keras.layers.Dense(1, input_dim=5)])
    model.compile(loss="mean_squared_error", optimizer=name)
    before = model.get_weights()[0]
    model.fit(X, Y, epochs=1, verbose=0)
    assert type(model.optimizer).__name__.lower() == name.lower()
    assert not np.array_equal(before, model.get_weights()[0])


def test_metrics_by_their_short_names() -> None:
    from dualnet import keras

    model = keras.Sequential([keras.layers.Dense(1, activation="sigmoid", input_shape=(5,))])
    names = ["acc", "mse", "mae", "rmse", "roc_auc", "sensitivity", "kappa", "cosine_proximity"]
    model.compile("adam", "binary_crossentropy", metrics=names)
    results = model.evaluate(X, Y[:, None], verbose=0, return_dict=True)
    assert list(results) == ["loss", *names] or set(results) == {"loss", *names}
    p = model.predict(X, verbose=0)[:, 0]
    guess, truth = p > 0.5, Y > 0.5
    assert results["acc"] == pytest.approx((guess == truth).mean())
    assert results["rmse"] == pytest.approx(np.sqrt(((p - Y) ** 2).mean()), rel=1e-5)
    assert results["sensitivity"] == pytest.approx((guess & truth).sum() / truth.sum())
    ranks = (p[truth][:, None] > p[~truth][None]).mean()
    assert results["roc_auc"] == pytest.approx(ranks, abs=0.02)
    chance = guess.mean() * truth.mean() + (1 - guess.mean()) * (1 - truth.mean())
    assert results["kappa"] == pytest.approx(((guess == truth).mean() - chance) / (1 - chance), abs=1e-5)


def test_f1_of_several_classes() -> None:
    from dualnet import keras

    y = keras.utils.to_categorical((X[:, 0] > 0).astype(int) + (X[:, 1] > 0), 3)
    model = keras.Sequential([keras.layers.Dense(3, activation="softmax", input_shape=(5,))])
    model.compile("adam", "categorical_crossentropy", metrics=["f1"])
    results = model.evaluate(X, y, verbose=0)[1]
    guess, truth = model.predict(X, verbose=0).argmax(1), y.argmax(1)
    scores = []
    for c in range(3):
        hit = ((guess == c) & (truth == c)).sum()
        scores.append(2 * hit / max((guess == c).sum() + (truth == c).sum(), 1))
    assert results == pytest.approx(np.mean(scores), rel=1e-4)


@pytest.mark.parametrize(
    "name", ["normal", "uniform", "zero", "one", "glorot_normal", "he_uniform", "lecun_normal", "orthogonal"]
)
def test_initializers_by_old_names(name: str) -> None:
    from dualnet.keras.layers import Dense

    layer = Dense(4, init=name)
    layer.build((None, 3))
    kernel = layer.get_weights()[0]
    assert kernel.shape == (3, 4)
    assert {"zero": (kernel == 0).all(), "one": (kernel == 1).all()}.get(name, kernel.std() > 0.01)


def test_losses_by_old_names() -> None:
    from dualnet import keras

    for old, new in [("huber_loss", "huber"), ("logcosh", "log_cosh"), ("cosine_proximity", "cosine_similarity")]:
        results = []
        for name in (old, new):
            keras.utils.set_random_seed(0)
            model = keras.Sequential([keras.layers.Dense(2, input_shape=(5,))])
            model.compile("sgd", name)
            results.append(model.evaluate(X, X[:, :2], verbose=0))
        assert results[0] == results[1]


def test_tf_nn_functions_as_activations() -> None:
    import dualnet as tf

    model = tf.keras.Sequential(
        [
            tf.keras.layers.Dense(8, activation=tf.nn.relu, input_shape=[5]),
            tf.keras.layers.Dense(8, activation=tf.nn.leaky_relu),
            tf.keras.layers.Dense(2, activation=tf.nn.softmax),
        ]
    )
    w = model.get_weights()
    h = np.maximum(X @ w[0] + w[1], 0) @ w[2] + w[3]
    z = np.where(h > 0, h, 0.2 * h) @ w[4] + w[5]
    expected = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    np.testing.assert_allclose(model.predict(X, verbose=0), expected, rtol=1e-4, atol=1e-6)


def test_backend_functions_in_a_loss_and_a_metric() -> None:
    from dualnet import keras
    from dualnet.keras import backend as K

    def dice_loss(y_true: Any, y_pred: Any) -> Any:
        overlap = K.sum(K.flatten(y_true) * K.flatten(y_pred))
        return 1 - (2.0 * overlap + 1) / (K.sum(y_true) + K.sum(y_pred) + 1)

    def recall_m(y_true: Any, y_pred: Any) -> Any:
        true_positives = K.sum(K.round(K.clip(y_true * y_pred, 0, 1)))
        return true_positives / (K.sum(K.round(K.clip(y_true, 0, 1))) + K.epsilon())

    model = keras.Sequential([keras.layers.Dense(1, activation="sigmoid", input_shape=(5,))])
    model.compile(keras.optimizers.Adam(0.1), dice_loss, [recall_m])
    first = model.fit(X, Y, batch_size=60, epochs=30, verbose=0).history
    assert first["loss"][-1] < first["loss"][0] / 2
    assert first["recall_m"][-1] > 0.8


def test_lambda_with_backend_functions() -> None:
    from dualnet.keras import backend as K
    from dualnet.keras.layers import Input, Lambda
    from dualnet.keras.models import Model

    a, b = Input((5,)), Input((5,))
    distance = Lambda(lambda v: K.sqrt(K.sum(K.square(v[0] - v[1]), axis=1, keepdims=True)), output_shape=(1,))([a, b])
    model = Model(input_tensors := [a, b], distance)
    assert len(input_tensors) == 2
    np.testing.assert_allclose(model.predict([X, -X], verbose=0)[:, 0], 2 * np.linalg.norm(X, axis=1), rtol=1e-5)


def test_weights_by_position_and_by_old_methods() -> None:
    from dualnet.keras.layers import Layer
    from dualnet.keras.models import Sequential

    class Antirectifier(Layer):
        def build(self, input_shape: Any) -> None:
            self.kernel = self.add_weight(
                "kernel", shape=(input_shape[1] * 2, 3), initializer="uniform", trainable=True
            )
            super().build(input_shape)

        def call(self, inputs: Any) -> Any:
            import dualnet as tf

            centred = inputs - tf.reduce_mean(inputs, axis=-1, keepdims=True)
            return tf.matmul(tf.concat([tf.nn.relu(centred), tf.nn.relu(-centred)], axis=-1), self.kernel)

        def compute_output_shape(self, input_shape: Any) -> Any:
            return (input_shape[0], 3)

    model = Sequential([Antirectifier(input_shape=(5,))])
    centred = X - X.mean(1, keepdims=True)
    by_hand = np.c_[np.maximum(centred, 0), np.maximum(-centred, 0)] @ model.get_weights()[0]
    np.testing.assert_allclose(model.predict_proba(X), by_hand, rtol=1e-4, atol=1e-6)
    assert model.output_shape == (None, 3)


def test_optimizer_methods() -> None:
    import dualnet as tf

    w = tf.Variable([2.0, -3.0])
    optimizer = tf.keras.optimizers.SGD(lr=0.1)
    for _ in range(50):
        optimizer.minimize(lambda: tf.reduce_sum(w**2), var_list=[w])
    assert np.abs(w.numpy()).max() < 1e-3
    assert float(optimizer.lr) == pytest.approx(0.1)
    assert len(tf.keras.optimizers.legacy.Adam(1e-3).get_weights()) == 2


@pytest.mark.parametrize("name", ["accuracy", "Accuracy", "ACC", "acc", "Acc", "ACCURACY"])
@pytest.mark.parametrize("labels", ["sparse", "one-hot", "binary"])
@pytest.mark.parametrize("argument", ["metrics", "weighted_metrics"])
def test_accuracy_in_any_case(name: str, labels: str, argument: str) -> None:
    classes, rng = 1 if labels == "binary" else 3, np.random.default_rng(0)
    x, y = rng.normal(size=(12, 4)), rng.integers(0, max(classes, 2), 12)
    loss = {"sparse": "sparse_categorical_crossentropy", "one-hot": "categorical_crossentropy", "binary": "bce"}[labels]
    x_in = keras.Input((4,))
    model = keras.Model(
        x_in, layers.Dense(classes, activation="sigmoid" if labels == "binary" else "softmax", name="o")(x_in)
    )
    scores = model.predict(x, verbose=0)
    expected = np.mean((scores[:, 0] > 0.5 if labels == "binary" else scores.argmax(-1)) == y)
    for metrics in ([name], {"o": name}, {"o": [name]}):
        model.compile("sgd", loss, **{argument: metrics})
        results = model.evaluate(x, np.eye(3)[y] if labels == "one-hot" else y, verbose=0, return_dict=True)
        assert results[name] == pytest.approx(expected)


@pytest.mark.parametrize("loss", ["crossentropy", "CE", "CrossEntropy"])
def test_crossentropy_in_any_case(loss: str) -> None:
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, activation="softmax")])
    model.compile("sgd", loss, metrics=[loss])
    value, metric = model.evaluate(np.ones((6, 4)), np.arange(6) % 3, verbose=0)
    assert value == pytest.approx(metric)


def test_the_reductions_of_losses() -> None:
    y, p = np.array([[0.0], [2.0]]), np.array([[1.0], [1.0]])
    values = {"NONE": [1, 1], "SUM": 2, "SUM_OVER_BATCH_SIZE": 1, "AUTO": 1}
    for name, value in values.items():
        for module in (keras.losses, tf.losses, tf.keras.losses):
            loss = keras.losses.MeanSquaredError(reduction=getattr(module.Reduction, name))
            np.testing.assert_allclose(loss(y, p).numpy(), value)
    config = {
        "class_name": "MeanSquaredError",
        "config": {"reduction": "auto", "name": "mse"},
    }  # as tf.keras 2 saved it
    assert keras.losses.get(config).reduction == "sum_over_batch_size"
