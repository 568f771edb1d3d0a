"""Images in another size."""

import numpy as np


def resize(x, size, first=1, method="bilinear", antialias=False):
    """The two axes from first on in another size: every new element is a weighted mean of old ones"""
    y = x if x.dtype.kind == "f" else x.astype(np.float32)
    for axis, new in zip((first, first + 1), size):
        weights = resize_weights(y.shape[axis], new, method, antialias).astype(y.dtype)
        y = np.moveaxis(np.tensordot(y, weights, axes=(axis, 1)), -1, axis)
    if x.dtype.kind == "f":
        return y
    limits = np.iinfo(x.dtype)
    return np.clip(np.round(y), limits.min, limits.max).astype(x.dtype)


def resize_weights(old, new, method, antialias):
    """The weight of each old element in each new one.  -> (new, old), every row summing to 1"""
    ratio = old / new
    center = (np.arange(new) + 0.5) * ratio - 0.5  # of each new element, counted in old ones
    if method == "nearest":
        return np.floor(center + 0.5)[:, None] == np.arange(old)
    d = np.abs(center[:, None] - np.arange(old)) / (max(ratio, 1.0) if antialias else 1.0)
    if method == "bilinear":
        w = np.maximum(1 - d, 0)
    elif method == "bicubic":
        near, far = (1.5 * d - 2.5) * d * d + 1, ((-0.5 * d + 2.5) * d - 4) * d + 2
        w = np.where(d <= 1, near, np.where(d < 2, far, 0))
    else:
        radius = {"lanczos3": 3, "lanczos5": 5}[method]
        w = np.where(d < radius, np.sinc(d) * np.sinc(d / radius), 0)
    return w / w.sum(axis=1, keepdims=True)


def rgb_to_grayscale(images, data_format=None):
    """The brightness of each pixel, as people see it.  images: (..., 3) -> (..., 1)"""
    axis = -3 if data_format == "channels_first" else -1
    r, g, b = np.split(images, 3, axis=axis)
    return 0.2989 * r + 0.587 * g + 0.114 * b
