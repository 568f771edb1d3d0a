"""MobileNet: convolutions split into one of each channel and one across channels (Howard et al. 2017, arXiv:1704.04861)."""

from __future__ import annotations

import os
from typing import Any

from .. import layers
from ..core.symbolic import KerasTensor
from ..models import Model
from . import imagenet_utils
from .architecture import Architecture, Files, describe_arguments
from .imagenet_utils import decode_predictions
from .mobile_blocks import height_of, normalize, trained_side
from .weights import KERAS_FILES

__all__ = ["MobileNet", "decode_predictions", "preprocess_input"]

# Filters and stride of each block, Table 1 of the paper.
_BLOCKS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1))
_TRAINED_SIDES = (128, 160, 192, 224)
_TRAINED_ALPHAS = {0.25: "2_5", 0.5: "5_0", 0.75: "7_5", 1.0: "1_0"}  # and what the files call them


def _finish(x: Any, name: str) -> Any:
    return layers.ReLU(6.0, name=f"{name}_relu")(normalize(x, f"{name}_bn", momentum=0.99))


def _body(alpha: float, depth_multiplier: int) -> Any:
    def body(x: Any) -> Any:
        x = layers.Conv2D(int(32 * alpha), 3, strides=2, padding="same", use_bias=False, name="conv1")(x)
        x = _finish(x, "conv1")
        for i, (filters, stride) in enumerate(_BLOCKS, start=1):
            x = _separable(x, int(filters * alpha), stride, depth_multiplier, i)
        return x

    return body


def _separable(x: Any, filters: int, stride: int, depth_multiplier: int, i: int) -> Any:
    """The i-th block: 3 x 3 on each channel, then 1 x 1 across them."""
    each, across, padding = f"conv_dw_{i}", f"conv_pw_{i}", "same"
    if stride == 2:
        x, padding = layers.ZeroPadding2D(((0, 1), (0, 1)), name=f"conv_pad_{i}")(x), "valid"
    x = layers.DepthwiseConv2D(3, stride, padding, depth_multiplier, use_bias=False, name=each)(x)
    x = layers.Conv2D(filters, 1, padding="same", use_bias=False, name=across)(_finish(x, each))
    return _finish(x, across)


def _top(dropout: float) -> Any:
    def top(x: Any, classes: int, activation: Any) -> Any:
        x = layers.GlobalAveragePooling2D(keepdims=True)(x)
        x = layers.Dropout(dropout, name="dropout")(x)
        x = layers.Conv2D(classes, 1, padding="same", name="conv_preds")(x)
        x = layers.Reshape((classes,), name="reshape_2")(x)
        return layers.Activation(activation, name="predictions")(x)

    return top


def MobileNet(
    input_shape: tuple[int | None, ...] | None = None,
    alpha: float = 1.0,
    depth_multiplier: int = 1,
    dropout: float = 1e-3,
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = "imagenet",
    input_tensor: KerasTensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str | None = None,
) -> Model:
    side = trained_side(input_shape, _TRAINED_SIDES)
    files, height = None, height_of(input_shape, side if include_top else None)
    if weights == "imagenet":
        if alpha not in _TRAINED_ALPHAS or depth_multiplier != 1:
            raise ValueError(
                f"weights trained on ImageNet are published for depth_multiplier=1 and alpha in {[*_TRAINED_ALPHAS]}, got "
                f"depth_multiplier={depth_multiplier} and alpha={alpha}: take those, or pass weights=None"
            )
        stem, height = f"mobilenet_{_TRAINED_ALPHAS[alpha]}_{side}_tf", side
        files = Files(
            f"{KERAS_FILES}mobilenet/", f"{stem}.h5", f"{stem}_no_top.h5", (None, None)
        )  # Keras publishes no hashes of these
    architecture = Architecture(
        f"mobilenet_{alpha:0.2f}_{height}",
        _body(alpha, depth_multiplier),
        _top(dropout),
        files,
        side,
        pooled_names=(None, None),
    )
    return architecture.build(
        include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name
    )


MobileNet.__doc__ = f"""MobileNet (arXiv:1704.04861), for images of ``preprocess_input``.
{describe_arguments(224)}    alpha: multiplies the number of filters in each layer.
    depth_multiplier: how many filters of the depthwise convolutions each channel has.
    dropout: the rate before the classes are told apart.
"""


def preprocess_input(x: Any, data_format: str | None = None) -> Any:
    """Images with pixels 0 to 255 as MobileNet was trained on: from -1 to 1."""
    return imagenet_utils.preprocess_input(x, data_format, mode="tf")
