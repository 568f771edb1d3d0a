"""Convolution and its two gradients, for any number of spatial axes: the plain bodies.

Channels stand last everywhere.  x: (n, spatial..., c)  w: (k..., c / groups, o) -> y: (n, spatial'..., o).  strides, padding
and dilation have one entry for each spatial axis; an entry of padding is (zeros before, zeros after). As in every neural
network library the kernel is not flipped:

    y[n, i, o] = sum over t, c of  x[n, i * stride + t * dilation - before, c] w[t, c, o]
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

Array = Any
Ints = tuple[int, ...]
Pairs = tuple[tuple[int, int], ...]


class Convolution:
    """The kernels of ``Backend`` that convolve. One product of matrices each: windows of x, laid out as rows, times w."""

    xp: Any

    if TYPE_CHECKING:  # Backend has it

        def matmul(self, a: Array, b: Array, out: Array | None = None) -> Array: ...

    def conv(
        self, x: Array, w: Array, b: Array | None, strides: Ints, padding: Pairs, dilation: Ints, groups: int
    ) -> Array:
        """The convolution, with the bias b, (o,) or None, added to it: fresh memory."""
        rows = self._rows(x, w.shape[:-2], strides, padding, dilation, groups)
        y = self.matmul(rows, self._matrices(w, groups))  # (groups, n * spatial', o / groups)
        y = self.xp.swapaxes(y, 0, 1).reshape(
            (x.shape[0], *lengths(x.shape, w.shape, strides, padding, dilation), w.shape[-1])
        )
        if b is not None:
            y += b
        return y

    def conv_input_gradient(
        self, dy: Array, w: Array, shape: Ints, strides: Ints, padding: Pairs, dilation: Ints, groups: int
    ) -> Array:
        """The gradient of x, which has the given shape. It is also the transposed convolution of dy.  dy: (n, spatial'..., o)"""
        n, *inner, o = dy.shape
        taps, per_group = w.shape[:-2], w.shape[-2]
        rows = self.xp.swapaxes(dy.reshape(-1, groups, o // groups), 0, 1)
        d = self.matmul(rows, self.xp.swapaxes(self._matrices(w, groups), 1, 2))  # (groups, n * spatial', taps * c)
        d = d.reshape(groups, n, *inner, *taps, per_group)
        d = self.xp.moveaxis(d, 0, -2).reshape(n, *inner, *taps, groups * per_group)
        dx = self.xp.zeros(padded_shape(shape, padding), dtype=dy.dtype)
        for tap, span in spans(taps, inner, strides, dilation):
            dx[span] += d[(slice(None),) * (1 + len(inner)) + tap]
        return dx[inside(shape, padding)]

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
        """The gradient of w, which has the given shape; written to ``out`` if there is one.  dy: (n, spatial'..., o)"""
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

    def _rows(self, x: Array, taps: Ints, strides: Ints, padding: Pairs, dilation: Ints, groups: int) -> Array:
        """The windows of x as the rows of one matrix for each group: (groups, n * spatial', taps * c / groups)."""
        xp, rank = self.xp, len(taps)
        if any(p != (0, 0) for p in padding):
            wide = xp.zeros(padded_shape(x.shape, padding), dtype=x.dtype)
            wide[inside(x.shape, padding)] = x
            x = wide
        spread = tuple((k - 1) * d + 1 for k, d in zip(taps, dilation))
        view = xp.lib.stride_tricks.sliding_window_view(
            x, spread, axis=tuple(range(1, rank + 1))
        )  # (n, spatial', c, taps)
        every = (slice(None), *(slice(None, None, s) for s in strides), slice(None))
        view = xp.moveaxis(view[every + tuple(slice(None, None, d) for d in dilation)], rank + 1, -1)
        n, *inner = view.shape[: rank + 1]
        per_group = x.shape[-1] // groups
        view = xp.moveaxis(
            view.reshape(n, *inner, *taps, groups, per_group) if groups > 1 else view[..., None, :], -2, 0
        )
        return view.reshape(groups, _product((n, *inner)), _product(taps) * per_group)

    def _matrices(self, w: Array, groups: int) -> Array:
        """(k..., c, o) -> (groups, taps * c, o / groups)"""
        o = w.shape[-1]
        return self.xp.swapaxes(w.reshape(_product(w.shape[:-1]), groups, o // groups), 0, 1)


def lengths(x: Ints, kernel: Ints, strides: Ints, padding: Pairs, dilation: Ints) -> list[int]:
    """The lengths of the spatial axes of the convolution of an x with a kernel of these shapes."""
    given = zip(x[1:-1], kernel, strides, padding, dilation)
    return [(n + before + after - (k - 1) * d - 1) // s + 1 for n, k, s, (before, after), d in given]


def spans(taps: Ints, inner: Sequence[int], strides: Ints, dilation: Ints) -> Iterator[tuple[Ints, tuple[slice, ...]]]:
    """For each place in the kernel, the part of the padded input that meets it, one element for each output."""
    for tap in product(*map(range, taps)):
        starts = [t * d for t, d in zip(tap, dilation)]
        yield tap, (slice(None), *(slice(i, i + s * (n - 1) + 1, s) for i, s, n in zip(starts, strides, inner)))


def padded_shape(shape: Ints, padding: Pairs) -> Ints:
    return (shape[0], *(before + n + after for n, (before, after) in zip(shape[1:], padding)), shape[-1])


def inside(shape: Ints, padding: Pairs) -> tuple[slice, ...]:
    return (slice(None), *(slice(before, before + n) for n, (before, _) in zip(shape[1:], padding)))


def _product(shape: Any) -> int:
    n = 1
    for d in shape:
        n *= d
    return n
