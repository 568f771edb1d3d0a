"""Answers that differed from device to device: integers and their limits, NaN as a limit, refusals, windows."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from dualnet_backends import Backend

from dualnet import ops

NAN = math.nan


def integers(*values: int, dtype: str = "uint8") -> Any:
    return ops.array(values, dtype=dtype)


VALUES: dict[str, tuple[Callable[[], Any], list[Any]]] = {
    "clip of uint8": (lambda: ops.clip(integers(1, 200), -5, 300), [1, 200]),
    "clip of uint8 to nothing": (lambda: ops.clip(integers(1, 200), -5, -1), [0, 0]),
    "clip of int8": (lambda: ops.clip(integers(-100, 100, dtype="int8"), -500, 50), [-100, 50]),
    "clip with a limit that is NaN": (lambda: ops.clip(ops.arange(3.0), NAN, 1), [NAN, NAN, NAN]),
    "clip with limits some of which are NaN": (
        lambda: ops.clip(ops.arange(3.0), ops.array([NAN, 0, 2.5]), 1),
        [NAN, 1, 1],
    ),
    "clip with limits that cross": (lambda: ops.clip(ops.arange(3.0), 2, 1), [1, 1, 1]),
    "hard_tanh of uint8": (lambda: ops.hard_tanh(integers(0, 200)), [0, 1]),
    "pad of uint8 with -1": (lambda: ops.pad(integers(7), 1, constant_values=-1), [255, 7, 255]),
    "pad of uint8 with 300": (lambda: ops.pad(integers(7), 1, constant_values=300), [44, 7, 44]),
    "pad of integers with a fraction": (lambda: ops.pad(integers(7, dtype="int32"), 1, constant_values=1.5), [1, 7, 1]),
    "pad of floats": (lambda: ops.pad(ops.array([7.0]), 1, constant_values=NAN), [NAN, 7, NAN]),
    "a power of integers": (lambda: ops.power(integers(1, -2, 3, dtype="int32"), 2), [1, 4, 9]),
    "a negative power of floats": (lambda: ops.power(ops.array([1.0, -2.0]), -1), [1, -0.5]),
    "argmax of all": (lambda: ops.argmax(ops.array([[1.0, 5.0], [3.0, 2.0]])), 1),
    "argmin along an axis": (lambda: ops.argmin(ops.array([[1.0, 5.0], [3.0, 2.0]]), axis=0, keepdims=True), [[0, 1]]),
}


@pytest.mark.parametrize(("function", "expected"), VALUES.values(), ids=VALUES.keys())
def test_values(backend: Backend, function: Callable[[], Any], expected: Any) -> None:
    y = function()
    assert y.device == backend.device
    np.testing.assert_array_equal(y.numpy(), expected)


REFUSED: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "argmax of two axes": (lambda: ops.argmax(ops.ones((2, 3)), axis=(0, 1)), TypeError, "axis must be one axis"),
    "argmin of two axes": (lambda: ops.argmin(ops.ones((2, 3)), axis=(0, 1)), TypeError, "axis must be one axis"),
    "a negative power of integers": (
        lambda: ops.power(integers(1, 2), -1),
        ValueError,
        "power: expected an exponent >= 0 for integers, got -1: make x floating point",
    ),
    "tensors of two shapes stacked": (
        lambda: ops.stack([ops.ones(2), ops.ones(3)]),
        ValueError,
        r"got \(2,\) and \(3,\)",
    ),
    "lists with tensors of two shapes": (
        lambda: ops.array([ops.ones(2), ops.ones(3)]),
        ValueError,
        r"got \(2,\) and \(3,\)",
    ),
}


@pytest.mark.parametrize(("function", "error", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_refusals(backend: Backend, function: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        function()


@pytest.mark.parametrize("length", [0, 1, 2, 7, 100])
@pytest.mark.parametrize("name", ["bartlett", "blackman", "hamming", "hanning", "kaiser"])
def test_windows(backend: Backend, name: str, length: int) -> None:
    """As precise as the dtype, and symmetric."""
    more = (8.6,) if name == "kaiser" else ()
    window = getattr(ops, name)(length, *more).numpy()
    expected = getattr(np, name)(length, *more)
    np.testing.assert_allclose(window, expected, rtol=1e-7, atol=1e-8)
    np.testing.assert_array_equal(window, window[::-1])
