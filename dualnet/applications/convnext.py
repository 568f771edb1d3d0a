"""ConvNeXt: a residual network with the choices of vision transformers (Liu et al. 2022, arXiv:2201.03545)."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from .. import layers
from ..config import image_data_format
from ..core.symbolic import KerasTensor
from ..models import Model, Sequential
from .architecture import Architecture, Files, describe_arguments
from .convnext_layers import LayerScale
from .imagenet_utils import decode_predictions
from .weights import KERAS_FILES

__all__ = [
    "ConvNeXtBase",
    "ConvNeXtLarge",
    "ConvNeXtSmall",
    "ConvNeXtTiny",
    "ConvNeXtXLarge",
    "decode_predictions",
    "preprocess_input",
]


class Variant(NamedTuple):
    """One of the networks: blocks and channels of its four stages, Section 2.2 and Table 1 of the paper."""

    blocks: tuple[int, int, int, int]
    channels: tuple[int, int, int, int]
    hashes: tuple[str, str]


_VARIANTS = {
    "Tiny": Variant(
        (3, 3, 9, 3),
        (96, 192, 384, 768),
        (
            "8ae6e78ce2933352b1ef4008e6dd2f17bc40771563877d156bc6426c7cf503ff",
            "d547c096cabd03329d7be5562c5e14798aa39ed24b474157cef5e85ab9e49ef1",
        ),
    ),
    "Small": Variant(
        (3, 3, 27, 3),
        (96, 192, 384, 768),
        (
            "ce1277d8f1ee5a0ef0e171469089c18f5233860ceaf9b168049cb9263fd7483c",
            "6fc8009faa2f00c1c1dfce59feea9b0745eb260a7dd11bee65c8e20843da6eab",
        ),
    ),
    "Base": Variant(
        (3, 3, 27, 3),
        (128, 256, 512, 1024),
        (
            "52cbb006d3dadd03f6e095a8ca1aca47aecdd75acb4bc74bce1f5c695d0086e6",
            "40a20c5548a5e9202f69735ecc06c990e6b7c9d2de39f0361e27baeb24cb7c45",
        ),
    ),
    "Large": Variant(
        (3, 3, 27, 3),
        (192, 384, 768, 1536),
        (
            "070c5ed9ed289581e477741d3b34beffa920db8cf590899d6d2c67fba2a198a6",
            "96f02b6f0753d4f543261bc9d09bed650f24dd6bc02ddde3066135b63d23a1cd",
        ),
    ),
    "XLarge": Variant(
        (3, 3, 27, 3),
        (256, 512, 1024, 2048),
        (
            "c1f5ccab661354fc3a79a10fa99af82f0fbf10ec65cb894a3ae0815f17a889ee",
            "de3f8a54174130e0cecdc71583354753d557fcf1f4487331558e2a16ba0cfe05",
        ),
    ),
}
_EPSILON = 1e-6
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of the colors in ImageNet, from 0 to 1


def _normalization(name: str | None = None) -> Any:
    return layers.LayerNormalization(epsilon=_EPSILON, name=name)


def _block(x: Any, channels: int, name: str) -> Any:
    """7 x 7 on each channel, then a perceptron across the channels, four times as wide inside; plus the input."""
    y = layers.Conv2D(channels, 7, padding="same", groups=channels, name=f"{name}_depthwise_conv")(x)
    y = _normalization(f"{name}_layernorm")(y)
    y = layers.Dense(4 * channels, name=f"{name}_pointwise_conv_1")(y)
    y = layers.Activation("gelu", name=f"{name}_gelu")(y)
    y = layers.Dense(channels, name=f"{name}_pointwise_conv_2")(y)
    y = LayerScale(1e-6, channels, name=f"{name}_layer_scale")(y)
    # Where stochastic depth would be; the published networks are without it.
    return x + layers.Activation("linear", name=f"{name}_identity")(y)


def _shrink(stage: int, channels: int, name: str) -> Sequential:
    """What stands before a stage and makes images smaller: the stem by 4, the others by 2."""
    if stage == 0:
        parts = [
            layers.Conv2D(channels, 4, strides=4, name=f"{name}_stem_conv"),
            _normalization(f"{name}_stem_layernorm"),
        ]
        return Sequential(parts, name=f"{name}_stem")
    i = stage - 1
    convolution = layers.Conv2D(channels, 2, strides=2, name=f"{name}_downsampling_conv_{i}")
    parts = [_normalization(f"{name}_downsampling_layernorm_{i}"), convolution]
    return Sequential(parts, name=f"{name}_downsampling_block_{i}")


def _body(variant: Variant, name: str, include_preprocessing: bool) -> Any:
    def body(x: Any) -> Any:
        if image_data_format() == "channels_first":
            raise ValueError(
                "ConvNeXt normalizes the last axis, so that images must have their channels there: call "
                "dualnet.config.set_image_data_format('channels_last')"
            )
        if include_preprocessing and x.shape[-1] == 3:
            mean, variance = [255 * m for m in _MEAN], [(255 * d) ** 2 for d in _DEVIATION]
            x = layers.Normalization(mean=mean, variance=variance, name=f"{name}_prestem_normalization")(x)
        for stage, (blocks, channels) in enumerate(zip(variant.blocks, variant.channels)):
            x = _shrink(stage, channels, name)(x)
            for i in range(blocks):
                x = _block(x, channels, f"{name}_stage_{stage}_block_{i}")
        return x

    return body


def _top(name: str) -> Any:
    def top(x: Any, classes: int, activation: Any) -> Any:
        x = layers.GlobalAveragePooling2D(name=f"{name}_head_gap")(x)
        x = _normalization(f"{name}_head_layernorm")(x)
        return layers.Dense(classes, activation=activation, name=f"{name}_head_dense")(x)

    return top


def _convnext(key: str) -> Any:
    variant, title, stem = _VARIANTS[key], f"ConvNeXt{key}", f"convnext_{key.lower()}"

    def build(
        include_top: bool = True,
        include_preprocessing: bool = True,
        weights: str | os.PathLike[str] | None = "imagenet",
        input_tensor: KerasTensor | None = None,
        input_shape: tuple[int | None, ...] | None = None,
        pooling: str | None = None,
        classes: int = 1000,
        classifier_activation: Any = "softmax",
        name: str = stem,
    ) -> Model:
        architecture = Architecture(
            stem,
            _body(variant, name, include_preprocessing),
            _top(name),
            Files(f"{KERAS_FILES}convnext/", f"{stem}.h5", f"{stem}_notop.h5", variant.hashes),
            pooled_names=(None, None),
            finish=lambda features: _normalization()(features),
        )
        return architecture.build(
            include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name
        )

    build.__module__, build.__name__, build.__qualname__ = __name__, title, title
    build.__doc__ = f"""{title} (arXiv:2201.03545), for images with pixels from 0 to 255.
{describe_arguments(224)}    include_preprocessing: False: the pixels are normalized already.
"""
    return build


ConvNeXtTiny = _convnext("Tiny")
ConvNeXtSmall = _convnext("Small")
ConvNeXtBase = _convnext("Base")
ConvNeXtLarge = _convnext("Large")
ConvNeXtXLarge = _convnext("XLarge")


def preprocess_input(x: Any, data_format: str | None = None) -> Any:
    """``x`` itself: the network normalizes the pixels."""
    return x
