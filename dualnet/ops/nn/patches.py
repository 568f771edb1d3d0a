"""Blocks of pixels as channels and back, and sliding windows as columns and back."""

from __future__ import annotations

from typing import Any

from .. import shape_rules
from .._common import Array, Forward, Xp
from ..registry import op

Pair = int | tuple[int, int] | list[int]


def _sizes(x: Array, block_size: int, data_format: str) -> tuple[int, int, int, int]:
    """(batch, height, width, channels)"""
    if block_size < 2:
        raise ValueError(f"expected a block_size of at least 2, got {block_size}")
    if data_format not in ("channels_last", "channels_first"):
        raise ValueError(f'expected data_format "channels_last" or "channels_first", got {data_format!r}')
    if x.ndim != 4:
        raise ValueError(f"expected images with 4 axes, got shape {x.shape}")
    b, h, w, c = x.shape if data_format == "channels_last" else (x.shape[0], *x.shape[2:], x.shape[1])
    return b, h, w, c


def _rearrange(xp: Xp, x: Array, before: tuple[int, ...], order: tuple[int, ...], after: tuple[int, ...]) -> Forward:
    """x reshaped to more axes, transposed, and reshaped again."""
    inverse = tuple(order.index(a) for a in range(len(order)))
    transposed = tuple(before[a] for a in order)

    def backward(dy: Array) -> Array:
        return xp.transpose(dy.reshape(transposed), inverse).reshape(x.shape)

    return xp.transpose(x.reshape(before), order).reshape(after), backward


@op("nn", shape=shape_rules.space_to_depth)
def space_to_depth(xp: Xp, x: Array, /, block_size: int, data_format: str = "channels_last") -> Forward:
    """Blocks of s by s pixels as channels.  x: (b, h, w, c) -> (b, h / s, w / s, s * s * c), s = block_size

    channels_first: (b, c, h, w) -> (b, c * s * s, h / s, w / s).
    """
    b, h, w, c = _sizes(x, block_size, data_format)
    s = block_size
    if h % s or w % s:
        raise ValueError(f"space_to_depth: expected height and width to be multiples of {s}, got {h} and {w}")
    h, w = h // s, w // s
    if data_format == "channels_last":
        return _rearrange(xp, x, (b, h, s, w, s, c), (0, 1, 3, 2, 4, 5), (b, h, w, s * s * c))
    return _rearrange(xp, x, (b, c, h, s, w, s), (0, 1, 3, 5, 2, 4), (b, c * s * s, h, w))


@op("nn", shape=shape_rules.depth_to_space)
def depth_to_space(xp: Xp, x: Array, /, block_size: int, data_format: str = "channels_last") -> Forward:
    """Channels as blocks of s by s pixels: the inverse of ``space_to_depth``.  (b, h, w, s * s * c) -> (b, h * s, w * s, c)"""
    b, h, w, c = _sizes(x, block_size, data_format)
    s = block_size
    if c % (s * s):
        raise ValueError(f"depth_to_space: expected the number of channels to be a multiple of {s * s}, got {c}")
    c //= s * s
    if data_format == "channels_last":
        return _rearrange(xp, x, (b, h, w, s, s, c), (0, 1, 3, 2, 4, 5), (b, h * s, w * s, c))
    return _rearrange(xp, x, (b, c, s, s, h, w), (0, 1, 4, 2, 5, 3), (b, c, h * s, w * s))


def _pair(value: Pair) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (value[0], value[1])


class _Windows:
    """Where the windows of an image (..., h, w) begin, and how many there are."""

    def __init__(self, size: tuple[int, int], kernel: Pair, dilation: Pair, padding: Pair, stride: Pair) -> None:
        self.size, self.kernel = size, _pair(kernel)
        self.dilation, self.padding, self.stride = _pair(dilation), _pair(padding), _pair(stride)
        spans = ((k - 1) * d + 1 for k, d in zip(self.kernel, self.dilation))
        room = (n + 2 * p - span for n, p, span in zip(size, self.padding, spans))
        self.count = tuple(r // s + 1 for r, s in zip(room, self.stride))
        if min(self.count) < 1:
            raise ValueError(f"a kernel of {self.kernel} with dilation {self.dilation} does not fit into {size}")
        self.padded = tuple(n + 2 * p for n, p in zip(size, self.padding))

    def keys(self) -> Any:
        """For each element of the kernel (row, column, key of the padded image)"""
        for i in range(self.kernel[0]):
            for j in range(self.kernel[1]):
                starts = (i * self.dilation[0], j * self.dilation[1])
                parts = (slice(a, a + (n - 1) * s + 1, s) for a, n, s in zip(starts, self.count, self.stride))
                yield i, j, (..., *parts)

    def columns(self, xp: Xp, x: Array) -> Array:
        """(b, c, h, w) -> (b, c * kernel, windows)"""
        b, c = x.shape[:2]
        p, q = self.padding
        x = xp.pad(x, ((0, 0), (0, 0), (p, p), (q, q)))
        y = xp.zeros((b, c, *self.kernel, *self.count), dtype=x.dtype)
        for i, j, key in self.keys():
            y[:, :, i, j] = x[key]
        return y.reshape((b, c * self.kernel[0] * self.kernel[1], self.count[0] * self.count[1]))

    def image(self, xp: Xp, y: Array) -> Array:
        """(b, c * kernel, windows) -> (b, c, h, w): overlaps of windows are summed"""
        b, c = y.shape[0], y.shape[1] // (self.kernel[0] * self.kernel[1])
        y = y.reshape((b, c, *self.kernel, *self.count))
        x = xp.zeros((b, c, *self.padded), dtype=y.dtype)
        for i, j, key in self.keys():
            x[key] += y[:, :, i, j]
        (p, q), (h, w) = self.padding, self.size
        return x[:, :, p : p + h, q : q + w]


@op("nn")
def unfold(xp: Xp, x: Array, /, kernel_size: Pair, dilation: Pair = 1, padding: Pair = 0, stride: Pair = 1) -> Forward:
    """Sliding windows as columns.  x: (b, c, h, w) -> (b, c * kernel rows * kernel columns, windows)"""
    if x.ndim != 4:
        raise ValueError(f"unfold: expected images of shape (b, c, h, w), got {x.shape}")
    windows = _Windows(x.shape[2:], kernel_size, dilation, padding, stride)
    return windows.columns(xp, x), lambda dy: windows.image(xp, dy)


@op("nn", shape=shape_rules.fold)
def fold(
    xp: Xp, x: Array, /, output_size: Pair, kernel_size: Pair, dilation: Pair = 1, padding: Pair = 0, stride: Pair = 1
) -> Forward:
    """Columns as sliding windows of an image, added up where they overlap.  (b, c * kernel, windows) -> (b, c, h, w)"""
    windows = _Windows(_pair(output_size), kernel_size, dilation, padding, stride)
    area, count = windows.kernel[0] * windows.kernel[1], windows.count[0] * windows.count[1]
    if x.ndim != 3 or x.shape[1] % area or x.shape[2] != count:
        raise ValueError(
            f"fold: expected shape (b, c * {area}, {count}) for a kernel of {windows.kernel} and an output of "
            f"{windows.size}, got {x.shape}"
        )
    return windows.image(xp, x), lambda dy: windows.columns(xp, dy)
