"""Xception: convolutions separated into depthwise and pointwise ones, with residuals (Chollet 2017, arXiv:1610.02357)."""

from __future__ import annotations

from typing import Any

from .. import layers
from . import imagenet_utils
from .architecture import Architecture, Files, channel_axis, constructor
from .imagenet_utils import decode_predictions

__all__ = ["Xception", "decode_predictions", "preprocess_input"]

# Figure 5 of the paper: the filters of the separable convolutions of a block.
_ENTRY: dict[str, tuple[int, ...]] = {"block2": (128, 128), "block3": (256, 256), "block4": (728, 728)}
_MIDDLE: dict[str, tuple[int, ...]] = {f"block{number}": (728, 728, 728) for number in range(5, 13)}
_EXIT, _LAST = (728, 1024), (1536, 2048)


def _body(x: Any) -> Any:
    """x: (batch, 299, 299, 3) -> (batch, 10, 10, 2048)"""
    x = layers.Conv2D(32, 3, strides=2, use_bias=False, name="block1_conv1")(x)
    x = _relu(_normalize(x, "block1_conv1_bn"), "block1_conv1_act")
    x = layers.Conv2D(64, 3, use_bias=False, name="block1_conv2")(x)
    x = _relu(_normalize(x, "block1_conv2_bn"), "block1_conv2_act")
    for name, filters in _ENTRY.items():
        x = _halve(x, filters, name)
    for name, filters in _MIDDLE.items():
        x = layers.Add()([_separable(x, filters, name), x])
    x = _halve(x, _EXIT, "block13")
    for number, width in enumerate(_LAST, 1):
        x = _convolve(x, width, f"block14_sepconv{number}")
        x = _relu(x, f"block14_sepconv{number}_act")
    return x


def _halve(x: Any, filters: tuple[int, ...], name: str) -> Any:
    """Separable convolutions and a max pooling, added to a 1 x 1 convolution of stride 2."""
    residual = layers.Conv2D(filters[-1], 1, strides=2, padding="same", use_bias=False)(x)
    residual = _normalize(residual)
    x = _separable(x, filters, name)
    x = layers.MaxPooling2D(3, strides=2, padding="same", name=f"{name}_pool")(x)
    return layers.Add()([x, residual])


def _separable(x: Any, filters: tuple[int, ...], name: str) -> Any:
    """ReLU, separable convolution, normalization, for each number of filters."""
    for number, width in enumerate(filters, 1):
        if (name, number) != ("block2", 1):  # its input comes from a ReLU
            x = _relu(x, f"{name}_sepconv{number}_act")
        x = _convolve(x, width, f"{name}_sepconv{number}")
    return x


def _convolve(x: Any, filters: int, name: str) -> Any:
    """A separable convolution and normalization."""
    x = layers.SeparableConv2D(filters, 3, padding="same", use_bias=False, name=name)(x)
    return _normalize(x, f"{name}_bn")


def _normalize(x: Any, name: str | None = None) -> Any:
    return layers.BatchNormalization(axis=-1 if channel_axis() == 3 else 1, name=name)(x)


def _relu(x: Any, name: str) -> Any:
    return layers.Activation("relu", name=name)(x)


Xception = constructor(
    __name__,
    "Xception",
    Architecture(
        "xception",
        _body,
        files=Files.of(
            "xception", "xception", ("0a58e3b7378bc2990ea3b43d5981f1f6", "b0042744bf5b25fce3cb969f33bebb97")
        ),
        size=299,
        smallest=71,
        pooled_names=(None, None),
    ),
    """Xception (arXiv:1610.02357), for images of ``preprocess_input``.""",
)


def preprocess_input(x: Any, data_format: str | None = None) -> Any:
    """Images with pixels 0 to 255 as Xception was trained on: from -1 to 1."""
    return imagenet_utils.preprocess_input(x, data_format, mode="tf")
