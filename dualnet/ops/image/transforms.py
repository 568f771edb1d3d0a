"""Images moved: affine and perspective transforms, sampled as in ``sampling.py``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dualnet_backends import Backend

from ...core.op import primitive
from ...core.tensor import Tensor
from .. import shape_rules
from .._common import Array, Forward
from ..core.create import convert_to_tensor, ones_like
from ..core.shape import concatenate, reshape, stack, swapaxes
from ..linalg.products import cross
from ..math.comparison import where
from ..math.elementwise import cast
from ..math.reduce import sum
from ..nn._windows import first_image_axis
from ..registry import op
from .sampling import _check_fill_mode, _sample


@op("image", shape=shape_rules.unchanged_dtype)
def affine_transform(
    backend: Backend,
    images: Array,
    transform: Array,
    /,
    interpolation: str = "bilinear",
    fill_mode: str = "constant",
    fill_value: float = 0.0,
    data_format: str | None = None,
) -> Forward:
    """Images moved, turned, scaled or sheared: the pixel (x, y) of the result is that at (a0 x + a1 y + a2, b0 x + b1 y + b2).

    Args:
        images: (height, width, channels) or a batch of them.
        transform: (8,) or (batch, 8), each a0 a1 a2 b0 b1 b2 c0 c1; one for all images, or one for each. The last two,
            of a perspective, count as 0 (see ``perspective_transform``).
    """
    transform = backend.asarray(transform)
    if transform.ndim not in (1, 2) or transform.shape[-1] != 8:
        raise ValueError(
            "affine_transform: Invalid transform rank: expected rank 1 (single transform) or rank 2 (batch of transforms), of 8 "
            f"numbers each. Received input with shape: transform.shape={transform.shape}"
        )
    t = transform.reshape((-1, 8))
    y, gradient = _transform("affine_transform", backend, images, t, interpolation, fill_mode, fill_value, data_format)

    def backward(dy: Array) -> tuple[Array, Array]:
        dx, dt = gradient(dy)
        return dx, dt.reshape(transform.shape)

    return y, backward


@op("image", shape=shape_rules.unchanged_dtype)
def perspective_transform(
    images: Any,
    start_points: Any,
    end_points: Any,
    /,
    interpolation: str = "bilinear",
    fill_value: float = 0.0,
    data_format: str | None = None,
) -> Tensor:
    """A perspective transform, which takes four points to four others and keeps straight lines straight.

    Outside the images is ``fill_value``.

    Args:
        images: (height, width, channels) or a batch of them.
        start_points, end_points: (4, 2) or (batch, 4, 2), each an (x, y).
    """
    start_points, end_points = convert_to_tensor(start_points), convert_to_tensor(end_points)
    for name, points in (("start_points", start_points), ("end_points", end_points)):
        if points.ndim not in (2, 3) or points.shape[-2:] != (4, 2):
            raise ValueError(
                f"perspective_transform: Invalid {name} shape: expected (4,2) for a single image or (N,4,2) for a batch. "
                f"Received shape: {points.shape}"
            )
    if start_points.shape != end_points.shape:
        raise ValueError(
            "perspective_transform: start_points and end_points must have the same shape. "
            f"Received start_points.shape={start_points.shape}, end_points.shape={end_points.shape}"
        )
    t = _perspective(reshape(end_points, (-1, 4, 2)), reshape(start_points, (-1, 4, 2)))
    return _perspective_transform(images, t, interpolation, fill_value, data_format)


@primitive(shape=shape_rules.unchanged_dtype)
def _perspective_transform(
    backend: Backend,
    images: Array,
    transform: Array,
    /,
    interpolation: str = "bilinear",
    fill_value: float = 0.0,
    data_format: str | None = None,
) -> Forward:
    return _transform(
        "perspective_transform", backend, images, transform, interpolation, "constant", fill_value, data_format
    )


def _perspective(a: Tensor, b: Tensor) -> Tensor:
    """The transforms that map the points a to the points b.  a, b: (n, 4, 2) -> (n, 8)"""
    h = reshape(_frame(cast(b, "float64")) @ _adjugate(_frame(cast(a, "float64"))), (-1, 9))
    last = h[:, 8:]
    return h[:, :8] / where(last == 0, 1.0, last)


def _frame(points: Tensor) -> Tensor:
    """Matrices that take (1, 0, 0), (0, 1, 0), (0, 0, 1) and (1, 1, 1) to four points, but for a factor.  -> (n, 3, 3)"""
    p = swapaxes(concatenate([points, ones_like(points[..., :1])], axis=-1), 1, 2)
    return p[:, :, :3] * sum(_adjugate(p[:, :, :3]) * p[:, None, :, 3], axis=2)[:, None, :]


def _adjugate(m: Tensor) -> Tensor:
    """The inverse times the determinant: its rows are products of two columns.  m: (n, 3, 3)"""
    a, b, c = m[:, :, 0], m[:, :, 1], m[:, :, 2]
    return stack([cross(b, c), cross(c, a), cross(a, b)], axis=1)


def _transform(
    op: str,
    backend: Backend,
    images: Array,
    transform: Array,
    interpolation: str,
    fill_mode: str,
    fill_value: float,
    data_format: str | None,
) -> tuple[Array, Callable[[Array], tuple[Array, Array]]]:
    """Images transformed by (1 or batch, 8), and the gradient of both."""
    channels_first = first_image_axis(op, images, data_format) == images.ndim - 2
    if interpolation not in ("nearest", "bilinear"):
        raise ValueError(
            f'{op}: Invalid value for argument `interpolation`. Expected "nearest" or "bilinear". Received: {interpolation!r}'
        )
    _check_fill_mode(op, fill_mode)
    xp = backend.xp
    x = xp.moveaxis(images, -3, -1) if channels_first else images
    x = x if x.ndim == 4 else x[None]
    batch, height, width, channels = x.shape
    if transform.shape[0] not in (1, batch):
        raise ValueError(f"expected one transform, or one for each of {batch} images, got {transform.shape[0]}")
    work = "float64" if x.dtype == "float64" else "float32"
    t = transform.astype(work, copy=False)
    at = xp.arange(height * width, dtype="int32")
    column, row = (at % max(width, 1)).astype(work), (at // max(width, 1)).astype(work)
    to_x = t[:, 0:1] * column + t[:, 1:2] * row + t[:, 2:3]
    to_y = t[:, 3:4] * column + t[:, 4:5] * row + t[:, 5:6]
    k = t[:, 6:7] * column + t[:, 7:8] * row + 1 if op == "perspective_transform" else xp.ones_like(to_x)
    k = xp.where(k == 0, xp.full_like(k, 1e-9), k)  # the horizon is far away, not nowhere
    order = 0 if interpolation == "nearest" else 1
    y, gradient = _sample(backend, x, xp.stack([to_y / k, to_x / k], axis=1), order, fill_mode, fill_value)
    y = y.reshape(x.shape)

    def backward(dy: Array) -> tuple[Array, Array]:
        dy = xp.moveaxis(dy, -3, -1) if channels_first else dy
        dx, dpoints = gradient(dy.reshape((batch, height * width, channels)))
        dto_y, dto_x = dpoints[:, 0] / k, dpoints[:, 1] / k
        # Of an affine transform the last two numbers count as 0.
        dk = -(dto_x * to_x + dto_y * to_y) / k if op == "perspective_transform" else xp.zeros_like(dto_x)
        parts = (dto_x * column, dto_x * row, dto_x, dto_y * column, dto_y * row, dto_y, dk * column, dk * row)
        dt = xp.stack([xp.sum(p, axis=1) for p in parts], axis=1)
        return (xp.moveaxis(dx, -1, -3) if channels_first else dx).reshape(images.shape), dt

    return (xp.moveaxis(y, -1, -3) if channels_first else y).reshape(images.shape), backward
