"""Sums, means and what is made of them."""

import numpy as np


def logsumexp(x, axis=None, keepdims=False):
    """log(sum(e^x)), written so that no power overflows"""
    top = x.max(axis=axis, keepdims=True)
    y = np.log(np.exp(x - top).sum(axis=axis, keepdims=True)) + top
    return y if keepdims else np.squeeze(y, axis)


def standardize(x, axis=-1, epsilon=0.001):
    """x with mean 0 and variance 1 along axis"""
    mean = x.mean(axis=axis, keepdims=True)
    variance = ((x - mean) ** 2).mean(axis=axis, keepdims=True)
    return (x - mean) / np.sqrt(variance + epsilon)


def root_mean_square(x, axis=-1, epsilon=0.001):
    return np.sqrt((x * x).mean(axis=axis, keepdims=True) + epsilon)


def normalize(x, axis=-1, order=2, epsilon=1e-07):
    """x with norm 1 along axis"""
    norm = (np.abs(x) ** order).sum(axis=axis, keepdims=True) ** (1 / order)
    return x / np.maximum(norm, epsilon)


def divide_no_nan(x1, x2):
    """x1 / x2, and 0 where x2 is 0"""
    return np.where(x2 == 0, 0, x1 / np.where(x2 == 0, 1, x2))


def rfft(x, fft_length=None):
    """The real and the imaginary part of the Fourier transform"""
    y = np.fft.rfft(x, fft_length)
    return y.real.astype(x.dtype), y.imag.astype(x.dtype)


def extract_sequences(x, sequence_length, sequence_stride):
    """Frames of a signal.  x: (..., n) -> (..., frames, sequence_length)"""
    windows = np.lib.stride_tricks.sliding_window_view(x, sequence_length, axis=-1)
    return windows[..., ::sequence_stride, :]


def moments(x, axes, keepdims=False):
    """The mean and the variance"""
    return x.mean(axis=axes, keepdims=keepdims), x.var(axis=axes, keepdims=keepdims)


def segment_sum(data, segment_ids, num_segments):
    """The sum of the rows with each id.  data: (n, ...)  segment_ids: (n,) -> (num_segments, ...)"""
    result = np.zeros((num_segments, *data.shape[1:]), dtype=data.dtype)
    inside = (segment_ids >= 0) & (segment_ids < num_segments)
    np.add.at(result, segment_ids[inside], data[inside])
    return result
