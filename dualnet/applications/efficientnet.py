"""EfficientNet: width, depth and image size grown together from one small network (Tan and Le 2019, arXiv:1905.11946)."""

from __future__ import annotations

import os
import string
from typing import Any, NamedTuple

from .. import layers
from ..core.symbolic import KerasTensor
from ..models import Model
from .architecture import Architecture, Constructor, Files, channel_axis, describe_arguments
from .imagenet_utils import decode_predictions
from .mbconv import Stage, Style, block, classifier, convolve, normalize, repeats
from .mobile_blocks import divisible, pad_to_halve

__all__ = [
    "EfficientNetB0",
    "EfficientNetB1",
    "EfficientNetB2",
    "EfficientNetB3",
    "EfficientNetB4",
    "EfficientNetB5",
    "EfficientNetB6",
    "EfficientNetB7",
    "decode_predictions",
    "preprocess_input",
]


class Scale(NamedTuple):
    """One of the networks: B0 times as wide and deep, for images of that size."""

    width: float
    depth: float
    size: int
    dropout: float
    hashes: tuple[str, str]


# B0, Table 1 of the paper.
_STAGES = (
    Stage(expansion=1, kernel=3, stride=1, filters=16, blocks=1),
    Stage(expansion=6, kernel=3, stride=2, filters=24, blocks=2),
    Stage(expansion=6, kernel=5, stride=2, filters=40, blocks=2),
    Stage(expansion=6, kernel=3, stride=2, filters=80, blocks=3),
    Stage(expansion=6, kernel=5, stride=1, filters=112, blocks=3),
    Stage(expansion=6, kernel=5, stride=2, filters=192, blocks=4),
    Stage(expansion=6, kernel=3, stride=1, filters=320, blocks=1),
)
_SCALES = {
    "B0": Scale(1.0, 1.0, 224, 0.2, ("902e53a9f72be733fc0bcb005b3ebbac", "50bc09e76180e00e4465e1a485ddc09d")),
    "B1": Scale(1.0, 1.1, 240, 0.2, ("1d254153d4ab51201f1646940f018540", "74c4e6b3e1f6a1eea24c589628592432")),
    "B2": Scale(1.1, 1.2, 260, 0.3, ("b15cce36ff4dcbd00b6dd88e7857a6ad", "111f8e2ac8aa800a7a99e3239f7bfb39")),
    "B3": Scale(1.2, 1.4, 300, 0.3, ("ffd1fdc53d0ce67064dc6a9c7960ede0", "af6d107764bb5b1abb91932881670226")),
    "B4": Scale(1.4, 1.8, 380, 0.4, ("18c95ad55216b8f92d7e70b3a046e2fc", "ebc24e6d6c33eaebbd558eafbeedf1ba")),
    "B5": Scale(1.6, 2.2, 456, 0.4, ("ace28f2a6363774853a83a0b21b9421a", "38879255a25d3c92d5e44e04ae6cec6f")),
    "B6": Scale(1.8, 2.6, 528, 0.5, ("165f6e37dce68623721b423839de8be5", "9ecce42647a20130c1f39a5d4cb75743")),
    "B7": Scale(2.0, 3.1, 600, 0.5, ("8c03f828fec3ef71311cd463b6759d99", "cbcfe4450ddf6f3ad90b1b398090fe4a")),
}
_STYLE = Style(momentum=0.99, depthwise="dwconv", pads=True)
_DROP_RATE = 0.2  # of the last block's residual; that of the others grows with their index up to it
# The weights on ImageNet were trained on pixels divided by the variance of each channel, not by its square root.
_DEVIATIONS = (0.229, 0.224, 0.225)
_FILES = "https://storage.googleapis.com/keras-applications/"


def _body(scale: Scale, trained: bool) -> Any:
    counts = [repeats(stage.blocks, scale.depth) for stage in _STAGES]

    def body(x: Any) -> Any:
        x = layers.Rescaling(1.0 / 255.0)(x)
        x = layers.Normalization(axis=channel_axis())(x)
        if trained:
            x = layers.Rescaling([deviation**-0.5 for deviation in _DEVIATIONS])(x)
        x = pad_to_halve(x, 3, "stem_conv_pad")
        x = convolve(x, divisible(32 * scale.width), 3, "stem_conv", stride=2, padding="valid")
        x = normalize(x, "stem_bn", _STYLE, "stem_activation")
        index = 0
        for i, (stage, count) in enumerate(zip(_STAGES, counts), start=1):
            filters = divisible(stage.filters * scale.width)
            for k in range(count):
                drop_rate, name = _DROP_RATE * index / sum(counts), f"block{i}{string.ascii_lowercase[k]}_"
                x = block(x, stage, filters, k == 0, drop_rate, name, _STYLE)
                index += 1
        x = convolve(x, divisible(1280 * scale.width), 1, "top_conv")
        return normalize(x, "top_bn", _STYLE, "top_activation")

    return body


def _efficientnet(variant: str) -> Constructor:
    scale, title = _SCALES[variant], f"EfficientNet{variant}"
    stem = title.lower()

    def build(
        include_top: bool = True,
        weights: str | os.PathLike[str] | None = "imagenet",
        input_tensor: KerasTensor | None = None,
        input_shape: tuple[int | None, ...] | None = None,
        pooling: str | None = None,
        classes: int = 1000,
        classifier_activation: Any = "softmax",
        name: str = stem,
    ) -> Model:
        files = Files(_FILES, f"{stem}.h5", f"{stem}_notop.h5", scale.hashes)
        architecture = Architecture(
            stem, _body(scale, weights == "imagenet"), classifier(scale.dropout), files, scale.size
        )
        return architecture.build(
            include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name
        )

    build.__module__, build.__name__, build.__qualname__ = __name__, title, title
    build.__doc__ = f"""{title} (arXiv:1905.11946), for images with pixels from 0 to 255.
{describe_arguments(scale.size)}"""
    return build


EfficientNetB0 = _efficientnet("B0")
EfficientNetB1 = _efficientnet("B1")
EfficientNetB2 = _efficientnet("B2")
EfficientNetB3 = _efficientnet("B3")
EfficientNetB4 = _efficientnet("B4")
EfficientNetB5 = _efficientnet("B5")
EfficientNetB6 = _efficientnet("B6")
EfficientNetB7 = _efficientnet("B7")


def preprocess_input(x: Any, data_format: str | None = None) -> Any:
    """``x`` itself: the network normalizes the pixels."""
    return x
