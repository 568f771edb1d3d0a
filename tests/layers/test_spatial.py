"""Pooling, borders, repetition, reshaping: what is refused, old names, formats from the configuration, half-open shapes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from dualnet import Input, config, layers

IMAGE = np.zeros((2, 6, 5, 3), "float32")
WRONG: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: layers.MaxPooling2D(0), ValueError, "`pool_size` must be a positive whole number or a tuple of 2"),
    (lambda: layers.MaxPooling2D((2, 2, 2)), ValueError, "tuple of 2"),
    (lambda: layers.MaxPooling2D(2.5), ValueError, "got 2.5"),
    (lambda: layers.AveragePooling1D(2, strides=-1), ValueError, "`strides` must be"),
    (lambda: layers.MaxPooling2D(padding="full"), ValueError, '"valid" or "same", got \'full\''),
    (lambda: layers.MaxPooling2D(data_format="NHWC"), ValueError, '"channels_last" or "channels_first", got \'NHWC\''),
    (lambda: layers.MaxPooling2D()(IMAGE[0]), ValueError, r"expects inputs with 4 axes .* got shape \(6, 5, 3\)"),
    (lambda: layers.MaxPooling2D()(Input((6, 5))), ValueError, "expects inputs with 4 axes"),
    (lambda: layers.MaxPooling2D(7)(IMAGE), ValueError, "does not fit"),
    (lambda: layers.MaxPooling2D(7)(Input((6, 5, 3))), ValueError, "does not fit into an input of shape"),
    (lambda: layers.GlobalMaxPooling1D()(IMAGE), ValueError, "expects inputs with 3 axes"),
    (lambda: layers.GlobalAveragePooling3D()(IMAGE), ValueError, "expects inputs with 5 axes"),
    (lambda: layers.AdaptiveMaxPooling2D((1, 2, 3)), TypeError, "`output_size` must be"),
    (lambda: layers.Cropping1D("1"), ValueError, "`cropping` must be"),
    (lambda: layers.Cropping2D(-1), ValueError, "non-negative"),
    (lambda: layers.Cropping2D((1, 2, 3)), ValueError, "a tuple of 2 pairs"),
    (lambda: layers.Cropping2D(((1, 2), "3")), ValueError, "got '3'"),
    (lambda: layers.Cropping2D(3)(IMAGE), ValueError, r"smaller than .* \(2, 6, 5, 3\)"),
    (lambda: layers.Cropping2D(((0, 0), (2, 3)))(Input((6, 5, 3))), ValueError, "should be smaller than"),
    (lambda: layers.Cropping1D((3, 3))(IMAGE[0]), ValueError, "must be smaller than the number of steps"),
    (lambda: layers.ZeroPadding3D((1, 2)), ValueError, "a tuple of 3 pairs"),
    (lambda: layers.ZeroPadding1D((1, -2)), ValueError, "non-negative"),
    (lambda: layers.UpSampling1D(2.5), TypeError, "integer value for `size`"),
    (lambda: layers.UpSampling1D(0), ValueError, "positive integer"),
    (lambda: layers.UpSampling2D(interpolation="cubic"), ValueError, "nearest, bilinear, bicubic"),
    (lambda: layers.RepeatVector("3"), TypeError, "integer value for `n`"),
    (lambda: layers.RepeatVector(True), TypeError, "integer value for `n`"),
    (lambda: layers.RepeatVector(0), ValueError, "positive integer"),
    (lambda: layers.RepeatVector(2)(IMAGE), ValueError, r"shape \(batch, features\)"),
    (lambda: layers.Permute((0, 1)), ValueError, "each of 1 to 2 once"),
    (lambda: layers.Permute((2, 1))(IMAGE), ValueError, "3 axes, got shape"),
    (lambda: layers.Reshape((-2, 5)), ValueError, "non-negative integer"),
    (lambda: layers.Reshape((-1, -1)), ValueError, "at most one unknown"),
    (lambda: layers.Reshape((4, 4))(IMAGE), ValueError, "90 values"),
    (lambda: layers.ReLU(max_value=-1), ValueError, "cannot be a negative value, got -1"),
    (lambda: layers.ReLU(negative_slope=None), ValueError, "cannot be None or a negative value"),
    (lambda: layers.LeakyReLU(-0.1), ValueError, "cannot be None or negative"),
    (lambda: layers.PReLU(shared_axes=[4])(IMAGE), ValueError, "axes count from 1"),
    (lambda: layers.Softmax()(IMAGE[0, 0], mask=IMAGE[0] > 0), ValueError, "must not have more dimensions"),
    (lambda: layers.Softmax()(IMAGE[0, :1], mask=IMAGE[0] > 0), ValueError, "broadcastable"),
]


@pytest.mark.parametrize(("call", "error", "message"), WRONG, ids=lambda x: x if isinstance(x, str) else "")
def test_errors_say_what_was_expected(call: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_lengths_that_are_not_known_stay_open() -> None:
    x = Input((None, 5, 3))
    assert layers.MaxPooling2D()(x).shape == (None, None, 2, 3)
    assert layers.AveragePooling2D(3, padding="same")(x).shape == (None, None, 2, 3)
    assert layers.GlobalMaxPooling2D()(x).shape == (None, 3)
    assert layers.GlobalAveragePooling2D(keepdims=True)(x).shape == (None, 1, 1, 3)
    assert layers.AdaptiveAveragePooling2D(4)(x).shape == (None, 4, 4, 3)
    assert layers.Cropping2D(1)(x).shape == (None, None, 3, 3)
    assert layers.ZeroPadding2D(2)(x).shape == (None, None, 9, 3)
    assert layers.UpSampling2D(2)(x).shape == (None, None, 10, 3)
    assert layers.Permute((2, 1, 3))(x).shape == (None, 5, None, 3)


def test_the_format_comes_from_the_configuration() -> None:
    before = config.image_data_format()
    config.set_image_data_format("channels_first")
    try:
        layer = layers.MaxPooling2D()
        assert layer.get_config()["data_format"] == "channels_first"
        assert layer(np.zeros((2, 3, 6, 4), "float32")).shape == (2, 3, 3, 2)
        assert layers.Cropping1D(1)(np.zeros((2, 6, 3), "float32")).shape == (2, 4, 3)  # has no format
    finally:
        config.set_image_data_format(before)


def test_short_names_are_the_same_classes() -> None:
    for rank in (1, 2, 3):
        assert getattr(layers, f"MaxPool{rank}D") is getattr(layers, f"MaxPooling{rank}D")
        assert getattr(layers, f"AvgPool{rank}D") is getattr(layers, f"AveragePooling{rank}D")
        assert getattr(layers, f"GlobalMaxPool{rank}D") is getattr(layers, f"GlobalMaxPooling{rank}D")
        assert getattr(layers, f"GlobalAvgPool{rank}D") is getattr(layers, f"GlobalAveragePooling{rank}D")


def test_configs_keep_what_was_given_in_short() -> None:
    pooling = layers.MaxPooling2D(3, strides=2, padding="SAME").get_config()
    assert (pooling["pool_size"], pooling["strides"], pooling["padding"]) == ((3, 3), (2, 2), "same")
    assert layers.MaxPooling1D(3).get_config()["strides"] == (3,)
    assert layers.Cropping2D((1, 2)).get_config()["cropping"] == ((1, 1), (2, 2))
    assert layers.ZeroPadding1D(2).get_config()["padding"] == (2, 2)
    assert layers.PReLU(shared_axes=1).get_config()["shared_axes"] == [1]
    assert layers.LeakyReLU(alpha=0.1).get_config()["negative_slope"] == 0.1


def test_fully_masked_rows_of_softmax_are_zero() -> None:
    x = np.array([[1.0, 2.0, 5.0], [1.0, 1.0, 1.0]], "float32")
    mask = np.array([[True, True, False], [False, False, False]])
    got = layers.Softmax()(x, mask=mask).numpy()
    np.testing.assert_allclose(got, [[0.26894142, 0.7310586, 0], [0, 0, 0]], rtol=1e-6)
    half = layers.Softmax(dtype="float16")(x.astype("float16"), mask=mask)
    assert half.dtype == "float16"
    np.testing.assert_allclose(half.numpy(), got, atol=1e-3)
