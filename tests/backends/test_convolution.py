"""The tiles of the NumPy convolution: any tile size, remainder and number of chunks computes what the reference does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dualnet_backends as backends
import numpy as np
import pytest
from dualnet_backends import Backend
from dualnet_backends.cpu import conv_tiles, depthwise
from dualnet_backends.cpu import convolution as numpy_convolution
from dualnet_backends.cpu.conv_tiles import Tile, TileAxis
from dualnet_backends.kernels.convolution import output_lengths

# x, kernel, strides, padding
IMAGES: list[tuple[Any, ...]] = [
    ((5, 11, 13, 2), (3, 3, 2, 3), (1, 1), ((0, 0), (0, 0))),
    ((5, 12, 9, 1), (5, 2, 1, 4), (2, 1), ((2, 2), (0, 1))),
    ((4, 10, 14, 2), (2, 4, 2, 2), (3, 2), ((0, 1), (1, 2))),
    ((3, 9, 9, 2), (1, 1, 2, 2), (2, 2), ((0, 0), (0, 0))),
    ((6, 17, 2), (3, 2, 3), (1,), ((2, 0),)),
]
SIZES = [(1, 1), (2, 4), (3, 2), (5, 7), (20, 20)]


@pytest.fixture(params=SIZES, ids=str)
def tile(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, int]]:
    """Convolutions tile their output by this size, as far as it goes, and work on few samples at a time."""

    def grids(outputs: int, taps: int, stride: int, size: int) -> list[TileAxis]:
        count, left = divmod(outputs, min(size, outputs))
        whole = [TileAxis(0, count, min(size, outputs), taps, stride)]
        return whole + ([TileAxis(count * size, 1, left, taps, stride)] if left else [])

    def tiling(n: int, oh: int, ow: int, kh: int, kw: int, sh: int, sw: int, *rest: Any) -> list[Any]:
        high, wide = request.param
        return [Tile(a, b) for a in grids(oh, kh, sh, high) for b in grids(ow, kw, sw, wide)]

    monkeypatch.setattr(conv_tiles, "tiling", tiling)
    monkeypatch.setattr(numpy_convolution, "CHUNK_BYTES", 1 << 13)
    return request.param


@pytest.mark.parametrize("image", IMAGES, ids=lambda image: str(image[0]))
def test_any_tile(tile: tuple[int, int], image: tuple[Any, ...]) -> None:
    x_shape, w_shape, strides, padding = image
    random = np.random.default_rng(0)
    x, w, b = random.normal(size=x_shape), random.normal(size=w_shape), random.normal(size=w_shape[-1])
    geometry = (strides, padding, (1,) * len(strides), 1)
    cpu = backends.get("cpu")
    y = Backend.conv(cpu, x, w, b, *geometry)
    dy = random.normal(size=y.shape)
    close = {"rtol": 1e-12, "atol": 1e-12}
    np.testing.assert_allclose(cpu.conv(x, w, b, *geometry), y, **close)
    expected = Backend.conv_input_gradient(cpu, dy, w, x_shape, *geometry)
    np.testing.assert_allclose(cpu.conv_input_gradient(dy, w, x_shape, *geometry), expected, **close)
    expected = Backend.conv_kernel_gradient(cpu, x, dy, w_shape, *geometry)
    np.testing.assert_allclose(cpu.conv_kernel_gradient(x, dy, w_shape, *geometry), expected, **close)


def test_tiles_cover_every_output_once() -> None:
    for oh, ow, kh, kw, stride, c, o in [(28, 28, 5, 5, 1, 3, 6), (11, 13, 3, 3, 2, 1, 8), (1, 29, 1, 4, 1, 2, 2)]:
        for gradient in (False, True):
            seen = np.zeros((oh, ow), int)
            for rows, columns in conv_tiles.tiling(16, oh, ow, kh, kw, stride, stride, c, o, gradient):
                seen[rows.outputs, columns.outputs] += 1
            assert (seen == 1).all()


def test_few_channels_are_tiled_and_many_are_not() -> None:
    first = conv_tiles.tiling(128, 28, 28, 5, 5, 1, 1, 3, 6, False)
    assert first[0][0].size * first[0][1].size >= 4
    wide = conv_tiles.tiling(32, 14, 14, 3, 3, 1, 1, 64, 128, False)
    assert [(rows.size, columns.size) for rows, columns in wide] == [(1, 1)]


def test_a_read_only_image() -> None:
    x = np.ones((2, 4, 4, 1), "float32")
    x.flags.writeable = False
    geometry = ((1, 1), ((0, 0), (0, 0)), (1, 1), 1)
    y = backends.get("cpu").conv(x, np.ones((2, 2, 1, 1), "float32"), None, *geometry)
    np.testing.assert_array_equal(y, np.full((2, 3, 3, 1), 4, "float32"))


def drawn_geometries(count: int) -> Iterator[tuple[Any, ...]]:
    """x, kernel, strides, padding and dilation of depthwise convolutions with one to three axes, and with no samples."""
    random = np.random.default_rng(0)
    while count:
        rank, c, n = random.integers(1, 4), int(random.integers(2, 6)), int(random.integers(0, 4))
        lengths, taps, strides, dilation = (random.integers(1, high, rank).tolist() for high in (9, 5, 4, 3))
        if count % 4:  # the two rarely come together
            strides, dilation = ((strides, [1] * rank), ([1] * rank, dilation))[count % 2]
        padding = tuple((int(a), int(b)) for a, b in random.integers(0, 5, (rank, 2)))
        x, w = (n, *lengths, c), (*taps, 1, c)
        if min(output_lengths(x, w, tuple(strides), padding, tuple(dilation))) > 0:
            count -= 1
            yield x, w, tuple(strides), padding, tuple(dilation)


def test_depthwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(depthwise, "CHUNK_BYTES", 1 << 9)  # one sample or two at a time
    cpu, random = backends.get("cpu"), np.random.default_rng(1)
    for x_shape, w_shape, *rest in drawn_geometries(300):
        geometry = (*rest, x_shape[-1])
        x, w, b = random.normal(size=x_shape), random.normal(size=w_shape), random.normal(size=w_shape[-1])
        y = Backend.conv(cpu, x, w, b, *geometry)
        dy = random.normal(size=y.shape)
        for got, expected in [
            (cpu.conv(x, w, b, *geometry), y),
            (
                cpu.conv_input_gradient(dy, w, x_shape, *geometry),
                Backend.conv_input_gradient(cpu, dy, w, x_shape, *geometry),
            ),
            (
                cpu.conv_kernel_gradient(x, dy, w_shape, *geometry),
                Backend.conv_kernel_gradient(cpu, x, dy, w_shape, *geometry),
            ),
        ]:
            np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12, err_msg=str((x_shape, w_shape, *rest)))


@pytest.mark.parametrize("stride", [1, 2])
def test_depthwise_in_bfloat16(stride: int) -> None:
    """It adds up in float32, and the results are rounded once."""
    bfloat16 = pytest.importorskip("ml_dtypes").bfloat16
    cpu, random = backends.get("cpu"), np.random.default_rng(0)
    x, w, b = (random.normal(size=shape).astype(bfloat16) for shape in ((2, 9, 9, 4), (3, 3, 1, 4), (4,)))
    geometry = ((stride, stride), ((1, 1), (1, 1)), (1, 1), 4)
    wide = [v.astype("float32") for v in (x, w, b)]
    y = cpu.conv(x, w, b, *geometry)
    dy = np.ones_like(y)
    wide_dy = dy.astype("float32")
    for got, expected in [
        (y, cpu.conv(*wide, *geometry)),
        (
            cpu.conv_input_gradient(dy, w, x.shape, *geometry),
            cpu.conv_input_gradient(wide_dy, wide[1], x.shape, *geometry),
        ),
        (
            cpu.conv_kernel_gradient(x, dy, w.shape, *geometry),
            cpu.conv_kernel_gradient(wide[0], wide_dy, w.shape, *geometry),
        ),
    ]:
        assert got.dtype == bfloat16
        np.testing.assert_allclose(got.astype("float32"), expected, rtol=1e-2, atol=2e-2)
