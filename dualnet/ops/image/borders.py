"""Parts of images: borders cut off and added, and patches.  images: (height, width, channels), or a batch of them"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from ...core.tensor import Tensor
from .._common import Spec
from ..core.create import arange
from ..core.indexing import get_item, take
from ..core.shape import expand_dims, pad, reshape, transpose
from ..math.arithmetic import add, multiply
from ..nn._windows import first_spatial_axis, one_per_axis, overhang
from ..registry import export, op
from ..shape_rules import shape_of


def _two_of_three(
    op: str,
    length: int,
    sign: int,
    names: tuple[str, str, str],
    before: int | None,
    after: int | None,
    target: int | None,
) -> tuple[int, int]:
    """The sizes to crop (sign -1) or pad (1) at both ends of an axis, from two of: before, after, the new length."""
    values = dict(zip(names, (before, after, target)))
    received = ", ".join(f"{k}={v}" for k, v in values.items())
    if sum(v is not None for v in values.values()) != 2:
        raise ValueError(f"{op}: Must specify exactly two of {', '.join(names)}. Received: {received}")
    if target is None:
        target = length + sign * (before + after)  # type: ignore[operator]
    if target < 0:
        raise ValueError(f"{op}: {names[2]} must be >= 0. Received: {names[2]}={target}")
    change = sign * (target - length)
    before = change - after if before is None else before  # type: ignore[operator]
    after = change - before if after is None else after
    for name, value in zip(names, (before, after)):
        if value < 0:
            raise ValueError(f"{op}: {name} must be >= 0. Received: {name}={value}")
    return before, after


def _ends(op: str, images: Any, sign: int, rows: Any, columns: Any, data_format: str | None) -> tuple[int, list[Any]]:
    word = "cropping" if sign < 0 else "padding"
    if len(images.shape) not in (3, 4):
        raise ValueError(
            f"{op}: Invalid images rank: expected rank 3 (single image) or rank 4 (batch of images). Received input with "
            f"shape: images.shape={tuple(images.shape)}"
        )
    first = first_spatial_axis(op, data_format) - (len(images.shape) == 3)
    height, width = images.shape[first : first + 2]
    if height is None or width is None:
        raise ValueError(f"{op}: the height and width of the images must be known, got shape {tuple(images.shape)}")
    return first, [
        _two_of_three(op, height, sign, (f"top_{word}", f"bottom_{word}", "target_height"), *rows),
        _two_of_three(op, width, sign, (f"left_{word}", f"right_{word}", "target_width"), *columns),
    ]


def _borders_shape(sign: int) -> Callable[..., Spec]:
    def rule(
        images: Any,
        top: int | None = None,
        left: int | None = None,
        bottom: int | None = None,
        right: int | None = None,
        target_height: int | None = None,
        target_width: int | None = None,
        data_format: str | None = None,
    ) -> Spec:
        shape = list(shape_of(images))
        first = first_spatial_axis("images", data_format) - (len(shape) == 3)
        ends = (top, bottom, target_height), (left, right, target_width)
        for axis, (before, after, target) in enumerate(ends, first):
            n = shape[axis]
            if n is not None:
                names = ("before", "after", "target")
                before, after = _two_of_three("images", n, sign, names, before, after, target)
                target = n + sign * (before + after)
            elif target is None and (before is None or after is None):
                raise ValueError("two of the borders and the target size must be given")
            shape[axis] = target
        return Spec(tuple(shape), images.dtype)

    def named(images: Any, *args: Any, **options: Any) -> Spec:
        return rule(
            images, *args, **{k.removesuffix("_cropping").removesuffix("_padding"): v for k, v in options.items()}
        )

    return named


@op("image", shape=_borders_shape(-1))
def crop_images(
    images: Any,
    /,
    top_cropping: int | None = None,
    left_cropping: int | None = None,
    bottom_cropping: int | None = None,
    right_cropping: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Tensor:
    """Images without their borders: of top, bottom and target height two are given, and two of left, right and width"""
    rows, columns = (top_cropping, bottom_cropping, target_height), (left_cropping, right_cropping, target_width)
    first, ends = _ends("crop_images", images, -1, rows, columns, data_format)
    window = [slice(a, n - b) for n, (a, b) in zip(images.shape[first : first + 2], ends)]
    return get_item(images, (*[slice(None)] * first, *window))


@op("image", shape=_borders_shape(1))
def pad_images(
    images: Any,
    /,
    top_padding: int | None = None,
    left_padding: int | None = None,
    bottom_padding: int | None = None,
    right_padding: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Tensor:
    """Images with borders of zeros: of top, bottom and target height two are given, and two of left, right and width"""
    rows, columns = (top_padding, bottom_padding, target_height), (left_padding, right_padding, target_width)
    first, ends = _ends("pad_images", images, 1, rows, columns, data_format)
    widths = [(0, 0)] * first + ends
    return pad(images, widths + [(0, 0)] * (len(images.shape) - len(widths)))


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
    return _patches("extract_patches", images, rank, size, strides, dilation_rate, padding, data_format)


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
        volumes, one_per_axis("extract_patches_3d", "size", size, 3), strides, dilation_rate, padding, data_format
    )


def _patches(
    op: str, x: Any, rank: int, size: Any, strides: Any, dilation_rate: Any, padding: str, data_format: str | None
) -> Tensor:
    if len(x.shape) not in (rank + 1, rank + 2):
        raise ValueError(f"{op}: expected rank {rank + 1}, or {rank + 2} for a batch, got shape {tuple(x.shape)}")
    sizes = one_per_axis(op, "size", size, rank)
    steps = sizes if strides is None else one_per_axis(op, "strides", strides, rank)
    dilations = one_per_axis(op, "dilation_rate", dilation_rate, rank)
    if padding not in ("valid", "same"):
        raise ValueError(f'{op}: padding must be "valid" or "same", got {padding!r}')
    first = first_spatial_axis(op, data_format) - (len(x.shape) == rank + 1)
    lengths = tuple(x.shape[first : first + rank])
    spans = [(k - 1) * d + 1 for k, d in zip(sizes, dilations)]
    if padding == "same":
        over = [overhang(n, s, t) for n, s, t in zip(lengths, spans, steps)]
        x = pad(x, [(0, 0)] * first + over + [(0, 0)] * (len(x.shape) - first - rank))
        lengths = tuple(n + a + b for n, (a, b) in zip(lengths, over))
    counts = [(n - s) // t + 1 for n, s, t in zip(lengths, spans, steps)]
    if min(counts) < 1:
        raise ValueError(f"{op}: no patch of size {sizes} fits into the spatial axes {lengths}")
    # Each spatial axis becomes two: the patch, and the pixel in it.
    for i, (count, size, step, dilation) in enumerate(zip(counts, sizes, steps, dilations)):
        axis = first + 2 * i
        if step == size and dilation == 1:
            shape = tuple(x.shape)
            cropped = get_item(x, (*[slice(None)] * axis, slice(0, count * size)))
            x = reshape(cropped, _open((*shape[:axis], count, size, *shape[axis + 1 :])))
        else:
            indices = add(expand_dims(multiply(arange(count), step), 1), multiply(arange(size), dilation))
            x = take(x, indices, axis=axis)
    which, where = [first + 2 * i for i in range(rank)], [first + 2 * i + 1 for i in range(rank)]
    channels = len(x.shape) - 1 if first_spatial_axis(op, data_format) == 1 else first - 1
    lead = [a for a in range(first) if a != channels]
    last = channels > first
    order = lead + which + where + [channels] if last else lead + where + [channels] + which
    length = math.prod(sizes) * x.shape[channels]
    head = [x.shape[a] for a in lead]
    return reshape(transpose(x, order), _open((*head, *counts, length) if last else (*head, length, *counts)))


def _open(shape: Sequence[Any]) -> tuple[int, ...]:
    """A shape with -1 for the batch of a symbolic tensor."""
    return tuple(-1 if n is None else n for n in shape)
