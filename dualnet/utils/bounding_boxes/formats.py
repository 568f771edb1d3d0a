"""The formats of boxes, and the conversion between them by way of corners: left, top, right, bottom."""

from __future__ import annotations

from typing import Any

from ... import ops
from ...core.dtypes import standardize_dtype

FORMATS = ("xyxy", "yxyx", "xywh", "center_xywh", "center_yxhw", "rel_xyxy", "rel_yxyx", "rel_xywh", "rel_center_xywh")


def convert_format(
    boxes: Any, source: str, target: str, height: Any = None, width: Any = None, dtype: Any = "float32"
) -> Any:
    """Boxes in another format.

    Args:
        boxes: (..., 4), or a dictionary whose ``"boxes"`` are converted.
        source, target: two of ``FORMATS``, in upper or lower case.
        height, width: of the image, where one of the two formats is relative.
        dtype: of the result.

    Returns:
        A tensor of the shape of ``boxes``, or a dictionary with it.

    Raises:
        ValueError: a format is unknown, the last axis is not 4, or ``height`` or ``width`` is missing.
    """
    if isinstance(boxes, dict):
        if "boxes" not in boxes:
            raise ValueError(f"convert_format: expected a dictionary with the key 'boxes', got {sorted(boxes)}")
        return {**boxes, "boxes": convert_format(boxes["boxes"], source, target, height, width, dtype)}
    source, target = check_format(source, "source"), check_format(target, "target")
    if (is_relative(source) or is_relative(target)) and source != target and (height is None or width is None):
        raise ValueError(
            f"convert_format: expected `height` and `width` of the image, as {source} or {target} is relative to them, "
            f"got height={height} and width={width}"
        )
    dtype = standardize_dtype(dtype)
    boxes = check_boxes(boxes)
    if "float" in dtype:
        boxes = ops.cast(boxes, dtype)
    if source != target:
        corners = to_corners(boxes, source)
        if is_relative(source) != is_relative(target):
            corners = scale(corners, 1 / width, 1 / height) if is_relative(target) else scale(corners, width, height)
        boxes = from_corners(corners, target)
    return ops.cast(boxes, dtype)


def is_relative(name: str) -> bool:
    """Whether a format has fractions of the image."""
    return name.startswith("rel_")


def check_format(name: str, argument: str = "bounding_box_format") -> str:
    """The format in lower case. Raises ``ValueError`` if there is no such format."""
    if not isinstance(name, str) or name.lower() not in FORMATS:
        raise ValueError(f"{argument}: expected one of the formats {', '.join(FORMATS)}, got {name!r}")
    return name.lower()


def check_boxes(boxes: Any) -> Any:
    """The boxes as a tensor. Raises ``ValueError`` if the last axis is not 4."""
    boxes = ops.convert_to_tensor(boxes)
    if not len(boxes.shape) or boxes.shape[-1] != 4:
        raise ValueError(f"boxes: expected four numbers along the last axis, got the shape {tuple(boxes.shape)}")
    return boxes


def to_corners(boxes: Any, source: str) -> Any:
    """Left, top, right, bottom, in the units of the format.  (..., 4) -> (..., 4)"""
    kind = source.removeprefix("rel_")
    if kind == "xyxy":
        return boxes
    a, b, c, d = ops.split(boxes, 4, axis=-1)
    if kind in ("yxyx", "center_yxhw"):
        a, b, c, d = b, a, d, c
    if kind.startswith("center"):
        a, b = a - c / 2, b - d / 2
    if kind != "yxyx":
        c, d = a + c, b + d
    return ops.concatenate([a, b, c, d], axis=-1)


def from_corners(corners: Any, target: str) -> Any:
    """The inverse of ``to_corners``."""
    kind = target.removeprefix("rel_")
    if kind == "xyxy":
        return corners
    a, b, c, d = ops.split(corners, 4, axis=-1)
    if kind != "yxyx":
        if kind.startswith("center"):
            a, b, c, d = (a + c) / 2, (b + d) / 2, c - a, d - b
        else:
            c, d = c - a, d - b
    if kind in ("yxyx", "center_yxhw"):
        a, b, c, d = b, a, d, c
    return ops.concatenate([a, b, c, d], axis=-1)


def scale(corners: Any, x: Any, y: Any) -> Any:
    """Corners with their x and y multiplied."""
    left, top, right, bottom = ops.split(corners, 4, axis=-1)
    return ops.concatenate([left * x, top * y, right * x, bottom * y], axis=-1)


def absolute_corners(boxes: Any, source: str, image_shape: Any, name: str) -> Any:
    """The corners in pixels, of a function with an ``image_shape``."""
    source = check_format(source)
    if is_relative(source) and image_shape is None:
        raise ValueError(
            f"{name}: boxes in the format {source} need `image_shape`, (height, width, channels): squares of fractions "
            "are no squares of pixels"
        )
    height, width = (None, None) if image_shape is None else image_shape[:2]
    return convert_format(boxes, source, "xyxy", height, width)
