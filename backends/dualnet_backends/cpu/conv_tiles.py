"""Tiles of outputs: which size is fastest, the inputs a tile reads, and the matrix that makes it (``numpy_convolution``)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ..kernels.convolution import Array, Ints

# What a tile costs, in nanoseconds as measured on one AVX2 core. Only the ratios matter, and they move little.
MULTIPLY = 0.0168  # a multiplication in a product of matrices
PACK = 0.1  # an element of a row, copied by us and again by BLAS
RUN = 4.5  # a stretch of contiguous elements in the copy
ADD, ADD_RUN = 0.35, 12.0  # the same two when the gradients of windows are added up
BUILD = 1500.0  # one place of the kernel in the wide matrix
SIZES = (1, 2, 3, 4, 5, 6, 7, 8)  # of tiles: wider ones multiply too many zeros


class Grid(NamedTuple):
    """``tiles`` of ``size`` outputs each along an axis, from output ``start`` on, and the inputs one of them reads."""

    start: int
    tiles: int
    size: int
    taps: int
    stride: int

    @property
    def step(self) -> int:
        """How many inputs one tile lies from the next."""
        return self.size * self.stride

    @property
    def reach(self) -> int:
        """How many inputs a tile reads."""
        return (self.size - 1) * self.stride + self.taps

    @property
    def outputs(self) -> slice:
        return slice(self.start, self.start + self.tiles * self.size)

    def bands(self, most: int) -> Iterator[Grid]:
        """The same tiles, at most so many at a time."""
        for i in range(0, self.tiles, most):
            yield self._replace(start=self.start + i * self.size, tiles=min(most, self.tiles - i))


class Tile(NamedTuple):
    """Tiles of an image: ``rows`` divides its height, ``columns`` its width."""

    rows: Grid
    columns: Grid

    @property
    def sizes(self) -> Ints:
        return self.rows.size, self.columns.size

    @property
    def window(self) -> int:
        """How many pixels one tile reads."""
        return self.rows.reach * self.columns.reach


@lru_cache(maxsize=256)
def tiling(n: int, oh: int, ow: int, kh: int, kw: int, sh: int, sw: int, c: int, o: int, gradient: bool) -> list[Tile]:
    """The tiles that cover oh x ow outputs at the least cost: one size for the bulk, others for what is left over."""
    best, least = [], float("inf")
    for rows in grids(oh, kh, sh):
        for columns in grids(ow, kw, sw):
            tiles = [Tile(a, b) for a in rows for b in columns]
            total = sum(cost(n, tile, c, o, gradient) for tile in tiles)
            if total < least:
                best, least = tiles, total
    return best


def grids(outputs: int, taps: int, stride: int) -> Iterator[list[Grid]]:
    for size in SIZES:
        if size <= max(outputs, 1):
            whole, left = divmod(outputs, size)
            found = [Grid(0, whole, size, taps, stride)]
            yield found + ([Grid(whole * size, 1, left, taps, stride)] if left else [])


def cost(n: int, tile: Tile, c: int, o: int, gradient: bool) -> float:
    rows, columns = tile
    window, made = tile.window * c, rows.size * columns.size * o
    # BLAS works on 8 columns at a time.
    each = window * (-(-made // 8) * 8 * MULTIPLY + PACK)
    if gradient:
        each += window * ADD + rows.reach * -(-columns.reach // columns.step) * ADD_RUN
    else:
        each += rows.reach * RUN
    return n * rows.tiles * columns.tiles * each + rows.size * columns.size * BUILD + window * made * PACK


def view(x: Array, shape: Ints, row: int, column: int, tile: Tile) -> Array:
    """A view of (n, h, w, c) as (n, tiles down, tiles across, rows, columns * c): from a pixel on, tiles their step apart.

    x is contiguous. (``as_strided`` would do as well, at 5 us a call, which tells on small chunks.)
    """
    n, h, w, _ = x.strides
    strides = (n, tile.rows.step * h, tile.columns.step * w, h, x.itemsize)
    return np.ndarray(shape, x.dtype, buffer=x, offset=row * h + column * w, strides=strides)


def windows(x: Array, tile: Tile) -> Array:
    """The inputs of each tile as a view.  x: (n, h, w, c) -> (n, tiles down, tiles across, reach down, reach across * c)"""
    rows, columns = tile
    shape = (len(x), rows.tiles, columns.tiles, rows.reach, columns.reach * x.shape[3])
    return view(x, shape, rows.start * rows.stride, columns.start * columns.stride, tile)


def add_windows(x: Array, made: Array, tile: Tile) -> None:
    """Add the gradients of windows to the elements they came from, in parts within which no element stands twice."""
    rows, columns = tile
    c = x.shape[3]
    made = made.reshape(len(x), rows.tiles, columns.tiles, rows.reach, columns.reach * c)
    for i in range(0, rows.reach, rows.step):
        for j in range(0, columns.reach, columns.step):
            part = made[:, :, :, i : i + rows.step, j * c : (j + columns.step) * c]
            place = view(x, part.shape, rows.start * rows.stride + i, columns.start * columns.stride + j, tile)
            place += part


def by_tile(y: Array, tile: Tile) -> Array:
    """Outputs as a view.  y: (n, h, w, o) -> (n, tiles down, tiles across, size down, size across * o)"""
    rows, columns = tile
    part = y[:, rows.outputs, columns.outputs]
    part = part.reshape(len(y), rows.tiles, rows.size, columns.tiles, columns.size * y.shape[3])
    return part.swapaxes(2, 3)


def wide(w: Array, tile: Tile) -> Array:
    """The kernel at the place of every output of a tile: (window, outputs of the tile), mostly zeros."""
    rows, columns = tile
    _, _, c, o = w.shape
    matrix = np.zeros((tile.window * c, rows.size * columns.size * o), dtype=w.dtype)
    for place in places(matrix, tile, w.shape):
        place[...] = w
    return matrix


def places(matrix: Array, tile: Tile, kernel: Ints) -> Iterator[Array]:
    """Views of the places of the kernel in a wide matrix, one for each output of a tile."""
    rows, columns = tile
    kh, kw, c, o = kernel
    parts = matrix.reshape(rows.reach, columns.reach, c, rows.size, columns.size, o)
    for i in range(rows.size):
        for j in range(columns.size):
            top, left = i * rows.stride, j * columns.stride
            yield parts[top : top + kh, left : left + kw, :, i, j]
