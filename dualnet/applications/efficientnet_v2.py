"""EfficientNetV2: wide convolutions in the early blocks, which train faster (Tan and Le 2021, arXiv:2104.00298)."""

from __future__ import annotations

import os
import string
from typing import Any, NamedTuple

from .. import initializers, layers
from ..core.symbolic import KerasTensor
from ..models import Model
from .architecture import Architecture, Files, channel_axis, describe_arguments
from .imagenet_utils import decode_predictions
from .mbconv import Stage, Style, block, classifier, convolve, normalize, repeats
from .mobile_blocks import nearest
from .weights import KERAS_FILES

__all__ = [
    "EfficientNetV2B0",
    "EfficientNetV2B1",
    "EfficientNetV2B2",
    "EfficientNetV2B3",
    "EfficientNetV2L",
    "EfficientNetV2M",
    "EfficientNetV2S",
    "decode_predictions",
    "preprocess_input",
]


class Variant(NamedTuple):
    """One of the networks: filters of the stem, stages, factors of width and depth, size of the images."""

    stem: int
    stages: tuple[Stage, ...]
    size: int
    hashes: tuple[str, str]
    width: float = 1.0
    depth: float = 1.0


# Stage(expansion, kernel, stride, filters, blocks); S is Table 4 of the paper.
_B0 = (
    Stage(1, 3, 1, 16, 1, fused=True),
    Stage(4, 3, 2, 32, 2, fused=True),
    Stage(4, 3, 2, 48, 2, fused=True),
    Stage(4, 3, 2, 96, 3),
    Stage(6, 3, 1, 112, 5),
    Stage(6, 3, 2, 192, 8),
)
_S = (
    Stage(1, 3, 1, 24, 2, fused=True),
    Stage(4, 3, 2, 48, 4, fused=True),
    Stage(4, 3, 2, 64, 4, fused=True),
    Stage(4, 3, 2, 128, 6),
    Stage(6, 3, 1, 160, 9),
    Stage(6, 3, 2, 256, 15),
)
_M = (
    Stage(1, 3, 1, 24, 3, fused=True),
    Stage(4, 3, 2, 48, 5, fused=True),
    Stage(4, 3, 2, 80, 5, fused=True),
    Stage(4, 3, 2, 160, 7),
    Stage(6, 3, 1, 176, 14),
    Stage(6, 3, 2, 304, 18),
    Stage(6, 3, 1, 512, 5),
)
_L = (
    Stage(1, 3, 1, 32, 4, fused=True),
    Stage(4, 3, 2, 64, 7, fused=True),
    Stage(4, 3, 2, 96, 7, fused=True),
    Stage(4, 3, 2, 192, 10),
    Stage(6, 3, 1, 224, 19),
    Stage(6, 3, 2, 384, 25),
    Stage(6, 3, 1, 640, 7),
)
_VARIANTS = {
    "B0": Variant(32, _B0, 224, ("21ecbf6da12460d5c40bb2f29ceb2188", "893217f2bb855e2983157299931e43ff")),
    "B1": Variant(32, _B0, 240, ("069f0534ff22adf035c89e2d9547a9dc", "0e80663031ca32d657f9caa404b6ec37"), 1.0, 1.1),
    "B2": Variant(32, _B0, 260, ("424e49f28180edbde1e94797771950a7", "1dfe2e7a5d45b6632553a8961ea609eb"), 1.1, 1.2),
    "B3": Variant(32, _B0, 300, ("1f1fc43bd98a6e4fd8fdfd551e02c7a0", "f6abf7b5849ac99a89b50dd3fd532856"), 1.2, 1.4),
    "S": Variant(24, _S, 384, ("e1d88a8495beba45748fedd0cecbe016", "af0682fb74e8c54910f2d4393339c070")),
    "M": Variant(24, _M, 480, ("a3bf6aa3276309f4fc6a34aa114c95cd", "1b8dc055df72dde80d614482840fe342")),
    "L": Variant(32, _L, 480, ("27e6d408b53c7ebc868fefa357689935", "b0b66b5c863aef5b46e8608fe1711615")),
}
_STYLE = Style(momentum=0.9, depthwise="dwconv2", pads=False)
_DROPOUT = 0.2
_DROP_RATE = 0.2  # of the last block's residual in the network that is not made deeper; others by their index


def _preprocess(x: Any, by_channel: bool) -> Any:
    """The B networks were trained on colors normalized by the mean and the variance of each, the others from -1 to 1."""
    if not by_channel or x.shape[channel_axis()] != 3:
        return layers.Rescaling(scale=1.0 / 128.0, offset=-1)(x)
    mean, variance = [0.485, 0.456, 0.406], [0.229**2, 0.224**2, 0.225**2]
    return layers.Normalization(axis=channel_axis(), mean=mean, variance=variance)(layers.Rescaling(1.0 / 255)(x))


def _body(variant: Variant, by_channel: bool, include_preprocessing: bool) -> Any:
    total = sum(stage.blocks for stage in variant.stages)

    def body(x: Any) -> Any:
        if include_preprocessing:
            x = _preprocess(x, by_channel)
        x = convolve(x, nearest(variant.stem * variant.width), 3, "stem_conv", stride=2)
        x = normalize(x, "stem_bn", _STYLE, "stem_activation")
        index = 0
        for i, stage in enumerate(variant.stages, start=1):
            filters = nearest(stage.filters * variant.width)
            for k in range(repeats(stage.blocks, variant.depth)):
                drop_rate, name = _DROP_RATE * index / total, f"block{i}{string.ascii_lowercase[k]}_"
                x = block(x, stage, filters, k == 0, drop_rate, name, _STYLE)
                index += 1
        x = convolve(x, nearest(1280 * variant.width), 1, "top_conv")
        return normalize(x, "top_bn", _STYLE, "top_activation")

    return body


def _efficientnet_v2(key: str) -> Any:
    variant, title = _VARIANTS[key], f"EfficientNetV2{key}"
    stem = f"efficientnetv2-{key.lower()}"
    top = classifier(_DROPOUT, bias_initializer=initializers.Constant(0.0))

    def build(
        include_top: bool = True,
        weights: str | os.PathLike[str] | None = "imagenet",
        input_tensor: KerasTensor | None = None,
        input_shape: tuple[int | None, ...] | None = None,
        pooling: str | None = None,
        classes: int = 1000,
        classifier_activation: Any = "softmax",
        include_preprocessing: bool = True,
        name: str = stem,
    ) -> Model:
        files = Files(f"{KERAS_FILES}efficientnet_v2/", f"{stem}.h5", f"{stem}_notop.h5", variant.hashes)
        body = _body(variant, key.startswith("B"), include_preprocessing)
        return Architecture(stem, body, top, files, variant.size).build(
            include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name
        )

    build.__module__, build.__name__, build.__qualname__ = __name__, title, title
    build.__doc__ = f"""{title} (arXiv:2104.00298), for images with pixels from 0 to 255.
{describe_arguments(variant.size)}    include_preprocessing: False: the pixels are from -1 to 1.
"""
    return build


EfficientNetV2B0 = _efficientnet_v2("B0")
EfficientNetV2B1 = _efficientnet_v2("B1")
EfficientNetV2B2 = _efficientnet_v2("B2")
EfficientNetV2B3 = _efficientnet_v2("B3")
EfficientNetV2S = _efficientnet_v2("S")
EfficientNetV2M = _efficientnet_v2("M")
EfficientNetV2L = _efficientnet_v2("L")


def preprocess_input(x: Any, data_format: str | None = None) -> Any:
    """``x`` itself: the network scales the pixels."""
    return x
