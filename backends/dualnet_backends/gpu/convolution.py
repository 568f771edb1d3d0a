"""Convolution on the GPU: gathered windows and matrix products, or one kernel without a product.

A product needs the windows of x as rows (im2col), which are gathered for a few samples at a time, so that they take a bounded amount
of memory. Its two gradients gather too: each pixel adds up what its outputs give it, in the order of the taps, so that results
do not depend on the order in which threads run. Where the rows are x as it lies in memory (1 x 1 kernels) nothing is gathered.

A depthwise convolution has no useful product, and in a small network the launches cost more than the arithmetic: those are summed
directly, by one thread for each element of the result.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import Any, NamedTuple

import cupy as cp
import numpy as np

from ..kernels.convolution import After, Array, Convolution, Ints, Pairs, output_lengths
from .modules import BLOCKS, THREADS, contiguous, count_type, kernel, launch

ROWS_BYTES = 1 << 28  # of gathered windows at a time
# Products of two numbers: up to so many, one launch is taken to be faster than a product of matrices and what it needs. An estimate,
# from loads and launches, which a measurement on a GPU is to replace.
FEW = 1 << 25
PARTS = 256  # of a sum over all outputs, at most
THREADS_OF_PARTS = 1 << 17  # as many threads as a GPU runs at a time, about

_ACTIVATIONS = ("linear", "relu", "relu6", "tanh", "elu")
_AXES = ("lengths", "outputs", "taps", "strides", "before", "dilation")
_GEOMETRY = np.dtype(
    [(name, "i4", 3) for name in _AXES] + [(name, "i4") for name in ("channels", "filters", "groups", "per_group")]
)
Vectors = tuple[Array | None, ...]
_AFTER = np.dtype([("bias", "u8"), ("scale", "u8"), ("shift", "u8"), ("activation", "i8")])


class Geometry(NamedTuple):
    """The sizes of one convolution, apart from the number of samples."""

    lengths: Ints
    outputs: Ints
    taps: Ints
    channels: int
    filters: int
    groups: int
    argument: Any  # all of them, as the kernels take it
    is_product: bool  # whether the windows of a group are its x as it lies in memory

    @property
    def is_matrix(self) -> bool:
        """Whether both gradients are one product each, of nothing but what lies in memory."""
        return self.is_product and self.groups == 1

    @property
    def window(self) -> int:
        """The elements of a window of one group."""
        return prod(self.taps) * (self.channels // self.groups)

    @property
    def of_group(self) -> int:
        """The filters of a group."""
        return self.filters // self.groups

    def is_direct(self, samples: int) -> bool:
        """Whether to do without a matrix product."""
        return self.channels == self.groups or samples * prod(self.outputs) * self.window * self.filters <= FEW

    def sizes(self, samples: int) -> Ints:
        """The numbers of elements that a kernel counts: x, y, rows, w"""
        pixels = samples * prod(self.outputs)
        x = samples * prod(self.lengths) * self.channels
        return x, pixels * self.filters, pixels * self.window * self.groups, self.window * self.filters

    def chunks(self, samples: int, itemsize: int) -> list[slice]:
        """Samples, so many at a time that their rows take a bounded amount of memory."""
        rows = 0 if self.is_product else prod(self.outputs) * self.window * self.groups * itemsize
        count = max(1, ROWS_BYTES // rows) if rows else samples
        return [slice(i, min(i + count, samples)) for i in range(0, samples, count)]


@lru_cache(maxsize=4096)
def _geometry(
    lengths: Ints, outputs: Ints, w: Ints, strides: Ints, padding: Pairs, dilation: Ints, groups: int
) -> Geometry:
    *taps, per_group, filters = w
    before = tuple(pair[0] for pair in padding)
    argument = np.zeros((), _GEOMETRY)
    rank = len(lengths)
    for name, values, fill in zip(_AXES, (lengths, outputs, taps, strides, before, dilation), (1, 1, 1, 1, 0, 1)):
        argument[name] = (fill,) * (3 - rank) + tuple(values)
    argument["channels"], argument["filters"] = groups * per_group, filters
    argument["groups"], argument["per_group"] = groups, per_group
    one_after_the_other = not any(before) and all(s == 1 or n == 1 for s, n in zip(strides, outputs))
    pointwise = prod(taps) == 1 and outputs == lengths
    whole = groups == 1 and prod(outputs) == 1 and tuple(taps) == lengths and all(d == 1 for d in dilation)
    is_product = one_after_the_other and (pointwise or whole)
    return Geometry(lengths, outputs, tuple(taps), groups * per_group, filters, groups, argument[()], is_product)


def _is_supported(x: Array, w: Array, rank: int) -> bool:
    """Whether the kernels know the dtype, and there is something to compute."""
    return x.dtype == w.dtype and x.dtype.char in "efd" and rank <= 3 and x.size > 0 and w.size > 0


class CupyConvolution(Convolution):
    """Overrides for up to three spatial axes."""

    def conv(
        self,
        x: Array,
        w: Array,
        b: Array | None,
        strides: Ints,
        padding: Pairs,
        dilation: Ints,
        groups: int,
        after: After | None = None,
    ) -> Array:
        scale, shift, activation = after or (None, None, None)
        y = self._convolved(x, w, (b, scale, shift), activation or "linear", (strides, padding, dilation, groups))
        return super().conv(x, w, b, strides, padding, dilation, groups, after) if y is None else y

    def activated_conv(
        self,
        x: Array,
        w: Array,
        b: Array | None,
        activation: str,
        strides: Ints,
        padding: Pairs,
        dilation: Ints,
        groups: int,
    ) -> Array:
        y = self._convolved(x, w, (b, None, None), activation, (strides, padding, dilation, groups))
        return super().activated_conv(x, w, b, activation, strides, padding, dilation, groups) if y is None else y

    def _convolved(self, x: Array, w: Array, vectors: Vectors, activation: str, geometry: Any) -> Array | None:
        """The convolution with what follows it; None for what the kernels do not know.  vectors: bias, scale and shift"""
        lengths = tuple(output_lengths(x.shape, w.shape, *geometry[:3]))
        is_known = activation in _ACTIVATIONS and all(v is None or v.dtype == x.dtype for v in vectors)
        if not is_known or not _is_supported(x, w, len(lengths)) or 0 in lengths:
            return None
        groups = geometry[-1]
        y = cp.empty((x.shape[0], *lengths, w.shape[-1]), dtype=x.dtype)
        g = _geometry(x.shape[1:-1], lengths, w.shape, *geometry)
        x, vectors = contiguous(x), tuple(None if v is None else contiguous(v) for v in vectors)
        after = _after(vectors, activation)
        if g.is_direct(len(x)):
            function = _kernel("convolve", x, g.sizes(len(x)))
            launch(function, y.size, y, x, contiguous(w), after, g.argument, cp.int64(y.size))
            return y
        matrices = self._matrices(w, groups)
        for chunk in g.chunks(len(x), x.itemsize):
            part = y[chunk]
            outputs = part.size // g.filters
            rows = _windows(x[chunk], g)
            if groups == 1:
                products = self.matmul(rows[0], matrices[0], out=part.reshape(outputs, g.filters))
            else:
                products = self.matmul(rows, matrices)
            if groups > 1 or any(after.item()):
                function = _kernel("finish", x, (part.size,))
                sizes = (cp.int32(g.filters), cp.int32(g.of_group), cp.int64(outputs), cp.int64(part.size))
                launch(function, part.size, part, products, after, *sizes)
        return y

    def conv_input_gradient(
        self, dy: Array, w: Array, shape: Ints, strides: Ints, padding: Pairs, dilation: Ints, groups: int
    ) -> Array:
        dx = cp.empty(shape, dtype=dy.dtype)
        if not _is_supported(dy, w, len(shape) - 2) or dx.size == 0:
            return super().conv_input_gradient(dy, w, shape, strides, padding, dilation, groups)
        g = _geometry(tuple(shape[1:-1]), dy.shape[1:-1], w.shape, strides, padding, dilation, groups)
        dy = contiguous(dy)
        if not g.is_matrix and g.is_direct(len(dy)):
            function = _kernel("convolve_input_gradient", dy, g.sizes(len(dy)))
            launch(function, dx.size, dx, dy, contiguous(w), g.argument, cp.int64(dx.size))
            return dx
        matrices = cp.swapaxes(self._matrices(w, groups), 1, 2)  # (groups, o / groups, taps * c)
        for chunk in g.chunks(len(dy), dy.itemsize):
            part = dx[chunk]
            dys = _by_group(dy[chunk], groups)  # (groups, outputs, o / groups)
            if g.is_matrix:
                self.matmul(dys[0], matrices[0], out=part.reshape(len(dys[0]), g.window))
                continue
            rows = self.matmul(dys, matrices) if groups > 1 else self.matmul(dys[0], matrices[0])
            function = _kernel("add_windows", dy, g.sizes(len(part)))
            launch(function, part.size, part, rows, g.argument, cp.int64(dys.shape[1]), cp.int64(part.size))
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
        if not _is_supported(x, dy, len(shape) - 2) or 0 in shape:
            return super().conv_kernel_gradient(x, dy, shape, strides, padding, dilation, groups, out)
        g = _geometry(x.shape[1:-1], dy.shape[1:-1], tuple(shape), strides, padding, dilation, groups)
        x, dy = contiguous(x), contiguous(dy)
        fits = out is not None and out.flags.c_contiguous and out.dtype == x.dtype
        dw: Any = out if fits else cp.empty(shape, dtype=x.dtype)
        if not g.is_matrix and g.is_direct(len(x)):
            _add_parts(dw, _kernel_gradient_parts(x, dy, g))
        else:
            self._multiply_windows(dw, x, dy, g)
        if out is None or dw is out:
            return dw
        out[...] = dw
        return out

    def _multiply_windows(self, dw: Array, x: Array, dy: Array, g: Geometry) -> None:
        """Write the gradient of w, as products of windows and dy, to a contiguous dw."""
        chunks, shape = g.chunks(len(x), x.itemsize), (g.groups, g.window, g.of_group)
        is_dw = g.groups == 1 and len(chunks) == 1
        parts = dw.reshape(1, *shape) if is_dw else cp.empty((len(chunks), *shape), dtype=x.dtype)
        for chunk, part in zip(chunks, parts):
            rows, dys = _windows(x[chunk], g), _by_group(dy[chunk], g.groups)
            if g.groups == 1:
                self.matmul(rows[0].T, dys[0], out=part[0])
            else:
                self.matmul(cp.swapaxes(rows, 1, 2), dys, out=part)
        total = parts[0]
        if len(chunks) > 1:
            total = dw.reshape(shape) if g.groups == 1 else cp.empty(shape, dtype=x.dtype)
            _add_parts(total, parts)
        if g.groups > 1:
            dw.reshape(g.window, g.groups, g.of_group)[...] = cp.swapaxes(total, 0, 1)

    def conv_bias_gradient(self, dy: Array, out: Array | None = None) -> Array:
        return self.sum_rows(dy, out=out)


def _kernel(name: str, x: Array, counts: Ints) -> Any:
    """A kernel for arrays like x that counts up to the largest of ``counts``."""
    return kernel("convolution", name, x.dtype.char, I=count_type(*counts), S="f")


def _after(vectors: Vectors, activation: str) -> Any:
    """What follows the sums of a convolution, as the kernels take it.  vectors: contiguous"""
    addresses = (0 if v is None else v.data.ptr for v in vectors)
    return np.array((*addresses, _ACTIVATIONS.index(activation)), _AFTER)[()]


def _by_group(x: Array, groups: int) -> Array:
    """(n, spatial..., c) -> (groups, n * spatial, c / groups), a view"""
    return cp.swapaxes(x.reshape(-1, groups, x.shape[-1] // groups), 0, 1)


def _windows(x: Array, g: Geometry) -> Array:
    """The windows of x as the rows of one matrix for each group: (groups, n * outputs, taps * c / groups)"""
    if g.is_product:
        return _by_group(x.reshape(-1, g.window * g.groups), g.groups)
    outputs = len(x) * prod(g.outputs)
    rows = cp.empty((g.groups, outputs, g.window), dtype=x.dtype)
    columns = min(THREADS, 1 << (g.window - 1).bit_length())
    lines = THREADS // columns
    grid = (-(-g.window // columns), min(-(-outputs // lines), BLOCKS), g.groups)
    function = _kernel("windows", x, g.sizes(len(x)))
    function(grid, (columns, lines), (rows, x, g.argument, cp.int64(outputs), cp.int64(g.window)))
    return rows


def _kernel_gradient_parts(x: Array, dy: Array, g: Geometry) -> Array:
    """The gradient of w, summed over each part of the outputs.  -> (parts, size of w)"""
    size, lines = g.window * g.filters, dy.size // dy.shape[-1] // dy.shape[-2]
    count = max(1, min(PARTS, lines, THREADS_OF_PARTS // size))
    of_part = -(-lines // count)
    sums = cp.empty((-(-lines // of_part), size), dtype="d" if x.dtype.char == "d" else "f")
    function = _kernel("convolve_kernel_gradient", x, (*g.sizes(len(x)), sums.size))
    counts = (cp.int64(lines), cp.int64(of_part), cp.int64(sums.size))
    launch(function, sums.size, sums, x, dy, g.argument, *counts)
    return sums


def _add_parts(out: Array, sums: Array) -> None:
    """The sum over the first axis.  sums: (parts, ...) -> out"""
    function = kernel("convolution", "add_parts", out.dtype.char, I="i", S=sums.dtype.char)
    function((-(-out.size // 32),), (32, 8), (out, sums, cp.int64(len(sums)), cp.int64(out.size)))
