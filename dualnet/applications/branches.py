"""Inception modules as tables: each row is a branch, written as in the figures of the papers.

``"1x1 48, 5x5 64"`` is a 1 x 1 convolution with 48 filters and then a 5 x 5 convolution with 64. ``V`` after it stands for
"valid" padding, ``/2`` for a stride of 2. ``max`` is the pooling that halves the size, ``avg`` the one that keeps it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .. import layers
from .architecture import channel_axis

STEM = "3x3 32 /2 V, 3x3 32 V, 3x3 64, max, 1x1 80 V, 3x3 192 V, max"
"""The layers that Inception v3 and Inception-ResNet v2 begin with: 299 x 299 x 3 -> 35 x 35 x 192."""


def module(x: Any, branches: Iterable[str], name: str | None = None) -> Any:
    """The outputs of several branches beside each other, in one tensor."""
    return joined([branch(x, steps) for steps in branches], name)


def joined(outputs: list[Any], name: str | None = None) -> Any:
    """Tensors of one size beside each other, along the channels."""
    return layers.Concatenate(axis=channel_axis(), name=name)(outputs)


def branch(x: Any, steps: str) -> Any:
    """The steps of one branch, one after the other."""
    for step in steps.split(", "):
        x = _step(x, *step.split())
    return x


def _step(x: Any, kind: str, filters: str = "", *marks: str) -> Any:
    if kind == "max":
        return layers.MaxPooling2D(3, strides=2)(x)
    if kind == "avg":
        return layers.AveragePooling2D(3, strides=1, padding="same")(x)
    kernel = tuple(int(size) for size in kind.split("x"))
    return convolution(x, int(filters), kernel, 2 if "/2" in marks else 1, "valid" if "V" in marks else "same")


def convolution(
    x: Any, filters: int, kernel: tuple[int, ...], strides: int = 1, padding: str = "same", name: str | None = None
) -> Any:
    """A convolution without bias, batch normalization (which has no gamma, as a ReLU follows), and ReLU."""
    x = layers.Conv2D(filters, kernel, strides=strides, padding=padding, use_bias=False, name=name)(x)
    x = layers.BatchNormalization(axis=channel_axis(), scale=False, name=name and f"{name}_bn")(x)
    return layers.Activation("relu", name=name and f"{name}_ac")(x)
