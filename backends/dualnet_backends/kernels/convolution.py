"""Convolution and its two gradients, for any number of spatial axes: the reference kernels.

Channels are the last axis.  x: (n, spatial..., c)  w: (k..., c / groups, o) -> y: (n, spatial'..., o).  strides, padding
and dilation have one entry for each spatial axis; an entry of padding is (zeros before, zeros after). As in every neural
network library the kernel is not flipped:

    y[n, i, o] = sum over t, c of  x[n, i * stride + t * dilation - before, c] w[t, c, o]
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

from .activation import IN_PLACE

Array = Any
Ints = tuple[int, ...]
Pairs = tuple[tuple[int, int], ...]


class After(NamedTuple):
    """What is done with the result y of a convolution: y = activation(scale y + shift), as by ``batch_norm_inference``.

    scale, shift: (o,). activation: "relu", "relu6" or None.
    """

    scale: Array
    shift: Array
    activation: str | None = None


class Convolution:
    """The convolution kernels of ``Backend``: one matrix product each, windows of x as rows (im2col) times w."""

    xp: Any

    if TYPE_CHECKING:  # defined by Backend

        def matmul(self, a: Array, b: Array, out: Array | None = None) -> Array: ...
        def sum_rows(self, x: Array, out: Array | None = None) -> Array: ...

        def scale_and_shift(
            self, x: Array, scale: Array, shift: Array, activation: str | None = None, out: Array | None = None
        ) -> Array: ...

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
        """The convolution of x and w, plus the bias b, (o,) or None, and then ``after``, in newly allocated memory."""
        rows = self._rows(x, w.shape[:-2], strides, padding, dilation, groups)
        y = self.matmul(rows, self._matrices(w, groups))  # (groups, n * spatial', o / groups)
        y = self.xp.swapaxes(y, 0, 1).reshape(
            (x.shape[0], *output_lengths(x.shape, w.shape, strides, padding, dilation), w.shape[-1])
        )
        if b is not None:
            y += b
        return y if after is None else self.scale_and_shift(y, *after, out=y)

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
        """``activation(conv(...))`` in newly allocated memory.  activation: see ``add_bias``"""
        return IN_PLACE[activation](self, self.conv(x, w, b, strides, padding, dilation, groups))

    def conv_input_gradient(
        self, dy: Array, w: Array, shape: Ints, strides: Ints, padding: Pairs, dilation: Ints, groups: int
    ) -> Array:
        """The gradient of x, of the shape ``shape``; also the transposed convolution of dy.  dy: (n, spatial'..., o)"""
        n, *inner, o = dy.shape
        taps, per_group = w.shape[:-2], w.shape[-2]
        rows = self.xp.swapaxes(dy.reshape(-1, groups, o // groups), 0, 1)
        d = self.matmul(rows, self.xp.swapaxes(self._matrices(w, groups), 1, 2))  # (groups, n * spatial', taps * c)
        d = d.reshape(groups, n, *inner, *taps, per_group)
        d = self.xp.moveaxis(d, 0, -2).reshape(n, *inner, *taps, groups * per_group)
        dx = self.xp.zeros(padded_shape(shape, padding), dtype=dy.dtype)
        for tap, span in tap_slices(taps, inner, strides, dilation):
            dx[span] += d[(slice(None),) * (1 + len(inner)) + tap]
        return dx[interior(shape, padding)]

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
        """The gradient of w, of the shape ``shape``; written into ``out`` if not None.  dy: (n, spatial'..., o)"""
        o = shape[-1]
        rows = self._rows(x, shape[:-2], strides, padding, dilation, groups)
        dys = self.xp.swapaxes(dy.reshape(-1, groups, o // groups), 0, 1)
        if groups == 1 and out is not None:
            self.matmul(rows[0].T, dys[0], out=out.reshape(-1, o))
            return out
        dw = self.matmul(self.xp.swapaxes(rows, 1, 2), dys)  # (groups, taps * c, o / groups)
        dw = self.xp.swapaxes(dw, 0, 1).reshape(shape)
        if out is None:
            return dw
        out[...] = dw
        return out

    def conv_bias_gradient(self, dy: Array, out: Array | None = None) -> Array:
        """The gradient of b: the sum over all axes but the last.  dy: (n, spatial'..., o) -> (o,)

        Over the samples first, since a row of few channels is slow to add on a CPU.
        """
        n, *inner, o = dy.shape
        rows = self.sum_rows(dy.reshape(n, prod(inner) * o))
        return self.sum_rows(rows.reshape(prod(inner), o), out=out)

    def _rows(self, x: Array, taps: Ints, strides: Ints, padding: Pairs, dilation: Ints, groups: int) -> Array:
        """The windows of x as the rows of one matrix per group: (groups, n * spatial', taps * c / groups)."""
        xp, rank = self.xp, len(taps)
        if any(p != (0, 0) for p in padding):
            padded = xp.zeros(padded_shape(x.shape, padding), dtype=x.dtype)
            padded[interior(x.shape, padding)] = x
            x = padded
        window = tuple((k - 1) * d + 1 for k, d in zip(taps, dilation))
        view = xp.lib.stride_tricks.sliding_window_view(
            x, window, axis=tuple(range(1, rank + 1))
        )  # (n, spatial', c, taps)
        every = (slice(None), *(slice(None, None, s) for s in strides), slice(None))
        view = xp.moveaxis(view[every + tuple(slice(None, None, d) for d in dilation)], rank + 1, -1)
        n, *inner = view.shape[: rank + 1]
        per_group = x.shape[-1] // groups
        view = xp.moveaxis(
            view.reshape(n, *inner, *taps, groups, per_group) if groups > 1 else view[..., None, :], -2, 0
        )
        return view.reshape(groups, prod((n, *inner)), prod(taps) * per_group)

    def _matrices(self, w: Array, groups: int) -> Array:
        """(k..., c, o) -> (groups, taps * c, o / groups)"""
        o = w.shape[-1]
        return self.xp.swapaxes(w.reshape(prod(w.shape[:-1]), groups, o // groups), 0, 1)


def output_lengths(x: Ints, kernel: Ints, strides: Ints, padding: Pairs, dilation: Ints) -> list[int]:
    """The spatial lengths of the output, for an x and a kernel of these shapes."""
    axes = zip(x[1:-1], kernel, strides, padding, dilation)
    return [(n + before + after - (k - 1) * d - 1) // s + 1 for n, k, s, (before, after), d in axes]


def tap_slices(
    taps: Ints, inner: Sequence[int], strides: Ints, dilation: Ints
) -> Iterator[tuple[Ints, tuple[slice, ...]]]:
    """For each tap (an index into the kernel): the slice of the padded input it multiplies, one element per output."""
    for tap in product(*map(range, taps)):
        starts = [t * d for t, d in zip(tap, dilation)]
        yield tap, (slice(None), *(slice(i, i + s * (n - 1) + 1, s) for i, s, n in zip(starts, strides, inner)))


def padded_shape(shape: Ints, padding: Pairs) -> Ints:
    """The shape of x after padding."""
    return (shape[0], *(before + n + after for n, (before, after) in zip(shape[1:], padding)), shape[-1])


def interior(shape: Ints, padding: Pairs) -> tuple[slice, ...]:
    """The slice of a padded array that holds the array itself."""
    return (slice(None), *(slice(before, before + n) for n, (before, _) in zip(shape[1:], padding)))
