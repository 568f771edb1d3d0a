"""MobileNetV3: MobileNetV2 with gates and hard swish, found by a search (Howard et al. 2019, arXiv:1905.02244)."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, NamedTuple

from .. import layers
from ..core.symbolic import KerasTensor
from ..models import Model
from .architecture import Architecture, Files, describe_arguments
from .imagenet_utils import decode_predictions
from .mobile_blocks import channels, check_input_fits, divisible, normalize, pad_to_halve
from .weights import KERAS_FILES

__all__ = ["MobileNetV3Large", "MobileNetV3Small", "decode_predictions", "preprocess_input"]

Activation = Callable[[Any], Any]


class Row(NamedTuple):
    """A block as in Tables 1 and 2 of the paper; ``wide`` is its exp size."""

    kernel: int
    wide: int
    filters: int
    gate: bool
    activation: str
    stride: int


_STEM = 16
_RE, _HS = "relu", "hard_swish"
_LARGE = (
    Row(3, 16, 16, False, _RE, 1),
    Row(3, 64, 24, False, _RE, 2),
    Row(3, 72, 24, False, _RE, 1),
    Row(5, 72, 40, True, _RE, 2),
    Row(5, 120, 40, True, _RE, 1),
    Row(5, 120, 40, True, _RE, 1),
    Row(3, 240, 80, False, _HS, 2),
    Row(3, 200, 80, False, _HS, 1),
    Row(3, 184, 80, False, _HS, 1),
    Row(3, 184, 80, False, _HS, 1),
    Row(3, 480, 112, True, _HS, 1),
    Row(3, 672, 112, True, _HS, 1),
    Row(5, 672, 160, True, _HS, 2),
    Row(5, 960, 160, True, _HS, 1),
    Row(5, 960, 160, True, _HS, 1),
)
_SMALL = (
    Row(3, 16, 16, True, _RE, 2),
    Row(3, 72, 24, False, _RE, 2),
    Row(3, 88, 24, False, _RE, 1),
    Row(5, 96, 40, True, _HS, 2),
    Row(5, 240, 40, True, _HS, 1),
    Row(5, 240, 40, True, _HS, 1),
    Row(5, 120, 48, True, _HS, 1),
    Row(5, 144, 48, True, _HS, 1),
    Row(5, 288, 96, True, _HS, 2),
    Row(5, 576, 96, True, _HS, 1),
    Row(5, 576, 96, True, _HS, 1),
)
# Filters of the last layer before the classes.
_LAST = {"small": 1024, "large": 1280}
_ROWS = {"small": _SMALL, "large": _LARGE}
_HASHES = {
    "large_224_0.75_float": ("765b44a33ad4005b3ac83185abf1d0eb", "40af19a13ebea4e2ee0c676887f69a2e"),
    "large_224_1.0_float": ("59e551e166be033d707958cf9e29a6a7", "07fb09a5933dd0c8eaafa16978110389"),
    "large_minimalistic_224_1.0_float": ("675e7b876c45c57e9e63e6d90a36599c", "ec5221f64a2f6d1ef965a614bdae7973"),
    "small_224_0.75_float": ("cb65d4e5be93758266aa0a7f2c6708b7", "ebdb5cc8e0b497cd13a7c275d475c819"),
    "small_224_1.0_float": ("8768d4c2e7dee89b9d02b2d03d65d862", "d3e8ec802a04aa4fc771ee12a9a9b836"),
    "small_minimalistic_224_1.0_float": ("99cd97fb2fcdad2bf028eb838de69e37", "cde8136e733e811080d9fcd8a252f7e4"),
}


def _relu(x: Any) -> Any:
    return layers.ReLU()(x)


def _hard_swish(x: Any) -> Any:
    return layers.Activation("hard_swish")(x)


def _convolve(x: Any, filters: int, name: str, **options: Any) -> Any:
    x = layers.Conv2D(filters, padding="same", use_bias=False, name=name, **{"kernel_size": 1, **options})(x)
    return normalize(x, f"{name}_bn")


def _gate(x: Any, wide: int, prefix: str) -> Any:
    """Squeeze and excitation (arXiv:1709.01507): the means of all channels say how much of each passes, by a hard sigmoid."""
    prefix = f"{prefix}squeeze_excite_"
    gate = layers.GlobalAveragePooling2D(keepdims=True, name=f"{prefix}avg_pool")(x)
    gate = layers.Conv2D(divisible(wide * 0.25), 1, padding="same", name=f"{prefix}conv")(gate)
    gate = layers.ReLU(name=f"{prefix}relu")(gate)
    gate = layers.Conv2D(wide, 1, padding="same", name=f"{prefix}conv_1")(gate)
    gate = layers.ReLU(6.0)(gate + 3.0) * (1.0 / 6.0)
    return layers.Multiply(name=f"{prefix}mul")([x, gate])


def _block(x: Any, row: Row, expansion: float, filters: int, i: int) -> Any:
    """The i-th inverted residual; the first one does not widen."""
    inputs, prefix = x, f"expanded_conv_{i}_" if i else "expanded_conv_"
    activation = _relu if row.activation == _RE else _hard_swish
    wide = divisible(channels(x) * expansion)
    if i:
        x = activation(_convolve(x, wide, f"{prefix}expand"))
    padding = "same"
    if row.stride == 2:
        x, padding = pad_to_halve(x, row.kernel, f"{prefix}depthwise_pad"), "valid"
    x = layers.DepthwiseConv2D(row.kernel, row.stride, padding, use_bias=False, name=f"{prefix}depthwise")(x)
    x = activation(normalize(x, f"{prefix}depthwise_bn"))
    if row.gate:
        x = _gate(x, wide, prefix)
    x = _convolve(x, filters, f"{prefix}project")
    return layers.Add(name=f"{prefix}add")([inputs, x]) if row.stride == 1 and channels(inputs) == filters else x


def _body(rows: tuple[Row, ...], alpha: float, activation: Activation, include_preprocessing: bool) -> Any:
    def body(x: Any) -> Any:
        if include_preprocessing:
            x = layers.Rescaling(scale=1.0 / 127.5, offset=-1.0)(x)
        x = activation(_convolve(x, _STEM, "conv", kernel_size=3, strides=2))
        before = _STEM
        for i, row in enumerate(rows):
            x = _block(x, row, row.wide / before, divisible(row.filters * alpha), i)
            before = row.filters
        return activation(_convolve(x, divisible(channels(x) * 6), "conv_1"))

    return body


def _top(last: int, activation: Activation, dropout_rate: float) -> Any:
    def top(x: Any, classes: int, classifier_activation: Any) -> Any:
        x = layers.GlobalAveragePooling2D(keepdims=True)(x)
        x = activation(layers.Conv2D(last, 1, padding="same", name="conv_2")(x))
        if dropout_rate > 0:
            x = layers.Dropout(dropout_rate)(x)
        x = layers.Conv2D(classes, 1, padding="same", name="logits")(x)
        return layers.Activation(classifier_activation, name="predictions")(layers.Flatten()(x))

    return top


def _files(size: str, minimalistic: bool, alpha: float) -> Files:
    variant = f"{size}{'_minimalistic' if minimalistic else ''}_224_{float(alpha)}_float"
    if variant not in _HASHES:
        raise ValueError(
            "weights trained on ImageNet are published for alpha=1.0, and for alpha=0.75 unless minimalistic=True, got "
            f"alpha={alpha} and minimalistic={minimalistic}: take one of those, or pass weights=None"
        )
    stem = f"weights_mobilenet_v3_{variant}"
    return Files(f"{KERAS_FILES}mobilenet_v3/", f"{stem}.h5", f"{stem}_no_top_v2.h5", _HASHES[variant])


def _mobilenet_v3(title: str, size: str) -> Any:
    def build(
        input_shape: tuple[int | None, ...] | None = None,
        alpha: float = 1.0,
        minimalistic: bool = False,
        include_top: bool = True,
        weights: str | os.PathLike[str] | None = "imagenet",
        input_tensor: KerasTensor | None = None,
        classes: int = 1000,
        pooling: str | None = None,
        dropout_rate: float = 0.2,
        classifier_activation: Any = "softmax",
        include_preprocessing: bool = True,
        name: str = title,
    ) -> Model:
        check_input_fits(input_tensor, input_shape)
        rows, activation = _ROWS[size], _hard_swish
        if minimalistic:
            rows, activation = tuple(Row(3, r.wide, r.filters, False, _RE, r.stride) for r in rows), _relu
        last = divisible(_LAST[size] * alpha) if alpha > 1.0 else _LAST[size]
        architecture = Architecture(
            title,
            _body(rows, alpha, activation, include_preprocessing),
            _top(last, activation, dropout_rate),
            _files(size, minimalistic, alpha) if weights == "imagenet" else None,
            any_size=True,
        )
        return architecture.build(
            include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name
        )

    build.__module__, build.__name__, build.__qualname__ = __name__, title, title
    build.__doc__ = f"""{title} (arXiv:1905.02244), for images with pixels from 0 to 255 and, with the top too, of any size.
{describe_arguments(None)}    alpha: multiplies the number of filters in each layer.
    minimalistic: without gates and hard swish, and with kernels of 3 x 3 only.
    dropout_rate: before the classes are told apart.
    include_preprocessing: False: the pixels are from -1 to 1.
"""
    return build


MobileNetV3Small = _mobilenet_v3("MobileNetV3Small", "small")
MobileNetV3Large = _mobilenet_v3("MobileNetV3Large", "large")


def preprocess_input(x: Any, data_format: str | None = None) -> Any:
    """``x`` itself: the network scales the pixels."""
    return x
