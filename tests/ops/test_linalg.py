"""What the rows of the op table cannot say of linear algebra: dtypes, errors, singular matrices, symbolic tensors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from dualnet_backends import Backend

import dualnet
from dualnet import ops
from dualnet.core.autodiff import backward
from dualnet.core.tracing import recording

BAD: dict[str, tuple[Any, str]] = {
    "a vector": (lambda: ops.svd(np.ones(3)), "rank >= 2"),
    "not square": (lambda: ops.inv(np.ones((3, 2))), "expected square matrices"),
    "sides": (lambda: ops.solve(np.eye(3), np.ones((2, 2))), r"expected right hand sides of shape \(..., 3\)"),
    "mode": (lambda: ops.qr(np.eye(2), mode="full"), "Expected one of"),
    "vector order": (lambda: ops.norm(np.ones(2), ord="fro"), "ord='fro' is not known for vectors"),
    "matrix order": (lambda: ops.norm(np.eye(2), ord=3), "ord=3 is not known for matrices"),
    "three axes": (lambda: ops.norm(np.ones((2, 2, 2)), ord=1), "one axis or two"),
    "one axis twice": (lambda: ops.norm(np.eye(2), ord=1, axis=(0, -2)), "two different axes"),
    "subscripts": (lambda: ops.einsum("ij,jk->ik", np.eye(2)), "is for 2 operands, got 1"),
    "sizes": (lambda: ops.einsum("ij,jk->ik", np.eye(2), np.eye(3)), "'j' is 2 and 3"),
    "rank": (lambda: ops.einsum("ijk->i", np.eye(2)), "operand 0 has 2 axes"),
    "an unknown letter": (lambda: ops.einsum("ij->k", np.eye(2)), "'k' in the result and in no operand"),
    "a letter twice": (lambda: ops.einsum("ij->ii", np.eye(2)), "twice in the result"),
}


@pytest.mark.parametrize("name", BAD)
def test_errors_say_what_was_expected(name: str) -> None:
    call, message = BAD[name]
    with pytest.raises(ValueError, match=message):
        call()


def test_einsum_takes_subscripts_first() -> None:
    with pytest.raises(TypeError, match="expected subscripts"):
        ops.einsum(np.eye(2), [0, 1])
    with pytest.raises(TypeError, match="'precision' is not known"):
        ops.einsum("ij->ji", np.eye(2), precision="high")


def test_einsum_of_small_integers_does_not_overflow(backend: Backend) -> None:
    x = ops.convert_to_tensor(np.full((5,), 100, "int8"))
    y = ops.einsum("i,i->", x, x)
    assert str(y.dtype) == "int32"
    assert int(y) == 50000


def slope(f: Any, x: Any) -> Any:
    x = ops.convert_to_tensor(np.asarray(x, "float64"))
    x.tracked = True
    with recording() as tape:
        y = f(x)
    return np.asarray(dualnet.Tensor(backward(tape, y)[id(x)]).numpy())


def test_gradients_where_others_divide_by_zero(backend: Backend) -> None:
    np.testing.assert_allclose(slope(ops.det, [[1.0, 2.0], [2.0, 4.0]]), [[4, -2], [-2, 1]], atol=1e-12)
    assert slope(ops.det, np.zeros((3, 3))).tolist() == np.zeros((3, 3)).tolist()
    np.testing.assert_allclose(slope(lambda x: ops.eigh(x)[0], np.eye(3)), np.eye(3), atol=1e-12)
    np.testing.assert_allclose(slope(lambda x: ops.norm(x, "nuc"), np.eye(2)), np.eye(2), atol=1e-12)
    for order in (None, 1, 2, math.inf, 0):
        assert slope(lambda x, order=order: ops.norm(x, order) + 0 * ops.sum(x), np.zeros(2)).tolist() == [0, 0]


def test_square_factors_of_tall_matrices_have_no_gradient(backend: Backend) -> None:
    for f in (lambda x: ops.svd(x)[0], lambda x: ops.qr(x, mode="complete")[0]):
        with pytest.raises(ValueError, match="has no gradient for matrices of shape"):
            slope(f, np.arange(6.0).reshape(3, 2))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int32"])
def test_dtypes(backend: Backend, dtype: str) -> None:
    x = ops.convert_to_tensor(np.eye(2).astype(dtype))
    expected = {"int32": "float32"}.get(dtype, dtype)
    for y in (ops.cholesky(x), ops.norm(x), ops.norm(x, 1), ops.norm(x, axis=-1)):
        assert str(y.dtype) == expected
    assert [str(y.dtype) for y in ops.eig(x)] == ["complex128" if dtype == "float64" else "complex64"] * 2


def test_symbolic(backend: Backend) -> None:
    """Shapes are worked out on zeros, which have neither an inverse nor a Cholesky factor."""
    x, b = dualnet.KerasTensor((None, 4, 4)), dualnet.KerasTensor((None, 4))
    assert ops.inv(x).shape == ops.cholesky(x).shape == ops.cholesky_inverse(x).shape == (None, 4, 4)
    assert ops.solve(x, b).shape == ops.solve_triangular(x, b).shape == (None, 4)
    assert ops.norm(x, ord="nuc", axis=(1, 2)).shape == ops.logdet(x).shape == (None,)
    assert ops.lstsq(dualnet.KerasTensor((5, 3)), dualnet.KerasTensor((5,))).shape == (3,)
    assert [y.shape for y in ops.svd(dualnet.KerasTensor((None, 4, 3)), full_matrices=False)] == [
        (None, 4, 3), (None, 3), (None, 3, 3),
    ]  # fmt: skip


def test_count_of_what_is_not_zero(backend: Backend) -> None:
    assert ops.norm([[1.0, 0.0], [2.0, 3.0]], ord=0, axis=1).numpy().tolist() == [1.0, 2.0]
    assert float(ops.norm([3, 4])) == 5.0
