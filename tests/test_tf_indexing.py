"""TensorFlow's gathers and scatters; expected values are those of TensorFlow 2.21."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dualnet as tf
from dualnet import testing

P = np.arange(12).reshape(2, 3, 2)
VALUES: dict[str, tuple[Any, Any]] = {
    "update": (lambda: tf.tensor_scatter_nd_update(tf.ones(8, "int32"), [[4], [3]], [9, 10]), [1, 1, 1, 10, 9, 1, 1, 1]),
    "update of rows": (
        lambda: tf.tensor_scatter_nd_update(tf.zeros([3, 2]), [[1]], [[5.0, 6.0]]), [[0, 0], [5, 6], [0, 0]]),
    "update, the last wins": (lambda: tf.tensor_scatter_nd_update([1.0, 2.0], [[0], [0]], [7.0, 8.0]), [8, 2]),
    "add": (lambda: tf.tensor_scatter_nd_add([1.0, 2.0], [[0], [0]], [1.0, 2.0]), [4, 2]),
    "sub": (lambda: tf.tensor_scatter_nd_sub([1.0, 2.0], [[0], [0]], [1.0, 2.0]), [-2, 2]),
    "max": (lambda: tf.tensor_scatter_nd_max([1.0, 2.0], [[0], [0]], [1.0, 3.0]), [3, 2]),
    "min": (lambda: tf.tensor_scatter_nd_min([1.0, 2.0], [[0], [1]], [-1.0, 3.0]), [-1, 2]),
    "scatter_nd": (lambda: tf.scatter_nd([[4], [3], [4]], [9, 10, 5], [6]), [0, 0, 0, 10, 14, 0]),
    "scatter_nd of rows": (
        lambda: tf.scatter_nd([[0], [2]], tf.ones([2, 3]), tf.constant([3, 3])), [[1, 1, 1], [0, 0, 0], [1, 1, 1]]),
    "gather_nd": (lambda: tf.gather_nd(P, [[0, 1], [1, 2]]), [[2, 3], [10, 11]]),
    "gather_nd of one": (lambda: tf.gather_nd(P, [1, 2, 1]), 11),
    "gather_nd of blocks": (lambda: tf.gather_nd(P, [[1]]), P[[1]]),
    "gather_nd of batches": (lambda: tf.gather_nd(P, [[[0]], [[1]]], batch_dims=1), [[[0, 1]], [[8, 9]]]),
    "gather_nd of batches of batches": (lambda: tf.gather_nd(P, [[[1], [0], [1]]] * 2, batch_dims=2), [[1, 2, 5], [7, 8, 11]]),
    "gather_nd of no axes": (lambda: tf.gather_nd(P, tf.zeros([2, 0], "int32")), np.stack([P, P])),
    "gather of batches": (lambda: tf.gather(P, [[0, 2], [1, 1]], batch_dims=1), [[[0, 1], [4, 5]], [[8, 9], [8, 9]]]),
    "gather of batches along an axis": (
        lambda: tf.gather(P, [[0, 1], [1, 1]], axis=2, batch_dims=1), [[[0, 1], [2, 3], [4, 5]], [[7, 7], [9, 9], [11, 11]]]),
    "gather of many along an axis": (
        lambda: tf.gather(P, [[[1, 0]], [[0, 0]]], axis=-1, batch_dims=1),
        np.stack([P[0][:, [[1, 0]]], P[1][:, [[0, 0]]]])),
    "gather along the last axis": (lambda: tf.gather(P, [1, 1], axis=-1), P[..., [1, 1]]),
    "gather, axis in its place": (lambda: tf.gather(P, 1, None, 1), P[:, 1]),
    "mask": (lambda: tf.boolean_mask(P, [True, False]), P[:1]),
    "mask along an axis": (lambda: tf.boolean_mask(P, [True, False, True], axis=1), P[:, [0, 2]]),
    "mask of two axes": (
        lambda: tf.boolean_mask(P, [[True, False, True], [False, False, True]]), [[0, 1], [4, 5], [10, 11]]),
    "mask of integers": (lambda: tf.boolean_mask(P, [1, 0]), P[:1]),
    "sequence_mask": (lambda: tf.sequence_mask([1, 3, 2]), [[1, 0, 0], [1, 1, 1], [1, 1, 0]]),
    "sequence_mask, wider": (lambda: tf.sequence_mask([1, 3], 5, tf.float32), [[1, 0, 0, 0, 0], [1, 1, 1, 0, 0]]),
    "sequence_mask of one": (lambda: tf.sequence_mask(2, 3), [1, 1, 0]),
}  # fmt: skip


@pytest.mark.parametrize("what", VALUES)
def test_values(what: str, backend: Any) -> None:
    function, expected = VALUES[what]
    np.testing.assert_array_equal(function().numpy(), expected)


def test_dtypes() -> None:
    assert tf.sequence_mask([1]).dtype == "bool"
    assert tf.sequence_mask([1], dtype=tf.float32).dtype == "float32"
    assert tf.tensor_scatter_nd_add(tf.zeros(2, "float16"), [[0]], tf.ones(1, "float16")).dtype == "float16"


RNG = np.random.default_rng(0)
X, ROWS = RNG.normal(size=(4, 3)), RNG.normal(size=(3, 3))
AT = np.array([[2], [0], [2]])
GRADIENTS: dict[str, tuple[Any, ...]] = {
    "update": (tf.tensor_scatter_nd_update, X, AT, ROWS),
    "add": (tf.tensor_scatter_nd_add, X, AT, ROWS),
    "sub": (tf.tensor_scatter_nd_sub, X, AT, ROWS),
    "max": (tf.tensor_scatter_nd_max, X, AT, ROWS),
    "min": (tf.tensor_scatter_nd_min, X, AT, ROWS),
    "scatter_nd": (lambda at, rows: tf.scatter_nd(at, rows, (4, 3)), AT, ROWS),
    "gather": (lambda x: tf.gather(x, [[0, 1], [1, 1], [2, 0], [0, 0]], batch_dims=1), X),
    "gather_nd": (tf.gather_nd, X, np.array([[1, 2], [0, 0], [1, 2]])),
    "boolean_mask": (lambda x: tf.boolean_mask(x, X > 0), X),
}


@pytest.mark.parametrize("what", GRADIENTS)
def test_gradients(what: str, backend: Any) -> None:
    function, *arguments = GRADIENTS[what]
    testing.check_grads(function, *arguments)
    floats = tuple(i for i, x in enumerate(arguments) if x.dtype.kind == "f")

    def slopes(*x: Any) -> Any:
        return tf.grad(lambda *x: tf.reduce_sum(function(*x) ** 3), argnums=floats)(*x)

    testing.check_grads(slopes, *arguments, tolerance=1e-5)


@pytest.mark.parametrize(
    ("function", "error", "match"),
    [
        (lambda: tf.tensor_scatter_nd_update(tf.zeros([4, 2]), [[1]], 5.0), ValueError, r"updates of shape \(1, 2\), got \(\)"),
        (lambda: tf.scatter_nd([[0], [1]], tf.zeros([6]), [4, 3]), ValueError, r"shape \(2, 3\), got \(6,\)"),
        (lambda: tf.scatter_nd([[0, 1, 2]], tf.zeros([1]), [4, 3]), ValueError, "of up to 2 axes"),
        (lambda: tf.tensor_scatter_nd_add(tf.zeros(2), [[4]], [5.0]), IndexError, r"the index \[4\] is out of bounds"),
        (lambda: tf.gather_nd(P, [[0, 3]]), IndexError, r"tf.gather_nd: the index \[0, 3\] is out of bounds"),
        (lambda: tf.gather_nd(P, [[[0]]], batch_dims=1), ValueError, "should agree in their first 1 axes"),
        (lambda: tf.gather_nd(P, 1), ValueError, "should have a last axis"),
        (lambda: tf.gather(P, [[0], [0]], axis=0, batch_dims=1), ValueError, "should not be below batch_dims=1"),
        (lambda: tf.gather(P, [[5], [0]], batch_dims=1), IndexError, "out of bounds"),
        (lambda: tf.boolean_mask(P, [True, False, True]), ValueError, r"the mask has the shape \(3,\).* has \(2,\) from axis 0"),
        (lambda: tf.boolean_mask(P, True), ValueError, "the mask should have an axis"),
    ],
)  # fmt: skip
def test_errors(function: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        function()
