"""Borders of images, cut off or added.  images: (height, width, channels), or a batch of them"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...core.tensor import Tensor
from .._common import Spec
from ..core.indexing import get_item
from ..core.shape import pad
from ..nn._windows import first_image_axis
from ..registry import op

Border = tuple[Any, Any, Any]  # before, after, the new length


def _border(
    op: str, sign: int, length: int | None, names: tuple[str, str, str], before: Any, after: Any, target: Any
) -> Border:
    """The sizes to crop (sign -1) or pad (1) at both ends of an axis, from two of: before, after, the new length."""
    values = dict(zip(names, (before, after, target)))
    received = ", ".join(f"{k}={v}" for k, v in values.items())
    if sum(v is not None for v in values.values()) != 2:
        raise ValueError(f"{op}: Must specify exactly two of {', '.join(names)}. Received: {received}")
    if length is None:  # of a symbolic tensor
        return before, after, target
    if target is None:
        target = length + sign * (before + after)
    if target < 0:
        raise ValueError(f"{op}: {names[2]} must be >= 0. Received: {names[2]}={target}")
    change = sign * (target - length)
    before = change - after if before is None else before
    after = change - before if after is None else after
    for name, value in zip(names, (before, after)):
        if value < 0:
            raise ValueError(f"{op}: {name} must be >= 0. Received: {name}={value}")
    return before, after, target


def _borders(
    op: str,
    sign: int,
    images: Any,
    top: Any = None,
    left: Any = None,
    bottom: Any = None,
    right: Any = None,
    target_height: Any = None,
    target_width: Any = None,
    data_format: str | None = None,
) -> tuple[int, Border, Border]:
    """The axis of the height, and the borders along height and width."""
    word = "cropping" if sign < 0 else "padding"
    rows, columns = (
        (f"top_{word}", f"bottom_{word}", "target_height"),
        (f"left_{word}", f"right_{word}", "target_width"),
    )
    first = first_image_axis(op, images, data_format)
    height, width = images.shape[first : first + 2]
    return (
        first,
        _border(op, sign, height, rows, top, bottom, target_height),
        _border(op, sign, width, columns, left, right, target_width),
    )


def _borders_shape(op: str, sign: int) -> Callable[..., Spec]:
    def rule(images: Any, *args: Any, **options: Any) -> Spec:
        options = {name.removesuffix("_cropping").removesuffix("_padding"): v for name, v in options.items()}
        first, (*_, height), (*_, width) = _borders(op, sign, images, *args, **options)
        return Spec((*images.shape[:first], height, width, *images.shape[first + 2 :]), images.dtype)

    return rule


@op("image", shape=_borders_shape("crop_images", -1))
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
    sizes = (top_cropping, left_cropping, bottom_cropping, right_cropping, target_height, target_width)
    first, (top, _, height), (left, _, width) = _borders("crop_images", -1, images, *sizes, data_format)
    return get_item(images, (*[slice(None)] * first, slice(top, top + height), slice(left, left + width)))


@op("image", shape=_borders_shape("pad_images", 1))
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
    sizes = (top_padding, left_padding, bottom_padding, right_padding, target_height, target_width)
    first, (top, bottom, _), (left, right, _) = _borders("pad_images", 1, images, *sizes, data_format)
    widths = [(0, 0)] * first + [(top, bottom), (left, right)]
    return pad(images, widths + [(0, 0)] * (len(images.shape) - len(widths)))
