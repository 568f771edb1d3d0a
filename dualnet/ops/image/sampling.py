"""Arrays sampled at points between their elements

A point outside an image has the value ``fill_value`` ("constant"), or that of a pixel, for pixels a b c d:

    "nearest"   a a a a | a b c d | d d d d        "wrap"      a b c d | a b c d | a b c d
    "reflect"   d c b a | a b c d | d c b a        "mirror"    . d c b | a b c d | c b a .

Integer images stay integers, rounded; the results of half precision are computed in float32.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

from dualnet_backends import Backend

from .. import shape_rules
from .._common import Array, Forward, Xp
from ..registry import op

FILL_MODES = ("constant", "nearest", "wrap", "mirror", "reflect")


class Corner(NamedTuple):
    """An element beside each coordinate, along one axis."""

    index: Array
    inside: Array | None  # where the index was within the axis; None: it does not matter
    weight: Array
    slope: int  # of the weight


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
    offsets = xp.arange(batch)[:, None] * math.prod(spatial)
    if rows.shape[0] == 0:  # no pixel to sample
        empty = xp.full((batch, points.shape[2], channels), fill_value, dtype=work)
        return _cast(xp, empty, x.dtype), lambda dy: (xp.zeros_like(x), xp.zeros_like(points))
    samples = []
    y: Any = 0
    for corner in itertools.product(*axes):
        index, stride = offsets, math.prod(spatial)
        weight: Any = 1
        inside: Any = None
        for at, n in zip(corner, spatial):
            stride //= n
            index, weight = index + at.index * stride, weight * at.weight
            inside = at.inside if inside is None else xp.logical_and(inside, at.inside)
        values = backend.take(rows, index)
        if inside is not None:
            values = xp.where(inside[..., None], values, xp.full_like(values, fill_value))
        samples.append((corner, index, weight, inside, values))
        y = y + values * weight[..., None]

    def backward(dy: Array) -> tuple[Array, Array]:
        dy = dy.astype(work, copy=False)
        drows = xp.zeros_like(rows)
        dpoints = [xp.zeros((batch, points.shape[2]), dtype=work) for _ in spatial]
        for corner, index, weight, inside, values in samples:
            inside_weight = weight if inside is None else weight * inside
            part = xp.broadcast_to(dy * inside_weight[..., None], values.shape)
            backend.scatter_add(drows, index.reshape(-1), part.reshape((-1, channels)))
            if order:
                dweight = xp.sum(dy * values, axis=-1)
                for a, at in enumerate(corner):
                    others = [other.weight for other in corner if other is not at]
                    dpoints[a] = dpoints[a] + dweight * math.prod(others, start=at.slope)
        d = xp.stack(dpoints, axis=1)
        return drows.reshape(x.shape), d if points.shape[0] == batch else xp.sum(d, axis=0, keepdims=True)

    return _cast(xp, y, x.dtype), backward


def _corners(xp: Xp, at: Array, n: int, order: int, fill_mode: str) -> list[Corner]:
    """The elements of an axis of length n between which each coordinate lies."""
    limit = n if fill_mode in ("constant", "nearest") else 2**24
    at = xp.clip(at, -limit - 1, 2 * limit)  # an integer can hold it
    if order == 0:
        nearest = xp.where(at < 0, xp.ceil(at - 0.5), xp.floor(at + 0.5))
        return [Corner(*_indices(xp, nearest.astype("int32"), n, fill_mode), xp.ones_like(at), 0)]
    low = xp.floor(at)
    part = at - low
    low = low.astype("int32")
    below, above = _indices(xp, low, n, fill_mode), _indices(xp, low + 1, n, fill_mode)
    return [Corner(*below, 1 - part, -1), Corner(*above, part, 1)]


def _indices(xp: Xp, i: Array, n: int, fill_mode: str) -> tuple[Array, Array | None]:
    """Indices mapped into the axis, and where they were inside if that matters."""
    if fill_mode in ("constant", "nearest"):
        return xp.clip(i, 0, n - 1), (xp.logical_and(i >= 0, i < n) if fill_mode == "constant" else None)
    if fill_mode == "wrap":
        return i % n, None
    if fill_mode == "mirror":
        i = i % max(2 * n - 2, 1)
        return xp.where(i < n, i, 2 * n - 2 - i), None
    i = i % (2 * n)
    return xp.where(i < n, i, 2 * n - 1 - i), None


def _cast(xp: Xp, y: Array, dtype: Any) -> Array:
    """In the dtype of the images, integers rounded and clipped to its range."""
    if dtype.kind in "iu":
        limits = xp.iinfo(dtype)
        y = xp.clip(xp.where(y < 0, xp.ceil(y - 0.5), xp.floor(y + 0.5)), limits.min, limits.max)
    return y.astype(dtype, copy=False)


def _check_fill_mode(op: str, fill_mode: str) -> None:
    if fill_mode not in FILL_MODES:
        raise ValueError(
            f"{op}: Invalid value for argument `fill_mode`. Expected one of {', '.join(FILL_MODES)}. Received: {fill_mode!r}"
        )
