"""ResNet V2: normalization and ReLU before the convolutions, nothing on the way past them (He et al. 2016, arXiv:1603.05027)."""

from __future__ import annotations

from typing import Any

from .. import layers
from . import imagenet_utils
from .architecture import Architecture, Constructor, Files, constructor
from .imagenet_utils import decode_predictions
from .resnet import normalize

__all__ = ["ResNet50V2", "ResNet101V2", "ResNet152V2", "decode_predictions", "preprocess_input"]

# Blocks in each of the four stages, and the hashes of the published weights.
_VARIANTS = {
    "ResNet50V2": ((3, 4, 6, 3), ("3ef43a0b657b3be2300d5770ece849e0", "fac2f116257151a9d068a22e544a4917")),
    "ResNet101V2": ((3, 4, 23, 3), ("6343647c601c52e1368623803854d971", "c0ed64b8031c3730f411d2eb4eea35b5")),
    "ResNet152V2": ((3, 8, 36, 3), ("a49b44d1979771252814e80f8ec446f9", "ed17cf2e0169df9d443503ef94b23b33")),
}


def _block(x: Any, filters: int, stride: int, project: bool, name: str) -> Any:
    """A bottleneck of convolutions on the normalized input, added to the input itself; the last of a stage halves the maps."""
    before = normalize(x, f"{name}_preact", f"{name}_preact_relu")
    if project:
        shortcut = layers.Conv2D(4 * filters, 1, strides=stride, name=f"{name}_0_conv")(before)
    else:
        shortcut = layers.MaxPooling2D(1, strides=stride)(x) if stride > 1 else x
    y = layers.Conv2D(filters, 1, use_bias=False, name=f"{name}_1_conv")(before)
    y = normalize(y, f"{name}_1", f"{name}_1_relu")
    y = layers.ZeroPadding2D(1, name=f"{name}_2_pad")(y)
    y = layers.Conv2D(filters, 3, strides=stride, use_bias=False, name=f"{name}_2_conv")(y)
    y = normalize(y, f"{name}_2", f"{name}_2_relu")
    y = layers.Conv2D(4 * filters, 1, name=f"{name}_3_conv")(y)
    return layers.Add(name=f"{name}_out")([shortcut, y])


def _body(blocks: tuple[int, ...]) -> Any:
    def body(x: Any) -> Any:
        x = layers.ZeroPadding2D(3, name="conv1_pad")(x)
        x = layers.Conv2D(64, 7, strides=2, name="conv1_conv")(x)
        x = layers.ZeroPadding2D(1, name="pool1_pad")(x)
        x = layers.MaxPooling2D(3, strides=2, name="pool1_pool")(x)
        for stage, count in enumerate(blocks):
            for n in range(count):
                stride = 2 if n == count - 1 and stage < 3 else 1
                x = _block(x, 64 * 2**stage, stride, project=n == 0, name=f"conv{stage + 2}_block{n + 1}")
        return normalize(x, "post", "post_relu")

    return body


def _resnet(title: str) -> Constructor:
    blocks, hashes = _VARIANTS[title]
    name = title.lower()
    architecture = Architecture(name, _body(blocks), files=Files.of("resnet", name, hashes))
    depth = title.removeprefix("ResNet").removesuffix("V2")
    doc = f"ResNet V2 with {depth} layers (arXiv:1603.05027), for images of ``resnet_v2.preprocess_input``."
    return constructor(__name__, title, architecture, doc)


ResNet50V2 = _resnet("ResNet50V2")
ResNet101V2 = _resnet("ResNet101V2")
ResNet152V2 = _resnet("ResNet152V2")


def preprocess_input(x: Any, data_format: str | None = None) -> Any:
    """Images with pixels 0 to 255 as ResNet V2 was trained on: from -1 to 1."""
    return imagenet_utils.preprocess_input(x, data_format, mode="tf")
