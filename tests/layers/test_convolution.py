"""Convolution layers beyond the table: LeNet-5, shapes with open lengths, what is refused and how, configs of Keras 2."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from dualnet import Input, Sequential, layers, ops
from dualnet.core.symbolic import KerasTensor


def test_lenet_5() -> None:
    model = Sequential(
        [
            Input(shape=(32, 32, 3)),
            layers.Conv2D(6, 5, activation="tanh"),
            layers.MaxPooling2D(2),
            layers.Conv2D(16, 5, activation="tanh"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(120, activation="tanh"),
            layers.Dense(84, activation="tanh"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    assert [layer.count_params() for layer in model.layers] == [456, 0, 2416, 0, 0, 48120, 10164, 850]
    assert model.count_params() == 62_006
    shapes = [layer.output_shape[1:] for layer in model.layers]
    assert shapes == [(28, 28, 6), (14, 14, 6), (10, 10, 16), (5, 5, 16), (400,), (120,), (84,), (10,)]
    model.compile("sgd", "sparse_categorical_crossentropy")
    x, y = np.random.default_rng(0).normal(size=(64, 32, 32, 3)).astype("float32"), np.arange(64) % 10
    losses = model.fit(x, y, epochs=3, verbose=0).history["loss"]
    assert losses[2] < losses[0]


@pytest.mark.parametrize(
    ("kind", "shape", "options"),
    [
        ("Conv1D", (2, 7, 3), {"padding": "causal", "dilation_rate": 2}),
        ("Conv2D", (2, 7, 6, 3), {"strides": 2, "padding": "same", "activation": "relu"}),
        ("Conv2D", (2, 4, 7, 6), {"data_format": "channels_first", "groups": 2, "activation": "softplus"}),
        ("Conv3D", (2, 4, 3, 5, 3), {"use_bias": False}),
    ],
)
def test_an_overridden_convolution_op_is_called(kind: str, shape: tuple[int, ...], options: Any) -> None:
    base = getattr(layers, kind)

    class Halved(base):  # type: ignore[misc, valid-type]
        def convolution_op(self, inputs: Any, kernel: Any) -> Any:
            return super().convolution_op(inputs, kernel * 0.5)

    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    plain, halved = base(4, 2, bias_initializer="ones", **options), Halved(4, 2, bias_initializer="ones", **options)
    plain.build(shape)
    halved.build(shape)
    kernel, *bias = halved.get_weights()
    plain.set_weights([kernel * 0.5, *bias])
    np.testing.assert_allclose(halved(x), plain(x), rtol=1e-5, atol=1e-6)


def test_causal_sees_no_later_step() -> None:
    layer = layers.Conv1D(2, 3, padding="causal", dilation_rate=2)
    x = np.random.default_rng(0).normal(size=(1, 12, 3)).astype("float32")
    before = layer(x).numpy()
    x[:, 7] += 1
    changed = (layer(x).numpy() != before).any(axis=(0, 2))
    assert changed.tolist() == [i in (7, 9, 11) for i in range(12)]


@pytest.mark.parametrize(
    ("layer", "input_shape", "expected"),
    [
        (layers.Conv2D(4, 3, padding="same", strides=2), (None, None, 9, 3), (None, None, 5, 4)),
        (layers.Conv1D(4, 3), (None, None, 3), (None, None, 4)),
        (layers.Conv2DTranspose(4, 3, strides=2), (None, 5, None, 3), (None, 11, None, 4)),
        (layers.DepthwiseConv2D(3, depth_multiplier=2), (None, None, 9, 3), (None, None, 7, 6)),
        (layers.SeparableConv1D(5, 3, padding="same"), (2, None, 3), (2, None, 5)),
    ],
)
def test_open_lengths(layer: Any, input_shape: Any, expected: Any) -> None:
    assert layer.compute_output_shape(input_shape) == expected
    assert layer(Input(batch_shape=input_shape)).shape == expected


def test_symbolic_ops() -> None:
    images, kernel = Input(shape=(None, None, 3)), np.ones((5, 5, 3, 8), "float32")
    y = ops.conv(images, kernel, padding="same", strides=2)
    assert (y.shape, y.dtype) == ((None, None, None, 8), "float32")
    assert ops.conv_transpose(images, np.ones((2, 2, 4, 3)), strides=2).shape == (None, None, None, 4)
    assert ops.depthwise_conv(Input(shape=(9, 3)), np.ones((2, 3, 2))).shape == (None, 8, 6)
    assert ops.separable_conv(Input(shape=(9, 3)), np.ones((2, 3, 2)), np.ones((1, 6, 5))).shape == (None, 8, 5)
    assert ops.conv(KerasTensor((2, 10, None)), kernel[0]).shape == (2, 6, 8)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: layers.Conv2D(0, 3), ["Conv2D", "filters", "positive", "0"]),
        (lambda: layers.Conv2D(4, (3, 0)), ["Conv2D", "kernel_size", "(3, 0)"]),
        (lambda: layers.Conv2D(4, (3, 3, 3)), ["Conv2D", "kernel_size", "2 of them"]),
        (lambda: layers.Conv1D(4, 3, strides=0), ["Conv1D", "strides"]),
        (lambda: layers.Conv2D(5, 3, groups=2, name="c"), ["Conv2D layer 'c'", "5 filters", "2 groups"]),
        (lambda: layers.Conv2D(4, 3, groups=0), ["groups", "positive"]),
        (lambda: layers.Conv2D(4, 3, strides=2, dilation_rate=2), ["strides", "dilation_rate", "(2, 2)"]),
        (lambda: layers.Conv2D(4, 3, padding="causal"), ["padding", "valid, same", "'causal'"]),
        (lambda: layers.Conv2D(4, 3, data_format="nhwc"), ["channels_last", "'nhwc'"]),
        (lambda: layers.Conv2DTranspose(4, 3, strides=2, output_padding=2), ["output_padding", "smaller", "(2, 2)"]),
        (lambda: layers.DepthwiseConv2D(3, depth_multiplier=0), ["depth_multiplier", "positive"]),
        (lambda: layers.SeparableConv1D(4, 3, kernel_initializer="ones"), ["SeparableConv1D", "'kernel_initializer'"]),
    ],
)
def test_refused_when_made(make: Any, words: list[str]) -> None:
    with pytest.raises(ValueError, match=re.escape(words[0])) as error:
        make()
    assert [word for word in words if word not in str(error.value)] == [], str(error.value)


@pytest.mark.parametrize(
    ("layer", "shape", "words"),
    [
        (layers.Conv2D(4, 3, groups=2, name="c"), (1, 9, 9, 3), ["'c'", "3 channels", "(1, 9, 9, 3)", "2 groups"]),
        (layers.Conv2D(4, 7, name="c"), (1, 9, 6, 3), ["Conv2D layer 'c'", "(9, 6)", "(7, 7)", "(3, 0)", '"same"']),
        (layers.Conv2D(4, 3, name="c"), (1, 9, 6), ["Conv2D layer 'c'", "4 axes", "(1, 9, 6)"]),
        (layers.DepthwiseConv1D(8, name="d"), (1, 4, 2), ["DepthwiseConv1D layer 'd'", "(4,)", "(8,)"]),
        (layers.Conv1DTranspose(4, 3, name="t"), (1, 4), ["Conv1DTranspose layer 't'", "3 axes"]),
    ],
)
def test_refused_when_built(layer: Any, shape: tuple[int, ...], words: list[str]) -> None:
    with pytest.raises(ValueError, match=re.escape(words[0])) as error:
        layer(np.zeros(shape, "float32"))
    assert [word for word in words if word not in str(error.value)] == [], str(error.value)


def test_refused_when_called() -> None:
    layer = layers.Conv2D(4, 3, name="c")
    layer.build((None, 8, 8, 3))
    with pytest.raises(ValueError, match=r"'c': the input channels must match the kernel, got 2 in .*\(1, 8, 8, 2\)"):
        layer(np.zeros((1, 8, 8, 2), "float32"))
    with pytest.raises(ValueError, match="'c': nothing would be left of an input of lengths"):
        layer(np.zeros((1, 2, 8, 3), "float32"))
    with pytest.raises(ValueError, match="conv_transpose: the input channels must match the kernel"):
        ops.conv_transpose(np.zeros((1, 8, 3)), np.zeros((2, 3, 4)))
    with pytest.raises(ValueError, match="number of channels"):
        layers.Conv2D(4, 3).build((None, 8, 8, None))


def test_configs_of_keras_2() -> None:
    layer = layers.DepthwiseConv2D.from_config({"kernel_size": [3, 3], "groups": 1, "name": "d"})
    assert layer.kernel_size == (3, 3)
    old = {"filters": 2, "kernel_size": 3, "groups": 1, "kernel_initializer": "zeros", "kernel_constraint": None}
    assert layers.SeparableConv2D.from_config(old).filters == 2
    with pytest.raises(ValueError, match="groups"):
        layers.Conv2DTranspose.from_config({"filters": 2, "kernel_size": 3, "groups": 2})


def test_aliases() -> None:
    for name in ("Conv1D", "Conv2D", "Conv3D", "Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"):
        assert getattr(layers, name.replace("Conv", "Convolution")) is getattr(layers, name)
    assert layers.SeparableConvolution1D is layers.SeparableConv1D
    assert layers.SeparableConvolution2D is layers.SeparableConv2D
