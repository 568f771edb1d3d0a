"""DenseNet: every layer of a block sees the outputs of all layers before it (Huang et al. 2017, arXiv:1608.06993)."""

from __future__ import annotations

from typing import Any

from .. import layers
from . import imagenet_utils
from .architecture import Architecture, Constructor, Files, channel_axis, constructor
from .imagenet_utils import decode_predictions

__all__ = ["DenseNet121", "DenseNet169", "DenseNet201", "decode_predictions", "preprocess_input"]

# Layers in each of the four blocks (table 1 of the paper), and the hashes of the published weights.
_VARIANTS = {
    "DenseNet121": ((6, 12, 24, 16), ("9d60b8095a5708f2dcce2bca79d332c7", "30ee3e1110167f948a6b9946edeeb738")),
    "DenseNet169": ((6, 12, 32, 32), ("d699b8f76981ab1b30698df4c175e90b", "b8c4d4c20dd625c148057b9ff1c1176b")),
    "DenseNet201": ((6, 12, 48, 32), ("1ceb130c1ea1b78c3bf6114dbdfd8807", "c13680b51ded0fb44dff2d8f86ac8bb1")),
}
_GROWTH = 32  # channels that a layer adds, k in the paper
_REDUCTION = 0.5  # how many of its channels a transition leaves, theta in the paper


def _body(blocks: tuple[int, ...]) -> Any:
    def body(x: Any) -> Any:
        x = layers.ZeroPadding2D(3)(x)
        x = layers.Conv2D(64, 7, strides=2, use_bias=False, name="conv1_conv")(x)
        x = _normalize(x, "conv1_bn", "conv1_relu")
        x = layers.ZeroPadding2D(1)(x)
        x = layers.MaxPooling2D(3, strides=2, name="pool1")(x)
        for block, count in enumerate(blocks, 2):
            if block > 2:
                x = _transition(x, f"pool{block - 1}")
            for n in range(count):
                x = _layer(x, f"conv{block}_block{n + 1}")
        return _normalize(x, "bn", "relu")

    return body


def _layer(x: Any, name: str) -> Any:
    """x, and beside it what 1 x 1 and 3 x 3 convolutions make of it.  x: (..., channels) -> (..., channels + 32)"""
    y = _normalize(x, f"{name}_0_bn", f"{name}_0_relu")
    y = layers.Conv2D(4 * _GROWTH, 1, use_bias=False, name=f"{name}_1_conv")(y)
    y = _normalize(y, f"{name}_1_bn", f"{name}_1_relu")
    y = layers.Conv2D(_GROWTH, 3, padding="same", use_bias=False, name=f"{name}_2_conv")(y)
    return layers.Concatenate(axis=channel_axis(), name=f"{name}_concat")([x, y])


def _transition(x: Any, name: str) -> Any:
    """Between two blocks: half the channels, half the size."""
    x = _normalize(x, f"{name}_bn", f"{name}_relu")
    filters = int(x.shape[channel_axis()] * _REDUCTION)
    x = layers.Conv2D(filters, 1, use_bias=False, name=f"{name}_conv")(x)
    return layers.AveragePooling2D(2, strides=2, name=f"{name}_pool")(x)


def _normalize(x: Any, name: str, relu: str) -> Any:
    """What stands before each convolution."""
    x = layers.BatchNormalization(axis=channel_axis(), epsilon=1.001e-5, name=name)(x)
    return layers.Activation("relu", name=relu)(x)


def _densenet(title: str) -> Constructor:
    blocks, hashes = _VARIANTS[title]
    name = title.lower()
    architecture = Architecture(name, _body(blocks), files=Files.of("densenet", name, hashes))
    doc = f"""DenseNet with {title.removeprefix("DenseNet")} layers (arXiv:1608.06993), for images of ``preprocess_input``."""
    return constructor(__name__, title, architecture, doc)


DenseNet121 = _densenet("DenseNet121")
DenseNet169 = _densenet("DenseNet169")
DenseNet201 = _densenet("DenseNet201")


def preprocess_input(x: Any, data_format: str | None = None) -> Any:
    """Images with pixels 0 to 255 as DenseNet was trained on: 0 to 1, minus the mean of ImageNet, over its deviation."""
    return imagenet_utils.preprocess_input(x, data_format, mode="torch")
