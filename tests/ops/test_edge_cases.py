"""Edge cases: gradients beside NaN, norms of empty tensors, signals of integers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import GradientTape, Variable, ops


@pytest.mark.parametrize("op", [ops.nanvar, ops.nanstd])
@pytest.mark.parametrize("axis", [None, 0, 1])
def test_gradients_of_the_spread_pass_over_nan(op: Any, axis: Any) -> None:
    """Each element has the slope that it has without the others that are NaN, which have none."""
    x = np.array([[1.0, math.nan, 3.0], [4.0, 7.0, -2.0]])
    plain = {ops.nanvar: np.nanvar, ops.nanstd: np.nanstd}[op]
    got = dualnet.grad(lambda x: ops.sum(op(x, axis=axis)))(x).numpy()
    for index, value in np.ndenumerate(x):
        if np.isnan(value):
            assert got[index] == 0
            continue
        above, below = x.copy(), x.copy()
        above[index] += 1e-6
        below[index] -= 1e-6
        slope = (plain(above, axis=axis).sum() - plain(below, axis=axis).sum()) / 2e-6
        np.testing.assert_allclose(got[index], slope, atol=1e-5)


def test_the_spread_of_nothing_but_nan_is_nan() -> None:
    y = ops.nanvar(np.array([[math.nan, math.nan], [1.0, 3.0]]), axis=1).numpy()
    np.testing.assert_array_equal(y, [math.nan, 1.0])


@pytest.mark.parametrize("order", [1, 2, math.inf, "fro", "nuc"])
def test_the_norm_of_an_empty_matrix_is_0(order: Any) -> None:
    assert float(ops.norm(np.zeros((0, 3), "float32"), ord=order, axis=(-1, 0))) == 0


def test_the_largest_norm_of_empty_columns_is_0() -> None:
    y = ops.norm(np.zeros((0, 3), "float32"), ord=math.inf, axis=0, keepdims=True)
    np.testing.assert_array_equal(y.numpy(), np.zeros((1, 3)))
    with pytest.raises(ValueError, match="zero-size"):
        ops.norm(np.zeros((0, 3), "float32"), ord=-math.inf, axis=0)


def test_a_determinant_of_half_precision_stays_so() -> None:
    y = ops.det(np.array([[1.0, 2.0], [3.0, 4.0]], "float16"))
    assert y.dtype == "float16"
    assert float(y) == pytest.approx(-2, abs=1e-2)


def test_a_vector_has_no_cholesky_inverse() -> None:
    with pytest.raises(ValueError, match="rank >= 2"):
        ops.cholesky_inverse(np.ones(3, "float32"))


def test_trapezoid_counts_both_ends_that_are_true() -> None:
    assert float(ops.trapezoid(np.array([True, True, False]))) == 1.5


def test_stft_wants_floating_point_numbers() -> None:
    with pytest.raises(TypeError, match="cast them"):
        ops.stft(np.arange(40), 8, 4, 8)


def test_cond_keeps_nan_of_the_other_branch_out_of_the_value() -> None:
    x = ops.convert_to_tensor(np.float32(0))
    assert float(ops.cond(ops.greater(x, 0), lambda: x * math.nan, lambda: x + 2)) == 2


def test_a_guarded_argument_keeps_nan_of_the_other_branch_out_of_the_gradient() -> None:
    def f(x: Any) -> Any:
        positive = ops.greater(x, 0)
        return ops.cond(positive, lambda: ops.log(ops.where(positive, x, 1.0)), lambda: x * 2)

    assert float(dualnet.grad(f)(np.float32(0))) == 2
    assert float(dualnet.grad(f)(np.float32(4))) == 0.25


@pytest.mark.parametrize("op", [ops.cumsum, ops.cumprod, ops.nancumsum, ops.nancumprod])
@pytest.mark.parametrize("axis", [(0, 1), [1], ()])
def test_running_over_several_axes_is_refused(op: Any, axis: Any) -> None:
    for x in (np.ones((2, 3), "float32"), dualnet.KerasTensor((2, 3))):
        with pytest.raises(TypeError, match="axis must be one axis, or None for the flattened tensor, got"):
            op(x, axis=axis)


@pytest.mark.parametrize(
    ("shape", "expected"), [((3, 4), (3, 3)), ((None, 4), (None, None)), ((3, None), (3, 3)), ((None,), ())]
)
@pytest.mark.parametrize("dtype", ["float32", "int32", "float16"])
def test_symbolic_correlations(shape: Any, expected: Any, dtype: str) -> None:
    """No warning about stand-in data, and the shape and dtype of the result (Keras 3.15 has the shape of the input)."""
    x = dualnet.Input(batch_shape=shape, dtype=dtype)
    y = ops.corrcoef(x)
    assert y.shape == expected
    value = np.random.default_rng(0).normal(size=tuple(n or 3 for n in shape)) * 10
    assert dualnet.Model(x, y)(value.astype(dtype)).dtype == y.dtype


def test_constant_rows_have_no_correlation() -> None:
    y = ops.corrcoef(np.array([[1.0, 1.0, 1.0], [1.0, 2.0, 4.0]], "float32")).numpy()
    np.testing.assert_array_equal(np.isnan(y), [[True, True], [True, False]])


@pytest.mark.parametrize(
    ("exponent", "first", "second"), [(0, [0, 0, 0], [0, 0, 0]), (1, [1, 1, 1], [0, 0, 0]), (2, [0, 2, 4], [2, 2, 2])]
)
def test_derivatives_of_whole_powers_at_zero(exponent: int, first: list[float], second: list[float]) -> None:
    for y in (exponent, np.full((3,), exponent, "float32")):
        x = Variable(np.array([0, 1, 2], "float32"))
        with GradientTape() as outer:
            with GradientTape() as tape:
                z = x**y
            dx = tape.gradient(z, x)
        np.testing.assert_array_equal(dx.numpy(), first)
        np.testing.assert_array_equal(outer.gradient(dx, x, unconnected_gradients="zero").numpy(), second)


@pytest.mark.parametrize("op", [ops.logaddexp, ops.logaddexp2])
def test_gradients_of_a_logarithm_of_sums_at_infinity(op: Any) -> None:
    x = Variable(np.array([math.inf, 1, -math.inf, math.nan, 1], "float32"))
    y = Variable(np.array([1, -math.inf, -math.inf, 1, 1], "float32"))
    with np.errstate(invalid="ignore"), GradientTape() as tape:  # NumPy's logaddexp warns of NaN
        z = op(x, y)
    dx, dy = tape.gradient(z, [x, y])
    np.testing.assert_array_equal(dx.numpy(), [1, 1, 0, math.nan, 0.5])
    np.testing.assert_array_equal(dy.numpy(), [0, 0, 0, math.nan, 0.5])
