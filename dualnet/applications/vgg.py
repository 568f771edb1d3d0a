"""VGG: stacks of 3 x 3 convolutions, the maps halved after each stack (Simonyan & Zisserman 2014, arXiv:1409.1556)."""

from __future__ import annotations

from typing import Any

from .. import layers
from . import imagenet_utils
from .architecture import Architecture, Constructor, Files, constructor

WIDTHS = (64, 128, 256, 512, 512)  # filters of the five stacks


def vgg(module: str, title: str, depths: tuple[int, ...], hashes: tuple[str, str]) -> Constructor:
    """The function that makes a VGG.  depths: convolutions in each stack"""

    def body(x: Any) -> Any:
        for stack, (width, depth) in enumerate(zip(WIDTHS, depths), start=1):
            for n in range(1, depth + 1):
                x = layers.Conv2D(width, 3, padding="same", activation="relu", name=f"block{stack}_conv{n}")(x)
            x = layers.MaxPooling2D(2, strides=2, name=f"block{stack}_pool")(x)
        return x

    name = title.lower()
    architecture = Architecture(name, body, _top, Files.of(name, name, hashes), pooled_names=(None, None))
    doc = f"VGG with {title.removeprefix('VGG')} layers (arXiv:1409.1556), for images of ``{name}.preprocess_input``."
    return constructor(module, title, architecture, doc)


def _top(x: Any, classes: int, activation: Any) -> Any:
    x = layers.Flatten(name="flatten")(x)
    for name in ("fc1", "fc2"):
        x = layers.Dense(4096, activation="relu", name=name)(x)
    return layers.Dense(classes, activation=activation, name="predictions")(x)


def preprocess_input(x: Any, data_format: str | None = None) -> Any:
    """Images with pixels 0 to 255 as VGG was trained on: BGR, minus the mean of ImageNet."""
    return imagenet_utils.preprocess_input(x, data_format, mode="caffe")
