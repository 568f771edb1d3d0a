"""The blocks of both EfficientNets: MBConv, of MobileNetV2 with a gate, and Fused-MBConv, with one convolution for two."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from .. import initializers, layers
from ..config import image_data_format
from .architecture import channel_axis
from .mobile_blocks import pad_to_halve


class Stage(NamedTuple):
    """Blocks alike, as in a table of the papers; the first of them has the stride, and its input another number of filters."""

    expansion: int
    kernel: int
    stride: int
    filters: int
    blocks: int
    fused: bool = False


class Style(NamedTuple):
    """Where the two networks write the same block differently."""

    momentum: float  # of batch normalization
    depthwise: str  # the name of the depthwise convolution
    pads: bool  # whether a layer of its own pads before a stride of 2


def kernel_initializer() -> Any:
    """Of the convolutions: He et al. (arXiv:1502.01852), for the gradients."""
    return initializers.VarianceScaling(scale=2.0, mode="fan_out", distribution="truncated_normal")


def repeats(blocks: int, depth: float) -> int:
    """How many blocks a stage has in a network ``depth`` times as deep."""
    return math.ceil(depth * blocks)


def convolve(x: Any, filters: int, kernel: int, name: str, stride: int = 1, padding: str = "same") -> Any:
    """A convolution across channels, without bias."""
    options = {"use_bias": False, "kernel_initializer": kernel_initializer(), "name": name}
    return layers.Conv2D(filters, kernel, strides=stride, padding=padding, **options)(x)


def normalize(x: Any, name: str, style: Style, activation: str | None = None) -> Any:
    """Batch normalization, and swish (arXiv:1710.05941) if its layer has a name."""
    x = layers.BatchNormalization(axis=channel_axis(), momentum=style.momentum, name=name)(x)
    return x if activation is None else layers.Activation("swish", name=activation)(x)


def block(x: Any, stage: Stage, filters: int, first: bool, drop_rate: float, name: str, style: Style) -> Any:
    """One block of a stage.

    Args:
        filters: of its output, scaled for the network.
        first: of its stage: with the stride.
        drop_rate: how often, while training, a sample takes the shortcut only (arXiv:1603.09382).
        name: what the names of its layers start with.
    """
    inputs, before = x, int(x.shape[channel_axis()])
    stride, wide = stage.stride if first else 1, before * stage.expansion
    if stage.expansion != 1:
        kernel, step = (stage.kernel, stride) if stage.fused else (1, 1)
        x = convolve(x, wide, kernel, f"{name}expand_conv", step)
        x = normalize(x, f"{name}expand_bn", style, f"{name}expand_activation")
    if not stage.fused:
        x = _depthwise(x, stage.kernel, stride, name, style)
        x = _gate(x, wide, max(1, before // 4), f"{name}se_")
    alone = stage.fused and stage.expansion == 1  # the projection is the only convolution, and not linear
    kernel, step = (stage.kernel, stride) if alone else (1, 1)
    x = convolve(x, filters, kernel, f"{name}project_conv", step)
    x = normalize(x, f"{name}project_bn", style, f"{name}project_activation" if alone else None)
    if stride != 1 or before != filters:
        return x
    if drop_rate > 0:
        x = layers.Dropout(drop_rate, noise_shape=(None, 1, 1, 1), name=f"{name}drop")(x)
    return layers.Add(name=f"{name}add")([x, inputs])


def _depthwise(x: Any, kernel: int, stride: int, name: str, style: Style) -> Any:
    padding = "same"
    if style.pads and stride == 2:
        x, padding = pad_to_halve(x, kernel, f"{name}dwconv_pad"), "valid"
    options = {"use_bias": False, "depthwise_initializer": kernel_initializer(), "name": name + style.depthwise}
    x = layers.DepthwiseConv2D(kernel, stride, padding, **options)(x)
    return normalize(x, f"{name}bn", style, f"{name}activation")


def _gate(x: Any, wide: int, narrow: int, prefix: str) -> Any:
    """Squeeze and excitation (arXiv:1709.01507): the means of all channels say how much of each passes."""
    last = image_data_format() == "channels_last"
    gate = layers.GlobalAveragePooling2D(name=f"{prefix}squeeze")(x)
    gate = layers.Reshape((1, 1, wide) if last else (wide, 1, 1), name=f"{prefix}reshape")(gate)
    for filters, activation, name in ((narrow, "swish", "reduce"), (wide, "sigmoid", "expand")):
        options = {"activation": activation, "kernel_initializer": kernel_initializer(), "name": prefix + name}
        gate = layers.Conv2D(filters, 1, padding="same", **options)(gate)
    return layers.Multiply(name=f"{prefix}excite")([x, gate])


def classifier(dropout_rate: float, **options: Any) -> Any:
    """The top of both networks."""

    def top(x: Any, classes: int, activation: Any) -> Any:
        x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
        x = layers.Dropout(dropout_rate, name="top_dropout")(x)
        initializer = initializers.VarianceScaling(scale=1.0 / 3.0, mode="fan_out", distribution="uniform")
        dense = layers.Dense(classes, activation, kernel_initializer=initializer, name="predictions", **options)
        return dense(x)

    return top
