"""Convolutions over one, two or three axes.  x: (batch, lengths..., channels), the channels last."""

import numpy as np


def windows(x, size, strides=1, padding="valid", dilation=1, fill=0):
    """Every window of x under a kernel.  x: (batch, lengths..., channels) -> (batch, positions..., *size, channels)

    padding: "valid", "same" (as many positions as length / stride), or what to add at both ends of each axis
    """
    rank = len(size)
    strides, dilation = np.broadcast_to(strides, rank), np.broadcast_to(dilation, rank)
    extents = [(k - 1) * d + 1 for k, d in zip(size, dilation)]
    if padding == "same":
        lengths = x.shape[1:-1]
        missing = [max(-(-n // s) * s - s + e - n, 0) for n, s, e in zip(lengths, strides, extents)]
        padding = [(m // 2, m - m // 2) for m in missing]
    if padding != "valid":
        x = np.pad(x, [(0, 0), *padding, (0, 0)], constant_values=fill)
    axes = tuple(range(1, rank + 1))
    view = np.lib.stride_tricks.sliding_window_view(x, extents, axes)
    positions = tuple(slice(None, None, s) for s in strides)
    taps = tuple(slice(None, None, d) for d in dilation)
    return np.moveaxis(view[(slice(None), *positions, slice(None), *taps)], rank + 1, -1)


def convolution(x, kernel, strides=1, padding="valid", dilation=1):
    """Every window times the kernel.  kernel: (*size, channels, filters) -> (batch, positions..., filters)"""
    rank = kernel.ndim - 2
    patches = windows(x, kernel.shape[:rank], strides, padding, dilation)
    return np.tensordot(patches, kernel, axes=rank + 1)  # over the elements of the window, and the channels


def grouped_convolution(x, kernel, groups, strides=1, padding="valid", dilation=1):
    """Convolutions of groups of the channels.  kernel: (*size, channels / groups, filters)"""
    parts = zip(np.split(x, groups, axis=-1), np.split(kernel, groups, axis=-1))
    return np.concatenate([convolution(part, k, strides, padding, dilation) for part, k in parts], axis=-1)


def depthwise_convolution(x, kernel, strides=1, padding="valid", dilation=1):
    """Each channel by itself.  kernel: (*size, channels, multiplier) -> (batch, positions..., channels * multiplier)"""
    rank = kernel.ndim - 2
    patches = windows(x, kernel.shape[:rank], strides, padding, dilation)
    taps = np.ndindex(*kernel.shape[:rank])
    y = sum(patches[(..., *tap, slice(None))][..., None] * kernel[tap] for tap in taps)
    return y.reshape(*y.shape[:-2], -1)


def transposed_convolution(x, kernel, strides, crop):
    """Every element of x adds a kernel times itself to the output, which is then cropped.

    kernel: (*size, filters, channels)  crop: what to take away before and after each axis (negative: zeros are added)
    """
    rank = kernel.ndim - 2
    size, filters = kernel.shape[:rank], kernel.shape[-2]
    lengths = [(n - 1) * s + k for n, s, k in zip(x.shape[1:-1], strides, size)]
    y = np.zeros((len(x), *lengths, filters), dtype=x.dtype)
    for tap in np.ndindex(*size):
        spots = tuple(slice(t, t + (n - 1) * s + 1, s) for t, n, s in zip(tap, x.shape[1:-1], strides))
        y[(slice(None), *spots)] += x @ kernel[tap].T
    kept = tuple(slice(before, n - max(after, 0)) for n, (before, after) in zip(lengths, crop))
    zeros = [(0, max(-after, 0)) for _, after in crop]
    return np.pad(y[(slice(None), *kept)], [(0, 0), *zeros, (0, 0)])


def dilate(kernel, dilation):
    """A kernel with zeros between its elements"""
    size = [(k - 1) * d + 1 for k, d in zip(kernel.shape, dilation)]
    result = np.zeros((*size, *kernel.shape[-2:]), dtype=kernel.dtype)
    result[tuple(slice(None, None, d) for d in dilation)] = kernel
    return result
