"""The op table: filters of images, pixel by pixel."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from dualnet.ops.image import filters as image_filters

from .cases import F, Row, call, other


def correlated(x: Any, kernel: Any, before: Any, after: Any) -> Any:
    """x: (..., height, width, channels), with zeros around."""
    x = np.pad(x, [(0, 0)] * (x.ndim - 3) + [(before[0], after[0]), (before[1], after[1]), (0, 0)])
    rows, columns = kernel.shape
    y = np.zeros((*x.shape[:-3], x.shape[-3] - rows + 1, x.shape[-2] - columns + 1, x.shape[-1]))
    for i, j in np.ndindex(*y.shape[-3:-1]):
        y[..., i, j, :] = np.einsum("...ijc,ij->...c", x[..., i : i + rows, j : j + columns, :], kernel)
    return y


def bell(size: int, sigma: float) -> Any:
    w = np.array([math.exp(-((i - (size - 1) / 2) ** 2) / (2 * sigma**2)) for i in range(size)])
    return w / w.sum()


def last(reference: Any) -> Any:
    def either(*args: Any, data_format: Any = None, **options: Any) -> Any:
        if data_format != "channels_first":
            return reference(*args, **options)
        y = reference(*(np.moveaxis(a, -3, -1) if isinstance(a, np.ndarray) else a for a in args), **options)
        return y if y.ndim < 3 else np.moveaxis(y, args[0].ndim - 1, args[0].ndim - 3)

    return either


@last
def blurred(x: Any, kernel_size: Any = (3, 3), sigma: Any = (1.0, 1.0)) -> Any:
    before = [(n - 1) // 2 for n in kernel_size]
    after = [n - 1 - b for n, b in zip(kernel_size, before)]
    return correlated(x, np.outer(bell(kernel_size[0], sigma[0]), bell(kernel_size[1], sigma[1])), before, after)


@last
def edges(x: Any) -> Any:
    down = np.array([[-1, -2, -1], [0, 0, 0], [1, 2, 1]])
    return np.stack([correlated(x, k, (1, 1), (1, 1)) for k in (down, down.T)], -1)


@last
def similarity(
    x: Any,
    y: Any,
    max_val: float = 1.0,
    filter_size: int = 11,
    filter_sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
) -> Any:
    """By the mean, variance and covariance of each window."""
    w = np.outer(bell(filter_size, filter_sigma), bell(filter_size, filter_sigma))[..., None]
    c1, c2 = (k1 * max_val) ** 2, (k2 * max_val) ** 2
    scores = []
    for i, j in np.ndindex(x.shape[-3] - filter_size + 1, x.shape[-2] - filter_size + 1):
        a, b = (z[..., i : i + filter_size, j : j + filter_size, :] for z in (x, y))
        ma, mb = ((w * z).sum((-3, -2), keepdims=True) for z in (a, b))
        va, vb, cov = ((w * p).sum((-3, -2)) for p in ((a - ma) ** 2, (b - mb) ** 2, (a - ma) * (b - mb)))
        ma, mb = ma[..., 0, 0, :], mb[..., 0, 0, :]
        scores.append((2 * ma * mb + c1) * (2 * cov + c2) / ((ma**2 + mb**2 + c1) * (va + vb + c2)))
    return np.mean(scores, axis=(0, -1))


ROWS: list[Row] = [
    other(image_filters.gaussian_blur, blurred, call(F((3, 5, 6, 2))), call(F((5, 6, 2)), (5, 3), (2.0, 0.7)),
          call(F((2, 3, 4, 5)), (2, 4), (1.0, 3.0), data_format="channels_first")),
    other(image_filters.sobel_edges, edges, call(F((3, 5, 4, 2))), call(F((3, 4, 1))), call(F((2, 3, 4, 5)), data_format="channels_first")),
    other(image_filters.ssim, similarity, call(F((3, 6, 7, 2)), F((3, 6, 7, 2)), filter_size=5),
          call(F((12, 11, 1), 0, 1), F((12, 11, 1), 0, 1)),
          call(F((2, 3, 5, 6)), F((2, 3, 5, 6)), 255.0, 4, 0.8, data_format="channels_first")),
]  # fmt: skip
