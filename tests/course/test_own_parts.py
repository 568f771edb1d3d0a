"""Layers, losses, metrics, activations, initializers and training loops of one's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 3)).astype("float32")
Y = (X @ np.array([[1.0], [-2.0], [0.5]])).astype("float32")


def test_linear_layer() -> None:
    import dualnet as tf
    from dualnet import keras

    class Linear(keras.layers.Layer):
        def __init__(self, units: int = 32, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.units = units

        def build(self, input_shape: Any) -> None:
            self.w = self.add_weight(
                "kernel", shape=(input_shape[-1], self.units), initializer="random_normal", trainable=True
            )
            self.b = self.add_weight(name="b", shape=(self.units,), initializer="zeros", trainable=True)

        def call(self, inputs: Any) -> Any:
            return tf.matmul(inputs, self.w) + self.b

        def get_config(self) -> dict[str, Any]:
            config = super().get_config()
            config.update({"units": self.units})
            return config

    layer = Linear(1, name="mine")
    y = layer(X)
    np.testing.assert_allclose(y.numpy(), X @ layer.w.numpy() + layer.b.numpy(), rtol=1e-5, atol=1e-6)
    assert Linear.from_config(layer.get_config()).units == 1
    model = keras.Sequential([keras.Input((3,)), Linear(1)])
    model.compile(keras.optimizers.Adam(0.1), "mse")
    assert model.fit(X, Y, epochs=40, verbose=0).history["loss"][-1] < 0.01


def test_non_trainable_state() -> None:
    import dualnet as tf

    class ComputeSum(tf.keras.layers.Layer):
        def __init__(self, input_dim: int) -> None:
            super().__init__()
            self.total = self.add_weight(initializer="zeros", shape=(input_dim,), trainable=False)

        def call(self, inputs: Any) -> Any:
            self.total.assign_add(tf.reduce_sum(inputs, axis=0))
            return self.total

    my_sum = ComputeSum(2)
    assert my_sum(tf.ones((2, 2))).numpy().tolist() == [2, 2]
    assert my_sum(tf.ones((2, 2))).numpy().tolist() == [4, 4]
    assert my_sum.trainable_weights == []
    assert len(my_sum.non_trainable_weights) == 1


def test_custom_loss_function_and_class() -> None:
    import dualnet as tf
    from dualnet import keras

    def huber_fn(y_true: Any, y_pred: Any) -> Any:
        error = y_true - y_pred
        is_small_error = tf.abs(error) < 1
        squared_loss = tf.square(error) / 2
        linear_loss = tf.abs(error) - 0.5
        return tf.where(is_small_error, squared_loss, linear_loss)

    class HuberLoss(keras.losses.Loss):
        def __init__(self, threshold: float = 1.0, **kwargs: Any) -> None:
            self.threshold = threshold
            super().__init__(**kwargs)

        def call(self, y_true: Any, y_pred: Any) -> Any:
            return huber_fn(y_true, y_pred)

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "threshold": self.threshold}

    ends = []
    for loss in (huber_fn, HuberLoss(1.0), keras.losses.Huber()):
        keras.utils.set_random_seed(1)
        model = keras.Sequential([keras.layers.Dense(1, input_shape=(3,))])
        model.compile(loss=loss, optimizer="nadam", metrics=["mae"])
        ends.append(model.fit(X, Y, epochs=2, verbose=0).history["loss"])
    np.testing.assert_allclose(ends[0], ends[2], rtol=1e-4)
    np.testing.assert_allclose(ends[1], ends[2], rtol=1e-4)


def test_custom_metric() -> None:
    import dualnet as tf
    from dualnet import keras

    class TruePositives(keras.metrics.Metric):
        def __init__(self, name: str = "tp", **kwargs: Any) -> None:
            super().__init__(name=name, **kwargs)
            self.true_positives = self.add_weight(name="tp", initializer="zeros")

        def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
            y_pred = tf.reshape(tf.argmax(y_pred, axis=1), shape=(-1, 1))
            values = tf.cast(y_true, "int32") == tf.cast(y_pred, "int32")
            self.true_positives.assign_add(tf.reduce_sum(tf.cast(values, "float32")))

        def result(self) -> Any:
            return self.true_positives

        def reset_states(self) -> None:
            self.true_positives.assign(0.0)

    y = RNG.integers(0, 3, (64, 1))
    model = keras.Sequential([keras.layers.Dense(3, activation="softmax", input_shape=(3,))])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=[TruePositives()])
    model.fit(X, y, epochs=2, verbose=0)
    metric = model.evaluate(X, y, verbose=0, return_dict=True)["tp"]
    assert metric == (model.predict(X, verbose=0).argmax(1) == y[:, 0]).sum()


def test_metric_function_and_streaming() -> None:
    import dualnet as tf
    from dualnet import keras

    def rmse(y_true: Any, y_pred: Any) -> Any:
        return tf.sqrt(tf.reduce_mean(tf.square(y_pred - y_true)))

    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", metrics=[rmse])
    loss, metric = model.evaluate(X, Y, batch_size=64, verbose=0)
    assert metric == pytest.approx(loss**0.5, rel=1e-5)
    precision = keras.metrics.Precision()
    precision([0, 1, 1, 1, 0, 1, 0, 1], [1, 1, 0, 1, 0, 1, 0, 1])
    precision([0, 1, 0, 0, 1, 0, 1, 1], [1, 0, 1, 1, 0, 0, 0, 0])
    assert precision.result().numpy() == pytest.approx(0.5)
    precision.reset_states()
    assert precision.result().numpy() == 0


def test_activation_initializer_regularizer_constraint_functions() -> None:
    import dualnet as tf
    from dualnet import keras

    def my_softplus(z: Any) -> Any:
        return tf.math.log(1.0 + tf.exp(z))

    def my_glorot_initializer(shape: Any, dtype: Any = tf.float32) -> Any:
        stddev = tf.sqrt(2.0 / (shape[0] + shape[1]))
        return tf.random.normal(shape, stddev=stddev, dtype=dtype)

    def my_l1_regularizer(weights: Any) -> Any:
        return tf.reduce_sum(tf.abs(0.01 * weights))

    def my_positive_weights(weights: Any) -> Any:
        return tf.where(weights < 0.0, tf.zeros_like(weights), weights)

    layer = keras.layers.Dense(
        4,
        activation=my_softplus,
        kernel_initializer=my_glorot_initializer,
        kernel_regularizer=my_l1_regularizer,
        kernel_constraint=my_positive_weights,
    )
    model = keras.Sequential([layer, keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)
    assert (layer.kernel.numpy() >= 0).all()
    assert float(layer.losses[0]) == pytest.approx(0.01 * np.abs(layer.kernel.numpy()).sum(), rel=1e-5)
    np.testing.assert_allclose(my_softplus(X).numpy(), keras.activations.softplus(X).numpy(), rtol=1e-4, atol=1e-6)


def test_training_loop_from_scratch() -> None:
    import dualnet as tf
    from dualnet import keras

    model = keras.Sequential([keras.layers.Dense(8, activation="relu"), keras.layers.Dense(1)])
    optimizer, loss_fn = keras.optimizers.Adam(learning_rate=0.02), keras.losses.MeanSquaredError()
    train_metric = keras.metrics.MeanAbsoluteError()

    @tf.function
    def train_step(x: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            predictions = model(x, training=True)
            loss = tf.add_n([loss_fn(y, predictions), *model.losses])
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))
        train_metric.update_state(y, predictions)
        return loss

    train_dataset = tf.data.Dataset.from_tensor_slices((X, Y)).shuffle(buffer_size=64).batch(16)
    seen = []
    for _epoch in range(15):
        for _step, (x_batch, y_batch) in enumerate(train_dataset):
            loss = train_step(x_batch, y_batch)
        seen.append(float(train_metric.result()))
        train_metric.reset_state()
    assert seen[-1] < seen[0] / 3
    assert float(loss) < 1
    assert int(optimizer.iterations) == 60


def test_train_step_in_a_model() -> None:
    import dualnet as tf
    from dualnet import keras

    class CustomModel(keras.Model):
        def train_step(self, data: Any) -> dict[str, Any]:
            x, y = data
            with tf.GradientTape() as tape:
                y_pred = self(x, training=True)
                loss = self.compute_loss(y=y, y_pred=y_pred)
            gradients = tape.gradient(loss, self.trainable_variables)
            self.optimizer.apply(gradients, self.trainable_variables)
            for metric in self.metrics:
                if metric.name == "loss":
                    metric.update_state(loss)
                else:
                    metric.update_state(y, y_pred)
            return {m.name: m.result() for m in self.metrics}

    histories = []
    for cls in (keras.Model, CustomModel):
        keras.utils.set_random_seed(0)
        inputs = keras.Input(shape=(3,))
        model = cls(inputs, keras.layers.Dense(1)(inputs))
        model.compile(optimizer="adam", loss="mse", metrics=["mae"])
        histories.append(model.fit(X, Y, epochs=2, verbose=0).history)
    np.testing.assert_allclose(histories[0]["loss"], histories[1]["loss"], rtol=1e-5)
    assert set(histories[1]) == {"loss", "mae"}


def test_gradients_of_inputs() -> None:
    import dualnet as tf

    x = tf.constant([[1.0, 2.0], [3.0, 4.0]])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = tf.reduce_sum(x)
        z = tf.multiply(y, y)
    np.testing.assert_array_equal(tape.gradient(z, x), np.full((2, 2), 20.0))
    assert tape.gradient(z, y).numpy() == 20
    del tape


def test_monte_carlo_dropout() -> None:
    from dualnet import keras

    class MCDropout(keras.layers.Dropout):
        def call(self, inputs: Any) -> Any:
            return super().call(inputs, training=True)

    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(20, activation="relu"), MCDropout(0.5), keras.layers.Dense(1)]
    )
    stacked = np.stack([model(X[:5]).numpy() for _ in range(20)])
    assert (stacked.std(axis=0) > 0).all()
