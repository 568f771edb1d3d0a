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
