"""Functional models: several inputs and outputs, shared layers, frozen bases."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest


def test_two_outputs_with_losses_and_weights() -> None:
    from dualnet import keras
    from dualnet.keras.layers import Dense, Input

    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 5)).astype("float32")
    price, sold = x.sum(1), (x[:, 0] > 0).astype("float32")
    inputs = Input(shape=(5,))
    hidden = Dense(16, activation="relu")(inputs)
    model = keras.Model(inputs, [Dense(1, name="price")(hidden), Dense(1, activation="sigmoid", name="sold")(hidden)])
    model.compile(
        optimizer="adam",
        loss={"price": "mse", "sold": "binary_crossentropy"},
        loss_weights={"price": 0.25, "sold": 1.0},
        metrics={"price": ["mae"], "sold": ["acc"]},
    )
    history = model.fit(x, {"price": price, "sold": sold}, epochs=3, verbose=0).history
    assert {"loss", "price_loss", "sold_loss", "price_mae", "sold_acc"} <= set(history)
    for n in range(3):
        assert history["loss"][n] == pytest.approx(0.25 * history["price_loss"][n] + history["sold_loss"][n], rel=1e-4)
    a, b = model.predict(x[:4], verbose=0)
    assert a.shape == b.shape == (4, 1)


def test_siamese_network_shares_weights() -> None:
    from dualnet import keras
    from dualnet.keras import layers, ops

    base = keras.Sequential([layers.Dense(8, activation="relu", input_shape=(4,)), layers.Dense(3)], name="base")
    left, right = keras.Input((4,)), keras.Input((4,))
    distance = layers.Lambda(lambda t: ops.sqrt(ops.sum(ops.square(t[0] - t[1]), axis=1, keepdims=True) + 1e-7))(
        [base(left), base(right)]
    )
    siamese = keras.Model([left, right], distance)

    def contrastive(y_true: Any, y_pred: Any, margin: float = 1.0) -> Any:
        near = y_true * ops.square(y_pred)
        far = (1 - y_true) * ops.square(ops.maximum(margin - y_pred, 0))
        return ops.mean(near + far)

    rng = np.random.default_rng(0)
    classes = rng.integers(0, 2, (80, 2))
    pairs = [(np.eye(4)[k] + rng.normal(0, 0.1, (80, 4))).astype("float32") for k in classes.T]
    same = (classes[:, 0] == classes[:, 1]).astype("float32")
    siamese.compile(loss=contrastive, optimizer=keras.optimizers.Adam(0.01))
    siamese.fit(pairs, same, epochs=20, batch_size=16, verbose=0)
    distances = siamese.predict(pairs, verbose=0).ravel()
    assert ((distances < 0.5) == same).mean() > 0.95
    assert siamese.count_params() == base.count_params() == 4 * 8 + 8 + 8 * 3 + 3


def test_transfer_learning_freezes_the_base() -> None:
    from dualnet import keras

    rng = np.random.default_rng(1)
    x = rng.normal(size=(60, 6)).astype("float32")
    model_a = keras.models.Sequential(
        [keras.layers.Dense(12, activation="elu", input_shape=[6]), keras.layers.Dense(4, activation="softmax")]
    )
    model_a.compile("sgd", "sparse_categorical_crossentropy")
    model_a.fit(x, rng.integers(0, 4, 60), epochs=1, verbose=0)
    model_b = keras.models.Sequential(keras.models.clone_model(model_a).layers[:-1])
    model_b.set_weights(model_a.get_weights()[:2])
    model_b.add(keras.layers.Dense(1, activation="sigmoid"))
    for layer in model_b.layers[:-1]:
        layer.trainable = False
    model_b.compile(loss="binary_crossentropy", optimizer="sgd", metrics=["accuracy"])
    frozen = model_b.layers[0].get_weights()
    model_b.fit(x, x[:, 0] > 0, epochs=2, verbose=0)
    np.testing.assert_array_equal(frozen[0], model_b.layers[0].get_weights()[0])
    assert len(model_b.trainable_variables) == 2
    for layer in model_b.layers[:-1]:
        layer.trainable = True
    model_b.compile(loss="binary_crossentropy", optimizer=keras.optimizers.SGD(learning_rate=1e-2))
    model_b.fit(x, x[:, 0] > 0, epochs=1, verbose=0)
    assert not (frozen[0] == model_b.layers[0].get_weights()[0]).all()


def test_a_new_head_on_a_convolutional_base() -> None:
    from dualnet import keras
    from dualnet.keras import layers

    base = keras.Sequential(
        [keras.Input((8, 8, 3)), layers.Conv2D(4, 3), layers.BatchNormalization(), layers.ReLU()], name="base"
    )
    base.trainable = False
    inputs = keras.Input(shape=(8, 8, 3))
    x = base(inputs, training=False)
    x = layers.GlobalAveragePooling2D()(x)
    model = keras.Model(inputs, layers.Dense(2)(x))
    statistics = base.layers[1].get_weights()
    images = np.random.default_rng(0).uniform(size=(16, 8, 8, 3)).astype("float32")
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(images, np.arange(16) % 2, verbose=0)
    for before, after in zip(statistics, base.layers[1].get_weights()):
        np.testing.assert_array_equal(before, after)
    assert len(model.trainable_weights) == 2
    assert len(model.non_trainable_weights) == 6


def test_pop_the_last_layer() -> None:
    from dualnet.keras.layers import Dense
    from dualnet.keras.models import Model, Sequential

    model = Sequential([Dense(5, input_shape=(3,), name="features"), Dense(2)])
    extractor = Model(inputs=model.inputs, outputs=model.get_layer("features").output)
    model.pop()
    x = np.ones((2, 3), "float32")
    np.testing.assert_array_equal(model(x).numpy(), extractor(x).numpy())


def test_models_are_layers() -> None:
    from dualnet import keras

    inputs = keras.Input(shape=(4,))
    members = [keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)]) for _ in range(3)]
    ensemble = keras.Model(inputs, keras.layers.average([m(inputs) for m in members]))
    x = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")
    by_hand = np.mean([m.predict(x, verbose=0) for m in members], axis=0)
    np.testing.assert_allclose(ensemble.predict(x, verbose=0), by_hand, rtol=1e-5, atol=1e-6)


def test_merge_layers_of_keras_1() -> None:
    from dualnet.keras.layers import Dense, Input
    from dualnet.keras.layers.merge import concatenate, dot, multiply
    from dualnet.keras.models import Model

    a, b = Input((3,)), Input((3,))
    joined = concatenate([multiply([a, b]), dot([a, b], axes=1)])
    model = Model([a, b], Dense(1, kernel_initializer="ones")(joined))
    x, y = np.array([[1.0, 2, 3]]), np.array([[4.0, 5, 6]])
    assert model.predict([x, y], verbose=0).tolist() == [[2 * 32.0]]


def test_subclassed_model() -> None:
    import dualnet as tf

    class MyModel(tf.keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense1 = tf.keras.layers.Dense(8, activation=tf.nn.tanh)
            self.dropout = tf.keras.layers.Dropout(0.5)
            self.dense2 = tf.keras.layers.Dense(3)

        def call(self, x: Any, training: bool = False) -> Any:
            x = self.dense1(x)
            if training:
                x = self.dropout(x, training=training)
            return self.dense2(x)

    model = MyModel()
    x = np.ones((4, 2), "float32")
    np.testing.assert_array_equal(model(x).numpy(), model(x, training=False).numpy())
    assert not np.array_equal(model(x, training=True).numpy(), model(x, training=False).numpy())
    assert [layer.name.split("_")[0] for layer in model.layers] == ["dense", "dropout", "dense"]
    assert len(model.trainable_variables) == 4
