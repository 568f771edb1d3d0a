"""Ids, labels and indices: numbers that are out of range or not whole are refused where the host can see them; on a GPU they are
noted, and refused where results are read (decision 0025)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import dualnet_backends as backends
import numpy as np
import pytest

import dualnet
from dualnet import layers, losses, metrics, ops

X = np.arange(12, dtype="float32").reshape(4, 3)
P = np.array([[0.2, 0.8]], "float32")


def floats(*values: float) -> np.ndarray:
    return np.array(values, "float32")


def tensor(values: object) -> dualnet.Tensor:
    return ops.convert_to_tensor(values)


def is_host() -> bool:
    return backends.current().device == "cpu"


@contextmanager
def refused(match: str) -> Iterator[None]:
    """What runs inside raises an error with this message; on a GPU, it may also note that there was one."""
    backend = backends.current()
    backend.forget_invalid_ids()
    noted = "" if is_host() else "|ids|labels|lengths|indices|targets"
    with pytest.raises((IndexError, ValueError, TypeError), match=match + noted):
        yield
        backend.raise_for_invalid_ids()


FRACTIONS: dict[str, Callable[[np.ndarray], object]] = {
    "Embedding": lambda ids: layers.Embedding(5, 2)(ids),
    "CategoryEncoding": lambda ids: layers.CategoryEncoding(5)(ids),
    "one_hot": lambda ids: ops.one_hot(ids, 5),
    "multi_hot": lambda ids: ops.multi_hot(ids, 5),
    "take": lambda ids: ops.take(X, ids, axis=0),
    "segment_sum": lambda ids: ops.segment_sum(X[:2], ids, 5),
    "scatter": lambda ids: ops.scatter(ids[:, None], [1.0, 1.0], (5,)),
    "scatter_update": lambda ids: ops.scatter_update(X, ids[:, None], X[:2]),
    "slice": lambda ids: ops.slice(X, tuple(ids), (1, 1)),
    "slice_update": lambda ids: ops.slice_update(X, tensor(ids), P[:, :1]),
    "in_top_k": lambda ids: ops.in_top_k(ids, X[:2], 1),
    "unravel_index": lambda ids: ops.unravel_index(ids, (2, 2)),
    "repeat": lambda ids: ops.repeat(X[:2], ids, axis=0),
    "ctc": lambda ids: ops.ctc_loss(np.ones((2, 1)), np.ones((2, 4, 3)), [1, 1], ids),
    "cross-entropy": lambda ids: ops.sparse_categorical_crossentropy(ids, X[:2]),
    "loss": lambda ids: losses.SparseCategoricalCrossentropy()(ids, X[:2]),
    "accuracy": lambda ids: metrics.SparseCategoricalAccuracy()(ids, X[:2]),
    "top k": lambda ids: metrics.SparseTopKCategoricalAccuracy(1)(ids, X[:2]),
    "kappa": lambda ids: metrics.CohenKappa(3)(ids, X[:2]),
}


@pytest.mark.parametrize("name", FRACTIONS)
@pytest.mark.parametrize("bad", [1.7, float("nan")])
def test_a_number_that_is_not_whole_is_refused(name: str, bad: float) -> None:
    with refused("whole|integer|cast|label"):
        FRACTIONS[name](floats(0.0, bad))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "uint8", "int64"])
def test_whole_floats_are_ids(dtype: str) -> None:
    table = layers.Embedding(5, 2)
    ids = np.array([1, 4], dtype)
    np.testing.assert_array_equal(table(ids).numpy(), table(np.array([1, 4])).numpy())
    np.testing.assert_array_equal(ops.one_hot(ids, 5).numpy(), np.eye(5)[[1, 4]])
    np.testing.assert_array_equal(layers.CategoryEncoding(5)(ids[None]).numpy(), [[0, 1, 0, 0, 1]])


OUTSIDE = {
    "segment_sum": lambda: ops.segment_sum(X, [0, 1, 1, 2], 2),
    "segment_max": lambda: ops.segment_max(X, [0, 1, 1, 2], 2),
    "segment_min": lambda: ops.segment_min(X, [0, 1, 1, 2], 2),
    "segment_prod": lambda: ops.segment_prod(X, [0, 1, 1, 2], 2),
    "scatter": lambda: ops.scatter([[3]], [1.0], (3,)),
    "scatter below": lambda: ops.scatter([[-4]], [1.0], (3,)),
    "scatter of two axes": lambda: ops.scatter([[1, 3]], [1.0], (3, 3)),
    "scatter_update": lambda: ops.scatter_update(X, [[4]], X[:1]),
    "scatter_update add": lambda: ops.scatter_update(X, [[0, 3]], [1.0], reduction="add"),
    "slice": lambda: ops.slice(X, tensor([3, 0]), (2, 3)),
    "slice_update": lambda: ops.slice_update(X, tensor([3, 0]), X[:2]),
    "slice_update of two starts": lambda: ops.slice_update(X, [tensor(3), 0], X[:2]),
    "CategoryEncoding": lambda: layers.CategoryEncoding(3)(np.array([[0, 3]])),
    "CategoryEncoding below": lambda: layers.CategoryEncoding(3, "count")(np.array([[0, -1]])),
    "CategoryEncoding one_hot": lambda: layers.CategoryEncoding(3, "one_hot")(np.array([3])),
}


@pytest.mark.parametrize("name", OUTSIDE)
def test_an_index_outside_is_refused(name: str) -> None:
    with refused(r"from 0 to 2|num_segments=2|out of bounds|does not lie within"):
        OUTSIDE[name]()


def test_what_keras_leaves_out_by_contract() -> None:
    np.testing.assert_array_equal(ops.segment_sum(X, [0, 1, -1, 1], 2).numpy(), [X[0], X[1] + X[3]])
    np.testing.assert_array_equal(ops.one_hot([-1, 1, 5], 2).numpy(), [[0, 0], [0, 1], [0, 0]])
    np.testing.assert_array_equal(ops.scatter([[-1]], [1.0], (3,)).numpy(), [0, 0, 1])
    # A label of no class counts as wrong (decision 0025).
    assert float(metrics.SparseCategoricalAccuracy()(np.array([-1, 1]), np.repeat(P, 2, axis=0))) == 0.5


def test_ids_of_a_model_with_a_float_input() -> None:
    model = dualnet.Sequential([layers.Input((2,)), layers.Embedding(5, 2), layers.Flatten(), layers.Dense(1)])
    model.compile("sgd", "mse")
    x, y = np.array([[0, 1], [2, 4]], "float32"), np.zeros((2, 1))
    model.fit(x, y, epochs=2, verbose=0)
    refusal = r"got [02]\.5" if is_host() else "all are whole numbers"
    with pytest.raises((IndexError, ValueError), match=refusal):
        model.fit(x + floats(0.5, 0), y, epochs=2, verbose=0)
    with pytest.raises((IndexError, ValueError), match=refusal):
        model.predict(x + floats(0.5, 0), verbose=0)
