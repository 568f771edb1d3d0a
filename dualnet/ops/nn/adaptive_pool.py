"""Pooling to a given output size, whatever the size of the input.  x: (batch, spatial..., channels), or channels first

The arithmetic is in ``dualnet_backends.kernels.pooling``.
"""

from __future__ import annotations

from typing import Any

from dualnet_backends import Backend

from .._common import Array, Forward, floating
from ..registry import op
from ..shape_rules import Shape, shape_of
from ._windows import Sizes, first_spatial_axis, per_axis, spatial_rank


def _adaptive_shape(inputs: Any, output_size: Sizes, data_format: str | None = None) -> Shape:
    shape = list(shape_of(inputs))
    for axis, size in _axes("adaptive pooling", shape_of(inputs), output_size, data_format):
        shape[axis] = size
    return tuple(shape)


@op("nn", shape=_adaptive_shape)
def adaptive_max_pool(
    backend: Backend, inputs: Array, /, output_size: Sizes, data_format: str | None = None
) -> Forward:
    """The largest element of each window.  output_size: one number for all spatial axes, or one for each"""
    return backend.adaptive_max_pool(inputs, _axes("adaptive_max_pool", inputs.shape, output_size, data_format))


@op("nn", shape=_adaptive_shape)
def adaptive_average_pool(
    backend: Backend, inputs: Array, /, output_size: Sizes, data_format: str | None = None
) -> Forward:
    """The mean of each window.  output_size: one number for all spatial axes, or one for each"""
    axes = _axes("adaptive_average_pool", inputs.shape, output_size, data_format)
    return backend.adaptive_average_pool(floating(inputs), axes)


def _axes(op: str, shape: Shape, output_size: Sizes, data_format: str | None) -> list[tuple[int, int]]:
    """(axis, output size) of the spatial axes, the last one first."""
    sizes = per_axis(op, "output_size", output_size, spatial_rank(op, shape))
    return list(enumerate(sizes, first_spatial_axis(op, data_format)))[::-1]
