"""How much boxes overlap: intersection over union, and its complete form for boxes that should become equal."""

from __future__ import annotations

import math
from typing import Any

from ... import config, ops
from .formats import absolute_corners, check_boxes


def compute_iou(
    boxes1: Any,
    boxes2: Any,
    bounding_box_format: str,
    use_masking: bool = False,
    mask_val: float = -1,
    image_shape: Any = None,
) -> Any:
    """Intersection over union of each box with each: 1 for equal boxes, 0 for boxes that share nothing.

    Args:
        boxes1: (m, 4) or (batch, m, 4).
        boxes2: (n, 4) or (batch, n, 4).
        bounding_box_format: of both.
        use_masking: whether boxes of four negative numbers, which pad a batch, are left out.
        mask_val: what stands in the result for those.
        image_shape: (height, width, channels) of the image, for relative formats.

    Returns:
        (m, n), or (batch, m, n) if one of the two has a batch. A box without an area has 0 with every box.

    Raises:
        ValueError: the ranks, the batches or the format do not fit.
    """
    boxes1, boxes2 = check_boxes(boxes1), check_boxes(boxes2)
    for name, boxes in (("boxes1", boxes1), ("boxes2", boxes2)):
        if len(boxes.shape) not in (2, 3):
            raise ValueError(
                f"compute_iou: expected {name} of shape (n, 4) or (batch, n, 4), got {tuple(boxes.shape)}. One box has the "
                "shape (1, 4)"
            )
    batches = [boxes.shape[0] for boxes in (boxes1, boxes2) if len(boxes.shape) == 3]
    if len(batches) == 2 and 1 not in batches and None not in batches and batches[0] != batches[1]:
        raise ValueError(f"compute_iou: expected two batches of one size, got {batches[0]} and {batches[1]}")
    corners1 = absolute_corners(boxes1, bounding_box_format, image_shape, "compute_iou")
    corners2 = absolute_corners(boxes2, bounding_box_format, image_shape, "compute_iou")
    iou = iou_of_corners(ops.expand_dims(corners1, -2), ops.expand_dims(corners2, -3))
    if use_masking:
        padding1 = ops.expand_dims(ops.all(boxes1 < 0, axis=-1), -1)
        padding2 = ops.expand_dims(ops.all(boxes2 < 0, axis=-1), -2)
        iou = ops.where(ops.logical_or(padding1, padding2), ops.cast(mask_val, iou.dtype), iou)
    return iou


def iou_of_corners(corners1: Any, corners2: Any) -> Any:
    """Intersection over union of boxes in "xyxy" whose shapes broadcast.  (..., 4), (..., 4) -> (...)"""
    shared = _area(
        ops.maximum(corners1[..., :2], corners2[..., :2]),
        ops.minimum(corners1[..., 2:], corners2[..., 2:]),
    )
    areas = [_area(corners[..., :2], corners[..., 2:]) for corners in (corners1, corners2)]
    return ops.divide_no_nan(shared, areas[0] + areas[1] - shared)


def _area(low: Any, high: Any) -> Any:
    """The area between two corners, 0 where they do not span one.  (..., 2), (..., 2) -> (...)"""
    sides = ops.maximum(high - low, 0)
    return sides[..., 0] * sides[..., 1]


def compute_ciou(boxes1: Any, boxes2: Any, bounding_box_format: str, image_shape: Any = None) -> Any:
    """Complete intersection over union of boxes in pairs (Zheng et al., arXiv:1911.08287); ``1 - compute_ciou`` is a loss.

    What the overlap alone does not say is subtracted: the squared distance of the centers relative to the diagonal of the box
    around both, and the difference in aspect ratio. So boxes that do not overlap have a gradient, too.

    Args:
        boxes1, boxes2: (..., 4), of shapes that broadcast.
        bounding_box_format: of both.
        image_shape: (height, width, channels) of the image, for relative formats.

    Returns:
        (...), from above -2 to 1, which only equal boxes have.
    """
    corners1 = absolute_corners(boxes1, bounding_box_format, image_shape, "compute_ciou")
    corners2 = absolute_corners(boxes2, bounding_box_format, image_shape, "compute_ciou")
    epsilon = config.epsilon()
    iou = iou_of_corners(corners1, corners2)
    around = ops.maximum(corners1[..., 2:], corners2[..., 2:]) - ops.minimum(corners1[..., :2], corners2[..., :2])
    between = (corners1[..., :2] + corners1[..., 2:] - corners2[..., :2] - corners2[..., 2:]) / 2
    distance = ops.sum(ops.square(between), axis=-1) / (ops.sum(ops.square(around), axis=-1) + epsilon)
    angles = []
    for corners in (corners1, corners2):
        sides = corners[..., 2:] - corners[..., :2]
        angles.append(ops.arctan(sides[..., 0] / (sides[..., 1] + epsilon)))
    v = 4 / math.pi**2 * ops.square(angles[0] - angles[1])
    alpha = v / (1 - iou + v + epsilon)
    return iou - distance - alpha * v
