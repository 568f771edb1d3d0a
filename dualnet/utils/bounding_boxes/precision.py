"""Mean average precision, the figure of detectors (Everingham et al., "The PASCAL Visual Object Classes Challenge", 2010)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ... import ops
from .formats import check_format
from .overlap import compute_iou

Image = dict[str, Any]  # of one image: boxes (n, 4), labels (n,), and for detections scores (n,)


def mean_average_precision(
    y_true: Any,
    y_pred: Any,
    bounding_box_format: str,
    iou_threshold: float | Sequence[float] = 0.5,
    image_shape: Any = None,
) -> float:
    """The mean over classes of the area under precision against recall.

    The detections of a class in all images are taken by descending score. One is right if it overlaps an object of its class by
    ``iou_threshold`` or more that no detection before it was assigned to; a second detection of an object is wrong. Precision is
    the share of right ones among those taken so far, recall the share of objects that are found. As in the challenge since 2010
    the precision at a recall is the best at this recall or above it, and the area is exact.

    Args:
        y_true: a dictionary with "boxes" (batch, n, 4) and "labels" (batch, n), or a list with one for each image, of
            "boxes" (n, 4) and "labels" (n,). A label below 0 marks padding.
        y_pred: the same with "scores" of the shape of the labels. A detection with a label below 0 does not count.
        bounding_box_format: of all boxes.
        iou_threshold: from above 0 to 1. Of several, ``[0.5, 0.55, ..., 0.95]`` as in COCO, the results are averaged.
        image_shape: (height, width, channels) of the images, for relative formats.

    Returns:
        From 0 to 1. The classes are those of ``y_true``; NaN if there is no object at all.

    Raises:
        ValueError: keys are missing, or the shapes, the numbers of images or the threshold do not fit.
    """
    check_format(bounding_box_format)
    thresholds = np.atleast_1d(np.asarray(iou_threshold, dtype=np.float64))
    if not thresholds.size or not np.all((thresholds > 0) & (thresholds <= 1)):
        raise ValueError(f"mean_average_precision: expected iou_threshold above 0 and up to 1, got {iou_threshold}")
    true = _images(y_true, "y_true", ("boxes", "labels"))
    pred = _images(y_pred, "y_pred", ("boxes", "labels", "scores"))
    if len(true) != len(pred):
        raise ValueError(
            f"mean_average_precision: expected detections for each image, got {len(true)} images in y_true and "
            f"{len(pred)} in y_pred"
        )
    overlaps = [_overlaps(t, p, bounding_box_format, image_shape) for t, p in zip(true, pred)]
    classes = np.unique(np.concatenate([image["labels"] for image in true])) if true else np.zeros(0)
    if not classes.size:
        return float("nan")
    precisions = [_average_precision(true, pred, overlaps, c, t) for t in thresholds for c in classes]
    return float(np.mean(precisions))


def _images(batch: Any, name: str, keys: tuple[str, ...]) -> list[Image]:
    """What belongs to each image, as NumPy arrays and without padding."""
    if isinstance(batch, dict):
        missing = [key for key in keys if key not in batch]
        if missing:
            raise ValueError(f"mean_average_precision: expected {name} with {', '.join(keys)}, got {sorted(batch)}")
        arrays = {key: _numpy(batch[key]) for key in keys}
        if arrays["boxes"].ndim != 3 or len({len(array) for array in arrays.values()}) > 1:
            shapes = ", ".join(f"{key} {array.shape}" for key, array in arrays.items())
            raise ValueError(
                f"mean_average_precision: expected {name} of a batch: boxes (batch, n, 4), the others (batch, n), got {shapes}. "
                "A list takes a dictionary for each image"
            )
        batch = [{key: array[i] for key, array in arrays.items()} for i in range(len(arrays["boxes"]))]
    images = []
    for image in batch:
        missing = [key for key in keys if key not in image]
        if missing:
            raise ValueError(f"mean_average_precision: expected {name} with {', '.join(keys)}, got {sorted(image)}")
        arrays = {key: _numpy(image[key]) for key in keys}
        boxes = arrays["boxes"] = arrays["boxes"].reshape(-1, 4) if not arrays["boxes"].size else arrays["boxes"]
        if boxes.ndim != 2 or boxes.shape[1] != 4 or any(arrays[key].shape != (len(boxes),) for key in keys[1:]):
            shapes = ", ".join(f"{key} {array.shape}" for key, array in arrays.items())
            raise ValueError(
                f"mean_average_precision: expected {name} of boxes (n, 4) and the others (n,), got {shapes}"
            )
        if "scores" in arrays and np.isnan(arrays["scores"]).any():
            raise ValueError("mean_average_precision: expected scores that can be sorted, got NaN")
        kept = arrays["labels"] >= 0
        images.append({key: array[kept] for key, array in arrays.items()})
    return images


def _numpy(x: Any) -> np.ndarray:
    return np.asarray(x if isinstance(x, (list, tuple)) else ops.convert_to_numpy(x))


def _overlaps(true: Image, pred: Image, bounding_box_format: str, image_shape: Any) -> np.ndarray:
    """Intersection over union of each detection with each object of an image."""
    if not len(true["boxes"]) or not len(pred["boxes"]):
        return np.zeros((len(pred["boxes"]), len(true["boxes"])))
    iou = compute_iou(pred["boxes"], true["boxes"], bounding_box_format, image_shape=image_shape)
    return np.asarray(ops.convert_to_numpy(iou))


def _average_precision(
    true: list[Image], pred: list[Image], overlaps: list[np.ndarray], label: Any, threshold: float
) -> float:
    """The area under the curve of one class."""
    scores, right = [], []
    objects = 0
    for t, p, iou in zip(true, pred, overlaps):
        wanted, detected = t["labels"] == label, np.flatnonzero(p["labels"] == label)
        objects += int(np.count_nonzero(wanted))
        detected = detected[np.argsort(-p["scores"][detected], kind="stable")]
        free = np.flatnonzero(wanted)
        for i in detected:
            # The object that it overlaps most; if that is taken, the detection is a second one of it.
            best = free[np.argmax(iou[i, free])] if free.size else None
            hit = best is not None and iou[i, best] >= threshold
            right.append(hit)
            scores.append(p["scores"][i])
            if hit:
                free = free[free != best]
    order = np.argsort(-np.asarray(scores, dtype=np.float64), kind="stable")
    hits = np.cumsum(np.asarray(right, dtype=np.float64)[order])
    precision = hits / np.arange(1, len(hits) + 1)
    best_from = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(hits, prepend=0) * best_from) / objects)
