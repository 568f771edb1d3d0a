"""Inception-ResNet v2: Inception modules whose output is added to their input (Szegedy et al. 2017, arXiv:1602.07261)."""

from __future__ import annotations

from typing import Any

from .. import layers
from . import imagenet_utils
from .architecture import Architecture, Files, channel_axis, constructor
from .branches import STEM, branch, convolution, module
from .imagenet_utils import decode_predictions
from .inception_layers import CustomScaleLayer

__all__ = ["InceptionResNetV2", "decode_predictions", "preprocess_input"]

MIXED_5B = ["1x1 96", "1x1 48, 5x5 64", "1x1 64, 3x3 96, 3x3 96", "avg, 1x1 64"]
BLOCK35 = ["1x1 32", "1x1 32, 3x3 32", "1x1 32, 3x3 48, 3x3 64"]
MIXED_6A = ["3x3 384 /2 V", "1x1 256, 3x3 256, 3x3 384 /2 V", "max"]
BLOCK17 = ["1x1 192", "1x1 128, 1x7 160, 7x1 192"]
MIXED_7A = ["1x1 256, 3x3 384 /2 V", "1x1 256, 3x3 288 /2 V", "1x1 256, 3x3 288, 3x3 320 /2 V", "max"]
BLOCK8 = ["1x1 192", "1x1 192, 1x3 224, 3x1 256"]


def _body(x: Any) -> Any:
    """x: (batch, 299, 299, 3) -> (batch, 8, 8, 1536)"""
    x = branch(x, STEM)
    x = module(x, MIXED_5B, "mixed_5b")  # 35 x 35 x 320
    for number in range(1, 11):
        x = _residual(x, BLOCK35, 0.17, f"block35_{number}")
    x = module(x, MIXED_6A, "mixed_6a")  # 17 x 17 x 1088
    for number in range(1, 21):
        x = _residual(x, BLOCK17, 0.1, f"block17_{number}")
    x = module(x, MIXED_7A, "mixed_7a")  # 8 x 8 x 2080
    for number in range(1, 10):
        x = _residual(x, BLOCK8, 0.2, f"block8_{number}")
    x = _residual(x, BLOCK8, 1.0, "block8_10", activation=False)
    return convolution(x, 1536, (1, 1), name="conv_7b")


def _residual(x: Any, branches: list[str], scale: float, name: str, activation: bool = True) -> Any:
    """A module, a 1 x 1 convolution back to the channels of its input, and the scaled sum of the two."""
    y = module(x, branches, f"{name}_mixed")
    y = layers.Conv2D(x.shape[channel_axis()], 1, padding="same", name=f"{name}_conv")(y)
    x = CustomScaleLayer(scale)([x, y])
    return layers.Activation("relu", name=f"{name}_ac")(x) if activation else x


InceptionResNetV2 = constructor(
    __name__,
    "InceptionResNetV2",
    Architecture(
        "inception_resnet_v2",
        _body,
        files=Files.of(
            "inception_resnet_v2",
            "inception_resnet_v2",
            ("e693bd0210a403b3192acc6073ad2e96", "d19885ff4a710c122648d3b5c3b684e4"),
        ),
        size=299,
        smallest=75,
        pooled_names=(None, None),
    ),
    """Inception-ResNet v2 (arXiv:1602.07261), for images of ``preprocess_input``.""",
)


def preprocess_input(x: Any, data_format: str | None = None) -> Any:
    """Images with pixels 0 to 255 as Inception-ResNet was trained on: from -1 to 1."""
    return imagenet_utils.preprocess_input(x, data_format, mode="tf")
