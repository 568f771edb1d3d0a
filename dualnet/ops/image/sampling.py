"""Images sampled between their pixels: affine and perspective transforms, and any coordinates

A point outside an image has the value ``fill_value`` ("constant"), or that of a pixel, for pixels a b c d:

    "nearest"   a a a a | a b c d | d d d d        "wrap"      a b c d | a b c d | a b c d
    "reflect"   d c b a | a b c d | d c b a        "mirror"    . d c b | a b c d | c b a .

Integer images stay integers, rounded; the results of half precision are computed in float32.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

from dualnet_backends import Backend

from .. import shape_rules
from .._common import Array, Forward, Xp
from ..nn._windows import first_spatial_axis
from ..registry import op

FILL_MODES = ("constant", "nearest", "wrap", "mirror", "reflect")
Corner = tuple[
    Array, Array, Any, int
]  # index, weight, where the index is inside (None: everywhere), slope of the weight


@op("image", shape=shape_rules.map_coordinates)
def map_coordinates(
    backend: Backend,
    inputs: Array,
    coordinates: Array,
    /,
    order: int,
    fill_mode: str = "constant",
    fill_value: float = 0.0,
) -> Forward:
    """The values of an array at points between its elements.  inputs: rank d  coordinates: (d, ...) -> (...)

    There is a gradient for the coordinates too.

    Args:
        order: 0 takes the nearest element, 1 interpolates linearly.
    """
    if coordinates.ndim < 2:
        raise ValueError(
            f"map_coordinates: Invalid coordinates rank: expected at least rank 2. Received: coordinates.shape={coordinates.shape}"
        )
    if coordinates.shape[0] != inputs.ndim:
        raise ValueError(
            "map_coordinates: First dim of `coordinates` must be the same as the rank of `inputs`. Received inputs with "
            f"shape {inputs.shape} and coordinates with shape {coordinates.shape}"
        )
    if order not in (0, 1):
        raise ValueError(
            f"map_coordinates: Invalid value for argument `order`. Expected one of [0, 1]. Received: {order}"
        )
    _check_fill_mode("map_coordinates", fill_mode)
    shape = coordinates.shape
    points = coordinates.reshape((1, shape[0], math.prod(shape[1:])))
    y, gradient = _sample(backend, inputs.reshape((1, *inputs.shape, 1)), points, order, fill_mode, fill_value)

    def backward(dy: Array) -> tuple[Array, Array]:
        dx, dpoints = gradient(dy.reshape(y.shape))
        return dx.reshape(inputs.shape), dpoints.reshape(shape)

    return y.reshape(shape[1:]), backward


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
    _check("affine_transform", images, interpolation, fill_mode)
    if transform.ndim not in (1, 2) or transform.shape[-1] != 8:
        raise ValueError(
            "affine_transform: Invalid transform rank: expected rank 1 (single transform) or rank 2 (batch of transforms), of 8 "
            f"numbers each. Received input with shape: transform.shape={transform.shape}"
        )
    t = transform.reshape((-1, 8))
    y, gradient = _transformed(backend, images, t, False, interpolation, fill_mode, fill_value, data_format)

    def backward(dy: Array) -> tuple[Array, Array]:
        dx, dt = gradient(dy)
        return dx, dt.reshape(transform.shape)

    return y, backward


@op("image", shape=shape_rules.unchanged_dtype)
def perspective_transform(
    backend: Backend,
    images: Array,
    start_points: Array,
    end_points: Array,
    /,
    interpolation: str = "bilinear",
    fill_value: float = 0.0,
    data_format: str | None = None,
) -> Forward:
    """A perspective transform, which takes four points to four others and keeps straight lines straight.

    The points have no gradient. Outside the images is ``fill_value``.

    Args:
        images: (height, width, channels) or a batch of them.
        start_points, end_points: (4, 2) or (batch, 4, 2), each an (x, y).
    """
    _check("perspective_transform", images, interpolation, "constant")
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
    xp = backend.xp
    t = _perspective(xp, end_points.reshape((-1, 4, 2)), start_points.reshape((-1, 4, 2)))
    y, gradient = _transformed(backend, images, t, True, interpolation, "constant", fill_value, data_format)
    return y, lambda dy: (gradient(dy)[0], None, None)


def _perspective(xp: Xp, a: Array, b: Array) -> Array:
    """The transforms that map the points a to the points b.  a, b: (n, 4, 2) -> (n, 8)"""
    forth, back = _frame(xp, b.astype("float64")), _frame(xp, a.astype("float64"))
    h = xp.sum(forth[:, :, :, None] * _adjugate(xp, back)[:, None, :, :], axis=2).reshape((-1, 9))
    last = h[:, 8:]
    return h[:, :8] / xp.where(last == 0, xp.ones_like(last), last)


def _frame(xp: Xp, points: Array) -> Array:
    """Matrices that take (1, 0, 0), (0, 1, 0), (0, 0, 1) and (1, 1, 1) to four points, but for a factor.  -> (n, 3, 3)"""
    p = xp.swapaxes(xp.concatenate([points, xp.ones_like(points[..., :1])], axis=-1), 1, 2)
    return p[:, :, :3] * xp.sum(_adjugate(xp, p[:, :, :3]) * p[:, None, :, 3], axis=2)[:, None, :]


def _adjugate(xp: Xp, m: Array) -> Array:
    """The inverse times the determinant: its rows are products of two columns.  m: (n, 3, 3)"""
    a, b, c = m[:, :, 0], m[:, :, 1], m[:, :, 2]
    return xp.stack([_cross(xp, b, c), _cross(xp, c, a), _cross(xp, a, b)], axis=1)


def _cross(xp: Xp, a: Array, b: Array) -> Array:
    return xp.stack([a[:, i - 2] * b[:, i - 1] - a[:, i - 1] * b[:, i - 2] for i in range(3)], axis=1)


def _transformed(
    backend: Backend,
    images: Array,
    transform: Array,
    perspective: bool,
    interpolation: str,
    fill_mode: str,
    fill_value: float,
    data_format: str | None,
) -> tuple[Array, Callable[[Array], tuple[Array, Array]]]:
    """Images transformed by (1 or batch, 8), and the gradient of both."""
    xp, channels_first = backend.xp, first_spatial_axis("images", data_format) == 2
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
    k = t[:, 6:7] * column + t[:, 7:8] * row + 1 if perspective else xp.ones_like(to_x)
    k = xp.where(k == 0, xp.full_like(k, 1e-9), k)  # the horizon is far away, not nowhere
    order = 0 if interpolation == "nearest" else 1
    y, gradient = _sample(backend, x, xp.stack([to_y / k, to_x / k], axis=1), order, fill_mode, fill_value)
    y = y.reshape(x.shape)

    def backward(dy: Array) -> tuple[Array, Array]:
        dy = xp.moveaxis(dy, -3, -1) if channels_first else dy
        dx, dpoints = gradient(dy.reshape((batch, height * width, channels)))
        dto_y, dto_x = dpoints[:, 0], dpoints[:, 1]
        parts = [dto_x * column, dto_x * row, dto_x, dto_y * column, dto_y * row, dto_y]
        parts += [xp.zeros_like(dto_x)] * 2  # only perspective_transform has these, and asks for no gradient of them
        dt = xp.stack([xp.sum(p, axis=1) for p in parts], axis=1)
        return (xp.moveaxis(dx, -1, -3) if channels_first else dx).reshape(images.shape), dt

    return (xp.moveaxis(y, -1, -3) if channels_first else y).reshape(images.shape), backward


def _sample(
    backend: Backend, x: Array, points: Array, order: int, fill_mode: str, fill_value: float
) -> tuple[Array, Callable[[Array], tuple[Array, Array]]]:
    """Values at ``points`` of the spatial axes, and the gradient.

    x: (batch, spatial..., channels)  points: (1 or batch, spatial rank, n), in elements -> (batch, n, channels)
    """
    xp, spatial, (batch, channels) = backend.xp, x.shape[1:-1], (x.shape[0], x.shape[-1])
    work = "float64" if x.dtype == "float64" else "float32"
    rows = x.reshape((batch * math.prod(spatial), channels)).astype(work, copy=False)
    axes = [_corners(xp, points[:, i].astype(work, copy=False), n, order, fill_mode) for i, n in enumerate(spatial)]
    lift = xp.arange(batch)[:, None] * math.prod(spatial)
    if rows.shape[0] == 0:  # no pixel to sample
        empty = xp.full((batch, points.shape[2], channels), fill_value, dtype=work)
        return _as(xp, empty, x.dtype), lambda dy: (xp.zeros_like(x), xp.zeros_like(points))
    taken = []
    y: Any = 0
    for corner in itertools.product(*axes):
        index, stride = lift, math.prod(spatial)
        weight: Any = 1
        inside: Any = None
        for (i, w, where, _), n in zip(corner, spatial):
            stride //= n
            index, weight = index + i * stride, weight * w
            inside = where if inside is None else inside if where is None else xp.logical_and(inside, where)
        values = backend.take(rows, index)
        if inside is not None:
            values = xp.where(inside[..., None], values, xp.full_like(values, fill_value))
        taken.append((corner, index, weight, inside, values))
        y = y + values * weight[..., None]

    def backward(dy: Array) -> tuple[Array, Array]:
        dy = dy.astype(work, copy=False)
        drows = xp.zeros_like(rows)
        dpoints = [xp.zeros((batch, points.shape[2]), dtype=work) for _ in spatial]
        for corner, index, weight, inside, values in taken:
            share = weight if inside is None else weight * inside
            part = xp.broadcast_to(dy * share[..., None], values.shape)
            backend.scatter_add(drows, index.reshape(-1), part.reshape((-1, channels)))
            if order:
                through = xp.sum(dy * values, axis=-1)
                for a, (_, _, _, slope) in enumerate(corner):
                    others = [w for b, (_, w, _, _) in enumerate(corner) if b != a]
                    dpoints[a] = dpoints[a] + through * math.prod(others, start=slope)
        d = xp.stack(dpoints, axis=1)
        return drows.reshape(x.shape), d if points.shape[0] == batch else xp.sum(d, axis=0, keepdims=True)

    return _as(xp, y, x.dtype), backward


def _corners(xp: Xp, at: Array, n: int, order: int, fill_mode: str) -> list[Corner]:
    """The elements of an axis of length n between which each coordinate lies."""
    reach = n if fill_mode in ("constant", "nearest") else 2**24
    at = xp.clip(at, -reach - 1, 2 * reach)  # an integer can hold it
    if order == 0:
        nearest = xp.where(at < 0, xp.ceil(at - 0.5), xp.floor(at + 0.5))
        return [(*_inside(xp, nearest.astype("int32"), n, fill_mode, xp.ones_like(at)), 0)]
    low = xp.floor(at)
    part = at - low
    low = low.astype("int32")
    below = _inside(xp, low, n, fill_mode, 1 - part)
    above = _inside(xp, low + 1, n, fill_mode, part)
    return [(*below, -1), (*above, 1)]


def _inside(xp: Xp, i: Array, n: int, fill_mode: str, weight: Array) -> tuple[Array, Array, Any]:
    """Indices mapped into the axis, and where they were inside if that matters."""
    if fill_mode == "constant":
        return xp.clip(i, 0, n - 1), weight, xp.logical_and(i >= 0, i < n)
    if fill_mode == "nearest":
        return xp.clip(i, 0, n - 1), weight, None
    if fill_mode == "wrap":
        return i % n, weight, None
    if fill_mode == "mirror":
        i = i % max(2 * n - 2, 1)
        return xp.where(i < n, i, 2 * n - 2 - i), weight, None
    i = i % (2 * n)
    return xp.where(i < n, i, 2 * n - 1 - i), weight, None


def _as(xp: Xp, y: Array, dtype: Any) -> Array:
    if dtype.kind in "iu":
        limits = xp.iinfo(dtype)
        y = xp.clip(xp.where(y < 0, xp.ceil(y - 0.5), xp.floor(y + 0.5)), limits.min, limits.max)
    return y.astype(dtype, copy=False)


def _check(op: str, images: Array, interpolation: str, fill_mode: str) -> None:
    if images.ndim not in (3, 4):
        raise ValueError(
            f"{op}: Invalid images rank: expected rank 3 (single image) or rank 4 (batch of images). Received input with "
            f"shape: images.shape={images.shape}"
        )
    if interpolation not in ("nearest", "bilinear"):
        raise ValueError(
            f'{op}: Invalid value for argument `interpolation`. Expected "nearest" or "bilinear". Received: {interpolation!r}'
        )
    _check_fill_mode(op, fill_mode)


def _check_fill_mode(op: str, fill_mode: str) -> None:
    if fill_mode not in FILL_MODES:
        raise ValueError(
            f"{op}: Invalid value for argument `fill_mode`. Expected one of {', '.join(FILL_MODES)}. Received: {fill_mode!r}"
        )
