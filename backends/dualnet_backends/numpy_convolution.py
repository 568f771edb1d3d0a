"""Convolution on the CPU: output tiles, so that few columns are copied and the matrix product is wide.

The plain body copies each input element once for every window that holds it, 25 times for a kernel of 5 x 5, and the product
that follows has as many columns as there are filters: 6 in the first layer of LeNet-5, where BLAS wants 16 or more. Here
one row of the product makes a tile of outputs instead, say 2 x 4 pixels. Its window is 6 x 8, so an element is copied 6
times, and there are 8 times as many columns. The price are zeros in the matrix that stands for the kernel (``_wide``):
every output of the tile has the kernel at its own place in it. Measured against the plain bodies on the convolutions of
LeNet-5 this is 2 to 3 times as fast.

The work goes sample by sample in chunks whose rows stay in cache. An infinite or NaN input makes its whole tile NaN.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from . import numpy_depthwise as depthwise
from .convolution import Array, Convolution, Ints, Pairs, lengths

CHUNK_BYTES = 1 << 20  # of rows: what fits in a second-level cache, and enough for BLAS to be at full speed
# What a tile costs, in nanoseconds as measured on one AVX2 core. Only the ratios matter, and they move little.
MULTIPLY = 0.0168  # a multiplication in a product of matrices
PACK = 0.1  # an element of a row, copied by us and again by BLAS
RUN = 4.5  # a stretch of contiguous elements in the copy
ADD, ADD_RUN = 0.35, 12.0  # the same two when the gradients of windows are added up
BUILD = 1500.0  # one place of the kernel in the wide matrix
SIZES = (1, 2, 3, 4, 5, 6, 7, 8)  # of tiles: wider ones multiply too many zeros


class Grid(NamedTuple):
    """``count`` tiles of ``size`` outputs each along an axis, from output ``start`` on, and the inputs one of them reads."""

    start: int
    count: int
    size: int
    taps: int
    stride: int

    @property
    def reach(self) -> int:
        return (self.size - 1) * self.stride + self.taps

    @property
    def outputs(self) -> slice:
        return slice(self.start, self.start + self.count * self.size)


Tile = tuple[Grid, Grid]  # tiles along the rows and the columns of an image


class NumpyConvolution(Convolution):
    """Overrides for kernels over one or two axes without dilation and groups, and for depthwise ones; all else is plain."""

    def conv(
        self, x: Array, w: Array, b: Array | None, strides: Ints, padding: Pairs, dilation: Ints, groups: int
    ) -> Array:
        if depthwise.suits(w.shape, groups):
            outer = lengths(x, w.shape, strides, padding, dilation)
            y = np.empty((len(x), *outer, groups), dtype=np.result_type(x, w))
            return depthwise.forward(x, w, b, y, strides, padding, dilation)
        if not _suits(w.shape, dilation, groups):
            return super().conv(x, w, b, strides, padding, dilation, groups)
        job = _Job(x.shape, w.shape, strides, padding)
        y = np.empty((*job.outer, w.shape[-1]), dtype=np.result_type(x, w))
        image = y.reshape(job.y_shape)
        matrices = [_wide(job.flat(w), tile) for tile in job.tiles]
        for chunk, padded in job.padded(job.image(x)):
            for tile, matrix in zip(job.tiles, matrices):
                place = _by_tile(image[chunk], tile)
                made = (_windows(padded, tile).reshape(-1, matrix.shape[0]) @ matrix).reshape(_tile_shape(place))
                if b is None:
                    place[...] = made.swapaxes(2, 3)
                else:
                    np.add(made.swapaxes(2, 3), np.tile(b, tile[1].size), out=place)
        return y

    def conv_input_gradient(
        self, dy: Array, w: Array, shape: Ints, strides: Ints, padding: Pairs, dilation: Ints, groups: int
    ) -> Array:
        if depthwise.suits(w.shape, groups):
            dx = np.empty(shape, dtype=np.result_type(dy, w))
            return depthwise.input_gradient(dy, w, dx, strides, padding, dilation)
        if not _suits(w.shape, dilation, groups):
            return super().conv_input_gradient(dy, w, shape, strides, padding, dilation, groups)
        job = _Job(shape, w.shape, strides, padding, gradient=True)
        dx = np.empty(shape, dtype=np.result_type(dy, w))
        inside, images = job.image(dx), dy.reshape(job.y_shape)
        matrices = [np.ascontiguousarray(_wide(job.flat(w), tile).T) for tile in job.tiles]
        for chunk in job.chunks():
            here = inside[chunk]
            padded = np.empty((len(here), *job.padded_shape), dtype=dx.dtype) if job.pads else here
            padded[...] = 0
            for tile, matrix in zip(job.tiles, matrices):
                _add_windows(padded, _rows_of(images[chunk], tile) @ matrix, tile)
            if job.pads:
                here[...] = padded[job.inside]
        return dx

    def conv_kernel_gradient(
        self,
        x: Array,
        dy: Array,
        shape: Ints,
        strides: Ints,
        padding: Pairs,
        dilation: Ints,
        groups: int,
        out: Array | None = None,
    ) -> Array:
        if depthwise.suits(shape, groups):
            dw = np.empty(shape, dtype=np.result_type(x, dy)) if out is None else out
            return depthwise.kernel_gradient(x, dy, dw, strides, padding, dilation)
        if not _suits(shape, dilation, groups):
            return super().conv_kernel_gradient(x, dy, shape, strides, padding, dilation, groups, out)
        job = _Job(x.shape, shape, strides, padding)
        dtype = np.result_type(x, dy)
        images = dy.reshape(job.y_shape)
        sums = [np.zeros((rows.reach * columns.reach * shape[-2], rows.size * columns.size * shape[-1]), dtype=dtype)
                for rows, columns in job.tiles]  # fmt: skip
        for chunk, padded in job.padded(job.image(x)):
            for tile, total in zip(job.tiles, sums):
                total += _windows(padded, tile).reshape(-1, total.shape[0]).T @ _rows_of(images[chunk], tile)
        if out is None:
            out = np.empty(shape, dtype=dtype)
        out[...] = 0
        for tile, total in zip(job.tiles, sums):
            for place in _places(total, tile, shape):
                job.flat(out)[...] += place
        return out


def _suits(kernel: Ints, dilation: Ints, groups: int) -> bool:
    return groups == 1 and len(dilation) <= 2 and all(d == 1 for d in dilation)


class _Job:
    """The geometry of one convolution; a single spatial axis is taken as an image one pixel high."""

    def __init__(self, x: Ints, w: Ints, strides: Ints, padding: Pairs, gradient: bool = False) -> None:
        n, c, o = x[0], x[-1], w[-1]
        one = len(strides) == 1
        (kh, kw), (sh, sw) = ((1, w[0]), (1, strides[0])) if one else (w[:2], strides)
        (top, bottom), (left, right) = ((0, 0), padding[0]) if one else padding
        height, width = (1, x[1]) if one else x[1:3]
        self.x_shape, self.w_shape = (n, height, width, c), (kh, kw, c, o)
        self.padded_shape = (top + height + bottom, left + width + right, c)
        self.pads = self.padded_shape != self.x_shape[1:]
        self.inside = (slice(None), slice(top, top + height), slice(left, left + width))
        oh, ow = (self.padded_shape[0] - kh) // sh + 1, (self.padded_shape[1] - kw) // sw + 1
        self.y_shape = (n, oh, ow, o)
        self.outer = (n, ow) if one else (n, oh, ow)
        self.tiles = _tiling(n, oh, ow, kh, kw, sh, sw, c, o, gradient)
        bytes_each = sum(4 * c * a.count * a.reach * b.count * b.reach for a, b in self.tiles)
        self.chunk = max(1, CHUNK_BYTES // max(bytes_each, 1))

    def image(self, x: Array) -> Array:
        return x.reshape(self.x_shape)

    def flat(self, w: Array) -> Array:
        return w.reshape(self.w_shape)

    def chunks(self) -> Iterator[slice]:
        n = self.x_shape[0]
        return (slice(i, min(i + self.chunk, n)) for i in range(0, n, self.chunk))

    def padded(self, x: Array) -> Iterator[tuple[slice, Array]]:
        """Chunks of the images with their padding, contiguous."""
        if x.flags.c_contiguous and not self.pads:
            for chunk in self.chunks():
                yield chunk, x[chunk]
            return
        place = np.zeros((min(self.chunk, len(x)), *self.padded_shape), dtype=x.dtype)
        for chunk in self.chunks():
            here = place[: chunk.stop - chunk.start]
            here[self.inside] = x[chunk]
            yield chunk, here


@lru_cache(maxsize=256)
def _tiling(n: int, oh: int, ow: int, kh: int, kw: int, sh: int, sw: int, c: int, o: int, gradient: bool) -> list[Tile]:
    """The tiles that cover oh x ow outputs at the least cost: one size for the bulk, others for what is left over."""
    best, cost = [], float("inf")
    for rows in _grids(oh, kh, sh):
        for columns in _grids(ow, kw, sw):
            tiles = [(a, b) for a in rows for b in columns]
            total = sum(_cost(n, *tile, c, o, gradient) for tile in tiles)
            if total < cost:
                best, cost = tiles, total
    return best


def _grids(outputs: int, taps: int, stride: int) -> Iterator[list[Grid]]:
    for size in SIZES:
        if size <= max(outputs, 1):
            count, left = divmod(outputs, size)
            whole = [Grid(0, count, size, taps, stride)]
            yield whole + ([Grid(count * size, 1, left, taps, stride)] if left else [])


def _cost(n: int, rows: Grid, columns: Grid, c: int, o: int, gradient: bool) -> float:
    window, made = rows.reach * columns.reach * c, rows.size * columns.size * o
    # BLAS works on 8 columns at a time.
    each = window * (-(-made // 8) * 8 * MULTIPLY + PACK)
    if gradient:
        each += window * ADD + rows.reach * -(-columns.reach // (columns.size * columns.stride)) * ADD_RUN
    else:
        each += rows.reach * RUN
    return n * rows.count * columns.count * each + rows.size * columns.size * BUILD + window * made * PACK


def _view(x: Array, shape: Ints, row: int, column: int, down: int, across: int) -> Array:
    """A view of (n, h, w, c) as (n, tiles down, tiles across, rows, columns * c): from a pixel on, tiles this far apart.

    x is contiguous. (``as_strided`` would do as well, at 5 us a call, which tells on small chunks.)
    """
    n, h, w, _ = x.strides
    offset = row * h + column * w
    return np.ndarray(shape, x.dtype, buffer=x, offset=offset, strides=(n, down * h, across * w, h, x.itemsize))


def _windows(x: Array, tile: Tile) -> Array:
    """The inputs of each tile as a view.  x: (n, h, w, c) -> (n, tiles down, tiles across, reach down, reach across * c)"""
    rows, columns = tile
    shape = (len(x), rows.count, columns.count, rows.reach, columns.reach * x.shape[3])
    row, column = rows.start * rows.stride, columns.start * columns.stride
    return _view(x, shape, row, column, rows.size * rows.stride, columns.size * columns.stride)


def _add_windows(x: Array, made: Array, tile: Tile) -> None:
    """Add the gradients of windows to the elements they came from, in parts within which no element stands twice."""
    rows, columns = tile
    c = x.shape[3]
    high, wide = rows.size * rows.stride, columns.size * columns.stride
    made = made.reshape(len(x), rows.count, columns.count, rows.reach, columns.reach * c)
    for i in range(0, rows.reach, high):
        for j in range(0, columns.reach, wide):
            part = made[:, :, :, i : i + high, j * c : (j + wide) * c]
            place = _view(x, part.shape, rows.start * rows.stride + i, columns.start * columns.stride + j, high, wide)
            place += part


def _by_tile(y: Array, tile: Tile) -> Array:
    """Outputs as a view.  y: (n, h, w, o) -> (n, tiles down, size down, tiles across, size across * o)"""
    rows, columns = tile
    part = y[:, rows.outputs, columns.outputs]
    return part.reshape(len(y), rows.count, rows.size, columns.count, columns.size * y.shape[3])


def _tile_shape(place: Array) -> Ints:
    n, down, high, across, wide = place.shape
    return n, down, across, high, wide


def _rows_of(dy: Array, tile: Tile) -> Array:
    """The outputs of each tile as a row of a matrix."""
    rows, columns = tile
    return _by_tile(dy, tile).swapaxes(2, 3).reshape(-1, rows.size * columns.size * dy.shape[3])


def _wide(w: Array, tile: Tile) -> Array:
    """The kernel at the place of every output of a tile: (window, outputs of the tile), mostly zeros."""
    rows, columns = tile
    _, _, c, o = w.shape
    matrix = np.zeros((rows.reach * columns.reach * c, rows.size * columns.size * o), dtype=w.dtype)
    for place in _places(matrix, tile, w.shape):
        place[...] = w
    return matrix


def _places(matrix: Array, tile: Tile, kernel: Ints) -> Iterator[Array]:
    """Views of the places of the kernel in a wide matrix, one for each output of a tile."""
    rows, columns = tile
    kh, kw, c, o = kernel if len(kernel) == 4 else (1, *kernel)
    parts = matrix.reshape(rows.reach, columns.reach, c, rows.size, columns.size, o)
    for i in range(rows.size):
        for j in range(columns.size):
            top, left = i * rows.stride, j * columns.stride
            yield parts[top : top + kh, left : left + kw, :, i, j]
