"""Images and arrays, compared with Keras, which uses Pillow too."""

from __future__ import annotations

import io
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import config
from dualnet.utils import array_to_img, img_to_array, load_img, save_img

pytest.importorskip("PIL", reason="Pillow is not installed: pip install 'dualnet[image]'")
RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (6, 5, 3), np.uint8)


@pytest.fixture(params=["RGB", "RGBA", "L", "float", "wide", "flat", "first"])
def case(request: pytest.FixtureRequest) -> tuple[Any, dict[str, Any]]:
    return {
        "RGB": (RGB, {"scale": False}),
        "RGBA": (RNG.integers(0, 256, (4, 4, 4)), {"scale": False}),
        "L": (RGB[:, :, :1], {"scale": False}),
        "float": (RNG.normal(size=(3, 4, 3)), {}),
        "wide": (RNG.integers(0, 60000, (3, 4, 1)), {"scale": False}),
        "flat": (np.full((2, 2, 3), 7.0), {}),
        "first": (RGB.transpose(2, 0, 1), {"data_format": "channels_first"}),
    }[request.param]


def test_array_to_img_equals_keras(keras: Any, case: Any) -> None:
    x, arguments = case
    before = np.array(x)
    ours = array_to_img(x, **arguments)
    np.testing.assert_array_equal(x, before)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras uses an argument that Pillow is about to drop
        theirs = keras.utils.array_to_img(x, **arguments)
    assert (ours.mode, ours.size) == (theirs.mode, theirs.size)
    np.testing.assert_array_equal(np.asarray(ours), np.asarray(theirs))
    for layout in ("channels_last", "channels_first"):
        a, b = img_to_array(ours, layout), keras.utils.img_to_array(theirs, layout)
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        np.testing.assert_array_equal(a, b)


def test_there_and_back() -> None:
    np.testing.assert_array_equal(img_to_array(array_to_img(RGB, scale=False)), RGB)
    np.testing.assert_array_equal(img_to_array(array_to_img(dualnet.ops.array(RGB), scale=False), dtype="uint8"), RGB)
    config.set_image_data_format("channels_first")
    try:
        assert img_to_array(array_to_img(RGB.transpose(2, 0, 1))).shape == (3, 6, 5)
    finally:
        config.set_image_data_format("channels_last")


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"color_mode": "grayscale"},
        {"color_mode": "rgba"},
        {"target_size": (12, 4)},
        {"target_size": (3, 9), "interpolation": "bilinear"},
        {"target_size": (9, 3), "interpolation": "lanczos", "keep_aspect_ratio": True},
        {"target_size": (4, 20), "interpolation": "bicubic", "keep_aspect_ratio": True},
        {"target_size": (6, 5), "interpolation": "box"},
    ],
)
def test_load_img_equals_keras(keras: Any, tmp_path: Path, arguments: dict[str, Any]) -> None:
    path = tmp_path / "image.png"
    save_img(path, RGB, scale=False)
    expected = np.asarray(keras.utils.load_img(path, **arguments))
    for argument in (path, str(path), io.BytesIO(path.read_bytes())):
        np.testing.assert_array_equal(np.asarray(load_img(argument, **arguments)), expected)
    path.unlink()  # nothing holds it open


def test_save_img(tmp_path: Path) -> None:
    for name in ("a.png", "a.bmp", "a.gif"):
        save_img(str(tmp_path / name), RGB[:, :, :1], scale=False)
        pixels = img_to_array(load_img(tmp_path / name, color_mode="grayscale"), dtype="uint8")
        np.testing.assert_array_equal(pixels, RGB[:, :, :1])
    save_img(tmp_path / "a.JPG", np.full((8, 8, 3), 100.0), scale=False, quality=95)
    np.testing.assert_allclose(img_to_array(load_img(tmp_path / "a.JPG")), 100, atol=2)
    with pytest.warns(UserWarning, match="no transparency"):
        save_img(tmp_path / "b.jpg", np.zeros((2, 2, 4)))
    stream = io.BytesIO()
    save_img(stream, RGB, file_format="png", scale=False)
    np.testing.assert_array_equal(img_to_array(load_img(stream)), RGB)


def test_smart_resize(keras: Any) -> None:
    smart_resize = dualnet.preprocessing.image.smart_resize
    x = RNG.uniform(0, 255, (2, 12, 9, 3)).astype("float32")
    for size, arguments in [((5, 5), {}), ((6, 2), {"interpolation": "nearest"}), ((20, 31), {})]:
        for argument in (x, x[0]):
            ours = smart_resize(argument, size, **arguments)
            assert type(ours) is np.ndarray
            np.testing.assert_allclose(
                ours, keras.preprocessing.image.smart_resize(argument, size, **arguments), atol=1e-3
            )
    first = smart_resize(x.transpose(0, 3, 1, 2), (5, 5), data_format="channels_first")
    np.testing.assert_allclose(first.transpose(0, 2, 3, 1), smart_resize(x, (5, 5)), atol=1e-4)
    assert isinstance(smart_resize(dualnet.ops.array(x), (5, 5)), dualnet.Tensor)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda path: array_to_img(np.zeros((2, 2))), r"an array with 3 axes, got shape \(2, 2\)"),
        (lambda path: array_to_img(np.zeros((2, 2, 5))), "expected 1, 3 or 4 channels, got 5"),
        (lambda path: array_to_img(np.zeros((2, 2, 3)), "channels"), "data_format must be"),
        (lambda path: img_to_array(np.zeros(3)), "an image with 2 or 3 axes"),
        (lambda path: load_img(path, "cmyk"), "color_mode must be"),
        (lambda path: load_img(path, target_size=(3, 3), interpolation="area"), "interpolation must be one of nearest"),
        (lambda path: dualnet.preprocessing.image.smart_resize(RGB, (3,)), r"size must be \(height, width\)"),
    ],
)
def test_mistakes_are_said(tmp_path: Path, call: Any, message: str) -> None:
    save_img(tmp_path / "a.png", RGB)
    with pytest.raises(ValueError, match=message):
        call(tmp_path / "a.png")
    with pytest.raises(TypeError, match="path must be a file name"):
        load_img(5)


def test_without_pillow_it_says_how_to_get_it() -> None:
    code = """
import sys
sys.modules["PIL"] = None
import numpy as np, dualnet
for call in (
    lambda: dualnet.utils.array_to_img(np.zeros((2, 2, 3))),
    lambda: dualnet.utils.save_img("x.png", np.zeros((2, 2, 3))),
    lambda: dualnet.utils.load_img("x.png"),
    lambda: dualnet.utils.image_dataset_from_directory("."),
):
    try:
        call()
    except ImportError as error:
        print(error)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    lines = run.stdout.splitlines()
    assert len(lines) == 4
    assert all(line.endswith("needs Pillow: pip install 'dualnet[image]'") for line in lines)
