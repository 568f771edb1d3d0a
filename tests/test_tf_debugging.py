"""``tf.debugging``: what holds passes, and what does not raises with the place and the values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dualnet as tf

G = tf.debugging
HOLDS: dict[str, Any] = {
    "equal": lambda: G.assert_equal([1, 1], 1),
    "equal texts": lambda: G.assert_equal(tf.constant(["a"]), ["a"]),
    "none equal": lambda: G.assert_none_equal([1, 2], [2, 1]),
    "less": lambda: G.assert_less([1, 2], 3),
    "less or equal": lambda: G.assert_less_equal([1, 3], 3),
    "greater": lambda: G.assert_greater(2, 1),
    "greater or equal": lambda: G.assert_greater_equal([1], [1]),
    "positive": lambda: G.assert_positive(tf.ones(2)),
    "negative": lambda: G.assert_negative([-1]),
    "not negative": lambda: G.assert_non_negative([0, 1]),
    "not positive": lambda: G.assert_non_positive([0, -1]),
    "near": lambda: G.assert_near([1.0], [1.000001]),
    "near with a tolerance": lambda: G.assert_near(1.0, 1.1, atol=0.2),
    "rank": lambda: G.assert_rank(tf.zeros([2, 3]), 2),
    "rank at least": lambda: G.assert_rank_at_least(np.zeros((2, 3)), 1),
    "rank in": lambda: G.assert_rank_in(1.0, [0, 1]),
    "scalar": lambda: G.assert_scalar(tf.constant(1.0)),
    "shapes": lambda: G.assert_shapes([(tf.zeros([2, 3]), ("N", "Q")), (tf.zeros([2]), ("N",)), (1.0, ())]),
    "shapes of a dictionary": lambda: G.assert_shapes({tf.zeros([2, 3, 4]): (..., 3, None)}),
    "type": lambda: G.assert_type(tf.constant(1.0), tf.float32),
    "type of texts": lambda: G.assert_type(tf.constant("a"), tf.string),
    "integer": lambda: G.assert_integer([1]),
    "Assert": lambda: G.Assert(tf.constant(True), []),
}
FAILS: dict[str, tuple[Any, type[Exception], str]] = {
    "equal": (
        lambda: G.assert_equal([1, 2], [1, 3], message="hm"), ValueError,
        r"hm: x == y does not hold at 1 of 2 places, first at \[1\]: x is 2, y is 3"),
    "shapes that do not fit": (
        lambda: G.assert_equal([1, 2], [1, 2, 3]), ValueError, r"the shapes \(2,\) and \(3,\) do not go together"),
    "none equal": (lambda: G.assert_none_equal([1, 2], 2), ValueError, "x != y"),
    "less": (lambda: G.assert_less(2, 1), ValueError, "x < y does not hold: x is 2, y is 1"),
    "NaN is not less": (lambda: G.assert_less([np.nan], 1), ValueError, "x is nan"),
    "less or equal": (lambda: G.assert_less_equal(2, 1), ValueError, "x <= y"),
    "greater": (lambda: G.assert_greater(1, 1), ValueError, "x > y"),
    "greater or equal": (lambda: G.assert_greater_equal(0, 1), ValueError, "x >= y"),
    "positive": (lambda: G.assert_positive([0.0, 1.0]), ValueError, "x > y.*y is 0"),
    "negative": (lambda: G.assert_negative([0.0]), ValueError, "x < y"),
    "not negative": (lambda: G.assert_non_negative([-1]), ValueError, "x >= y"),
    "not positive": (lambda: G.assert_non_positive([1]), ValueError, "x <= y"),
    "near": (lambda: G.assert_near([1.0], [1.1]), ValueError, r"within 1.19209e-06 \+ 1.19209e-06 \* \|y\| of"),
    "rank": (lambda: G.assert_rank(tf.zeros(2), 2, "m"), ValueError, r"m: expected 2 axes, got shape \(2,\)"),
    "rank at least": (lambda: G.assert_rank_at_least(tf.zeros(2), 2), ValueError, "at least 2 axes"),
    "rank in": (lambda: G.assert_rank_in(1.0, [1, 2]), ValueError, r"one of \(1, 2\)"),
    "scalar": (lambda: G.assert_scalar(tf.ones(1)), ValueError, "expected no axes"),
    "shapes": (
        lambda: G.assert_shapes([(tf.zeros([2, 3]), ("N", 3)), (tf.zeros([3]), ("N",))]), ValueError,
        r"expected 'N' to be 2 in shape \('N',\), got \(3,\)"),
    "number of axes": (lambda: G.assert_shapes([(tf.zeros(2), (2, 2))]), ValueError, r"expected shape \(2, 2\), got \(2,\)"),
    "type": (lambda: G.assert_type(tf.constant(1.0), tf.int32), TypeError, "expected dtype int32, got float32"),
    "integer": (lambda: G.assert_integer(1.0), TypeError, "an integer dtype, got float32"),
    "finite": (lambda: G.assert_all_finite([1.0, np.nan], "x"), ValueError, r"x: the tensor, of shape \(2,\), has NaN in it"),
    "check_numerics": (lambda: G.check_numerics([np.nan, np.inf], "x"), ValueError, "has NaN and infinity"),
    "Assert": (lambda: G.Assert(tf.constant([True, False]), [tf.constant([1, 2])]), ValueError, r"data: \[1 2\]"),
}  # fmt: skip


@pytest.mark.parametrize("what", HOLDS)
def test_what_holds(what: str, backend: Any) -> None:
    HOLDS[what]()


@pytest.mark.parametrize("what", FAILS)
def test_what_does_not(what: str, backend: Any) -> None:
    function, error, match = FAILS[what]
    with pytest.raises(error, match=match):
        function()


def test_the_error_has_tensorflows_name() -> None:
    with pytest.raises(tf.errors.InvalidArgumentError):
        G.assert_equal(1, 2)
    np.testing.assert_array_equal(G.check_numerics(tf.ones(2), "x"), [1, 1])
