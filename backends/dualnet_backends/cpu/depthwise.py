"""Depthwise convolution on the CPU: one filter for each channel, by shifted products.

There is no product of matrices in it (the plain body makes one of 9 x 1 for each channel), so each tap of the kernel is one
multiplication of a shifted image, added up. Samples are taken in chunks that stay in cache over all taps.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..kernels.convolution import Array, Ints, Pairs, inside, padded_shape, spans

CHUNK_BYTES = 1 << 18  # of the input: with outputs and products it stays in a second-level cache


def suits(kernel: Ints, groups: int) -> bool:
    """Whether every channel has one filter of its own."""
    return groups > 1 and kernel[-2] == 1 and kernel[-1] == groups


def forward(x: Array, w: Array, b: Array | None, y: Array, strides: Ints, padding: Pairs, dilation: Ints) -> Array:
    """Write the convolution to y."""
    taps = list(spans(w.shape[:-2], y.shape[1:-1], strides, dilation))
    rows = _along_rows(w, y, strides)
    for chunk, here in _padded(x, padding):
        part = _flat(y[chunk], strides)
        part[...] = 0 if b is None else np.tile(b, part.shape[-1] // len(b))
        product = np.empty_like(part)
        for tap, span in taps:
            part += np.multiply(_flat(here[span], strides), rows[tap], out=product)
    return y


def input_gradient(dy: Array, w: Array, dx: Array, strides: Ints, padding: Pairs, dilation: Ints) -> Array:
    """Write the gradient of x to dx."""
    taps = list(spans(w.shape[:-2], dy.shape[1:-1], strides, dilation))
    rows = _along_rows(w, dy, strides)
    for chunk in _chunks(dx):
        part = _flat(dy[chunk], strides)
        padded = np.zeros(padded_shape(dx[chunk].shape, padding), dtype=dx.dtype)
        product = np.empty_like(part)
        for tap, span in taps:
            place = _flat(padded[span], strides)
            place += np.multiply(part, rows[tap], out=product)
        dx[chunk] = padded[inside(dx.shape, padding)]
    return dx


def kernel_gradient(x: Array, dy: Array, dw: Array, strides: Ints, padding: Pairs, dilation: Ints) -> Array:
    """Write the gradient of w to dw."""
    c = x.shape[-1]
    taps = list(spans(dw.shape[:-2], dy.shape[1:-1], strides, dilation))
    dw[...] = 0
    for chunk, here in _padded(x, padding):
        part = _flat(dy[chunk], strides)
        product = np.empty_like(part)
        for tap, span in taps:
            np.multiply(_flat(here[span], strides), part, out=product)
            # First over the samples, where rows are long, then over what is left of the pixels.
            dw[tap] += product.reshape(len(part), -1).sum(axis=0).reshape(-1, c).sum(axis=0)
    return dw


def _chunks(x: Array) -> Iterator[slice]:
    each = max(1, CHUNK_BYTES // max(x[:1].nbytes, 1))
    return (slice(i, min(i + each, len(x))) for i in range(0, len(x), each))


def _padded(x: Array, padding: Pairs) -> Iterator[tuple[slice, Array]]:
    for chunk in _chunks(x):
        part = x[chunk]
        here = np.zeros(padded_shape(part.shape, padding), dtype=x.dtype)
        here[inside(x.shape, padding)] = part
        yield chunk, here


def _flat(x: Array, strides: Ints) -> Array:
    """With stride 1 the channels of a row of pixels lie in one stretch: (n, ..., w, c) -> (n, ..., w * c), a view."""
    return x.reshape(*x.shape[:-2], x.shape[-2] * x.shape[-1]) if strides[-1] == 1 else x


def _along_rows(w: Array, y: Array, strides: Ints) -> Any:
    """The kernel of each tap, (taps..., c), repeated for every pixel of a row where rows are taken as one stretch."""
    w = w.reshape(*w.shape[:-2], w.shape[-1])
    return np.tile(w, y.shape[-2]) if strides[-1] == 1 else w
