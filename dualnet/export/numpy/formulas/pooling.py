"""Pooling: one number for each window.  x: (batch, lengths..., channels), the channels last."""

import numpy as np

from .convolution import windows


def max_pool(x, size, strides, padding="valid"):
    """The largest element of each window"""
    least = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
    return windows(x, size, strides, padding, fill=least).max(axis=tuple(range(-len(size) - 1, -1)))


def average_pool(x, size, strides, padding="valid"):
    """The mean of each window; what hangs over the edge is not counted"""
    inside = tuple(range(-len(size) - 1, -1))
    total = windows(x, size, strides, padding).sum(axis=inside)
    count = windows(np.ones_like(x[:1]), size, strides, padding).sum(axis=inside)
    return total / count


def adaptive_pool(reduce, x, size):
    """As many windows as the output is to have elements, whatever the lengths.  reduce: np.max or np.mean"""
    for axis, count in enumerate(size, start=1):
        n = x.shape[axis]
        parts = [np.take(x, range(i * n // count, -(-(i + 1) * n // count)), axis=axis) for i in range(count)]
        x = np.stack([reduce(part, axis=axis) for part in parts], axis=axis)
    return x
