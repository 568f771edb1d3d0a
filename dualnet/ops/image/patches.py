"""Patches of images and volumes: every window of them as a vector."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ...core.tensor import Tensor
from ..core.create import arange
from ..core.indexing import get_item, take
from ..core.shape import expand_dims, pad, reshape, transpose
from ..math.arithmetic import add, multiply
from ..nn._windows import first_spatial_axis, overhang, padding_of, per_axis, window_count
from ..registry import export, op


@op("image")
def extract_patches(
    images: Any,
    /,
    size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    dilation_rate: int = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> Tensor:
    """Every window of images as a vector: the channels of its first pixel, of its second ...

    images: (batch, height, width, channels) -> (batch, rows, columns, patch height * patch width * channels), all
    channels first with that data format; a single image has no batch.

    Args:
        size: (height, width) of a patch; three numbers take patches of volumes, as ``extract_patches_3d``.
        strides: of the patches, by default the size.
        dilation_rate: distance of the pixels of a patch.
        padding: "valid", or "same" with zeros around.
    """
    if not isinstance(size, (int, tuple, list)):
        raise TypeError(
            f"extract_patches: Invalid `size` argument. Expected an int or a tuple of length 2 or 3, got {size!r}"
        )
    if not isinstance(size, int) and len(size) not in (2, 3):
        raise ValueError(f"extract_patches: Invalid `size` argument. Expected a tuple of length 2 or 3, got {size!r}")
    rank = 2 if isinstance(size, int) else len(size)
    return _patches(images, rank, size, strides, dilation_rate, padding, data_format)


@export("image")
def extract_patches_3d(
    volumes: Any,
    /,
    size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    dilation_rate: int = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> Tensor:
    """``extract_patches`` of volumes.  volumes: (depth, height, width, channels), or a batch of them"""
    if not isinstance(size, int) and len(size) != 3:
        raise TypeError(
            f"extract_patches_3d: Invalid `size` argument. Expected an int or a tuple of length 3, got {size!r}"
        )
    return extract_patches(
        volumes, per_axis("extract_patches_3d", "size", size, 3), strides, dilation_rate, padding, data_format
    )


def _patches(
    x: Any, rank: int, size: Any, strides: Any, dilation_rate: Any, padding: str, data_format: str | None
) -> Tensor:
    who = "extract_patches"
    if len(x.shape) not in (rank + 1, rank + 2):
        raise ValueError(f"{who}: expected rank {rank + 1}, or {rank + 2} for a batch, got shape {tuple(x.shape)}")
    sizes, padding = per_axis(who, "size", size, rank), padding_of(who, padding)
    steps = sizes if strides is None else per_axis(who, "strides", strides, rank)
    dilations = per_axis(who, "dilation_rate", dilation_rate, rank)
    channels_last = first_spatial_axis(who, data_format) == 1
    first = (1 if channels_last else 2) - (len(x.shape) == rank + 1)
    lengths = tuple(x.shape[first : first + rank])
    axes = [(n, (k - 1) * d + 1, s) for n, k, d, s in zip(lengths, sizes, dilations, steps)]
    counts = [window_count(*axis, padding) for axis in axes]
    if min(counts) < 1:
        raise ValueError(f"{who}: no patch of size {sizes} fits into the spatial axes {lengths}")
    if padding == "same":
        widths = [overhang(*axis) for axis in axes]
        x = pad(x, [(0, 0)] * first + widths + [(0, 0)] * (len(x.shape) - first - rank))
    # Each spatial axis becomes two: the patch, and the pixel in it.
    for i, (count, size, step, dilation) in enumerate(zip(counts, sizes, steps, dilations)):
        axis = first + 2 * i
        if step == size and dilation == 1:
            cropped = get_item(x, (*[slice(None)] * axis, slice(0, count * size)))
            x = reshape(cropped, (*x.shape[:axis], count, size, *x.shape[axis + 1 :]))
        else:
            indices = add(expand_dims(multiply(arange(count), step), 1), multiply(arange(size), dilation))
            x = take(x, indices, axis=axis)
    patch_axes, pixel_axes = range(first, first + 2 * rank, 2), range(first + 1, first + 2 * rank, 2)
    channel_axis = len(x.shape) - 1 if channels_last else first - 1
    batch_axes = [a for a in range(first) if a != channel_axis]
    batch, length = [x.shape[a] for a in batch_axes], math.prod(sizes) * x.shape[channel_axis]
    if channels_last:
        y = transpose(x, [*batch_axes, *patch_axes, *pixel_axes, channel_axis])
        return reshape(y, (*batch, *counts, length))
    y = transpose(x, [*batch_axes, *pixel_axes, channel_axis, *patch_axes])
    return reshape(y, (*batch, length, *counts))
