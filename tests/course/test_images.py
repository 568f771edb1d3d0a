"""Digits and other small pictures: MLPs and convolutions."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest

with_mnist = pytest.mark.skipif(
    not os.path.exists(os.path.join(os.environ.get("DUALNET_DATA_DIR", ""), "mnist")),
    reason="needs MNIST in DUALNET_DATA_DIR",
)


def bars(n: int = 120) -> tuple[np.ndarray, np.ndarray]:
    """Pictures of 12 x 12 with a horizontal (0) or vertical (1) bar."""
    rng = np.random.default_rng(2)
    x, y = rng.normal(0, 0.1, (n, 12, 12, 1)).astype("float32"), rng.integers(0, 2, n)
    for i, label in enumerate(y):
        at = rng.integers(1, 10)
        if label:
            x[i, :, at] += 1
        else:
            x[i, at] += 1
    return x, y


@with_mnist
def test_mnist_mlp() -> None:
    from dualnet import keras

    (x_train, y_train), (x_test, y_test) = keras.datasets.mnist.load_data()
    x_train = x_train[:2000].reshape(-1, 28 * 28).astype("float32") / 255.0
    x_test = x_test[:1000].reshape(-1, 28 * 28).astype("float32") / 255.0
    y_train, y_test = keras.utils.to_categorical(y_train[:2000]), keras.utils.to_categorical(y_test[:1000])
    keras.utils.set_random_seed(0)
    model = keras.models.Sequential()
    model.add(keras.layers.Dense(128, activation="relu", input_shape=(784,)))
    model.add(keras.layers.Dropout(0.2))
    model.add(keras.layers.Dense(10, activation="softmax"))
    model.compile(loss="categorical_crossentropy", optimizer="RMSprop", metrics=["accuracy"])
    model.fit(x_train, y_train, batch_size=128, epochs=4, verbose=0, validation_data=(x_test, y_test))
    score = model.evaluate(x_test, y_test, verbose=0)
    assert score[1] > 0.8


@with_mnist
def test_lenet_on_mnist() -> None:
    from dualnet import keras
    from dualnet.keras import layers, models
    from dualnet.keras.datasets import mnist

    (images, labels), _ = mnist.load_data()
    images = images[:800].reshape((800, 28, 28, 1)).astype("float32") / 255
    model = models.Sequential()
    model.add(layers.Conv2D(6, (5, 5), activation="relu", padding="same", input_shape=(28, 28, 1)))
    model.add(layers.MaxPooling2D((2, 2)))
    model.add(layers.Conv2D(16, (5, 5), activation="relu"))
    model.add(layers.AveragePooling2D())
    model.add(layers.Flatten())
    model.add(layers.Dense(10, activation="softmax"))
    assert model.layers[4].output.shape == (None, 400)
    model.compile(optimizer=keras.optimizers.Adam(3e-3), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(images, labels[:800], epochs=2, batch_size=32, verbose=0)
    assert history.history["accuracy"][1] > max(0.6, history.history["accuracy"][0])


def test_flatten_first_and_logits_last() -> None:
    import dualnet as tf

    x, y = bars()
    model = tf.keras.models.Sequential(
        [
            tf.keras.layers.Flatten(input_shape=(12, 12, 1)),
            tf.keras.layers.Dense(32, activation=tf.nn.relu),
            tf.keras.layers.Dense(2),
        ]
    )
    loss_fn = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    untrained = loss_fn(y[:10], model(x[:10])).numpy()
    model.compile(optimizer="adam", loss=loss_fn, metrics=["accuracy"])
    model.fit(x, y, epochs=30, verbose=0)
    assert model.evaluate(x, y, verbose=0)[0] < untrained / 2
    probability_model = tf.keras.Sequential([model, tf.keras.layers.Softmax()])
    np.testing.assert_allclose(probability_model(x[:5]).numpy().sum(axis=1), 1, rtol=1e-5)


def test_small_convnet() -> None:
    from dualnet import keras
    from dualnet.keras import layers

    x, y = bars()
    model = keras.Sequential(
        [
            keras.Input(shape=(12, 12, 1)),
            layers.Conv2D(8, kernel_size=3, activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(pool_size=(2, 2)),
            layers.Conv2D(8, kernel_size=(3, 3), activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dropout(0.1),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(keras.optimizers.Adam(learning_rate=0.02), "binary_crossentropy", ["accuracy"])
    model.fit(x, y, epochs=12, batch_size=20, verbose=0)
    assert model.evaluate(x, y, verbose=0, return_dict=True)["accuracy"] > 0.9


def test_keras_1_convolution() -> None:
    from dualnet.keras.layers.convolutional import Convolution2D, MaxPooling2D
    from dualnet.keras.layers.core import Activation, Dense, Dropout, Flatten
    from dualnet.keras.models import Sequential
    from dualnet.keras.utils import np_utils

    x, y = bars(40)
    model = Sequential()
    model.add(Convolution2D(nb_filter=4, kernel_size=3, border_mode="valid", subsample=(1, 1), input_shape=(12, 12, 1)))
    model.add(Activation("relu"))
    model.add(MaxPooling2D(pool_size=(2, 2)))
    model.add(Dropout(p=0.25))
    model.add(Flatten())
    model.add(Dense(2))
    model.add(Activation("softmax"))
    model.compile(loss="categorical_crossentropy", optimizer="adadelta")
    assert model.output_shape == (None, 2)
    assert model.layers[0].kernel_size == (3, 3)
    model.fit(x, np_utils.to_categorical(y, 2), batch_size=8, nb_epoch=1, verbose=0)


def test_a_convolution_is_a_sliding_dot_product() -> None:
    from dualnet.keras.layers import Conv2D

    image = np.random.default_rng(0).normal(size=(1, 6, 6, 1)).astype("float32")
    edge = np.array([[1, 0, -1]] * 3, "float32").reshape(3, 3, 1, 1)
    layer = Conv2D(1, 3, use_bias=False)
    layer.build((None, 6, 6, 1))
    layer.set_weights([edge])
    by_hand = [[(image[0, r : r + 3, c : c + 3, 0] * edge[..., 0, 0]).sum() for c in range(4)] for r in range(4)]
    np.testing.assert_allclose(layer(image).numpy()[0, ..., 0], by_hand, rtol=1e-4, atol=1e-5)


def test_what_the_layers_see() -> None:
    from dualnet.keras import models
    from dualnet.keras.layers import Conv2D, Dense, Flatten, MaxPool2D

    x, _ = bars(3)
    model = models.Sequential(
        [Conv2D(5, 3, activation="relu", input_shape=(12, 12, 1)), MaxPool2D(2), Flatten(), Dense(2)]
    )
    outputs = [layer.output for layer in model.layers[:2]]
    activation_model = models.Model(inputs=model.inputs, outputs=outputs)
    first, second = activation_model.predict(x, verbose=0)
    assert first.shape == (3, 10, 10, 5)
    assert second.shape == (3, 5, 5, 5)
    np.testing.assert_array_equal(second, first.reshape(3, 5, 2, 5, 2, 5).max((2, 4)))
    kernel, bias = model.layers[0].weights
    assert kernel.shape == (3, 3, 1, 5)
    assert bias.numpy().tolist() == [0] * 5


def test_residual_block() -> None:
    from dualnet import keras
    from dualnet.keras import layers

    def residual_block(x: Any, filters: int, pooling: bool = False) -> Any:
        residual = x
        x = layers.Conv2D(filters, 3, activation="relu", padding="same")(x)
        x = layers.Conv2D(filters, 3, activation="relu", padding="same")(x)
        if pooling:
            x = layers.MaxPooling2D(2, padding="same")(x)
            residual = layers.Conv2D(filters, 1, strides=2)(residual)
        elif filters != residual.shape[-1]:
            residual = layers.Conv2D(filters, 1)(residual)
        return layers.add([x, residual])

    inputs = keras.Input(shape=(12, 12, 1))
    x = layers.Rescaling(1.0 / 255)(inputs)
    x = residual_block(x, filters=4, pooling=True)
    x = residual_block(x, filters=8)
    x = layers.GlobalAveragePooling2D()(x)
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(x))
    assert [w.shape[-1] for w in model.weights if len(w.shape) == 4] == [4, 4, 4, 8, 8, 8]
    images, y = bars(16)
    model.compile("rmsprop", "binary_crossentropy")
    before = model.evaluate(images * 255, y, verbose=0)
    model.fit(images * 255, y, epochs=5, verbose=0)
    assert model.evaluate(images * 255, y, verbose=0) < before


def test_separable_convolutions_need_fewer_weights() -> None:
    from dualnet.keras.layers import Conv2D, SeparableConv2D
    from dualnet.keras.models import Sequential

    plain = Sequential([Conv2D(16, 3, padding="same", input_shape=(8, 8, 8))])
    separable = Sequential([SeparableConv2D(16, 3, padding="same", input_shape=(8, 8, 8))])
    assert plain.output_shape == separable.output_shape == (None, 8, 8, 16)
    assert (plain.count_params(), separable.count_params()) == (8 * 16 * 9 + 16, 8 * 9 + 8 * 16 + 16)


def test_channels_first() -> None:
    from dualnet.keras.layers import Conv2D

    x = np.random.default_rng(0).normal(size=(2, 3, 7, 7)).astype("float32")
    first, last = Conv2D(4, 3, data_format="channels_first"), Conv2D(4, 3)
    y = first(x)
    last.build((None, 7, 7, 3))
    last.set_weights(first.get_weights())
    np.testing.assert_allclose(
        y.numpy(), last(x.transpose(0, 2, 3, 1)).numpy().transpose(0, 3, 1, 2), rtol=1e-4, atol=1e-5
    )
