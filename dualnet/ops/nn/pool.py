"""Pooling: one number for each window.  x: (batch, spatial..., channels), channels first with ``data_format``

The arithmetic is in ``dualnet_backends.kernels.pooling``.
"""

from __future__ import annotations

from typing import Any

from dualnet_backends import Backend
from dualnet_backends.kernels.pooling import Axis

from .._common import Array, Forward, Spec, floating
from ..registry import op
from ..shape_rules import Shape, float_dtype, shape_of
from ._windows import Sizes, first_spatial_axis, overhang, padding_of, per_axis, spatial_rank, window_count


def _pool_shape(op: str, inputs: Any, *args: Any, **options: Any) -> Shape:
    shape = list(shape_of(inputs))
    for axis in _axes(op, shape_of(inputs), *args, **options):
        shape[axis.at] = axis.windows
    return tuple(shape)


def _max_pool_shape(inputs: Any, *args: Any, **options: Any) -> Spec:
    return Spec(_pool_shape("max_pool", inputs, *args, **options), inputs.dtype)


def _average_pool_shape(inputs: Any, *args: Any, **options: Any) -> Spec:
    return Spec(_pool_shape("average_pool", inputs, *args, **options), float_dtype(inputs))


@op("nn", shape=_max_pool_shape)
def max_pool(
    backend: Backend,
    inputs: Array,
    /,
    pool_size: Sizes,
    strides: Sizes | None = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Forward:
    """The largest element of each window.

    Args:
        pool_size, strides: one number for all spatial axes, or one for each; strides are the pool size by default.
        padding: "valid" keeps windows inside the input, "same" lets them hang over its edges evenly, so that there are
            ceil(length / stride) of them.
    """
    return backend.max_pool(inputs, _axes("max_pool", inputs.shape, pool_size, strides, padding, data_format))


@op("nn", shape=_average_pool_shape)
def average_pool(
    backend: Backend,
    inputs: Array,
    /,
    pool_size: Sizes,
    strides: Sizes | None = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Forward:
    """The mean of each window; what hangs over the edge of the input is not counted. Arguments: see ``max_pool``"""
    axes = _axes("average_pool", inputs.shape, pool_size, strides, padding, data_format)
    return backend.average_pool(floating(inputs), axes)


def _axes(
    op: str,
    shape: Shape,
    pool_size: Sizes,
    strides: Sizes | None = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> list[Axis]:
    """The spatial axes, the last one first. An unknown length has an unknown number of windows."""
    rank = spatial_rank(op, shape)
    first, padding = first_spatial_axis(op, data_format), padding_of(op, padding)
    sizes = per_axis(op, "pool_size", pool_size, rank)
    steps = sizes if strides is None else per_axis(op, "strides", strides, rank)
    spatial = []
    for at, size, stride in zip(range(first, first + rank), sizes, steps):
        length: Any = shape[at]
        count: Any = None if length is None else window_count(length, size, stride, padding)
        if length and count < 1:
            raise ValueError(
                f"{op}: a window of {sizes} does not fit into an input of shape {shape}: "
                'use a smaller pool_size or padding="same"'
            )
        padding_widths = (0, 0) if length is None else overhang(length, size, stride, padding)
        spatial.append(Axis(at, length, size, stride, count and max(count, 0), *padding_widths))
    return spatial[::-1]
