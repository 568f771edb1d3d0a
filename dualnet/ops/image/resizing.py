"""Images.  x: (batch, height, width, channels) or (height, width, channels), channels first with ``data_format``"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from dualnet_backends import Backend

from ...core.op import primitive
from ...core.tensor import Tensor
from .. import shape_rules
from .._common import Array, Forward, Xp
from ..core.indexing import get_item
from ..core.shape import pad
from ..nn._windows import first_image_axis
from ..registry import op

INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")


@op("image", shape=shape_rules.resize)
def resize(
    images: Any,
    /,
    size: Sequence[int],
    interpolation: str = "bilinear",
    antialias: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    fill_mode: str = "constant",
    fill_value: float = 0.0,
    data_format: str | None = None,
) -> Tensor:
    """Images in another size.

    Integer images stay integers, rounded.

    Args:
        size: (height, width).
        interpolation: "nearest", "bilinear", "bicubic", "lanczos3" or "lanczos5".
        antialias: widen the filter when an image gets smaller.
        crop_to_aspect_ratio: cut off what does not fit the new aspect ratio, instead of stretching.
        pad_to_aspect_ratio: pad with ``fill_value`` instead.
    """
    size, rank = tuple(size), len(images.shape)
    if len(size) != 2 or any(n <= 0 for n in size):
        raise ValueError(f"resize: `size` must have positive height and width, as (height, width), got {size}")
    first = first_image_axis("resize", images, data_format)
    if interpolation not in INTERPOLATIONS:
        raise ValueError(f"resize: interpolation must be one of {', '.join(INTERPOLATIONS)}, got {interpolation!r}")
    if fill_mode != "constant":
        raise ValueError(f'resize: fill_mode must be "constant", got {fill_mode!r}')
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ValueError("resize: give crop_to_aspect_ratio or pad_to_aspect_ratio, not both")
    if crop_to_aspect_ratio or pad_to_aspect_ratio:
        height, width = images.shape[first], images.shape[first + 1]
        fitting = int(width * size[0] / size[1]), int(height * size[1] / size[0])
        if crop_to_aspect_ratio:
            rows, columns = max(min(height, fitting[0]), 1), max(min(width, fitting[1]), 1)
            top, left = (height - rows) // 2, (width - columns) // 2
            window = (slice(top, top + rows), slice(left, left + columns))
            images = get_item(images, (slice(None),) * first + window)
        else:
            missing = max(fitting[0] - height, 0), max(fitting[1] - width, 0)
            widths = [(0, 0)] * first + [(n // 2, n - n // 2) for n in missing] + [(0, 0)] * (rank - first - 2)
            images = pad(images, widths, constant_values=fill_value)
    return _resize(images, size, first, interpolation, antialias)


@primitive
def _resize(backend: Backend, x: Array, /, size: Sequence[int], first: int, method: str, antialias: bool) -> Forward:
    """The two axes from ``first`` on in another size."""
    dtype = x.dtype
    y = x if dtype.kind == "f" and dtype.itemsize > 2 else x.astype("float32")
    weights = []
    for axis, n in zip((first, first + 1), size):
        weights.append(_weights(backend, y.shape[axis], n, method, antialias, str(y.dtype)))
        y = _multiply_axis(backend, weights[-1], y, axis)

    def backward(dy: Array) -> Array:
        dy = dy.astype(y.dtype, copy=False)
        for axis, w in zip((first + 1, first), reversed(weights)):
            dy = _multiply_axis(backend, w.T, dy, axis)
        return dy

    return (_rounded(backend.xp, y, dtype) if dtype.kind in "iub" else y.astype(dtype, copy=False)), backward


def _multiply_axis(backend: Backend, w: Array, x: Array, axis: int) -> Array:
    """w @ x along an axis.  w: (out, in)  x: (..., in, ...) -> (..., out, ...)"""
    shape, n = x.shape, x.shape[axis]
    before, after = math.prod(shape[:axis]), math.prod(shape[axis + 1 :])
    if after < 32:  # a matrix of a few columns, many times: one large product instead
        rows = backend.xp.swapaxes(x.reshape((before, n, after)), 1, 2).reshape((before * after, n))
        y = backend.xp.swapaxes(backend.matmul(rows, w.T).reshape((before, after, w.shape[0])), 1, 2)
    else:
        y = backend.matmul(w, x.reshape((before, n, after)))
    return y.reshape((*shape[:axis], w.shape[0], *shape[axis + 1 :]))


def _rounded(xp: Xp, y: Array, dtype: Any) -> Array:
    """Rounded, and clipped to the range of the dtype."""
    if dtype.kind == "b":
        return xp.round(y) != 0
    limits = xp.iinfo(dtype)
    return xp.clip(xp.round(y), limits.min, limits.max).astype(dtype)


@lru_cache(maxsize=64)
def _weights(backend: Backend, before: int, after: int, method: str, antialias: bool, dtype: str) -> Array:
    """The weight of each input element in each output element.  -> (out, in), every row summing to 1

    Cached on the device: a network needs the same few repeatedly.
    """
    xp, ratio = backend.xp, before / after
    old = xp.arange(before, dtype="float64")
    center = (xp.arange(after, dtype="float64") + 0.5) * ratio - 0.5  # of each new element, counted in old ones
    if method == "nearest":
        return (xp.floor(center + 0.5)[:, None] == old).astype(dtype)
    widened = max(ratio, 1.0) if antialias else 1.0
    w = _kernel(xp, xp.abs(center[:, None] - old) / widened, method)
    w = w / xp.sum(w, axis=1, keepdims=True)
    return w.astype(dtype)


def _kernel(xp: Xp, d: Array, method: str) -> Array:
    """The weight of an element at distance ``d`` (bicubic: Keys 1981; Lanczos: Duchon 1979)"""
    zero = xp.zeros_like(d)
    if method == "bilinear":
        return xp.maximum(1 - d, 0)
    if method == "bicubic":  # with a = -1/2, which is exact to the third order
        near, far = (1.5 * d - 2.5) * d * d + 1, ((-0.5 * d + 2.5) * d - 4) * d + 2
        return xp.where(d <= 1, near, xp.where(d < 2, far, zero))
    radius = 3 if method == "lanczos3" else 5
    return xp.where(d < radius, xp.sinc(d) * xp.sinc(d / radius), zero)
