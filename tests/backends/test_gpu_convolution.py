"""Convolution on the GPU: as a product or directly, however many samples at a time, computes what the reference does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dualnet_backends as backends
import numpy as np
import pytest
from dualnet_backends import Backend
from dualnet_backends.kernels.convolution import After, output_lengths

pytestmark = pytest.mark.skipif(bool(backends.gpu_status()), reason="kernels of the GPU, and there is none")

# x, kernel, strides, padding, dilation, groups
IMAGES: list[tuple[Any, ...]] = [
    ((5, 8, 9, 3), (3, 2, 3, 4), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),
    ((5, 9, 11, 1), (3, 3, 1, 5), (2, 3), ((1, 2), (0, 4)), (1, 1), 1),
    ((5, 12, 9, 2), (3, 2, 2, 3), (1, 2), ((4, 4), (1, 0)), (3, 2), 1),
    ((5, 7, 8, 6), (2, 3, 2, 9), (2, 1), ((0, 1), (1, 1)), (1, 2), 3),
    ((5, 7, 8, 4), (3, 3, 1, 4), (2, 2), ((1, 0), (1, 1)), (2, 1), 4),
    ((5, 7, 8, 3), (2, 3, 1, 6), (1, 2), ((0, 1), (2, 1)), (1, 1), 3),
    ((5, 6, 7, 8), (1, 1, 8, 5), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),
    ((5, 6, 7, 8), (1, 1, 4, 6), (1, 1), ((0, 0), (0, 0)), (1, 1), 2),
    ((5, 6, 7, 8), (1, 1, 8, 5), (2, 3), ((0, 0), (0, 0)), (1, 1), 1),
    ((5, 3, 4, 2), (3, 4, 2, 7), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),
    ((5, 3, 8), (1, 8, 5), (2,), ((0, 2),), (1,), 1),  # as long as before, but not the same pixels
    ((5, 3, 4, 2), (3, 4, 2, 7), (1, 1), ((0, 2), (0, 3)), (2, 2), 1),
    ((5, 17, 2), (4, 2, 3), (3,), ((3, 0),), (2,), 1),
    ((5, 17, 4), (3, 2, 6), (1,), ((1, 1),), (1,), 2),
    ((5, 4, 5, 6, 2), (2, 3, 2, 2, 3), (1, 2, 1), ((0, 0), (1, 0), (1, 2)), (2, 1, 1), 1),
    ((5, 4, 5, 6, 4), (2, 2, 3, 1, 8), (1, 1, 2), ((1, 0), (0, 0), (1, 1)), (1, 2, 1), 4),
    (
        (5, 4, 1, 5, 1, 2),
        (2, 1, 2, 1, 2, 3),
        (1, 1, 1, 1),
        ((0, 0),) * 4,
        (1, 1, 1, 1),
        1,
    ),  # more axes than the kernels know
]
WAYS = {"directly": (1 << 62, 1 << 28), "product": (-1, 1 << 28), "product, two samples at a time": (-1, 0)}


@pytest.fixture
def gpu() -> Iterator[Backend]:
    with backends.device("gpu:0") as chosen:
        yield chosen


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes all convolutions take one way. A depthwise one is always summed directly."""
    from dualnet_backends.gpu import convolution

    few, size = WAYS[request.param]
    monkeypatch.setattr(convolution, "FEW", few)
    monkeypatch.setattr(convolution, "ROWS_BYTES", size)
    if size == 0:
        chunks = [slice(0, 2), slice(2, 4), slice(4, 5)]
        monkeypatch.setattr(convolution.Geometry, "chunks", lambda self, samples, itemsize: chunks)
    return request.param


