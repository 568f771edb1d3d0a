"""The dtype that a symbolic tensor has is the dtype of the result, for layers and ops on inputs of every kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import dualnet

Make = Callable[[Any, Any], Any]

# name: (what is made of the input, its shape, its dtype). Keras gives the same at run time (on JAX, which has no float64).
CASES: dict[str, tuple[Make, tuple[int, ...], str]] = {
    "embedding": (lambda K, x: K.layers.Embedding(5, 2)(x), (3,), "int32"),
    "embedding of floats": (lambda K, x: K.layers.Embedding(5, 2)(x), (3,), "float32"),
    "category encoding": (lambda K, x: K.layers.CategoryEncoding(5)(x), (3,), "int32"),
    "one hot": (lambda K, x: K.layers.CategoryEncoding(5, output_mode="one_hot")(x), (1,), "int32"),
    "discretization": (lambda K, x: K.layers.Discretization([0.0, 1.0])(x), (3,), "float32"),
    "normalization": (lambda K, x: K.layers.Normalization(mean=0.0, variance=1.0)(x), (3,), "int32"),
    "rescaling": (lambda K, x: K.layers.Rescaling(1 / 255)(x), (3,), "uint8"),
    "dense": (lambda K, x: K.layers.Dense(2)(x), (3,), "int32"),
    "dense of bool": (lambda K, x: K.layers.Dense(2)(x), (3,), "bool"),
    "dense in float16": (lambda K, x: K.layers.Dense(2, dtype="float16")(x), (3,), "float32"),
    "batch normalization": (lambda K, x: K.layers.BatchNormalization()(x), (3,), "int32"),
    "softmax": (lambda K, x: K.layers.Softmax()(x), (3,), "int32"),
    "identity": (lambda K, x: K.layers.Identity()(x), (3,), "int32"),
    "flatten": (lambda K, x: K.layers.Flatten()(x), (3, 2), "int32"),
    "reshape": (lambda K, x: K.layers.Reshape((2, 3))(x), (3, 2), "uint8"),
    "permute": (lambda K, x: K.layers.Permute((2, 1))(x), (3, 2), "int32"),
    "repeat": (lambda K, x: K.layers.RepeatVector(2)(x), (3,), "int32"),
    "dropout": (lambda K, x: K.layers.Dropout(0.5)(x), (3,), "int32"),
    "relu": (lambda K, x: K.layers.Activation("relu")(x), (3,), "int32"),
    "add": (lambda K, x: K.layers.Add()([x, x]), (3,), "int32"),
    "average": (lambda K, x: K.layers.Average()([x, x]), (3,), "int32"),
    "concatenate": (lambda K, x: K.layers.Concatenate()([x, x]), (3,), "bool"),
    "max pooling": (lambda K, x: K.layers.MaxPooling1D(2)(x), (4, 2), "int32"),
    "average of all": (lambda K, x: K.layers.GlobalAveragePooling1D()(x), (4, 2), "int32"),
    "zero padding": (lambda K, x: K.layers.ZeroPadding1D(1)(x), (4, 2), "int32"),
    "cropping": (lambda K, x: K.layers.Cropping1D(1)(x), (4, 2), "int32"),
    "up sampling": (lambda K, x: K.layers.UpSampling1D(2)(x), (4, 2), "int32"),
    "lambda": (lambda K, x: K.layers.Lambda(lambda t: K.ops.cast(t, "int32"))(x), (3,), "float32"),
    "time distributed": (lambda K, x: K.layers.TimeDistributed(K.layers.Dense(2))(x), (3, 2), "int32"),
    "ops.argmax": (lambda K, x: K.ops.argmax(x, -1), (3,), "float32"),
    "ops.cast": (lambda K, x: K.ops.cast(x, "float16"), (3,), "int32"),
    "ops.one_hot": (lambda K, x: K.ops.one_hot(x, 4), (3,), "int32"),
    "ops.equal": (lambda K, x: K.ops.equal(x, 1), (3,), "int32"),
    "ops.sum of int8": (lambda K, x: K.ops.sum(x, -1), (3,), "int8"),
    "ops.sum of bool": (lambda K, x: K.ops.sum(x, -1), (3,), "bool"),
    "ops.mean": (lambda K, x: K.ops.mean(x, -1), (3,), "int32"),
    "ops.exp": (lambda K, x: K.ops.exp(x), (3,), "int32"),
    "integer + number": (lambda K, x: x + 1, (3,), "int8"),
    "integer * float": (lambda K, x: x * 2.0, (3,), "uint8"),
    "integer / number": (lambda K, x: x / 2, (3,), "int32"),
    "bool + number": (lambda K, x: x + 1, (3,), "bool"),
    "greater": (lambda K, x: x > 0.5, (3,), "float32"),
    "part": (lambda K, x: x[:, 0], (3,), "int32"),
}


def dtypes(K: Any, name: str) -> tuple[str, str]:
    """Of the symbolic result, and of the result for data."""
    make, shape, dtype = CASES[name]
    x = K.Input(shape, dtype=dtype)
    y = make(K, x)
    result = K.Model(x, y)(np.ones((2, *shape), dtype))
    return K.backend.standardize_dtype(y.dtype), K.backend.standardize_dtype(result.dtype)


@pytest.mark.parametrize("name", CASES)
def test_a_symbolic_tensor_has_the_dtype_of_the_result(name: str) -> None:
    symbolic, real = dtypes(dualnet, name)
    assert symbolic == real


@pytest.mark.parametrize("name", CASES)
def test_the_result_has_the_dtype_of_keras(name: str, keras: Any) -> None:
    assert dtypes(dualnet, name)[1] == dtypes(keras, name)[1]


def test_shapes_stay_those_that_the_layer_says() -> None:
    x = dualnet.Input((None, 2), dtype="int32")
    y = dualnet.layers.MaxPooling1D(5)(x)
    assert (y.shape, y.dtype) == ((None, None, 2), "int32")
    y = dualnet.layers.MaxPooling1D(2)(x)
    assert (y.shape, y.dtype) == ((None, None, 2), "int32")
