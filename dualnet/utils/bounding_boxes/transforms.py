"""Boxes that follow their image: cut off at its border, cropped, padded, turned and sheared."""

from __future__ import annotations

import math
from typing import Any

from ... import config, ops
from .formats import check_boxes, check_format, from_corners, is_relative, to_corners
from .formats import scale as _scaled


def clip_to_image_size(
    bounding_boxes: Any, height: Any = None, width: Any = None, bounding_box_format: str = "xyxy"
) -> Any:
    """Boxes without what lies outside of the image.

    Args:
        bounding_boxes: a dictionary of "boxes" (..., n, 4) and "labels" (..., n), or the boxes alone.
        height, width: of the image; not needed for relative formats.
        bounding_box_format: of the boxes.

    Returns:
        What was given, clipped. The label of a box of which nothing is left is -1.

    Raises:
        ValueError: ``height`` or ``width`` is missing.
    """
    format_name = check_format(bounding_box_format)
    if is_relative(format_name):
        height = width = 1
    elif height is None or width is None:
        raise ValueError(
            f"clip_to_image_size: boxes in the format {format_name} need the `height` and `width` of the image, got "
            f"height={height} and width={width}"
        )
    if not isinstance(bounding_boxes, dict):
        return from_corners(_clip(to_corners(check_boxes(bounding_boxes), format_name), width, height), format_name)
    corners = _clip(to_corners(check_boxes(bounding_boxes["boxes"]), format_name), width, height)
    clipped = {**bounding_boxes, "boxes": from_corners(corners, format_name)}
    if "labels" in bounding_boxes:
        left, top, right, bottom = (corners[..., i] for i in range(4))
        labels = ops.convert_to_tensor(bounding_boxes["labels"])
        clipped["labels"] = ops.where(ops.logical_and(right > left, bottom > top), labels, ops.cast(-1, labels.dtype))
    return clipped


def _clip(corners: Any, width: Any, height: Any) -> Any:
    """Corners from 0 to the width and the height."""
    columns = [
        ops.clip(corners[..., i : i + 1], 0, ops.cast(limit, corners.dtype))
        for i, limit in enumerate((width, height, width, height))
    ]
    return ops.concatenate(columns, axis=-1)


def crop(boxes: Any, top: Any, left: Any, height: Any, width: Any, bounding_box_format: str = "xyxy") -> Any:
    """Boxes in the coordinates of a part of their image, and cut off at its border.

    Args:
        boxes: (..., 4)
        top, left: the row and the column of the image where the part begins.
        height, width: of the part.
        bounding_box_format: of the boxes, not a relative one.

    Returns:
        (..., 4). What lies outside of the part has no area; ``clip_to_image_size`` tells which boxes these are.
    """
    corners, format_name = _pixels(boxes, bounding_box_format, "crop")
    return from_corners(_clip(_shift(corners, -left, -top), width, height), format_name)


def pad(
    boxes: Any, top: Any, left: Any, height: Any = None, width: Any = None, bounding_box_format: str = "xyxy"
) -> Any:
    """Boxes in the coordinates of an image that has got rows above it and columns to its left.

    Args:
        boxes: (..., 4)
        top, left: how many.
        height, width: of the image, as in Keras; nothing depends on them.
        bounding_box_format: of the boxes, not a relative one.
    """
    del height, width
    corners, format_name = _pixels(boxes, bounding_box_format, "pad")
    return from_corners(_shift(corners, left, top), format_name)


def _pixels(boxes: Any, bounding_box_format: str, name: str) -> tuple[Any, str]:
    """Corners in pixels, and the format. Raises ``ValueError`` for a relative one, as the size of the image is not known."""
    format_name = check_format(bounding_box_format)
    if is_relative(format_name):
        raise ValueError(f"{name}: expected boxes in pixels, got the format {format_name}; use convert_format before")
    return to_corners(check_boxes(boxes), format_name), format_name


def _shift(corners: Any, x: Any, y: Any) -> Any:
    """Corners moved to the right by x and down by y."""
    return ops.concatenate(
        [corners[..., i : i + 1] + ops.cast(by, corners.dtype) for i, by in enumerate((x, y, x, y))], axis=-1
    )


def affine_transform(
    boxes: Any,
    angle: Any,
    translate_x: Any,
    translate_y: Any,
    scale: Any,
    shear_x: Any,
    shear_y: Any,
    height: Any,
    width: Any,
    center_x: Any = None,
    center_y: Any = None,
    bounding_box_format: str = "xyxy",
) -> Any:
    """The boxes around boxes that were moved, turned, sheared and scaled with their image, in this order.

    Args:
        boxes: (n, 4) or (batch, n, 4).
        angle: by how much the image is turned, in degrees, counterclockwise.
        translate_x, translate_y: to the right and down, as fractions of the width and height less one pixel.
        scale: the factor of the size.
        shear_x, shear_y: angles in degrees: what is below the center moves to the right, and what is right of it, down.
        height, width: of the image.
        center_x, center_y: the point that stays where it is, as fractions; by default the center of the image.
        bounding_box_format: of the boxes.

    All of these are numbers, or have the shape (batch,) with one number for each element of a batch.

    Returns:
        The smallest upright boxes around the corners of what became of each. A turned box has a larger one around it, and
        some of it may lie outside of the image: ``clip_to_image_size`` cuts that off.
    """
    format_name = check_format(bounding_box_format)
    corners = ops.cast(to_corners(check_boxes(boxes), format_name), config.floatx())
    if len(corners.shape) not in (2, 3):
        raise ValueError(
            f"affine_transform: expected boxes of shape (n, 4) or (batch, n, 4), got {tuple(corners.shape)}"
        )
    relative = is_relative(format_name)
    if relative:
        corners = _scaled(corners, width, height)

    angle, slope_x, slope_y = (_for_each_box(a) * (math.pi / 180) for a in (angle, shear_x, shear_y))
    slope_x, slope_y = ops.tan(slope_x), ops.tan(slope_y)
    last_x, last_y = width - 1, height - 1  # the center of the last pixel, as images are sampled
    center_x = _for_each_box(0.5 if center_x is None else center_x) * last_x
    center_y = _for_each_box(0.5 if center_y is None else center_y) * last_y

    left, top, right, bottom = (corners[..., i] for i in range(4))
    x = ops.stack([left, right, left, right], axis=-1) - center_x + _for_each_box(translate_x) * last_x
    y = ops.stack([top, top, bottom, bottom], axis=-1) - center_y + _for_each_box(translate_y) * last_y
    # Rows are counted downwards, so that this turns counterclockwise.
    x, y = x * ops.cos(angle) + y * ops.sin(angle), y * ops.cos(angle) - x * ops.sin(angle)
    y = y + slope_y * x
    x = x + slope_x * y
    x, y = x * _for_each_box(scale) + center_x, y * _for_each_box(scale) + center_y
    corners = ops.stack([ops.min(x, -1), ops.min(y, -1), ops.max(x, -1), ops.max(y, -1)], axis=-1)
    if relative:
        corners = _scaled(corners, 1 / width, 1 / height)
    return from_corners(corners, format_name)


def _for_each_box(number: Any) -> Any:
    """A number as it is, or (batch,) as (batch, 1, 1), which fits the corners of boxes (batch, n, 4)."""
    if isinstance(number, (int, float)):
        return float(number)
    number = ops.cast(ops.convert_to_tensor(number), config.floatx())
    return ops.reshape(number, (-1, 1, 1)) if len(number.shape) else number
