"""Bounding boxes: formats, overlap, encoding relative to anchors, transforms, and the average precision of a detector.

A box is four numbers along the last axis, in one of the ``FORMATS``:

| format | the four numbers |
|---|---|
| ``"xyxy"``, ``"yxyx"`` | left, top, right, bottom; top, left, bottom, right |
| ``"xywh"`` | left, top, width, height |
| ``"center_xywh"``, ``"center_yxhw"`` | center x, center y, width, height; center y, center x, height, width |
| ``"rel_xyxy"``, ``"rel_yxyx"``, ``"rel_xywh"``, ``"rel_center_xywh"`` | the same, as fractions of the width and height of the image |

Many functions also take a dictionary of ``"boxes"`` (..., n, 4) and ``"labels"`` (..., n). A label of -1 marks a box that pads a batch.
``tf.image.non_max_suppression`` and ``tf.image.combined_non_max_suppression`` (``import dualnet.tensorflow as tf``) choose among
boxes that overlap.
"""

from __future__ import annotations

from .deltas import decode_deltas_to_boxes, encode_box_to_deltas
from .formats import FORMATS as FORMATS
from .formats import convert_format
from .overlap import compute_ciou, compute_iou
from .precision import mean_average_precision
from .transforms import affine_transform, clip_to_image_size, crop, pad

__all__ = [
    "affine_transform",
    "clip_to_image_size",
    "compute_ciou",
    "compute_iou",
    "convert_format",
    "crop",
    "decode_deltas_to_boxes",
    "encode_box_to_deltas",
    "mean_average_precision",
    "pad",
]
