"""tf.image's choice among boxes that overlap: greedy and soft non-maximum suppression, also of batches and classes.

Boxes are (y1, x1, y2, x2), whichever of two corners comes first. Everything is computed on the device; only the functions whose
result has as many elements as boxes are chosen read that number.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .. import ops
from ..utils.bounding_boxes.overlap import iou_of_corners


class CombinedNonMaxSuppression(NamedTuple):
    """The boxes that were chosen, their scores and classes, and how many there are in each image."""

    nmsed_boxes: Any
    nmsed_scores: Any
    nmsed_classes: Any
    valid_detections: Any


_NEVER = float("-inf")  # the score of what can no longer be chosen


def non_max_suppression(
    boxes: Any,
    scores: Any,
    max_output_size: Any,
    iou_threshold: float = 0.5,
    score_threshold: float = _NEVER,
    name: str | None = None,
) -> Any:
    """The indices of boxes, the best first, that overlap no better one by more than ``iou_threshold``.

    Args:
        boxes: (n, 4), two opposite corners y1, x1, y2, x2.
        scores: (n,)
        max_output_size: the number of indices at most.
        score_threshold: only boxes with a larger score are taken.

    Returns:
        (m,) int32; of equal scores the first is taken. The number is read from the device.
    """
    return non_max_suppression_with_scores(boxes, scores, max_output_size, iou_threshold, score_threshold)[0]


def non_max_suppression_with_scores(
    boxes: Any,
    scores: Any,
    max_output_size: Any,
    iou_threshold: float = 0.5,
    score_threshold: float = _NEVER,
    soft_nms_sigma: float = 0.0,
    name: str | None = None,
) -> tuple[Any, Any]:
    """As ``non_max_suppression``, with the scores.

    With ``soft_nms_sigma`` the score of a box is not set aside for its overlap with a better one, but lowered, by the factor
    exp(-iou² / (2 sigma)) (Bodla et al., arXiv:1704.04503); what overlaps by more than ``iou_threshold`` still is.

    Returns:
        The indices (m,) int32 and the scores (m,), as far as they were lowered when their boxes were chosen.
    """
    corners, scores = _check(boxes, scores, 1, max_output_size, iou_threshold)
    size = min(int(max_output_size), scores.shape[-1])
    indices, chosen = _suppress(corners, scores, size, iou_threshold, score_threshold, soft_nms_sigma)
    count = int(ops.sum(ops.cast(chosen > _NEVER, "int32")))
    return indices[:count], chosen[:count]


def combined_non_max_suppression(
    boxes: Any,
    scores: Any,
    max_output_size_per_class: int,
    max_total_size: int,
    iou_threshold: float = 0.5,
    score_threshold: float = _NEVER,
    pad_per_class: bool = False,
    clip_boxes: bool = True,
    name: str | None = None,
) -> Any:
    """Suppression within each class of each image of a batch, and the best of all classes.

    Args:
        boxes: (batch, n, 1, 4), the same for all classes, or (batch, n, classes, 4).
        scores: (batch, n, classes)
        max_output_size_per_class, max_total_size: how many are taken of a class, and of an image.
        iou_threshold, score_threshold: as in ``non_max_suppression``.
        pad_per_class: whether the result has a length of ``max_output_size_per_class * classes`` if that is less than
            ``max_total_size``.
        clip_boxes: whether coordinates are clipped to 0 and 1.

    Returns:
        A named tuple: nmsed_boxes (batch, m, 4), nmsed_scores (batch, m), nmsed_classes (batch, m), and valid_detections
        (batch,) int32, their number. What follows them is 0.
    """
    corners, scores = _check(boxes, scores, 3, max_output_size_per_class, iou_threshold)
    n, classes = scores.shape[1:]
    if corners.shape[2] not in (1, classes):
        raise ValueError(f"boxes: expected (batch, n, 1, 4) or (batch, n, {classes}, 4), got {tuple(corners.shape)}")
    # (batch, classes, n): every class of every image is a problem of its own.
    scores = ops.swapaxes(scores, 1, 2)
    boxes = ops.cast(ops.convert_to_tensor(boxes), scores.dtype)
    corners, boxes = (ops.broadcast_to(ops.swapaxes(x, 1, 2), (*scores.shape, 4)) for x in (corners, boxes))
    size = min(int(max_output_size_per_class), n)
    indices, chosen = _suppress(corners, scores, size, iou_threshold, score_threshold, 0.0)
    boxes = ops.take_along_axis(boxes, ops.expand_dims(indices, -1), axis=2)

    length = size * classes
    total = min(int(max_total_size), int(max_output_size_per_class) * classes) if pad_per_class else int(max_total_size)
    best, order = ops.top_k(ops.reshape(chosen, (-1, length)), min(total, length))
    boxes = ops.take_along_axis(ops.reshape(boxes, (-1, length, 4)), ops.expand_dims(order, -1), axis=1)
    valid = best > _NEVER
    if clip_boxes:
        boxes = ops.clip(boxes, 0.0, 1.0)
    results = [
        ops.where(ops.expand_dims(valid, -1), boxes, 0.0),
        ops.where(valid, best, 0.0),
        ops.where(valid, ops.cast(order // size, best.dtype), 0.0),
    ]
    missing = total - min(total, length)
    results = [ops.pad(x, [(0, 0), (0, missing)] + [(0, 0)] * (len(x.shape) - 2)) if missing else x for x in results]
    chosen, best, classes = results
    return CombinedNonMaxSuppression(chosen, best, classes, ops.sum(ops.cast(valid, "int32"), axis=-1))


def _check(boxes: Any, scores: Any, rank: int, size: Any, iou_threshold: float) -> tuple[Any, Any]:
    """Boxes as left, top, right, bottom, and the scores, of shapes that fit."""
    scores = ops.convert_to_tensor(scores)
    boxes = ops.cast(ops.convert_to_tensor(boxes), scores.dtype)
    shape = "(n, 4)" if rank == 1 else "(batch, n, 1 or classes, 4)"
    if len(boxes.shape) != max(rank + 1, 2) or boxes.shape[-1] != 4:
        raise ValueError(f"boxes: expected the shape {shape}, got {tuple(boxes.shape)}")
    if len(scores.shape) != rank or tuple(scores.shape[: rank - 1 or 1]) != tuple(boxes.shape[: rank - 1 or 1]):
        expected = "(n,)" if rank == 1 else "(batch, n, classes)"
        raise ValueError(
            f"scores: expected the shape {expected} of boxes {tuple(boxes.shape)}, got {tuple(scores.shape)}"
        )
    if not 0 <= iou_threshold <= 1:
        raise ValueError(f"iou_threshold: expected a number from 0 to 1, got {iou_threshold}")
    if int(size) < 0:
        raise ValueError(f"the number of boxes to choose: expected 0 or more, got {size}")
    y1, x1, y2, x2 = ops.split(boxes, 4, axis=-1)
    lows, highs = [ops.minimum(x1, x2), ops.minimum(y1, y2)], [ops.maximum(x1, x2), ops.maximum(y1, y2)]
    return ops.concatenate(lows + highs, axis=-1), scores


def _suppress(
    corners: Any, scores: Any, size: int, iou_threshold: float, score_threshold: float, sigma: float
) -> tuple[Any, Any]:
    """Choose the best box ``size`` times, and set aside or lower the others by their overlap with it.

    corners: (..., n, 4) and scores: (..., n) -> the indices (..., size), int32, and their scores; -inf where none was left.
    """
    n = scores.shape[-1]
    scores = ops.where(scores > score_threshold, scores, _NEVER)
    positions = ops.arange(n, dtype="int32")
    indices, chosen = [], []
    for _ in range(size):
        index = ops.expand_dims(ops.cast(ops.argmax(scores, axis=-1), "int32"), -1)
        score = ops.take_along_axis(scores, index, axis=-1)
        indices.append(index)
        chosen.append(score)
        iou = iou_of_corners(ops.take_along_axis(corners, ops.expand_dims(index, -1), axis=-2), corners)
        if sigma > 0:
            left = scores > _NEVER
            lowered = ops.where(left, scores, 0.0) * ops.exp(-ops.square(iou) / (2 * sigma))
            scores = ops.where(ops.logical_and(left, lowered > score_threshold), lowered, _NEVER)
        scores = ops.where(ops.logical_or(iou > iou_threshold, positions == index), _NEVER, scores)
    if not size:
        return ops.zeros((*scores.shape[:-1], 0), "int32"), ops.zeros((*scores.shape[:-1], 0), scores.dtype)
    return ops.concatenate(indices, axis=-1), ops.concatenate(chosen, axis=-1)
