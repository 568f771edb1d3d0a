"""A single-shot detector: which digits are in a scene, and where, from one forward pass.

Liu et al., "SSD: Single Shot MultiBox Detector" (arXiv:1512.02325), on scenes of MNIST digits in many sizes. The network says of
many anchors, boxes all over the scene, which digit each is to become and how its sides should move. The figure is the mean average
precision at an overlap of 0.5, for digits that it was not trained on. ``--smoke`` runs on the 8 x 8 digits that come with dualnet.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from matplotlib.figure import Figure

import dualnet.tensorflow as tf
from dualnet import keras, ops
from dualnet.keras import layers
from dualnet.keras.utils import bounding_boxes

OBJECTS, NOTHING, VARIANCE = 4, 10, [0.1, 0.1, 0.2, 0.2]
# Widths and heights of the anchors in each of 8 x 8 and of 4 x 4 cells, as parts of the scene.
SHAPES = {8: [(0.22, 0.28), (0.11, 0.28), (0.3, 0.4), (0.16, 0.4)], 4: [(0.38, 0.5), (0.2, 0.5)]}


def scenes(digits: Any, labels: Any, count: int, size: int, draw: Any) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Images (count, size, size, 1), and "boxes" (count, OBJECTS, 4), "yxyx", with "labels" (count, OBJECTS), -1 for none."""
    images = draw.uniform(0, 0.3, (count, size, size)).astype("float32")
    boxes, classes = np.full((count, OBJECTS, 4), -1.0, "float32"), np.full((count, OBJECTS), -1)
    for image, box, label in zip(images, boxes, classes):
        for i in range(draw.integers(1, OBJECTS + 1)):
            n, side = draw.integers(len(digits)), draw.integers(size // 4, size // 2 + 1)
            digit = digits[n][digits[n].max(axis=1) > 0.3][:, digits[n].max(axis=0) > 0.3]  # without what is around it
            shape = [max(1, length * side // max(digit.shape)) for length in digit.shape]
            low = np.array([draw.integers(0, size - length + 1) for length in shape])
            high = low + shape
            if np.any((low >= box[:, 2:]) | (high <= box[:, :2]), axis=1).all():  # it covers none that is there
                rows, columns = (np.arange(new) * old // new for new, old in zip(shape, digit.shape))
                image[low[0] : high[0], low[1] : high[1]] += 0.7 * digit[np.ix_(rows, columns)]
                box[i], label[i] = [*low, *high], labels[n]
    return images[..., None], {"boxes": boxes, "labels": classes}


def anchor_boxes(size: int) -> np.ndarray:
    """All anchors, (n, 4) in "yxyx", in the order of what ``detector`` says of them."""
    boxes = []
    for cells, shapes in SHAPES.items():
        at = (np.arange(cells) + 0.5) / cells
        boxes += [(y - h / 2, x - w / 2, y + h / 2, x + w / 2) for y in at for x in at for w, h in shapes]
    return size * np.array(boxes, "float32")


def targets(anchors: np.ndarray, truth: dict[str, np.ndarray]) -> np.ndarray:
    """What the network should say of each anchor, (count, n, 5): four deltas, and a digit or NOTHING."""
    overlap = bounding_boxes.compute_iou(anchors, truth["boxes"], "yxyx", use_masking=True).numpy()
    # An anchor is for a digit that it overlaps by a half; the closest one is, even if it overlaps by less.
    matched = (overlap >= 0.5) | ((overlap > 0) & (overlap == overlap.max(axis=1, keepdims=True)))
    best, matched = np.where(matched, overlap, -1).argmax(axis=2), matched.any(axis=2)
    boxes = np.take_along_axis(truth["boxes"], best[..., None], axis=1)
    deltas = bounding_boxes.encode_box_to_deltas(anchors, boxes, "yxyx", "yxyx", variance=VARIANCE).numpy()
    classes = np.where(matched, np.take_along_axis(truth["labels"], best, axis=1), NOTHING)
    return np.concatenate([np.where(matched[..., None], deltas, 0), classes[..., None]], axis=2).astype("float32")


def multibox_loss(y_true: Any, y_pred: Any) -> Any:
    """Smooth L1 of the deltas, and the cross-entropy; of the anchors of nothing, the hardest count, three for each other one."""
    classes = ops.cast(y_true[..., 4], "int32")
    matched = ops.cast(classes != NOTHING, "float32")
    entropy = ops.sparse_categorical_crossentropy(classes, y_pred[..., 4:], from_logits=True)
    rank = ops.argsort(ops.argsort((matched - 1) * entropy, axis=1), axis=1)
    hard = ops.cast(rank < 3 * ops.sum(ops.cast(matched, "int32"), axis=1, keepdims=True), "float32")
    moves = 4 * keras.losses.huber(y_true[..., :4], y_pred[..., :4])  # the sum of four, not their mean
    return ops.sum(matched * moves + ops.maximum(matched, hard) * entropy) / ops.sum(matched)


def detector(size: int, channels: int = 16) -> Any:
    """(batch, size, size, 1) -> (batch, anchors, 15): four deltas, and the logits of ten digits and of nothing."""
    x = image = keras.Input((size, size, 1))
    said = []
    while (cells := x.shape[1]) >= min(SHAPES):
        x = layers.Conv2D(channels, 3, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
        if cells in SHAPES:
            said.append(layers.Reshape((-1, 15))(layers.Conv2D(15 * len(SHAPES[cells]), 3, padding="same")(x)))
        x, channels = layers.MaxPooling2D(2)(x), min(2 * channels, 64)
    return keras.Model(image, layers.Concatenate(axis=1)(said))


def main(smoke: bool = False) -> float:
    keras.utils.set_random_seed(0)
    data, scale, size = (keras.datasets.digits, 16, 32) if smoke else (keras.datasets.mnist, 255, 64)
    count, epochs, batch_size = (400, 10, 16) if smoke else (6000, 6, 24)
    (x_train, y_train), (x_test, y_test) = data.load_data()
    x, truth = scenes(x_train / scale, y_train, count, size, np.random.default_rng(0))
    images, wanted = scenes(x_test / scale, y_test, count // 10, size, np.random.default_rng(1))
    anchors, model = anchor_boxes(size), detector(size)
    rate = keras.optimizers.schedules.CosineDecay(4e-3, epochs * -(-count // batch_size))
    model.compile(keras.optimizers.Adam(rate), multibox_loss)
    model.fit(x, targets(anchors, truth), epochs=epochs, batch_size=batch_size, verbose=0)
    said = ops.convert_to_tensor(model.predict(images, verbose=0))
    boxes = bounding_boxes.decode_deltas_to_boxes(anchors, said[..., :4], "yxyx", "yxyx", variance=VARIANCE)
    scores = ops.softmax(said[..., 4:])[..., :NOTHING]
    chosen = tf.image.combined_non_max_suppression(boxes[:, :, None], scores, 4, 12, 0.45, 0.01, clip_boxes=False)
    found = dict(zip(("boxes", "scores", "labels"), (x.numpy() for x in chosen)))
    figure = bounding_boxes.mean_average_precision(wanted, found, "yxyx", 0.5)

    page = Figure(figsize=(9, 3.7), layout="constrained")
    for n, axes in enumerate(page.subplots(2, 5).flat):
        axes.imshow(images[n, :, :, 0], cmap="gray_r", extent=(0, images.shape[2], images.shape[1], 0))
        axes.set_axis_off()
        for (top, left, bottom, right), label in zip(found["boxes"][n], found["labels"][n][found["scores"][n] > 0.5]):
            axes.plot([left, right, right, left, left], [top, top, bottom, bottom, top], "r", linewidth=1)
            axes.annotate(f"{label:.0f}", (left, top), color="r", verticalalignment="bottom")
    page.savefig("single_shot_detector.png", dpi=90)
    print(f"figure: single_shot_detector {figure:.4f}")
    return figure


if __name__ == "__main__":
    main(smoke="--smoke" in sys.argv[1:])
