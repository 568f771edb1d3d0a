"""Sparse matrices: what they keep, what they refuse, and layers that multiply by one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from dualnet_backends import Backend

import dualnet as keras
from dualnet import layers, ops
from dualnet.core import allowance
from dualnet.testing import check_grads

SparseMatrix = keras.utils.SparseMatrix


def test_entries_are_sorted_and_those_at_one_position_add_up() -> None:
    a = SparseMatrix([2, 0, 2, 2], [1, 3, 1, 0], [1.0, 2.0, 3.0, 4.0])
    assert (a.shape, a.rows.tolist(), a.columns.tolist()) == ((3, 4), [0, 2, 2, 2], [3, 0, 1, 1])
    assert a.to_dense().tolist() == [[0, 0, 0, 2], [0, 0, 0, 0], [4, 4, 0, 0]]
    dense = np.diag([0.0, 1.5, 2.0])
    np.testing.assert_array_equal(SparseMatrix.from_dense(dense).to_dense(), dense)
    assert repr(a) == "<SparseMatrix 3 x 4, 4 entries>"


WRONG: list[tuple[Any, type[Exception], str]] = [
    (lambda: SparseMatrix([0, 1], [0]), ValueError, r"got shapes \(2,\), \(1,\) and \(2,\)"),
    (lambda: SparseMatrix([[0]], [0]), ValueError, r"rows of shape \(entries,\), got \(1, 1\)"),
    (lambda: SparseMatrix([0.5], [0]), TypeError, "whole numbers as rows, got dtype float64"),
    (lambda: SparseMatrix([0], [-1]), ValueError, "columns from 0, got -1"),
    (lambda: SparseMatrix([0], [3], shape=(2, 3)), ValueError, r"inside the shape \(2, 3\)"),
    (lambda: SparseMatrix.from_dense([1.0]), ValueError, r"expected a matrix.*got shape \(1,\)"),
    (lambda: ops.sparse_matmul(np.eye(2), np.eye(2)), TypeError, "got ndarray: make one, or use ops.matmul"),  # type: ignore[arg-type]
    (lambda: ops.sparse_matmul(SparseMatrix([0], [1]), np.ones((3, 1))), ValueError, r"x of shape \(2, width\)"),
    (lambda: ops.sparse_matmul(SparseMatrix([0], [0]), np.ones(1)), ValueError, r"got \(1,\)"),
    (lambda: ops.sparse_matmul(SparseMatrix([0], [0]), np.ones((1, 1)), np.ones(2)), ValueError, "a value for each"),
]


@pytest.mark.parametrize(("call", "error", "message"), WRONG)
def test_mistakes(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


class Neighbours(layers.Layer):
    """The mean over the neighbours, whose weights are learned."""

    def __init__(self, graph: Any) -> None:
        super().__init__()
        self.graph = graph

    def build(self, shape: Any) -> None:
        self.edges = self.add_weight(shape=self.graph.rows.shape, initializer="ones")

    def call(self, x: Any) -> Any:
        return ops.sparse_matmul(self.graph, x, self.edges)


def test_a_model_with_a_sparse_matrix_trains_as_with_a_dense_one(backend: Backend) -> None:
    rng = np.random.default_rng(0)
    dense = (rng.random((6, 6)) < 0.4).astype("float32")
    graph = SparseMatrix.from_dense(dense)
    x, y = rng.normal(size=(6, 3)).astype("float32"), rng.normal(size=(6, 1)).astype("float32")
    losses = []
    for make in (lambda: Neighbours(graph), lambda: layers.Lambda(lambda t: ops.matmul(dense, t))):
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((3,)), layers.Dense(4), make(), layers.Dense(1)])
        if isinstance(layer := model.layers[1], Neighbours):
            layer.trainable = False
        model.compile(keras.optimizers.SGD(0.05), "mse")
        losses.append(model.fit(x, y, batch_size=6, epochs=8, shuffle=False, verbose=0).history["loss"])
    np.testing.assert_allclose(*losses, rtol=1e-5)
    assert losses[0][-1] < losses[0][0]


def test_a_model_with_a_sparse_matrix_is_saved(tmp_path: Any) -> None:
    graph = SparseMatrix([0, 0, 2], [1, 2, 0], [0.5, 1.0, 2.0], shape=(3, 3))
    inputs = keras.Input((2,), batch_size=3)
    model = keras.Model(inputs, ops.sparse_matmul(graph, inputs))
    model.save(tmp_path / "graph.keras")
    x = np.arange(6, dtype="float32").reshape(3, 2)
    got = keras.models.load_model(tmp_path / "graph.keras").predict(x, batch_size=3, verbose=0)
    np.testing.assert_array_equal(got, graph.to_dense() @ x)


def test_a_config_of_countless_empty_rows_is_refused() -> None:
    inputs = keras.Input((2,), batch_size=3)
    graph = SparseMatrix([0], [0], shape=(3, 3))
    text = keras.Model(inputs, ops.sparse_matmul(graph, inputs)).to_json()
    assert '"shape": [3, 3]' in text
    with allowance.limited(numbers=1_000, ops=1_000), pytest.raises(ValueError, match="far more than the file"):
        keras.models.model_from_json(text.replace('"shape": [3, 3]', '"shape": [9000000000, 3]'))


def test_the_gradients_of_features_and_edges(backend: Backend) -> None:
    graph = SparseMatrix([0, 0, 2, 2], [1, 2, 0, 0], shape=(3, 3))
    x, weights = (ops.array(a) for a in (np.arange(6.0).reshape(3, 2), [0.5, 1.0, -2.0, 3.0]))
    assert check_grads(lambda x, w: ops.sparse_matmul(graph, x, w), x, weights) < 1e-6
