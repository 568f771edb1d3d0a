"""Small names of dualnet.utils that come from elsewhere, and helpers that keep tensors tensors."""

from __future__ import annotations

import numpy as np

import dualnet
from dualnet import layers, ops, utils


def test_source_inputs() -> None:
    a, b, c = (dualnet.Input((2,)) for _ in range(3))
    y = layers.Add()([layers.Dense(2)(b), a, layers.Dense(2)(b)])
    assert [id(x) for x in utils.get_source_inputs(y)] == [id(b), id(a)]
    assert utils.get_source_inputs(c) == [c]
    assert utils.get_source_inputs(ops.add(y, c))[-1] is c


def test_names_from_elsewhere() -> None:
    assert utils.standardize_dtype(float) == "float32"
    assert utils.standardize_dtype(np.int8) == "int8"
    assert utils.standardize_dtype(str) == utils.standardize_dtype("string") == "string"
    assert utils.is_keras_tensor(dualnet.Input((1,)))
    assert not utils.is_keras_tensor(ops.ones(1))
    utils.disable_interactive_logging()
    assert not dualnet.config.is_interactive_logging_enabled()
    utils.enable_interactive_logging()
    assert utils.is_interactive_logging_enabled()


def test_tensors_stay_tensors() -> None:
    one_hot = utils.to_categorical(ops.array([0, 2]), 3)
    assert isinstance(one_hot, dualnet.Tensor)
    assert one_hot.dtype == "float32"
    assert one_hot.tolist() == [[1, 0, 0], [0, 0, 1]]
    length = utils.normalize(ops.array([[3.0, 4.0]]))
    assert isinstance(length, dualnet.Tensor)
    np.testing.assert_allclose(length, [[0.6, 0.8]], rtol=1e-6)
    assert isinstance(utils.normalize(np.ones(2)), np.ndarray)