def close(gpu: Backend, got: Any, expected: Any, dtype: str) -> None:
    got = gpu.to_numpy(got)
    assert (got.dtype, got.shape) == (np.dtype(dtype), expected.shape)
    tolerance = {"float64": 1e-12, "float32": 2e-5, "float16": 2e-2}[dtype]
    np.testing.assert_allclose(
        got.astype("float64"), expected, rtol=tolerance, atol=tolerance * max(abs(expected).max(), 1)
    )


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
@pytest.mark.parametrize("image", IMAGES, ids=lambda image: f"{image[0]}-{image[1]}")
def test_any_way(gpu: Backend, way: str, image: tuple[Any, ...], dtype: str) -> None:
    x_shape, w_shape, strides, padding, dilation, _ = image
    random, cpu, geometry = np.random.default_rng(0), backends.get("cpu"), image[2:]
    inner = output_lengths(x_shape, w_shape, strides, padding, dilation)
    shapes = (x_shape, w_shape, w_shape[-1:], (x_shape[0], *inner, w_shape[-1]))
    arrays = [random.normal(size=shape).astype(dtype) for shape in shapes]
    x, w, b, dy = (gpu.asarray(a) for a in arrays)
    wide = [a.astype("float64") for a in arrays]
    expected = Backend.conv(cpu, *wide[:3], *geometry)
    close(gpu, gpu.conv(x, w, b, *geometry), expected, dtype)
    close(gpu, gpu.conv(x, w, None, *geometry), expected - wide[2], dtype)
    for name, y in {
        "relu": np.maximum(expected, 0),
        "tanh": np.tanh(expected),
        "elu": np.maximum(np.expm1(np.minimum(expected, 0)), expected),
    }.items():
        close(gpu, gpu.activated_conv(x, w, b, name, *geometry), y, dtype)
    expected = Backend.conv_input_gradient(cpu, wide[3], wide[1], x_shape, *geometry)
    close(gpu, gpu.conv_input_gradient(dy, w, x_shape, *geometry), expected, dtype)
    expected = Backend.conv_kernel_gradient(cpu, wide[0], wide[3], w_shape, *geometry)
    close(gpu, gpu.conv_kernel_gradient(x, dy, w_shape, *geometry), expected, dtype)
    for out in (
        gpu.xp.full(w_shape, 7, dtype),
        gpu.xp.full((2, *w_shape), 7, "float64")[1],
        gpu.xp.full((*w_shape, 2), 7, dtype)[..., 0],
    ):
        assert gpu.conv_kernel_gradient(x, dy, w_shape, *geometry, out=out) is out
        close(gpu, out.astype(dtype), expected, dtype)


@pytest.mark.parametrize("activation", [None, "relu", "relu6"])
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
@pytest.mark.parametrize(
    "image", [IMAGES[0], IMAGES[3], IMAGES[4], IMAGES[6]], ids=lambda image: f"{image[0]}-{image[1]}"
)
def test_what_follows_has_the_bits_of_a_pass_of_its_own(
    gpu: Backend, way: str, image: tuple[Any, ...], dtype: str, activation: str | None
) -> None:
    x_shape, w_shape, *geometry = image
    random = np.random.default_rng(0)
    x, w = (gpu.asarray(random.normal(size=shape).astype(dtype)) for shape in (x_shape, w_shape))
    b, scale, shift = (gpu.asarray(random.normal(size=w_shape[-1]).astype(dtype)) for _ in range(3))
    for bias in (b, None):
        expected = gpu.scale_and_shift(gpu.conv(x, w, bias, *geometry), scale, shift, activation)
        got = gpu.conv(x, w, bias, *geometry, After(scale, shift, activation))
        np.testing.assert_array_equal(gpu.to_numpy(got), gpu.to_numpy(expected))


@pytest.mark.parametrize("image", [IMAGES[0], IMAGES[3], IMAGES[4]], ids=lambda image: f"{image[0]}-{image[1]}")
def test_channels_first_and_every_other_sample(gpu: Backend, way: str, image: tuple[Any, ...]) -> None:
    """Arrays with gaps, or with their axes in another order, are read as what they are."""
    x_shape, w_shape, *geometry = image
    random = np.random.default_rng(0)
    x, w = random.normal(size=x_shape), random.normal(size=w_shape)
    first = gpu.xp.moveaxis(gpu.asarray(np.ascontiguousarray(np.moveaxis(x, -1, 1))), 1, -1)
    gaps = gpu.asarray(np.repeat(x, 2, axis=0))[::2]
    weights = gpu.asarray(np.repeat(w, 2, axis=-1))[..., ::2]
    expected = Backend.conv(backends.get("cpu"), x, w, None, *geometry)
    for array in (first, gaps):
        close(gpu, gpu.conv(array, weights, None, *geometry), expected, "float64")


def test_the_memory_of_windows_is_bounded(gpu: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    """64 samples whose windows take 32 times as much as the limit."""
    from dualnet_backends.gpu import convolution

    monkeypatch.setattr(convolution, "FEW", 0)
    monkeypatch.setattr(convolution, "ROWS_BYTES", 1 << 17)
    shapes = []
    windows = convolution._windows
    monkeypatch.setattr(convolution, "_windows", lambda x, g: shapes.append(x.shape) or windows(x, g))
    x, w = gpu.xp.ones((64, 18, 18, 7), "float32"), gpu.xp.ones((3, 3, 7, 2), "float32")
    y = gpu.conv(x, w, None, (1, 1), ((0, 0), (0, 0)), (1, 1), 1)
    assert shapes == [(2, 18, 18, 7)] * 32
    assert (gpu.to_numpy(y) == 63).all()
