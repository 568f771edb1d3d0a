"""NASNet-A: cells that were searched for on small images, stacked for large ones (Zoph et al. 2018, arXiv:1707.07012).

A cell takes the output of the cell before it, from which it makes h, and of the one before that, p. Each row of its table is
two steps whose results are added (figure 4 of the paper). A step has an operation, what it is applied to (h, p or the sum of an
earlier row), and what its layers are called: ``sep5`` is a 5 x 5 separable convolution, twice; ``avg`` and ``max`` are 3 x 3
poolings; ``same`` changes nothing.
"""

from __future__ import annotations

import os
from typing import Any

from .. import layers
from ..core.symbolic import KerasTensor
from ..layers.base.context import name_scope
from ..models import Model
from . import imagenet_utils
from .architecture import Architecture, Files, channel_axis, describe_arguments
from .imagenet_utils import decode_predictions
from .mobile_blocks import channels, pad_to_halve
from .weights import KERAS_FILES

__all__ = ["NASNetLarge", "NASNetMobile", "decode_predictions", "preprocess_input"]

# Left step, right step, name of their sum; then which tensors are the output of the cell, beside each other.
NORMAL = (
    (
        ("sep5 h left1", "sep3 p right1", "add_1"),
        ("sep5 p left2", "sep3 p right2", "add_2"),
        ("avg h left3", "same p", "add_3"),
        ("avg p left4", "avg p right4", "add_4"),
        ("sep3 h left5", "same h", "add_5"),
    ),
    "p 1 2 3 4 5",
)
# Here what is applied to h or p also halves the size.
REDUCTION = (
    (
        ("sep5 h left1", "sep7 p right1", "add_1"),
        ("max h left2", "sep7 p right2", "add_2"),
        ("avg h left3", "sep5 p right3", "add3"),
        ("same 2", "avg 1 left4", None),
        ("sep3 1 left4", "max h right5", "add4"),
    ),
    "2 3 4 5",
)


