"""Bounding boxes: values by hand, what Keras gives, gradients, and what is refused."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import ops
from dualnet.utils import bounding_boxes as bb

BOXES = np.array([[10, 20, 30, 50], [-10, -20, 150, 160], [50, 40, 70, 80]], "float32")
OTHERS = np.array([[12, 20, 31, 44], [50, 40, 70, 80], [0, 0, 5, 5]], "float32")
PADDED = np.array([[0, 0, 10, 10], [20, 20, 20, 20], [-1, -1, -1, -1]], "float32")
ANCHORS = np.array([[0, 0, 10, 10], [5, 5, 15, 25], [40, 40, 80, 70]], "float32")
SIZE = {"height": 100, "width": 200}
SHAPE = (100, 200, 3)


def close(got: Any, expected: Any, atol: float = 1e-5) -> None:
    np.testing.assert_allclose(ops.convert_to_numpy(got), np.asarray(expected), rtol=1e-5, atol=atol)


# The box with the corners (10, 20) and (30, 50) in an image of 200 columns and 100 rows.
FORMATS = {
    "xyxy": [10, 20, 30, 50],
    "yxyx": [20, 10, 50, 30],
    "xywh": [10, 20, 20, 30],
    "center_xywh": [20, 35, 20, 30],
    "center_yxhw": [35, 20, 30, 20],
    "rel_xyxy": [0.05, 0.2, 0.15, 0.5],
    "rel_yxyx": [0.2, 0.05, 0.5, 0.15],
    "rel_xywh": [0.05, 0.2, 0.1, 0.3],
    "rel_center_xywh": [0.1, 0.35, 0.1, 0.3],
}


@pytest.mark.parametrize("source", FORMATS)
@pytest.mark.parametrize("target", FORMATS)
def test_every_format_to_every_other(source: str, target: str) -> None:
    assert set(FORMATS) == set(bb.FORMATS)
    close(bb.convert_format([FORMATS[source]], source, target.upper(), **SIZE), [FORMATS[target]], atol=1e-4)


def test_formats_of_dictionaries_and_integers() -> None:
    got = bb.convert_format({"boxes": BOXES, "labels": [1, 2, 3]}, "xyxy", "xywh")
    close(got["boxes"], [[10, 20, 20, 30], [-10, -20, 160, 180], [50, 40, 20, 40]])
    assert got["labels"] == [1, 2, 3]
    whole = bb.convert_format(np.array([[3, 4, 5, 2**30 + 1]]), "xyxy", "xywh", dtype="int32")
    assert whole.dtype == "int32"
    assert whole.tolist() == [[3, 4, 2, 2**30 - 3]]
    assert bb.convert_format([[0.1, 0.2, 0.5, 0.5]], "rel_xyxy", "xyxy", 100, 100, "int32").tolist() == [
        [10, 20, 50, 50]
    ]


def test_iou() -> None:
    a, b = [[0, 0, 4, 4]], [[0, 0, 4, 4], [2, 2, 6, 6], [1, 1, 3, 2], [4, 0, 8, 4], [5, 5, 6, 6], [2, 2, 2, 2]]
    expected = [[1, 4 / 28, 2 / 16, 0, 0, 0]]
    close(bb.compute_iou(a, b, "xyxy"), expected)
    close(bb.compute_iou([a, a], b, "xyxy"), [expected, expected])
    close(bb.compute_iou(a, [b, b], "xyxy"), [expected, expected])
    padded = bb.compute_iou(PADDED, PADDED, "xyxy", use_masking=True, mask_val=-2)
    close(padded, [[1, 0, -2], [0, 0, -2], [-2, -2, -2]])


def test_ciou() -> None:
    square, wide = [0.0, 0, 4, 4], [2.0, 0, 10, 4]
    # Shared 8 of 40; centers (2, 2) and (6, 2); the box around both is 10 x 4; the aspect ratios are 1 and 2.
    v = 4 / math.pi**2 * (math.atan(2) - math.atan(1)) ** 2
    expected = 0.2 - 16 / 116 - v * v / (0.8 + v)
    close(bb.compute_ciou(square, wide, "xyxy"), expected)
    close(bb.compute_ciou(square, square, "xyxy"), 1)


def test_boxes_apart_are_pulled_together_by_ciou() -> None:
    box = dualnet.Variable([0.0, 0, 2, 2])
    with dualnet.GradientTape() as tape:
        loss = 1 - bb.compute_ciou(box, ops.array([5.0, 0, 7, 2]), "xyxy")
    gradient = ops.convert_to_numpy(tape.gradient(loss, box))
    assert gradient[0] + gradient[2] < 0  # a step down the gradient moves it to the right
    assert np.isfinite(gradient).all()


def test_deltas_there_and_back() -> None:
    deltas = bb.encode_box_to_deltas([[0, 0, 10, 20]], [[5, 5, 15, 15]], "xyxy", "xyxy", variance=[0.1, 0.1, 0.2, 0.2])
    close(deltas, [[0, 5, math.log(0.5) / 0.2, 0]])
    for kind in ("center_xywh", "center_yxhw"):
        options: dict[str, Any] = {"variance": [0.1, 0.1, 0.2, 0.2], "image_shape": SHAPE}
        boxes = bb.convert_format([OTHERS, OTHERS], "xyxy", "rel_xyxy", **SIZE)
        deltas = bb.encode_box_to_deltas(ANCHORS, boxes, "xyxy", "rel_xyxy", kind, **options)
        close(bb.decode_deltas_to_boxes(ANCHORS, deltas, "xyxy", "xyxy", kind, **options), [OTHERS, OTHERS], atol=1e-4)
    levels = bb.decode_deltas_to_boxes({"p3": ANCHORS}, {"p3": np.zeros((3, 4))}, "xyxy", "xyxy")
    close(levels["p3"], ANCHORS)


def test_clip_crop_and_pad() -> None:
    boxes = [[-10, -20, 150, 160], [50, 40, 70, 80], [130, 10, 140, 20]]
    clipped = bb.clip_to_image_size({"boxes": boxes, "labels": [4, 5, 6]}, height=100, width=120)
    assert clipped["boxes"].tolist() == [[0, 0, 120, 100], [50, 40, 70, 80], [120, 10, 120, 20]]
    assert clipped["labels"].tolist() == [4, 5, -1]
    close(bb.clip_to_image_size([[0.5, 0.5, 1, 1]], bounding_box_format="rel_xywh"), [[0.5, 0.5, 0.5, 0.5]])
    assert bb.crop(boxes, top=10, left=20, height=40, width=30).tolist() == [
        [0, 0, 30, 40],
        [30, 30, 30, 40],
        [30, 0, 30, 10],
    ]
    assert bb.pad(boxes, 10, 20)[1].tolist() == [70, 50, 90, 90]
    close(bb.pad([[5, 5, 2, 2]], 10, 20, bounding_box_format="center_xywh"), [[25, 15, 2, 2]])


STILL: dict[str, Any] = {
    "angle": 0, "translate_x": 0, "translate_y": 0, "scale": 1, "shear_x": 0, "shear_y": 0, "height": 101, "width": 201,
}  # fmt: skip
DEGREES = math.degrees(math.atan(0.5))
# What a change makes of (10, 20, 30, 50); the center is (100, 50), the sides less a pixel 200 and 100.
MOVED = {
    "nothing": ({}, [10, 20, 30, 50]),
    "to the right and down": ({"translate_x": 0.1, "translate_y": 0.2}, [30, 40, 50, 70]),
    "twice the size": ({"scale": 2}, [-80, -10, -40, 50]),
    "a quarter counterclockwise": ({"angle": 90}, [70, 120, 100, 140]),
    "about the corner": ({"angle": 90, "center_x": 0, "center_y": 0}, [20, -30, 50, -10]),
    "rows": ({"shear_x": DEGREES}, [10 - 15, 20, 30, 50]),
    "columns": ({"shear_y": DEGREES}, [10, 20 - 45, 30, 50 - 35]),
    "moved before it is turned": ({"translate_x": 0.1, "angle": 90}, [70, 100, 100, 120]),
    # By a quarter: the corners become those of (70, 120, 100, 140); then those rows are moved by half their distance to the center.
    "turned before it is sheared": ({"angle": 90, "shear_x": DEGREES}, [70 + 35, 120, 100 + 45, 140]),
}


@pytest.mark.parametrize("name", MOVED)
def test_affine(name: str) -> None:
    change, expected = MOVED[name]
    close(bb.affine_transform(BOXES[:1], **{**STILL, **change}), [expected], atol=1e-3)
    relative = bb.convert_format(BOXES[:1], "xyxy", "rel_xywh", 101, 201)
    moved = bb.affine_transform(relative, **{**STILL, **change}, bounding_box_format="rel_xywh")
    close(bb.convert_format(moved, "rel_xywh", "xyxy", 101, 201), [expected], atol=1e-3)


def test_affine_of_a_batch() -> None:
    angles = np.array([0.0, 90.0])
    got = bb.affine_transform(np.stack([BOXES, BOXES]), **{**STILL, "angle": angles})
    for element, angle in zip(got, angles):
        close(element, bb.affine_transform(BOXES, **{**STILL, "angle": float(angle)}))


def _batch(options: dict[str, Any]) -> dict[str, Any]:
    """Keras takes arrays of one number for each element of the batch."""
    return {k: v if k in ("height", "width") else np.array([v, v / 2], "float32") for k, v in options.items()}


KERAS: dict[str, Callable[[Any], Any]] = {
    "convert_format": lambda u: [
        u.convert_format(BOXES, a, b, height=100, width=200) for a in bb.FORMATS for b in bb.FORMATS
    ],
    "compute_iou": lambda u: [
        u.compute_iou(BOXES, OTHERS, "xyxy"),
        u.compute_iou(PADDED, PADDED, "xyxy", use_masking=True, mask_val=-1),
        u.compute_iou(np.stack([PADDED, BOXES]), OTHERS, "xywh"),
        u.compute_iou(BOXES / 100, np.stack([PADDED, OTHERS]) / 100, "rel_yxyx", image_shape=SHAPE),
    ],
    "compute_ciou": lambda u: [u.compute_ciou(BOXES, OTHERS, f) for f in ("xyxy", "xywh", "center_xywh")],
    "encode_box_to_deltas": lambda u: [
        u.encode_box_to_deltas(ANCHORS, OTHERS, "xyxy", "xyxy"),
        u.encode_box_to_deltas(ANCHORS, PADDED, "xyxy", "xyxy"),
        u.encode_box_to_deltas(ANCHORS, np.stack([OTHERS] * 2), "xywh", "xyxy", "center_xywh", [0.1, 0.1, 0.2, 0.2]),
        u.encode_box_to_deltas(ANCHORS / 100, OTHERS, "rel_xyxy", "yxyx", image_shape=SHAPE),
    ],
    "decode_deltas_to_boxes": lambda u: [
        u.decode_deltas_to_boxes(ANCHORS, OTHERS / 40, "xyxy", "xywh"),
        u.decode_deltas_to_boxes(ANCHORS, OTHERS / 40, "xyxy", "xyxy", "center_xywh", [0.1, 0.1, 0.2, 0.2]),
        u.decode_deltas_to_boxes(ANCHORS, np.stack([OTHERS] * 2) / 40, "xyxy", "rel_xyxy", image_shape=SHAPE),
        u.decode_deltas_to_boxes({"a": ANCHORS}, {"a": OTHERS / 40}, "xyxy", "xyxy")["a"],
    ],
    "clip_to_image_size": lambda u: [
        *u.clip_to_image_size({"boxes": BOXES, "labels": np.array([0, 1, 2])}, height=45, width=60).values(),
        *u.clip_to_image_size(
            {"boxes": BOXES / 60, "labels": np.array([0, 1, 2])}, bounding_box_format="rel_xyxy"
        ).values(),
    ],
    "crop and pad": lambda u: [u.crop(BOXES, 10, 20, 40, 30), u.pad(BOXES, 10, 20)],
    "affine_transform": lambda u: [
        u.affine_transform(np.stack([BOXES] * 2), **_batch({**STILL, **change}))
        for change in (
            {"angle": 30, "scale": 1.2, "translate_x": 0.1, "translate_y": 0.3},
            {"angle": 30, "shear_y": 10},
            {"shear_x": 10, "translate_x": 0.2, "translate_y": -0.1},
            {"angle": 50, "center_x": 0.2, "center_y": 0.9},
        )
    ],
}  # fmt: skip


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", KERAS)
def test_equals_keras(keras: Any, name: str) -> None:
    for ours, theirs in zip(KERAS[name](bb), KERAS[name](keras.utils.bounding_boxes), strict=True):
        close(ours, theirs, atol=2e-3)


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "an unknown format": (lambda: bb.convert_format(BOXES, "xyxy", "yxwh"), "target: expected one of .* got 'yxwh'"),
    "no format": (lambda: bb.compute_iou(BOXES, BOXES, 3), "expected one of the formats"),  # type: ignore[arg-type]
    "three numbers": (lambda: bb.convert_format(BOXES[:, :3], "xyxy", "xywh"), r"four numbers .* \(3, 3\)"),
    "no size": (lambda: bb.convert_format(BOXES, "xyxy", "rel_xyxy", height=1), "height=1 and width=None"),
    "no key": (lambda: bb.convert_format({"box": BOXES}, "xyxy", "xywh"), r"key 'boxes', got \['box'\]"),
    "one box": (lambda: bb.compute_iou(BOXES[0], BOXES, "xyxy"), r"shape \(1, 4\)"),
    "two batches": (lambda: bb.compute_iou(np.zeros((2, 1, 4)), np.zeros((3, 1, 4)), "xyxy"), "got 2 and 3"),
    "no image": (lambda: bb.compute_ciou(BOXES, BOXES, "rel_xyxy"), "need `image_shape`"),
    "corners": (lambda: bb.encode_box_to_deltas(BOXES, BOXES, "xyxy", "xyxy", "xyxy"), "encoding_format: .* 'xyxy'"),
    "variance": (lambda: bb.decode_deltas_to_boxes(BOXES, BOXES, "xyxy", "xyxy", variance=[1, 1]), r"shape \(2,\)"),
    "levels": (lambda: bb.decode_deltas_to_boxes({"a": BOXES}, BOXES, "xyxy", "xyxy"), r"keys \['a'\], got ndarray"),
    "clip": (lambda: bb.clip_to_image_size(BOXES, height=3), "width=None"),
    "crop": (lambda: bb.crop(BOXES, 0, 0, 1, 1, "rel_xyxy"), "use convert_format before"),
    "pad": (lambda: bb.pad(BOXES, 0, 0, bounding_box_format="rel_xyxy"), "use convert_format before"),
    "affine": (lambda: bb.affine_transform(BOXES[0], **STILL), r"\(n, 4\) or \(batch, n, 4\), got \(4,\)"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    call, message = REFUSED[name]
    with pytest.raises(ValueError, match=message):
        call()


def test_in_a_functional_model() -> None:
    deltas = dualnet.Input((3, 4))
    model = dualnet.Model(deltas, bb.decode_deltas_to_boxes(ANCHORS, deltas, "xyxy", "xyxy"))
    close(model.predict(np.zeros((2, 3, 4), "float32"), verbose=0), [ANCHORS, ANCHORS])
