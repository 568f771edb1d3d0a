"""``preprocess_input``: arrays, tensors and symbolic tensors, in the three modes, against Keras's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import layers, ops
from dualnet.applications.imagenet_utils import preprocess_input

MODES = ("caffe", "tf", "torch")
PIXELS = np.array([0.0, 127.5, 255.0])  # red, green, blue
EXPECTED = {
    "caffe": [255 - 103.939, 127.5 - 116.779, -123.68],
    "tf": [-1, 0, 1],
    "torch": [-0.485 / 0.229, (0.5 - 0.456) / 0.224, (1 - 0.406) / 0.225],
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize(
    ("kind", "batch"), [("array", ()), ("array", (2,)), ("tensor", ()), ("tensor", (2,)), ("symbolic", (2,))]
)
def test_every_kind_of_images(mode: str, data_format: str, kind: str, batch: tuple[int, ...]) -> None:
    first = data_format == "channels_first"
    x = np.tile(PIXELS[:, None, None] if first else PIXELS, (*batch, *((1, 4, 5) if first else (4, 5, 1))))
    x = x.astype("float32")
    before = x.copy()
    got: Any
    if kind == "symbolic":
        inputs = layers.Input(x.shape[1:])
        got = dualnet.Model(inputs, preprocess_input(inputs, data_format, mode)).predict(x, verbose=0)
    else:
        got = preprocess_input(x if kind == "array" else ops.convert_to_tensor(x), data_format, mode)
        assert isinstance(got, np.ndarray if kind == "array" else dualnet.Tensor)
    assert got.dtype == "float32"
    expected = np.reshape(EXPECTED[mode], (3, 1, 1) if first else (3,))
    np.testing.assert_allclose(np.asarray(got), np.broadcast_to(expected, x.shape), atol=1e-4)
    np.testing.assert_array_equal(x, before)  # Keras writes into arrays of floats


@pytest.mark.parametrize("mode", MODES)
def test_whole_numbers_and_other_floats(mode: str) -> None:
    pixels = np.array([[[0, 128, 255]]], "uint8")
    exact = preprocess_input(pixels.astype("float64"), mode=mode)
    assert exact.dtype == "float64"
    for x in (pixels, ops.convert_to_tensor(pixels)):
        got = preprocess_input(x, mode=mode)
        assert got.dtype == "float32"
        np.testing.assert_allclose(np.asarray(got), exact, rtol=1e-6, atol=1e-6)
    inputs = layers.Input((1, 3), batch_size=1, dtype="uint8")
    assert preprocess_input(inputs, mode=mode).dtype == "float32"
    assert preprocess_input(pixels.astype("float16"), mode=mode).dtype == "float16"


def test_gray_images() -> None:
    assert preprocess_input(np.full((2, 4, 4, 1), 255), mode="tf").max() == 1
    for mode in ("caffe", "torch"):
        with pytest.raises(
            ValueError, match=rf"mode '{mode}' is for images with 3 channels .* got shape \(2, 4, 4, 1\)"
        ):
            preprocess_input(np.zeros((2, 4, 4, 1)), mode=mode)


def test_a_model_with_it_is_saved(tmp_path: Any) -> None:
    inputs = layers.Input((4, 4, 3))
    model = dualnet.Model(inputs, preprocess_input(inputs, mode="torch"))
    model.save(tmp_path / "model.keras")
    again = dualnet.models.load_model(tmp_path / "model.keras")
    x = np.random.default_rng(0).uniform(0, 255, (2, 4, 4, 3)).astype("float32")
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))


def test_what_is_refused() -> None:
    with pytest.raises(ValueError, match="mode must be one of caffe, tf, torch, got 'pytorch'"):
        preprocess_input(np.zeros((4, 4, 3)), mode="pytorch")
    with pytest.raises(ValueError, match="data_format must be 'channels_last' or 'channels_first', got 'last'"):
        preprocess_input(np.zeros((4, 4, 3)), data_format="last")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_as_keras(mode: str, data_format: str, keras: Any) -> None:
    x = np.random.default_rng(0).uniform(0, 255, (2, 3, 3, 3)).astype("float32")
    expected = keras.applications.imagenet_utils.preprocess_input(x.copy(), data_format, mode)
    np.testing.assert_array_equal(preprocess_input(x, data_format, mode), expected)
