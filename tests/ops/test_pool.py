"""Pooling beyond the table: ties, whole numbers, NaN, windows that do not fit; resizing of integers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from dualnet_backends import Backend

from dualnet import grad, ops


def gradient(x: Any, *args: Any, **options: Any) -> Any:
    return grad(lambda v: ops.sum(ops.max_pool(v, *args, **options)))(x).numpy()


def test_the_first_of_equal_maxima_gets_the_gradient(backend: Backend) -> None:
    """In row-major order, as in Keras on JAX and on torch."""
    x = np.array([[0, 1, 1], [1, 1, 0], [1, 0, 0]], "float32").reshape(1, 3, 3, 1)
    expected = [[0, 1, 0], [0, 0, 0], [0, 0, 0]]
    np.testing.assert_array_equal(gradient(backend.asarray(x), 3)[0, ..., 0], expected)
    np.testing.assert_array_equal(gradient(backend.asarray(x), 2, 1)[0, ..., 0], [[0, 2, 0], [1, 1, 0], [0, 0, 0]])
    ones = np.ones((1, 2, 2, 2, 1), "float32")
    assert gradient(backend.asarray(ones), 2).reshape(-1).tolist() == [1, 0, 0, 0, 0, 0, 0, 0]


def test_nothing_is_as_low_as_the_padding(backend: Backend) -> None:
    low = np.full((1, 3, 1), -np.finfo("float32").max, "float32")
    np.testing.assert_array_equal(ops.max_pool(backend.asarray(low), 2, padding="same").numpy(), low[:, :2])
    for dtype in ("int8", "int32", "uint8", "bool"):
        x = np.array([[[0], [1], [0]]], dtype)
        y = ops.max_pool(backend.asarray(x), 2, 1, padding="same")
        assert (y.dtype, y.numpy().reshape(-1).tolist()) == (dtype, [1, 1, 0])
    least = np.full((1, 3, 1), -128, "int8")
    assert ops.max_pool(backend.asarray(least), 2, 2, padding="same").tolist() == [[[-128], [-128]]]


def test_averages_of_whole_numbers_are_no_whole_numbers(backend: Backend) -> None:
    y = ops.average_pool(backend.asarray(np.array([[[1], [2], [4]]], "int32")), 2, 1)
    assert (y.dtype, y.numpy().reshape(-1).tolist()) == ("float32", [1.5, 3.0])


def test_nan_is_kept(backend: Backend) -> None:
    x = np.array([[[1.0], [np.nan], [2.0], [3.0]]], "float32")
    y = ops.max_pool(backend.asarray(x), 2).numpy()
    assert np.isnan(y[0, 0, 0])
    assert y[0, 1, 0] == 3


def test_what_no_window_covers_gets_no_gradient(backend: Backend) -> None:
    x = np.arange(7, dtype="float32").reshape(1, 7, 1)
    assert gradient(backend.asarray(x), 2, 3).reshape(-1).tolist() == [0, 1, 0, 0, 1, 0, 0]
    pooled = grad(lambda v: ops.sum(ops.average_pool(v, 2, 3)))(backend.asarray(x)).numpy()
    assert pooled.reshape(-1).tolist() == [0.5, 0.5, 0, 0.5, 0.5, 0, 0]


def test_errors_say_what_was_expected() -> None:
    x = np.zeros((2, 4, 5, 3), "float32")
    for op in (ops.max_pool, ops.average_pool):
        with pytest.raises(ValueError, match=r"\(5, 5\) does not fit .*\(2, 4, 5, 3\)"):
            op(x, 5)
        with pytest.raises(ValueError, match='expected padding "valid" or "same", got \'full\''):
            op(x, 2, padding="full")
        with pytest.raises(ValueError, match="strides must be a positive whole number, or 2 of them, got 0"):
            op(x, 2, 0)
        with pytest.raises(ValueError, match=r"pool_size must be .* got \(2, 2, 2\)"):
            op(x, (2, 2, 2))
        with pytest.raises(ValueError, match="channels_middle"):
            op(x, 2, data_format="channels_middle")
        with pytest.raises(ValueError, match=r"expected \(batch, spatial..., channels\), got shape \(2, 3\)"):
            op(np.zeros((2, 3), "float32"), 2)
        assert op(x, 2, padding="SAME").shape == (2, 2, 3, 3)
    for adaptive in (ops.adaptive_max_pool, ops.adaptive_average_pool):
        with pytest.raises(ValueError, match="output_size must be a positive whole number"):
            adaptive(x, (2, 2, 2))
        with pytest.raises(ValueError, match="got shape"):
            adaptive(np.zeros((2, 3), "float32"), 2)


def test_resized_integers_are_rounded_and_stay_in_range(backend: Backend) -> None:
    x = np.array([0, 0, 255, 255, 0, 0], "uint8").reshape(1, 1, 6, 1)
    y = ops.image.resize(backend.asarray(x), (1, 12), "bicubic")
    assert y.dtype == "uint8"
    values = y.numpy().reshape(-1)
    assert values[[0, 5, 11]].tolist() == [0, 255, 0]
    assert values[3] < values[4] <= 255  # the filter overshoots: without the limits it would wrap around
    half = ops.image.resize(backend.asarray(x.astype("float16")), (2, 3))
    assert (half.dtype, half.shape) == ("float16", (1, 2, 3, 1))


def test_errors_of_resize() -> None:
    x = np.zeros((2, 4, 5, 3), "float32")
    for args, options, message in (
        (((4, 5, 6),), {}, "`size` must have positive height and width"),
        (((0, 5),), {}, "`size` must have positive height and width"),
        (((4, 5), "cubic"), {}, "one of nearest, bilinear"),
        (((4, 5),), {"fill_mode": "edge"}, "fill_mode"),
        (((4, 5),), {"data_format": "NHWC"}, "NHWC"),
        (((4, 5),), {"crop_to_aspect_ratio": True, "pad_to_aspect_ratio": True}, "not both"),
    ):
        with pytest.raises(ValueError, match=message):
            ops.image.resize(x, *args, **options)
    with pytest.raises(ValueError, match="Invalid images rank"):
        ops.image.resize(x[0, 0], (2, 2))
