"""A U-Net finds the pixels of a digit among fragments of other digits: it looks at all of the image, and answers for each pixel.

Ronneberger, Fischer and Brox, "U-Net: Convolutional Networks for Biomedical Image Segmentation" (arXiv:1505.04597), on scenes made
of MNIST, cluttered like those of Mnih et al. (arXiv:1406.6247). What the pixels around it look like does not tell a fragment from a
digit; how far its strokes go on does. The figure is the intersection over union of the digits' pixels and those found, on scenes of
digits that were not trained on. ``--smoke`` shows in seconds that it runs, on the 8 x 8 digits that come with dualnet.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

import dualnet as keras
from dualnet import layers

PLOT = "unet.png"


def scenes(digits: np.ndarray, count: int, size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Scenes and where their digit is, (count, size, size, 1) each. Values of the digits, (n, height, width), are from 0 to 1."""
    draw = np.random.default_rng(seed)
    height, width = digits.shape[1:]
    part = height * 3 // 10  # rows and columns of a fragment
    images = draw.uniform(0, 0.3, (count, size, size)).astype("float32")  # paper with a grain
    masks = np.zeros((count, size, size), "float32")
    for image, mask in zip(images, masks):
        for _ in range(8):
            row, column = draw.integers(0, height - part, 2)
            fragment = digits[draw.integers(len(digits)), row : row + part, column : column + part]
            top, left = draw.integers(0, size - part + 1, 2)
            here = image[top : top + part, left : left + part]
            np.maximum(here, fragment, out=here)
        top, left = draw.integers(0, size - height + 1), draw.integers(0, size - width + 1)
        digit = digits[draw.integers(len(digits))]
        here = image[top : top + height, left : left + width]
        np.maximum(here, digit, out=here)
        mask[top : top + height, left : left + width] = digit > 0.5
    return images[..., None], masks[..., None]


def convolutions(x: Any, channels: int) -> Any:
    for _ in range(2):
        x = layers.Conv2D(channels, 3, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
    return x


def unet(size: int, channels: int, depth: int) -> Any:
    """(batch, size, size, 1) -> (batch, size, size, 1), the probability that a pixel belongs to the digit."""
    x = image = keras.Input((size, size, 1))
    kept = []
    for level in range(depth):  # down: half the size, twice the channels, to see farther
        x = convolutions(x, channels << level)
        kept.append(x)
        x = layers.MaxPooling2D(2)(x)
    x = convolutions(x, channels << depth)
    for level in reversed(range(depth)):  # and up again, beside the pixels of the same size on the way down
        x = layers.Conv2DTranspose(channels << level, 2, strides=2)(x)
        x = convolutions(layers.Concatenate()([kept[level], x]), channels << level)
    return keras.Model(image, layers.Conv2D(1, 1, activation="sigmoid")(x))


def main(smoke: bool = False) -> float:
    keras.utils.set_random_seed(0)
    data, scale, size = (keras.datasets.digits, 16, 16) if smoke else (keras.datasets.mnist, 255, 32)
    count, epochs, batch_size = (600, 10, 20) if smoke else (6000, 6, 32)
    (x_train, _), (x_test, _) = data.load_data()
    border = 0 if smoke else 4  # MNIST's digits are 20 x 20 pixels in the middle of 28 x 28
    x_train, x_test = (
        x[:, border : x.shape[1] - border, border : x.shape[2] - border] / scale for x in (x_train, x_test)
    )
    train, test = scenes(x_train, count, size, 0), scenes(x_test, count // 6, size, 1)

    model = unet(size, channels=8, depth=2 if smoke else 3)
    print(f"{model.count_params():,} parameters, {count} scenes of {size} x {size} pixels")
    rate = keras.optimizers.schedules.CosineDecay(5e-3, epochs * -(-count // batch_size))
    iou = keras.metrics.BinaryIoU(target_class_ids=[1], name="iou")
    model.compile(keras.optimizers.Adam(rate), "binary_crossentropy", metrics=[iou])
    model.fit(*train, epochs=epochs, batch_size=batch_size, verbose=0)

    bright = float(keras.metrics.BinaryIoU(target_class_ids=[1])(test[1], test[0]))
    figure = float(model.evaluate(*test, verbose=0)[1])
    print(f"intersection over union: {bright:.4f} by brightness alone, {figure:.4f} by the network")
    plot(test[0], model.predict(test[0][:10], verbose=0), test[1])
    print(f"figure: unet {figure:.4f}")
    return figure


def plot(images: np.ndarray, found: np.ndarray, masks: np.ndarray, columns: int = 10) -> None:
    """Scenes, what the network finds in them, and what there is, as a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(columns * 0.7, 2.3), layout="constrained")
    rows = {"scene": images, "found": found, "digit": masks}
    for axes, (name, row) in zip(figure.subplots(3, 1), rows.items()):
        axes.imshow(np.hstack(list(row[:columns, :, :, 0])), cmap="gray_r", vmin=0, vmax=1)
        axes.set(xticks=[], yticks=[])
        axes.set_ylabel(name, fontsize=8)
    figure.savefig(PLOT, dpi=120)
    print(f"plotted in {PLOT}")


if __name__ == "__main__":
    main(smoke="--smoke" in sys.argv[1:])
