"""Boxes as offsets from anchors, which is what detectors predict (Girshick et al., arXiv:1311.2524, appendix C)."""

from __future__ import annotations

from typing import Any

from ... import config, ops
from .formats import convert_format

_ENCODINGS = ("center_xywh", "center_yxhw")


def encode_box_to_deltas(
    anchors: Any,
    boxes: Any,
    anchor_format: str,
    box_format: str,
    encoding_format: str = "center_yxhw",
    variance: Any = None,
    image_shape: Any = None,
) -> Any:
    """Where boxes lie relative to anchors, in numbers of about the size 1 for a network to learn.

    The center of a box relative to that of its anchor, in sides of the anchor, and the logarithm of the ratio of their sides:
    t_x = (x - x_a) / w_a,  t_w = log(w / w_a), and the same for y and h.

    Args:
        anchors: (n, 4), or (batch, n, 4).
        boxes: (n, 4) or (batch, n, 4); ``boxes[..., i, :]`` is that of ``anchors[i]``.
        anchor_format, box_format: of the two.
        encoding_format: the order of the result, "center_yxhw" (t_y, t_x, t_h, t_w) or "center_xywh".
        variance: four numbers, in that order, by which the result is divided.
        image_shape: (height, width, channels) of the image, for relative formats.

    Returns:
        (n, 4) or (batch, n, 4). The sides of boxes without an area count as ``config.epsilon()``.

    Raises:
        ValueError: ``variance`` or ``encoding_format`` does not fit.
    """
    encoding, variance = _check("encoding_format", encoding_format, variance)
    height, width = (None, None) if image_shape is None else image_shape[:2]
    centers, sides = _halves(convert_format(boxes, box_format, encoding, height, width))
    anchor_centers, anchor_sides = _halves(convert_format(anchors, anchor_format, encoding, height, width))
    deltas = [(centers - anchor_centers) / anchor_sides, ops.log(ops.maximum(sides, config.epsilon()) / anchor_sides)]
    encoded = ops.concatenate(deltas, axis=-1)
    return encoded if variance is None else encoded / variance


def decode_deltas_to_boxes(
    anchors: Any,
    boxes_delta: Any,
    anchor_format: str,
    box_format: str,
    encoded_format: str = "center_yxhw",
    variance: Any = None,
    image_shape: Any = None,
) -> Any:
    """The boxes of what ``encode_box_to_deltas`` gives, or of what a network predicts in its place.

    Args:
        anchors: (n, 4), or a dictionary of such tensors, one for each level of a feature pyramid.
        boxes_delta: (n, 4) or (batch, n, 4), or a dictionary with the same keys.
        anchor_format, box_format: of the anchors and of the result.
        encoded_format: the order of ``boxes_delta``, "center_yxhw" (t_y, t_x, t_h, t_w) or "center_xywh".
        variance: four numbers, in that order, by which ``boxes_delta`` is multiplied.
        image_shape: (height, width, channels) of the image, for relative formats.

    Returns:
        A tensor of the shape of ``boxes_delta``, or a dictionary of them.

    Raises:
        ValueError: ``variance`` or ``encoded_format`` does not fit, or the keys differ.
    """
    if isinstance(anchors, dict):
        if not isinstance(boxes_delta, dict) or anchors.keys() != boxes_delta.keys():
            keys = sorted(boxes_delta) if isinstance(boxes_delta, dict) else type(boxes_delta).__name__
            raise ValueError(
                f"decode_deltas_to_boxes: expected `boxes_delta` with the keys {sorted(anchors)}, got {keys}"
            )
        options = (anchor_format, box_format, encoded_format, variance, image_shape)
        return {key: decode_deltas_to_boxes(anchors[key], boxes_delta[key], *options) for key in anchors}
    encoding, variance = _check("encoded_format", encoded_format, variance)
    height, width = (None, None) if image_shape is None else image_shape[:2]
    deltas = ops.cast(ops.convert_to_tensor(boxes_delta), config.floatx())
    centers, sides = _halves(deltas if variance is None else deltas * variance)
    anchor_centers, anchor_sides = _halves(convert_format(anchors, anchor_format, encoding, height, width))
    boxes = ops.concatenate([anchor_centers + centers * anchor_sides, ops.exp(sides) * anchor_sides], axis=-1)
    return convert_format(boxes, encoding, box_format, height, width)


def _check(argument: str, encoding: str, variance: Any) -> tuple[str, Any]:
    """The format in lower case and the variance as a tensor, if they can be used."""
    if not isinstance(encoding, str) or encoding.lower() not in _ENCODINGS:
        raise ValueError(f"{argument}: expected 'center_xywh' or 'center_yxhw', got {encoding!r}")
    if variance is not None:
        variance = ops.convert_to_tensor(variance, config.floatx())
        if tuple(variance.shape) != (4,):
            raise ValueError(f"variance: expected four numbers, got the shape {tuple(variance.shape)}")
    return encoding.lower(), variance


def _halves(boxes: Any) -> tuple[Any, Any]:
    """The center and the sides.  (..., 4) -> (..., 2), (..., 2)"""
    return boxes[..., :2], boxes[..., 2:]
