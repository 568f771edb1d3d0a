"""A list with tensors in it, where an op takes a tensor: one tensor, through which gradients flow."""

from __future__ import annotations

from typing import Any

import dualnet_backends as backends
import numpy as np
import pytest

import dualnet
from dualnet import Tensor, Variable, grad, ops
from dualnet.core.tracing import Tape, recording

from .backends import strict


def test_gradients_flow() -> None:
    x = ops.array([1.0, 2.0])
    np.testing.assert_allclose(grad(lambda x: ops.sum(ops.square([x[0] * 2, x[1]])))(x), [8, 4])
    weights = ops.array([[1.0, 2.0], [3.0, 4.0]])
    both = grad(lambda x: ops.sum(ops.convert_to_tensor([[x[0] * 2, 1.0], (x[1], 3)]) * weights))(x)
    np.testing.assert_allclose(both, [2, 3])
    v = Variable(3.0)
    with dualnet.GradientTape() as tape:
        y = ops.sum(ops.concatenate([ops.ones((2,)), [v, v * v]]))
    assert float(tape.gradient(y, v)) == 7


def test_values_and_dtypes() -> None:
    half = ops.array([1.0, 2.0], dtype="float16")
    for tensors, expected, dtype in (
        ([half[0], 2.5], [1.0, 2.5], "float16"),  # numbers are weak
        ([half, np.array([3.0, 4.0], "float32")], [[1, 2], [3, 4]], "float32"),
        ([ops.array(1), True], [1, 1], "int32"),
        ([[half[0], 1], [2, half[1]]], [[1, 1], [2, 2]], "float16"),
    ):
        for result in (ops.convert_to_tensor(tensors), ops.add(tensors, 0)):
            np.testing.assert_array_equal(result, expected)
            assert str(result.dtype) == dtype
    assert str(ops.convert_to_tensor([half[0], 1], dtype="float32").dtype) == "float32"


def test_symbolic_tensors() -> None:
    a, b = dualnet.Input((3,)), dualnet.Input((3,))
    model = dualnet.Model([a, b], ops.max([a, b * 2], axis=0))
    x, y = np.array([[1.0, 5.0, 2.0]], "float32"), np.array([[2.0, 1.0, 1.0]], "float32")
    np.testing.assert_array_equal(model.predict([x, y], verbose=0), np.maximum(x, 2 * y))


def test_shapes_that_differ() -> None:
    with pytest.raises(ValueError, match="shape"):
        ops.square([ops.array(1.0), [1.0, 2.0]])


def test_nothing_goes_to_the_host() -> None:
    strict.register()
    with backends.device("strict:0") as backend:
        x = Tensor(backend.asarray([1.0, 2.0]))
        x.tracked = True
        tape = Tape()
        with strict.step(), recording(tape):
            y = ops.square([x[0], x[1] * 2, 3.0])
        assert y.tracked
        assert tape


def test_numbers_beside_tensors_are_joined() -> None:
    """A number has the dtype of the tensors beside it, as in Keras on JAX."""
    one, half = ops.array(1.0), ops.array([1.0, 2.0], dtype="float16")
    for result, expected, dtype in (
        (ops.stack([one, 0.0, 2]), [1, 0, 2], "float32"),
        (ops.stack([3, half[0]]), [3, 1], "float16"),
        (ops.stack([ops.array(1), 2.5]), [1, 2.5], "float32"),
        (ops.stack([1, 2]), [1, 2], "int32"),
        (ops.hstack([half, 0.5]), [1, 2, 0.5], "float16"),
        (ops.vstack([half[0], 0.5]), [[1], [0.5]], "float16"),
        (ops.dstack([half[0], 0.5]), [[[1, 0.5]]], "float16"),
        (ops.append(half, 0.5), [1, 2, 0.5], "float16"),
        (ops.append(0.5, half), [0.5, 1, 2], "float16"),
        (ops.meshgrid(half, 0.5)[1], [[0.5, 0.5]], "float16"),
        (ops.einsum("i,->i", half, 2.0), [2, 4], "float16"),
        (ops.where(half > 1, half, 0.0), [0, 2], "float16"),
    ):
        np.testing.assert_array_equal(result, expected)
        assert str(result.dtype) == dtype
    x = dualnet.Input((3,))
    model = dualnet.Model(x, ops.stack([ops.sum(x), 4.0]))
    np.testing.assert_array_equal(model(np.ones((1, 3), "float32")), [3, 4])


def test_the_gradient_beside_numbers() -> None:
    v = Variable(3.0)
    with dualnet.GradientTape() as tape:
        y = ops.sum(ops.stack([1.0, v, v * v]) * ops.array([1.0, 2.0, 3.0]))
    assert float(tape.gradient(y, v)) == 2 + 3 * 6


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ops.stack([ops.ones((3,)), 1.0]), r"stack: expected tensors of one shape, got \(3,\) and \(\)"),
        (lambda: ops.concatenate([1.0, 2.0]), r"concatenate: expected tensors with at least one axis, .* stack\(\)"),
        (lambda: ops.concatenate([ops.ones((2, 3)), ops.ones((3, 2))]), r"differ along axis 0 only, got \(2, 3\) and"),
        (lambda: ops.concatenate([ops.ones((2,))], axis=1), "axis 1 is out of bounds for tensors with 1 axes"),
    ],
)
def test_what_cannot_be_joined(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