def _body(blocks: int, penultimate: int, stem: int, skip: bool) -> Any:
    """A stem, and three times ``blocks`` normal cells, with a reduction cell between.

    Args:
        penultimate: channels of the output, of which each of the six tensors of the last cells has a sixth.
        stem: channels of the first convolution.
        skip: after a reduction, p is what it was before it, and not the input of the reduction.
    """

    def body(x: Any) -> Any:
        filters = penultimate // 24
        x = layers.Conv2D(stem, 3, strides=2, use_bias=False, kernel_initializer="he_normal", name="stem_conv1")(x)
        x = _normalize(x, "stem_bn1")
        x, p = _reduction(x, x, filters // 4, "stem_1"), x
        x, p = _reduction(x, p, filters // 2, "stem_2"), x
        for stage in range(3):
            first = stage * blocks
            if stage:
                x, p = _reduction(x, p, filters * 2**stage, f"reduce_{first}"), p if skip else x
                first += 1
            for number in range(first, first + blocks):
                x, p = _cell(x, p, filters * 2**stage, "normal", str(number)), x
        return layers.Activation("relu")(x)

    return body


def _reduction(x: Any, p: Any, filters: int, name: str) -> Any:
    return _cell(x, p, filters, "reduction", name)


def _cell(x: Any, p: Any, filters: int, kind: str, name: str) -> Any:
    """One cell.  x, p: the outputs of the last two cells -> (batch, height, width, 6 * filters), half as high and wide and
    4 * filters for a reduction"""
    rows, outputs = NORMAL if kind == "normal" else REDUCTION
    with name_scope(f"{kind}_A_block_{name}"):
        p = p if p is x else _fit(p, x, filters, name)
        h = _pointwise(layers.Activation("relu")(x), filters, f"{kind}_conv_1_{name}")
        h = _normalize(h, f"{kind}_bn_1_{name}")
        values = {"h": h, "p": p}
        if kind == "reduction":
            values["padded h"] = pad_to_halve(h, 3, f"{kind}_pad_1_{name}")
        for number, (left, right, title) in enumerate(rows, 1):
            with name_scope(f"block_{number}"):
                pair = [_step(values, filters, kind, name, *step.split()) for step in (left, right)]
            values[str(number)] = layers.Add(name=title and f"{kind}_{title}_{name}")(pair)
        joined = [values[key] for key in outputs.split()]
        return layers.Concatenate(axis=_axis(), name=f"{kind}_concat_{name}")(joined)


def _step(
    values: dict[str, Any], filters: int, kind: str, name: str, operation: str, source: str, title: str = ""
) -> Any:
    """The result of one step of a row."""
    if operation == "same":
        return values[source]
    halve = kind == "reduction" and source in "hp"
    title = f"{kind}_{title}_{name}"
    if operation.startswith("sep"):
        with name_scope(f"separable_conv_block_{title}"):
            return _separable(values[source], filters, int(operation[3:]), halve, title)
    pool = layers.AveragePooling2D if operation == "avg" else layers.MaxPooling2D
    if halve:
        return pool(3, strides=2, name=title)(values[f"padded {source}"])
    return pool(3, strides=1, padding="same", name=title)(values[source])


def _separable(x: Any, filters: int, kernel: int, halve: bool, name: str) -> Any:
    """ReLU, separable convolution and normalization, twice; the first may halve the size."""
    for number in (1, 2):
        x = layers.Activation("relu")(x)
        halve_now = halve and number == 1
        if halve_now:
            x = pad_to_halve(x, kernel, f"separable_conv_1_pad_{name}")
        x = layers.SeparableConv2D(
            filters,
            kernel,
            strides=2 if halve_now else 1,
            padding="valid" if halve_now else "same",
            use_bias=False,
            name=f"separable_conv_{number}_{name}",
        )(x)
        x = _normalize(x, f"separable_conv_{number}_bn_{name}")
    return x


def _fit(p: Any, x: Any, filters: int, name: str) -> Any:
    """p in the size of x and with ``filters`` channels, which it may have already."""
    width = 2 if _axis() == 1 else -2
    if p.shape[width] != x.shape[width]:
        with name_scope("adjust_block"), name_scope(f"adjust_reduction_block_{name}"):
            # Of the pixels that are left out by the first path, one moved by a row and a column sees some.
            p = layers.Activation("relu", name=f"adjust_relu_1_{name}")(p)
            paths = [_every_second(p, filters // 2, 1, name)]
            p = layers.Cropping2D(((1, 0), (1, 0)))(layers.ZeroPadding2D(((0, 1), (0, 1)))(p))
            paths.append(_every_second(p, filters // 2, 2, name))
            return _normalize(layers.Concatenate(axis=_axis())(paths), f"adjust_bn_{name}")
    if channels(p) != filters:
        with name_scope("adjust_block"), name_scope(f"adjust_projection_block_{name}"):
            p = _pointwise(layers.Activation("relu")(p), filters, f"adjust_conv_projection_{name}")
            return _normalize(p, f"adjust_bn_{name}")
    return p


def _every_second(x: Any, filters: int, number: int, name: str) -> Any:
    """Every second pixel of every second row, and a 1 x 1 convolution."""
    x = layers.AveragePooling2D(1, strides=2, name=f"adjust_avg_pool_{number}_{name}")(x)
    return _pointwise(x, filters, f"adjust_conv_{number}_{name}")


def _pointwise(x: Any, filters: int, name: str) -> Any:
    """A 1 x 1 convolution."""
    return layers.Conv2D(filters, 1, padding="same", use_bias=False, kernel_initializer="he_normal", name=name)(x)


def _normalize(x: Any, name: str) -> Any:
    return layers.BatchNormalization(axis=_axis(), momentum=0.9997, epsilon=1e-3, name=name)(x)


def _axis() -> int:
    """The axis of the channels, counted from the end where they are last."""
    return -1 if channel_axis() == 3 else 1


def _top(x: Any, classes: int, activation: Any) -> Any:
    x = layers.GlobalAveragePooling2D()(x)
    return layers.Dense(classes, activation=activation, name="predictions")(x)


def _files(name: str, hashes: tuple[str, str]) -> Files:
    return Files(f"{KERAS_FILES}nasnet/", f"NASNet-{name}.h5", f"NASNet-{name}-no-top.h5", hashes)


MOBILE = Architecture(
    "nasnet_mobile",
    _body(blocks=4, penultimate=1056, stem=32, skip=False),
    _top,
    _files("mobile", ("020fb642bf7360b370c678b08e0adf61", "1ed92395b5b598bdda52abe5c0dbfd63")),
    pooled_names=(None, None),
)
LARGE = Architecture(
    "nasnet_large",
    _body(blocks=6, penultimate=4032, stem=96, skip=True),
    _top,
    _files("large", ("11577c9a518f0070763c2b964a382f17", "d81d89dc07e6e56530c4e77faddd61b5")),
    size=331,
    pooled_names=(None, None),
)


def NASNetMobile(
    input_shape: tuple[int | None, ...] | None = None,
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = "imagenet",
    input_tensor: KerasTensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "nasnet_mobile",
) -> Model:
    # Built from a known size also without the top, because the cells depend on sizes being equal.
    if not include_top and input_shape is None:
        input_shape = (3, 224, 224) if channel_axis() == 1 else (224, 224, 3)
    return MOBILE.build(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name)


def NASNetLarge(
    input_shape: tuple[int | None, ...] | None = None,
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = "imagenet",
    input_tensor: KerasTensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "nasnet_large",
) -> Model:
    return LARGE.build(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name)


for _network, _architecture, _notation in ((NASNetMobile, MOBILE, "4 @ 1056"), (NASNetLarge, LARGE, "6 @ 4032")):
    _arguments = describe_arguments(_architecture.size, _architecture.smallest)
    _network.__doc__ = f"NASNet-A ({_notation}) (arXiv:1707.07012), for images of ``preprocess_input``.\n{_arguments}"


def preprocess_input(x: Any, data_format: str | None = None) -> Any:
    """Images with pixels 0 to 255 as NASNet was trained on: from -1 to 1."""
    return imagenet_utils.preprocess_input(x, data_format, mode="tf")
