"""An activation after a normalization is one call with it in a captured prediction, with the same bits."""

from __future__ import annotations

from typing import Any

import dualnet_backends as backends
import numpy as np
import pytest

import dualnet
from dualnet import layers, ops
from dualnet.capture.replay import CapturedPredictStep, step_source
from dualnet.ops.nn.normalization import _batch_normalization

SHAPES = [(5,), (9, 6), (40, 40, 3), (40, 40, 70), (64, 64, 96)]  # from few elements to blocks that threads share


def network(shape: tuple[int, ...], activation: Any) -> Any:
    dualnet.utils.set_random_seed(3)
    x = dualnet.Input(shape)
    normal = layers.BatchNormalization()
    model = dualnet.Model(x, activation(normal(x)))
    generator = np.random.default_rng(0)
    model.set_weights([generator.uniform(0.5, 4, w.shape).astype("float32") for w in model.get_weights()])
    return model


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("activation", [layers.ReLU(), layers.ReLU(6.0), layers.Activation("relu6")])
def test_bits_are_those_of_two_ops(backend: backends.Backend, shape: tuple[int, ...], activation: Any) -> None:
    model = network(shape, activation)
    x = np.random.default_rng(1).normal(2, 6, (8, *shape)).astype("float32")
    x[0, 0], x[1, 0], x[2, 0] = np.nan, -0.0, np.inf
    captured = model.predict(x, batch_size=2, verbose=0)
    source = step_source(model, CapturedPredictStep)
    assert "activation=" in source
    assert "relu" not in source.replace("activation='relu'", "").replace("activation='relu6'", "").replace(
        "constant", ""
    )
    model.run_eagerly = True
    eager = model.predict(x, batch_size=2, verbose=0)
    assert captured.tobytes() == eager.tobytes()


CONVOLUTIONS = {
    "pixels": lambda: layers.Conv2D(12, 1, use_bias=False),
    "pixels with a bias": lambda: layers.Conv2D(48, 1),
    "3 x 3": lambda: layers.Conv2D(5, 3, padding="same"),
    "strides": lambda: layers.Conv2D(24, 3, strides=2, use_bias=False),
    "dilation": lambda: layers.Conv2D(4, 3, dilation_rate=2),
    "groups": lambda: layers.Conv2D(4, 3, groups=2),
    "depthwise": lambda: layers.DepthwiseConv2D(3, padding="same", use_bias=False),
    "depthwise with strides": lambda: layers.DepthwiseConv2D(3, strides=2, depth_multiplier=2),
}


@pytest.mark.parametrize("activation", [None, "relu", "relu6"])
@pytest.mark.parametrize("size", [9, 65])
@pytest.mark.parametrize("convolution", CONVOLUTIONS)
def test_a_convolution_and_its_normalization(
    backend: backends.Backend, convolution: str, size: int, activation: str | None
) -> None:
    x = dualnet.Input((size, size, 4 if size < 10 else 32))
    y = layers.BatchNormalization()(CONVOLUTIONS[convolution]()(x))
    model = dualnet.Model(x, y if activation is None else layers.Activation(activation)(y))
    generator = np.random.default_rng(0)
    model.set_weights([generator.uniform(0.1, 2, w.shape).astype("float32") for w in model.get_weights()])
    data = generator.normal(size=(6, *x.shape[1:])).astype("float32")
    captured = model.predict(data, batch_size=2, verbose=0)
    assert "normalized_conv" in step_source(model, CapturedPredictStep)
    model.run_eagerly = True
    eager = model.predict(data, batch_size=2, verbose=0)
    assert captured.tobytes() == eager.tobytes()


@pytest.mark.parametrize("dtype", ["float64", "float16", "mixed_float16"])
def test_other_dtypes(dtype: str) -> None:
    x = dualnet.Input((8, 8, 3), dtype="float64" if dtype == "float64" else "float32")
    y = layers.BatchNormalization(dtype=dtype)(layers.Conv2D(4, 3, dtype=dtype)(x))
    model = dualnet.Model(x, layers.ReLU(dtype=dtype)(y))
    data = np.random.default_rng(0).normal(size=(6, 8, 8, 3))
    captured = model.predict(data, batch_size=2, verbose=0)
    model.run_eagerly = True
    eager = model.predict(data, batch_size=2, verbose=0)
    assert captured.dtype == eager.dtype
    assert captured.tobytes() == eager.tobytes()


def test_channels_first_and_other_axes_stay_as_they_are() -> None:
    x = dualnet.Input((6, 6, 4))
    for y in (
        layers.BatchNormalization(axis=1)(layers.Conv2D(3, 3)(x)),
        layers.BatchNormalization()(layers.Conv2D(3, 3, activation="tanh")(x)),
        layers.BatchNormalization(axis=1)(layers.Conv2D(3, 3, data_format="channels_first")(x)),
    ):
        model = dualnet.Model(x, y)
        data = np.random.default_rng(0).normal(size=(6, 6, 6, 4)).astype("float32")
        captured = model.predict(data, batch_size=2, verbose=0)
        assert "normalized_conv" not in step_source(model, CapturedPredictStep)
        model.run_eagerly = True
        assert captured.tobytes() == model.predict(data, batch_size=2, verbose=0).tobytes()


def test_what_is_used_twice_or_wanted_stays_two_ops() -> None:
    x = dualnet.Input((4,))
    normal = layers.BatchNormalization()(x)
    both = layers.ReLU()(normal)
    for outputs in ([normal, both], layers.Add()([normal, both])):
        model = dualnet.Model(x, outputs)
        data = np.random.default_rng(1).normal(size=(6, 4)).astype("float32")
        captured = model.predict(data, batch_size=2, verbose=0)
        assert "activation=" not in step_source(model, CapturedPredictStep)
        model.run_eagerly = True
        eager = model.predict(data, batch_size=2, verbose=0)
        for a, b in zip(*(r if isinstance(r, list) else [r] for r in (captured, eager))):
            assert a.tobytes() == b.tobytes()


def test_a_training_step_is_as_it_was() -> None:
    model = network((6,), layers.ReLU())
    model.compile("sgd", "mse")
    model.fit(np.zeros((8, 6)), np.zeros((8, 6)), batch_size=2, verbose=0)
    assert "activation=" not in step_source(model)


@pytest.mark.parametrize("activation", ["relu", "relu6"])
def test_gradients_are_those_of_two_ops(backend: backends.Backend, activation: str) -> None:
    generator = np.random.default_rng(2)
    shapes = [(7, 5, 4), *[(4,)] * 4]  # x, mean, variance, beta, gamma
    values = [np.abs(generator.normal(size=s)).astype("float32") * 3 for s in shapes]
    grads = []
    for fused in (True, False):
        variables = [dualnet.Variable(v) for v in values]
        with dualnet.GradientTape() as tape:
            y = _batch_normalization(*variables, activation=activation if fused else None)
            y = y if fused else getattr(ops, activation)(y)
            total = ops.sum(y * y)
        grads.append(tape.gradient(total, variables))
    for a, b in zip(*grads):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-6)
