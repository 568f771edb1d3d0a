"""Filters of images.  images: (height, width, channels) or a batch of them, or with the channels first"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ...core.tensor import Tensor
from .. import shape_rules
from ..core.indexing import get_item
from ..core.shape import pad, stack
from ..math.arithmetic import add, divide, multiply, subtract
from ..math.elementwise import cast
from ..math.exponential import square
from ..math.reduce import mean
from ..nn._windows import first_image_axis, per_axis
from ..registry import op


@op("image", shape=shape_rules.unchanged_float)
def gaussian_blur(
    images: Any,
    /,
    kernel_size: Sequence[int] = (3, 3),
    sigma: Sequence[float] = (1.0, 1.0),
    data_format: str | None = None,
) -> Tensor:
    """Every pixel as the mean of those around it, weighted by a normal distribution; outside of the image is 0.

    Args:
        kernel_size: (rows, columns).
        sigma: the standard deviation over rows and over columns, in pixels.
    """
    first = first_image_axis("gaussian_blur", images, data_format)
    sizes = per_axis("gaussian_blur", "kernel_size", [int(n) for n in kernel_size], 2)
    for axis, size, s in zip((first, first + 1), sizes, sigma):
        images = _correlate(_float(images), _gaussian_weights(size, s), axis, (size - 1) // 2, size // 2)
    return images


@op("image")
def sobel_edges(images: Any, /, data_format: str | None = None) -> Tensor:
    """How fast images change, down and to the right  (Sobel and Feldman 1968).  -> the shape of the images, and 2

    Weighted differences of the rows above and below, and of the columns on both sides; outside of the image is 0.
    """
    first = first_image_axis("sobel_edges", images, data_format)
    edges = []
    for axis, other in ((first, first + 1), (first + 1, first)):
        y = _correlate(_float(images), [-1, 0, 1], axis, 1, 1)
        edges.append(_correlate(y, [1, 2, 1], other, 1, 1))
    return stack(edges, axis=-1)


@op("image", class_name="SSIM")
def ssim(
    image1: Any,
    image2: Any,
    /,
    max_val: float = 1.0,
    filter_size: int = 11,
    filter_sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
    data_format: str | None = None,
) -> Tensor:
    """The structural similarity of images: 1 when they are equal (Wang et al., IEEE TIP 13, 2004).  -> (batch,), or a number

    Args:
        max_val: the largest value that a pixel can have.
        filter_size, filter_sigma: of the window in which means and variances are taken, which lies within the image.
        k1, k2: keep the quotients from 0 / 0.
    """
    if tuple(image1.shape) != tuple(image2.shape):
        raise ValueError(f"ssim: the images must have one shape, got {tuple(image1.shape)} and {tuple(image2.shape)}")
    first = first_image_axis("ssim", image1, data_format)
    x, y = _float(image1), _float(image2)
    if min(x.shape[first : first + 2]) < filter_size:
        raise ValueError(
            f"ssim: the window of {filter_size} pixels does not fit into images of shape {tuple(x.shape)}; "
            "give a smaller filter_size"
        )
    weights = _gaussian_weights(filter_size, filter_sigma)

    def smooth(z: Any) -> Any:
        return _correlate(_correlate(z, weights, first, 0, 0), weights, first + 1, 0, 0)

    c1, c2 = (k1 * max_val) ** 2, (k2 * max_val) ** 2
    mx, my = smooth(x), smooth(y)
    both, squares = multiply(mx, my), add(square(mx), square(my))
    covariance = subtract(smooth(multiply(x, y)), both)
    variances = subtract(smooth(add(square(x), square(y))), squares)
    upper = multiply(add(2 * both, c1), add(2 * covariance, c2))
    lower = multiply(add(squares, c1), add(variances, c2))
    axes = tuple(range(len(x.shape) - 3, len(x.shape)))
    return mean(divide(upper, lower), axis=axes)


def _float(images: Any) -> Any:
    return images if "float" in str(images.dtype) else cast(images, "float32")


def _gaussian_weights(size: int, sigma: float) -> list[float]:
    """The weights of a normal distribution at ``size`` points around its mean."""
    weights = [math.exp(-(((i - (size - 1) / 2) / sigma) ** 2) / 2) for i in range(size)]
    return [w / sum(weights) for w in weights]


def _correlate(x: Any, weights: Sequence[float], axis: int, before: int, after: int) -> Any:
    """The weighted sum of neighbors along an axis, zero-padded."""
    if before or after:
        x = pad(x, [(before, after) if a == axis else (0, 0) for a in range(len(x.shape))])
    n = x.shape[axis] - len(weights) + 1
    parts = [w * get_item(x, (slice(None),) * axis + (slice(i, i + n),)) for i, w in enumerate(weights) if w]
    total = parts[0]
    for part in parts[1:]:
        total = add(total, part)
    return total
