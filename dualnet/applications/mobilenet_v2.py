"""MobileNetV2: blocks that widen, convolve each channel, narrow, and add (Sandler et al. 2018, arXiv:1801.04381)."""

from __future__ import annotations

import os
from typing import Any

from .. import layers
from ..core.symbolic import KerasTensor
from ..models import Model
from . import imagenet_utils
from .architecture import Architecture, Files, describe_arguments
from .imagenet_utils import decode_predictions
from .mobile_blocks import (
    channels,
    check_input_fits,
    divisible,
    height_of,
    normalize,
    pad_to_halve,
    trained_side,
)
from .weights import KERAS_FILES

__all__ = ["MobileNetV2", "decode_predictions", "preprocess_input"]

# Table 2 of the paper: expansion t, filters c, blocks n, stride s of the first of them.
_STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
_TRAINED_SIDES = (96, 128, 160, 192, 224)
_TRAINED_ALPHAS = (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)


def _convolve(x: Any, filters: int, name: str, relu: str | None = None, bn: str | None = None, **options: Any) -> Any:
    """Convolution and batch normalization; then a ReLU that ends at 6, if it has a name."""
    x = layers.Conv2D(filters, use_bias=False, name=name, **options)(x)
    x = normalize(x, bn or f"{name}_BN")
    return x if relu is None else layers.ReLU(6.0, name=relu)(x)


def _block(x: Any, expansion: int, filters: int, stride: int, i: int) -> Any:
    """The i-th inverted residual with a linear bottleneck; the first one does not widen."""
    inputs, prefix = x, f"block_{i}_" if i else "expanded_conv_"
    if i:
        wide = expansion * channels(x)
        x = _convolve(x, wide, f"{prefix}expand", f"{prefix}expand_relu", kernel_size=1, padding="same")
    padding = "same"
    if stride == 2:
        x, padding = pad_to_halve(x, 3, f"{prefix}pad"), "valid"
    x = layers.DepthwiseConv2D(3, stride, padding, use_bias=False, name=f"{prefix}depthwise")(x)
    x = layers.ReLU(6.0, name=f"{prefix}depthwise_relu")(normalize(x, f"{prefix}depthwise_BN"))
    x = _convolve(x, filters, f"{prefix}project", kernel_size=1, padding="same")
    return layers.Add(name=f"{prefix}add")([inputs, x]) if stride == 1 and channels(inputs) == filters else x


def _body(alpha: float) -> Any:
    blocks = [(t, c, s if k == 0 else 1) for t, c, n, s in _STAGES for k in range(n)]

    def body(x: Any) -> Any:
        first, last = divisible(32 * alpha), divisible(1280 * max(alpha, 1.0))  # the last layer is not made narrower
        x = _convolve(x, first, "Conv1", "Conv1_relu", "bn_Conv1", kernel_size=3, strides=2, padding="same")
        for i, (expansion, filters, stride) in enumerate(blocks):
            x = _block(x, expansion, divisible(int(filters * alpha)), stride, i)
        return _convolve(x, last, "Conv_1", "out_relu", "Conv_1_bn", kernel_size=1)

    return body


def _top(x: Any, classes: int, activation: Any) -> Any:
    x = layers.GlobalAveragePooling2D()(x)
    return layers.Dense(classes, activation=activation, name="predictions")(x)


def MobileNetV2(
    input_shape: tuple[int | None, ...] | None = None,
    alpha: float = 1.0,
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = "imagenet",
    input_tensor: KerasTensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str | None = None,
) -> Model:
    check_input_fits(input_tensor, input_shape)
    images = input_tensor.shape[1:] if input_shape is None and input_tensor is not None else input_shape
    side = trained_side(images, _TRAINED_SIDES)
    files, height = None, height_of(input_shape, side if include_top else None)
    if weights == "imagenet":
        if alpha not in _TRAINED_ALPHAS:
            raise ValueError(
                f"weights trained on ImageNet are published for alpha in {_TRAINED_ALPHAS}, got alpha={alpha}: take one of "
                "those, or pass weights=None"
            )
        stem, height = f"mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{float(alpha)}_{side}", side
        files = Files(
            f"{KERAS_FILES}mobilenet_v2/", f"{stem}.h5", f"{stem}_no_top.h5", (None, None)
        )  # Keras publishes no hashes of these
    title = f"mobilenetv2_{alpha:0.2f}_{height}"
    architecture = Architecture(title, _body(alpha), _top, files, side, pooled_names=(None, None))
    return architecture.build(
        include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name
    )


MobileNetV2.__doc__ = f"""MobileNetV2 (arXiv:1801.04381), for images of ``preprocess_input``.
{describe_arguments(224)}    alpha: multiplies the number of filters in each layer.
"""


def preprocess_input(x: Any, data_format: str | None = None) -> Any:
    """Images with pixels 0 to 255 as MobileNetV2 was trained on: from -1 to 1."""
    return imagenet_utils.preprocess_input(x, data_format, mode="tf")
