"""Depthwise convolution on the CPU: one filter per channel, as a sum of shifted products.

It has no useful matrix product (im2col makes one of 9 x 1 per channel), so each tap of the kernel multiplies a shifted image.
Samples are processed in chunks that stay in the cache over all taps.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..kernels.convolution import Array, Ints, Pairs, interior, padded_shape, tap_slices

CHUNK_BYTES = 1 << 18  # of the input: with outputs and products it stays in a second-level cache


def is_depthwise(kernel: Ints, groups: int) -> bool:
    """Whether every channel has exactly one filter."""
    return groups > 1 and kernel[-2] == 1 and kernel[-1] == groups


def forward(x: Array, w: Array, b: Array | None, y: Array, strides: Ints, padding: Pairs, dilation: Ints) -> Array:
    """Write the convolution to y."""
    taps = list(tap_slices(w.shape[:-2], y.shape[1:-1], strides, dilation))
    rows = _tile_kernel(w, y, strides)
    for chunk, padded in _padded(x, padding):
        part = _flatten_rows(y[chunk], strides)
        part[...] = 0 if b is None else np.tile(b, part.shape[-1] // len(b))
        product = np.empty_like(part)
        for tap, index in taps:
            part += np.multiply(_flatten_rows(padded[index], strides), rows[tap], out=product)
    return y


def input_gradient(dy: Array, w: Array, dx: Array, strides: Ints, padding: Pairs, dilation: Ints) -> Array:
    """Write the gradient of x to dx."""
    taps = list(tap_slices(w.shape[:-2], dy.shape[1:-1], strides, dilation))
    rows = _tile_kernel(w, dy, strides)
    for chunk in _chunks(dx):
        part = _flatten_rows(dy[chunk], strides)
        padded = np.zeros(padded_shape(dx[chunk].shape, padding), dtype=dx.dtype)
        product = np.empty_like(part)
        for tap, index in taps:
            target = _flatten_rows(padded[index], strides)
            target += np.multiply(part, rows[tap], out=product)
        dx[chunk] = padded[interior(dx.shape, padding)]
    return dx


def kernel_gradient(x: Array, dy: Array, dw: Array, strides: Ints, padding: Pairs, dilation: Ints) -> Array:
    """Write the gradient of w to dw."""
    c = x.shape[-1]
    taps = list(tap_slices(dw.shape[:-2], dy.shape[1:-1], strides, dilation))
    dw[...] = 0
    for chunk, padded in _padded(x, padding):
        part = _flatten_rows(dy[chunk], strides)
        product = np.empty_like(part)
        for tap, index in taps:
            np.multiply(_flatten_rows(padded[index], strides), part, out=product)
            # First over the samples, where rows are long, then over the pixels.
            dw[tap] += product.reshape(len(part), -1).sum(axis=0).reshape(-1, c).sum(axis=0)
    return dw


def _chunks(x: Array) -> Iterator[slice]:
    size = max(1, CHUNK_BYTES // max(x[:1].nbytes, 1))
    return (slice(i, min(i + size, len(x))) for i in range(0, len(x), size))


def _padded(x: Array, padding: Pairs) -> Iterator[tuple[slice, Array]]:
    for chunk in _chunks(x):
        part = x[chunk]
        padded = np.zeros(padded_shape(part.shape, padding), dtype=x.dtype)
        padded[interior(x.shape, padding)] = part
        yield chunk, padded


def _flatten_rows(x: Array, strides: Ints) -> Array:
    """With stride 1 a row of pixels is contiguous: (n, ..., w, c) -> (n, ..., w * c), a view."""
    return x.reshape(*x.shape[:-2], x.shape[-2] * x.shape[-1]) if strides[-1] == 1 else x


def _tile_kernel(w: Array, y: Array, strides: Ints) -> Any:
    """The kernel, (taps..., c), repeated for every pixel of a row where ``_flatten_rows`` flattens rows."""
    w = w.reshape(*w.shape[:-2], w.shape[-1])
    return np.tile(w, y.shape[-2]) if strides[-1] == 1 else w
