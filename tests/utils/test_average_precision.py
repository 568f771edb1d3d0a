"""Mean average precision: cases that can be followed by hand, and a reference that computes it from its definition."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dualnet.utils import bounding_boxes as bb

A, B, C = [0, 0, 10, 10], [20, 20, 30, 30], [50, 50, 60, 60]
NEAR_A = [0, 0, 10, 8]  # overlaps A by 0.8
FAR = [80, 80, 90, 90]


def image(*objects: tuple[list[int], int]) -> dict[str, Any]:
    return {"boxes": [b for b, _ in objects], "labels": [label for _, label in objects]}


def detections(*found: tuple[list[int], int, float]) -> dict[str, Any]:
    boxes, labels, scores = ([f[i] for f in found] for i in range(3))
    return {"boxes": boxes, "labels": labels, "scores": scores}


# name: objects of each image, detections of each image, what comes out
CASES: dict[str, tuple[list[Any], list[Any], float]] = {
    "all found": ([image((A, 0), (B, 1))], [detections((A, 0, 0.9), (B, 1, 0.1))], 1),
    "none found": ([image((A, 0))], [detections((FAR, 0, 0.9))], 0),
    "no detections": ([image((A, 0)), image((B, 0))], [detections(), detections()], 0),
    "half of them": ([image((A, 0), (B, 0))], [detections((A, 0, 0.9))], 0.5),
    "the wrong class": ([image((A, 0))], [detections((A, 1, 0.9))], 0),
    "a wrong one above the right one": ([image((A, 0))], [detections((FAR, 0, 0.9), (A, 0, 0.8))], 0.5),
    "a wrong one below the right one": ([image((A, 0))], [detections((FAR, 0, 0.7), (A, 0, 0.8))], 1),
    "a second detection is a wrong one": (
        [image((A, 0), (B, 0))], [detections((A, 0, 0.9), (NEAR_A, 0, 0.8), (B, 0, 0.7))], 0.5 + 0.5 * 2 / 3),
    "two classes": ([image((A, 0), (B, 1))], [detections((A, 0, 0.9))], 0.5),
    "a class without objects does not count": ([image((A, 0))], [detections((A, 0, 0.9), (B, 1, 0.9))], 1),
    # Right, wrong, right, right of four objects: the precision at a recall is the best at it or above it, 1, 3/4, 3/4, 0.
    "across images": (
        [image((A, 0), (B, 0)), image((A, 0), (C, 0))],
        [detections((A, 0, 0.9), (B, 0, 0.4)), detections((A, 0, 0.5), (FAR, 0, 0.8))], (1 + 3 / 4 + 3 / 4) / 4),
    "padding": (
        [{"boxes": [A, [-1] * 4], "labels": [0, -1]}],
        [{"boxes": [A, [-1] * 4], "labels": [0, -1], "scores": [0.5, 0.9]}], 1),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_by_hand(name: str) -> None:
    true, pred, expected = CASES[name]
    assert bb.mean_average_precision(true, pred, "xyxy") == pytest.approx(expected)


def test_thresholds() -> None:
    true, pred = [image((A, 0))], [detections((NEAR_A, 0, 0.9))]
    assert bb.mean_average_precision(true, pred, "xyxy", 0.8) == 1
    assert bb.mean_average_precision(true, pred, "xyxy", 0.81) == 0
    # As in COCO: 0.5, 0.55, ..., 0.95. The overlap is above the first seven.
    steps = np.arange(0.5, 1, 0.05) - 1e-6
    assert bb.mean_average_precision(true, pred, "xyxy", steps) == pytest.approx(0.7)


def test_no_objects() -> None:
    assert np.isnan(bb.mean_average_precision([], [], "xyxy"))
    assert np.isnan(bb.mean_average_precision([image()], [detections((A, 0, 0.9))], "xyxy"))


def reference(true: Any, pred: Any, threshold: float) -> float:
    """One number after the other, from the definition."""
    results = []
    for label in np.unique(true["labels"][true["labels"] >= 0]):
        ranked = sorted(
            ((-pred["scores"][i, j], i, j) for i, j in zip(*np.nonzero(pred["labels"] == label))), key=lambda x: x[0]
        )
        objects = {(i, j) for i, j in zip(*np.nonzero(true["labels"] == label))}
        left, points, found = set(objects), [], 0
        for n, (_, i, j) in enumerate(ranked, 1):
            x0, y0, x1, y1 = pred["boxes"][i, j]
            best, best_iou = None, 0.0
            for k in sorted(k for at, k in left if at == i):
                a0, b0, a1, b1 = true["boxes"][i, k]
                shared = max(0, min(x1, a1) - max(x0, a0)) * max(0, min(y1, b1) - max(y0, b0))
                iou = shared / ((x1 - x0) * (y1 - y0) + (a1 - a0) * (b1 - b0) - shared)
                if iou > best_iou:
                    best, best_iou = (i, k), iou
            if best and best_iou >= threshold:
                left.remove(best)
                found += 1
            points.append((found / len(objects), found / n))
        recalls = [k / len(objects) for k in range(1, len(objects) + 1)]
        results.append(np.mean([max((p for r, p in points if r >= recall), default=0) for recall in recalls]))
    return float(np.mean(results))


@pytest.mark.parametrize("seed", range(3))
def test_against_the_definition(seed: int) -> None:
    draw = np.random.default_rng(seed)
    corners = draw.integers(0, 40, (12, 6, 2))
    true = {"boxes": np.concatenate([corners, corners + 12], -1), "labels": draw.integers(-1, 3, (12, 6))}
    moved = np.repeat(corners, 2, axis=1) + draw.integers(-4, 5, (12, 12, 2))
    labels = np.where(draw.random((12, 12)) < 0.8, np.repeat(true["labels"], 2, axis=1), draw.integers(-1, 3, (12, 12)))
    pred = {
        "boxes": np.concatenate([moved, moved + 12], -1),
        "labels": labels,
        "scores": draw.permutation(144).reshape(12, 12),
    }
    for threshold in (0.3, 0.5, 0.75):
        expected = reference(true, pred, threshold)
        assert 0 < expected < 1
        assert bb.mean_average_precision(true, pred, "xyxy", threshold) == pytest.approx(expected)
    relative = {**true, "boxes": bb.convert_format(true["boxes"], "xyxy", "rel_xywh", 64, 32)}, {
        **pred, "boxes": bb.convert_format(pred["boxes"], "xyxy", "rel_xywh", 64, 32)
    }  # fmt: skip
    assert bb.mean_average_precision(*relative, "rel_xywh", 0.3, (64, 32, 3)) == pytest.approx(
        reference(true, pred, 0.3)
    )


REFUSED: dict[str, tuple[Any, Any, Any, str]] = {
    "a key": ([{"boxes": [A]}], [detections()], 0.5, r"y_true with boxes, labels, got \['boxes'\]"),
    "a key of a batch": (
        {"boxes": [[A]], "labels": [[0]]},
        {"boxes": [[A]], "labels": [[0]]},
        0.5,
        "y_pred with .*scores",
    ),
    "the number of images": ([image((A, 0))], [], 0.5, "1 images in y_true and 0 in y_pred"),
    "a shape": ([{"boxes": [A], "labels": [0, 1]}], [detections()], 0.5, r"labels \(2,\)"),
    "the shape of a batch": ({"boxes": [A], "labels": [0]}, [detections()], 0.5, r"of a batch: .* boxes \(1, 4\)"),
    "a threshold": ([image((A, 0))], [detections()], 0.0, "iou_threshold above 0"),
    "no threshold": ([image((A, 0))], [detections()], [], "iou_threshold above 0"),
    "NaN": ([image((A, 0))], [detections((A, 0, float("nan")))], 0.5, "got NaN"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    true, pred, threshold, message = REFUSED[name]
    with pytest.raises(ValueError, match=message):
        bb.mean_average_precision(true, pred, "xyxy", threshold)
