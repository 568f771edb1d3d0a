"""``tf.image.non_max_suppression`` and its relatives: results of TensorFlow 2.20, a reference in plain Python, refusals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import dualnet.tensorflow as tf

BOXES = np.array([[.1, .2, .3, .5], [.1, .2, .32, .5], [.6, .6, .9, .9], [.6, .6, .9, .91], [0, 0, 1, 1]], "float32")  # fmt: skip
SCORES = np.array([0.9, 0.8, 0.7, 0.75, 0.1], "float32")

# What TensorFlow gives.
INDICES: dict[str, tuple[Callable[[], Any], list[int]]] = {
    "all": (lambda: tf.image.non_max_suppression(BOXES, SCORES, 10, 0.5), [0, 3, 4]),
    "two": (lambda: tf.image.non_max_suppression(BOXES, SCORES, 2), [0, 3]),
    "none": (lambda: tf.image.non_max_suppression(BOXES, SCORES, 0), []),
    "a score of more than": (lambda: tf.image.non_max_suppression(BOXES, SCORES, 10, 0.5, score_threshold=0.75), [0]),
    "corners the other way round": (lambda: tf.image.non_max_suppression(BOXES[:, [2, 3, 0, 1]], SCORES, 10, 0.5), [0, 3, 4]),
    "no overlap is too much": (lambda: tf.image.non_max_suppression(BOXES, SCORES, 10, 1.0), [0, 1, 3, 2, 4]),
    "equal scores": (lambda: tf.image.non_max_suppression(BOXES, np.ones(5, "float32"), 10, 0.5), [0, 2, 4]),
}  # fmt: skip


@pytest.mark.parametrize("name", INDICES)
def test_indices(name: str) -> None:
    call, expected = INDICES[name]
    got = call()
    assert got.dtype == "int32"
    assert got.tolist() == expected


def test_soft() -> None:
    indices, scores = tf.image.non_max_suppression_with_scores(BOXES, SCORES, 10, 1.0, soft_nms_sigma=0.5)
    assert indices.tolist() == [0, 3, 1, 2, 4]
    np.testing.assert_allclose(scores, [0.9, 0.75, 0.3500813, 0.2743916, 0.09755977], rtol=1e-5)
    indices, scores = tf.image.non_max_suppression_with_scores(BOXES, SCORES, 10, 1.0, 0.3, soft_nms_sigma=0.5)
    assert indices.tolist() == [0, 3, 1]
    with np.errstate(all="raise", under="ignore"):
        indices, _ = tf.image.non_max_suppression_with_scores(BOXES, SCORES, 10, 1.0, 0.0, soft_nms_sigma=1e-3)
    assert indices.tolist() == [0, 3, 4]


def test_combined() -> None:
    scores = np.stack([SCORES, SCORES[::-1]])[:, :, None] * np.array([1, 0.5], "float32")
    boxes = np.stack([BOXES, BOXES])[:, :, None, :]
    for wide in (boxes, np.repeat(boxes, 2, axis=2)):
        got = tf.image.combined_non_max_suppression(wide, scores, 2, 5, iou_threshold=0.5, score_threshold=0.2)
        assert got.valid_detections.tolist() == [4, 4]
        np.testing.assert_allclose(got.nmsed_scores, [[0.9, 0.75, 0.45, 0.375, 0], [0.9, 0.8, 0.45, 0.4, 0]])
        assert got.nmsed_classes.tolist() == [[0, 0, 1, 1, 0]] * 2
        np.testing.assert_allclose(got.nmsed_boxes[0], [BOXES[0], BOXES[3], BOXES[0], BOXES[3], [0] * 4])
        np.testing.assert_allclose(got.nmsed_boxes[1], [BOXES[4], BOXES[3], BOXES[4], BOXES[3], [0] * 4])
    short = tf.image.combined_non_max_suppression(boxes, scores, 1, 10, pad_per_class=True)
    assert short.nmsed_scores.shape == (2, 2)
    assert tf.image.combined_non_max_suppression(boxes, scores, 1, 10).nmsed_scores.shape == (2, 10)
    outside = boxes * 2
    assert float(tf.image.combined_non_max_suppression(outside, scores, 5, 10).nmsed_boxes.numpy().max()) == 1
    unclipped = tf.image.combined_non_max_suppression(outside, scores, 5, 10, clip_boxes=False)
    assert float(unclipped.nmsed_boxes.numpy().max()) == 2


def reference(boxes: np.ndarray, scores: np.ndarray, threshold: float) -> list[int]:
    """Each box in the order of scores, unless it overlaps one that was taken."""
    taken: list[int] = []
    for i in np.argsort(-scores):
        for j in taken:
            low, high = np.maximum(boxes[i, :2], boxes[j, :2]), np.minimum(boxes[i, 2:], boxes[j, 2:])
            shared = float(np.prod(np.maximum(high - low, 0)))
            areas = sum(float(np.prod(boxes[k, 2:] - boxes[k, :2])) for k in (i, j))
            if shared / (areas - shared) > threshold:
                break
        else:
            taken.append(int(i))
    return taken


@pytest.mark.parametrize("threshold", [0.1, 0.3, 0.6])
def test_against_plain_python(threshold: float) -> None:
    draw = np.random.default_rng(0)
    corner = draw.random((60, 2))
    boxes = np.concatenate([corner, corner + 0.1 + draw.random((60, 2)) / 2], axis=1).astype("float32")
    scores = draw.permutation(60).astype("float32")
    expected = reference(boxes, scores, threshold)
    assert 1 < len(expected) < 60
    assert tf.image.non_max_suppression(boxes, scores, 60, threshold).tolist() == expected


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "one box": (lambda: tf.image.non_max_suppression(BOXES[0], SCORES, 1), r"shape \(n, 4\), got \(4,\)"),
    "scores": (lambda: tf.image.non_max_suppression(BOXES, SCORES[:2], 1), r"\(n,\) of boxes \(5, 4\), got \(2,\)"),
    "a threshold": (lambda: tf.image.non_max_suppression(BOXES, SCORES, 1, 1.5), "from 0 to 1, got 1.5"),
    "a number": (lambda: tf.image.non_max_suppression(BOXES, SCORES, -1), "0 or more, got -1"),
    "no classes": (lambda: tf.image.combined_non_max_suppression(BOXES[None], SCORES[None], 1, 1), "batch, n, 1 or classes"),
    "classes": (
        lambda: tf.image.combined_non_max_suppression(np.ones((1, 2, 3, 4)), np.ones((1, 2, 2)), 1, 1), r"\(batch, n, 2, 4\)"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    call, message = REFUSED[name]
    with pytest.raises(ValueError, match=message):
        call()
