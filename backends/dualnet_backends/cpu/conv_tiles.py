"""Output tiles of ``convolution``: the choice of their size, views of their inputs, and the matrix that computes them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ..kernels.convolution import Array, Ints

# The cost model of a tile, in nanoseconds measured on one AVX2 core. Only the ratios matter, and they vary little.
MULTIPLY = 0.0168  # a multiplication in a matrix product
PACK = 0.1  # an element of a row, copied here and again by BLAS
RUN = 4.5  # a contiguous run of elements in the copy
ADD, ADD_RUN = 0.35, 12.0  # the same two when the gradients of windows are added up
BUILD = 1500.0  # one copy of the kernel in the tile matrix
SIZES = (1, 2, 3, 4, 5, 6, 7, 8)  # of tiles: wider ones multiply too many zeros


class TileAxis(NamedTuple):
    """One axis of a tiling: ``tiles`` tiles of ``size`` outputs per_tile, starting at output ``start``."""

    start: int
    tiles: int
    size: int
    taps: int
    stride: int

    @property
    def step(self) -> int:
        """The distance from one tile to the next, in inputs."""
        return self.size * self.stride

    @property
    def window(self) -> int:
        """The number of inputs a tile reads."""
        return (self.size - 1) * self.stride + self.taps

    @property
    def outputs(self) -> slice:
        return slice(self.start, self.start + self.tiles * self.size)

    def bands(self, limit: int) -> Iterator[TileAxis]:
        """The same tiles in groups of at most ``limit``."""
        for i in range(0, self.tiles, limit):
            yield self._replace(start=self.start + i * self.size, tiles=min(limit, self.tiles - i))


class Tile(NamedTuple):
    """Tiles of an image: ``rows`` along its height, ``columns`` along its width."""

    rows: TileAxis
    columns: TileAxis

    @property
    def sizes(self) -> Ints:
        return self.rows.size, self.columns.size

    @property
    def window(self) -> int:
        """The number of pixels a tile reads."""
        return self.rows.window * self.columns.window


@lru_cache(maxsize=256)
def tiling(n: int, oh: int, ow: int, kh: int, kw: int, sh: int, sw: int, c: int, o: int, gradient: bool) -> list[Tile]:
    """The tiles that cover oh x ow outputs at the least cost: one size for the bulk, others for the remainder."""
    best, least = [], float("inf")
    for rows in axis_tilings(oh, kh, sh):
        for columns in axis_tilings(ow, kw, sw):
            tiles = [Tile(a, b) for a in rows for b in columns]
            total = sum(cost(n, tile, c, o, gradient) for tile in tiles)
            if total < least:
                best, least = tiles, total
    return best


def axis_tilings(outputs: int, taps: int, stride: int) -> Iterator[list[TileAxis]]:
    for size in SIZES:
        if size <= max(outputs, 1):
            whole, remainder = divmod(outputs, size)
            bulk = [TileAxis(0, whole, size, taps, stride)]
            yield bulk + ([TileAxis(whole * size, 1, remainder, taps, stride)] if remainder else [])


def cost(n: int, tile: Tile, c: int, o: int, gradient: bool) -> float:
    rows, columns = tile
    window, width = tile.window * c, rows.size * columns.size * o
    # BLAS works on 8 columns at a time.
    per_tile = window * (-(-width // 8) * 8 * MULTIPLY + PACK)
    if gradient:
        per_tile += window * ADD + rows.window * -(-columns.window // columns.step) * ADD_RUN
    else:
        per_tile += rows.window * RUN
    return n * rows.tiles * columns.tiles * per_tile + rows.size * columns.size * BUILD + window * width * PACK


def tile_view(x: Array, shape: Ints, row: int, column: int, tile: Tile) -> Array:
    """x (n, h, w, c) as (n, tiles down, tiles across, rows, columns * c), from pixel (row, column) on, one step per tile.

    x is contiguous. (``as_strided`` does the same at 5 us a call, which matters for small chunks.)
    """
    n, h, w, _ = x.strides
    strides = (n, tile.rows.step * h, tile.columns.step * w, h, x.itemsize)
    return np.ndarray(shape, x.dtype, buffer=x, offset=row * h + column * w, strides=strides)


def windows(x: Array, tile: Tile) -> Array:
    """The inputs of per_tile tile, a tile_view.  x: (n, h, w, c) -> (n, tiles down, tiles across, rows.window, columns.window * c)"""
    rows, columns = tile
    shape = (len(x), rows.tiles, columns.tiles, rows.window, columns.window * x.shape[3])
    return tile_view(x, shape, rows.start * rows.stride, columns.start * columns.stride, tile)


def add_windows(x: Array, grads: Array, tile: Tile) -> None:
    """Add the gradients of windows to the elements of x they belong to, in parts in which no element occurs twice."""
    rows, columns = tile
    c = x.shape[3]
    grads = grads.reshape(len(x), rows.tiles, columns.tiles, rows.window, columns.window * c)
    for i in range(0, rows.window, rows.step):
        for j in range(0, columns.window, columns.step):
            part = grads[:, :, :, i : i + rows.step, j * c : (j + columns.step) * c]
            target = tile_view(x, part.shape, rows.start * rows.stride + i, columns.start * columns.stride + j, tile)
            target += part


def outputs_by_tile(y: Array, tile: Tile) -> Array:
    """The outputs, a tile_view.  y: (n, h, w, o) -> (n, tiles down, tiles across, rows.size, columns.size * o)"""
    rows, columns = tile
    part = y[:, rows.outputs, columns.outputs]
    part = part.reshape(len(y), rows.tiles, rows.size, columns.tiles, columns.size * y.shape[3])
    return part.swapaxes(2, 3)


def tile_matrix(w: Array, tile: Tile) -> Array:
    """The matrix that maps the window of a tile to its outputs, mostly zeros: (window * c, outputs of the tile * o)"""
    rows, columns = tile
    _, _, c, o = w.shape
    matrix = np.zeros((tile.window * c, rows.size * columns.size * o), dtype=w.dtype)
    for target in kernel_views(matrix, tile, w.shape):
        target[...] = w
    return matrix


def kernel_views(matrix: Array, tile: Tile, kernel: Ints) -> Iterator[Array]:
    """Views of the copies of the kernel in a tile matrix, one per output of the tile."""
    rows, columns = tile
    kh, kw, c, o = kernel
    parts = matrix.reshape(rows.window, columns.window, c, rows.size, columns.size, o)
    for i in range(rows.size):
        for j in range(columns.size):
            top, left = i * rows.stride, j * columns.stride
            yield parts[top : top + kh, left : left + kw, :, i, j]
