"""Sums, means and running sums of many float32 numbers stay as close to those in float64 as their dtype allows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from dualnet_backends import Backend

import dualnet
from dualnet import Variable, ops

N = 400_003  # no multiple of a block
LONG = np.random.default_rng(0).uniform(0.05, 0.15, (N, 2)).astype("float32")
ARRAYS = {
    "rows": LONG,
    "columns": np.ascontiguousarray(LONG.T),
    "transposed": LONG.T,
    "every other column": np.repeat(LONG, 2, axis=1)[:, ::2],
    "reversed": LONG[::-1],
    "three axes": LONG[:400_000].reshape(200, 2000, 2),
}


def axes_of(x: Any) -> list[Any]:
    return [None, *range(-1, x.ndim - 1), *([(0, 1), (0, -1), [1, 2]] if x.ndim == 3 else [])]


def assert_close(got: Any, expected: Any, rtol: float = 3e-6) -> None:
    assert str(got.dtype) == "float32"
    np.testing.assert_allclose(got.numpy().astype("float64"), expected, rtol=rtol)


@pytest.mark.parametrize("name", ARRAYS)
def test_reductions(backend: Backend, name: str) -> None:
    x = ARRAYS[name]
    exact = x.astype("float64")
    for axis in axes_of(x):
        over = tuple(axis) if isinstance(axis, list) else axis
        for op in ("sum", "mean", "nansum", "nanmean"):
            for keepdims in (False, True):
                got = getattr(ops, op)(x, axis=axis, keepdims=keepdims)
                assert_close(got, getattr(np, op)(exact, axis=over, keepdims=keepdims))
        assert_close(ops.logsumexp(x, axis=axis), np.log(np.sum(np.exp(exact), axis=over)))


@pytest.mark.parametrize("axis", [None, 0, 1])
def test_running_sums_and_products(backend: Backend, axis: int | None) -> None:
    exact = LONG.astype("float64")
    assert_close(ops.cumsum(LONG, axis=axis), np.cumsum(exact, axis=axis), rtol=1e-7)
    assert_close(ops.nancumsum(LONG, axis=axis), np.cumsum(exact, axis=axis), rtol=1e-7)
    factors = (1 + (LONG - 0.1) / 100).astype("float32")
    assert_close(ops.cumprod(factors, axis=axis), np.cumprod(factors.astype("float64"), axis=axis), rtol=1e-6)
    assert_close(ops.prod(factors, axis=axis), np.prod(factors.astype("float64"), axis=axis), rtol=1e-6)


def test_the_spread_of_many_numbers_far_from_0(backend: Backend) -> None:
    x = 100 + LONG
    exact = x.astype("float64")
    assert_close(ops.var(x, axis=0), exact.var(axis=0), rtol=1e-4)  # the deviations are rounded to 1e-5
    assert_close(ops.std(x, axis=0), exact.std(axis=0), rtol=1e-4)
    mean, variance = ops.moments(x, axes=[0])
    assert_close(mean, exact.mean(axis=0))
    assert_close(variance, exact.var(axis=0), rtol=1e-4)


def test_other_ops_that_sum(backend: Backend) -> None:
    exact = LONG.astype("float64")
    assert_close(ops.norm(LONG, axis=0), np.linalg.norm(exact, axis=0))
    assert_close(ops.einsum("ij->j", LONG), exact.sum(axis=0))
    assert_close(ops.einsum("ij,ij->j", LONG, LONG), (exact**2).sum(axis=0))
    assert_close(ops.average(LONG, axis=0, weights=LONG[:, 0]), np.average(exact, axis=0, weights=exact[:, 0]), 5e-6)
    rows = np.zeros(N, "int32")
    assert_close(ops.segment_sum(LONG, rows, 1)[0], exact.sum(axis=0))
    assert_close(ops.bincount(rows, weights=LONG[:, 0]), exact[:, 0].sum(keepdims=True))


def test_gradients_that_sum(backend: Backend) -> None:
    w = Variable(np.zeros(2, "float32"))
    with dualnet.GradientTape() as tape:
        loss = ops.sum((ops.convert_to_tensor(LONG) + w) * LONG)
    assert_close(tape.gradient(loss, w), LONG.astype("float64").sum(axis=0))
    z = Variable(np.ones(N, "float32"))
    with dualnet.GradientTape() as tape:
        loss = ops.sum(ops.cumsum(z) * LONG[:, 0])
    assert_close(tape.gradient(loss, z), np.cumsum(LONG[::-1, 0].astype("float64"))[::-1])


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_summed_in_float32(backend: Backend, dtype: str) -> None:
    """A sum of ones in bfloat16 would stay at 256, where 256 + 1 is rounded to 256."""
    if dtype == "bfloat16":
        pytest.importorskip("ml_dtypes")
        if backend.name != "numpy":
            pytest.skip("bfloat16 is NumPy's alone")
    ones = ops.ones((1024, 2), dtype)
    for y in (ops.sum(ones, axis=0), ops.cumsum(ones, axis=0)[-1], ops.mean(ones, axis=0) * 1024):
        assert str(y.dtype) == dtype
        np.testing.assert_array_equal(y.numpy().astype("float32"), [1024, 1024])


def test_an_axis_that_is_not_there(backend: Backend) -> None:
    for op in (ops.sum, ops.mean, ops.var, ops.std, ops.logsumexp):
        with pytest.raises(ValueError, match="axis 2"):
            op(LONG[:3], axis=2)
