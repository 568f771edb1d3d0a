"""Layers with noise whose rate is set after they were made."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import dualnet as K
from dualnet import layers

NOISE = {
    "Dropout": "rate",
    "GaussianNoise": "stddev",
    "GaussianDropout": "rate",
    "AlphaDropout": "rate",
    "SpatialDropout1D": "rate",
    "SpatialDropout2D": "rate",
    "SpatialDropout3D": "rate",
}
RANKS = {"SpatialDropout1D": 3, "SpatialDropout2D": 4, "SpatialDropout3D": 5}


@pytest.mark.parametrize("name", NOISE)
def test_a_rate_of_zero_that_is_set_later(name: str) -> None:
    cls, attribute, shape = getattr(layers, name), NOISE[name], (64,) * 2 + (2,) * (RANKS.get(name, 2) - 2)
    x = np.ones(shape, "float32")
    noisy, expected = cls(0.0, seed=3), cls(0.5, seed=3)
    np.testing.assert_array_equal(noisy(x, training=True), x)
    setattr(noisy, attribute, 0.5)
    np.testing.assert_array_equal(noisy(x, training=True), expected(x, training=True))
    assert noisy.get_config()[attribute] == 0.5
    assert getattr(copy.deepcopy(noisy), attribute) == 0.5
    with pytest.raises(
        ValueError, match=f"`{attribute}`. Expected a float value between 0 and 1. Received: {attribute}=2"
    ):
        setattr(noisy, attribute, 2)


@pytest.mark.parametrize("name", ["Dropout", "GaussianNoise"])
def test_a_rate_that_is_set_between_two_fits(name: str) -> None:
    """The second uses it, though steps were recorded in the first."""
    layer = getattr(layers, name)(0.0)
    model = K.Sequential([K.Input((8,)), layer, layers.Dense(1, use_bias=False, kernel_initializer="ones")])
    model.compile(K.optimizers.SGD(0.0), "mse")
    x, y = np.ones((32, 8), "float32"), np.full((32, 1), 8, "float32")
    assert model.fit(x, y, epochs=2, verbose=0).history["loss"][-1] == 0
    setattr(layer, NOISE[name], 0.5)
    assert model.fit(x, y, epochs=2, verbose=0).history["loss"][-1] > 0


@pytest.mark.parametrize("make", [lambda: layers.MultiHeadAttention(2, 4), lambda: layers.GroupQueryAttention(4, 2, 1)])
def test_the_dropout_of_attention_that_is_set_later(make: Any) -> None:
    x = np.random.default_rng(0).normal(size=(2, 5, 4)).astype("float32")
    layer = make()
    before = layer(x, x, training=True).numpy()
    layer.dropout = 0.9
    assert layer.get_config()["dropout"] == 0.9
    assert not np.allclose(layer(x, x, training=True), before)
    layer.dropout = 0.0
    np.testing.assert_allclose(layer(x, x, training=True), before, rtol=1e-5)


def test_a_variable_as_the_rate_of_dropout() -> None:
    """Its value at the time of the call."""
    x, rate = K.ops.ones((64,)), K.Variable(0.5)
    np.testing.assert_array_equal(K.random.dropout(x, rate, seed=1), K.random.dropout(x, 0.5, seed=1))
    rate.assign(0.25)
    np.testing.assert_array_equal(K.random.dropout(x, rate, seed=1), K.random.dropout(x, 0.25, seed=1))
