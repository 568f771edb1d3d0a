"""ResNet: deep networks of blocks that add to their input (He et al. 2015, arXiv:1512.03385)."""

from __future__ import annotations

from typing import Any

from .. import layers
from . import imagenet_utils
from .architecture import Architecture, Constructor, Files, channel_axis, constructor
from .imagenet_utils import decode_predictions

__all__ = ["ResNet50", "ResNet101", "ResNet152", "decode_predictions", "preprocess_input"]

# Blocks in each of the four stages, and the hashes of the published weights.
_VARIANTS = {
    "ResNet50": ((3, 4, 6, 3), ("2cb95161c43110f7111970584f804107", "4d473c1dd8becc155b73f8504c6f6626")),
    "ResNet101": ((3, 4, 23, 3), ("f1aeb4b969a6efcfb50fad2f0c20cfc5", "88cf7a10940856eca736dc7b7e228a21")),
    "ResNet152": ((3, 8, 36, 3), ("100835be76be38e30d865e96f2aaae62", "ee4c566cf9a93f14d82f913c2dc6dd0c")),
}


def normalize(x: Any, name: str, relu: str | None = None) -> Any:
    """Batch normalization called ``<name>_bn``, and a ReLU with the name given, if one is."""
    x = layers.BatchNormalization(axis=channel_axis(), epsilon=1.001e-5, name=f"{name}_bn")(x)
    return x if relu is None else layers.Activation("relu", name=relu)(x)


def _block(x: Any, filters: int, stride: int, project: bool, name: str) -> Any:
    """A bottleneck: 1 x 1 to few maps, 3 x 3, 1 x 1 to four times as many; plus the input, projected where the shape changes."""

    def convolve(x: Any, part: int, filters: int, size: int = 1, stride: int = 1, relu: bool = True) -> Any:
        title = f"{name}_{part}"
        padding = "same" if size == 3 else "valid"
        x = layers.Conv2D(filters, size, strides=stride, padding=padding, name=f"{title}_conv")(x)
        return normalize(x, title, f"{title}_relu" if relu else None)

    shortcut = convolve(x, 0, 4 * filters, stride=stride, relu=False) if project else x
    x = convolve(x, 1, filters, stride=stride)
    x = convolve(x, 2, filters, size=3)
    x = convolve(x, 3, 4 * filters, relu=False)
    x = layers.Add(name=f"{name}_add")([shortcut, x])
    return layers.Activation("relu", name=f"{name}_out")(x)


def _body(blocks: tuple[int, ...]) -> Any:
    def body(x: Any) -> Any:
        x = layers.ZeroPadding2D(3, name="conv1_pad")(x)
        x = layers.Conv2D(64, 7, strides=2, name="conv1_conv")(x)
        x = normalize(x, "conv1", "conv1_relu")
        x = layers.ZeroPadding2D(1, name="pool1_pad")(x)
        x = layers.MaxPooling2D(3, strides=2, name="pool1_pool")(x)
        for stage, count in enumerate(blocks):
            for n in range(count):
                stride = 2 if n == 0 and stage > 0 else 1
                x = _block(x, 64 * 2**stage, stride, project=n == 0, name=f"conv{stage + 2}_block{n + 1}")
        return x

    return body


def _resnet(title: str) -> Constructor:
    blocks, hashes = _VARIANTS[title]
    name = title.lower()
    architecture = Architecture(name, _body(blocks), files=Files.of("resnet", name, hashes))
    doc = (
        f"""ResNet with {title.removeprefix("ResNet")} layers (arXiv:1512.03385), for images of ``preprocess_input``."""
    )
    return constructor(__name__, title, architecture, doc)


ResNet50 = _resnet("ResNet50")
ResNet101 = _resnet("ResNet101")
ResNet152 = _resnet("ResNet152")


def preprocess_input(x: Any, data_format: str | None = None) -> Any:
    """Images with pixels 0 to 255 as ResNet was trained on: BGR, minus the mean of ImageNet."""
    return imagenet_utils.preprocess_input(x, data_format, mode="caffe")
