"""Inception v3: small and factorized convolutions beside each other (Szegedy et al. 2016, arXiv:1512.00567)."""

from __future__ import annotations

from typing import Any

from . import imagenet_utils
from .architecture import Architecture, Files, constructor
from .branches import STEM, branch, joined, module
from .imagenet_utils import decode_predictions

__all__ = ["InceptionV3", "decode_predictions", "preprocess_input"]


def _square(pooled: int) -> list[str]:
    """The module of figure 5: 5 x 5, and the same field of view by two 3 x 3."""
    return ["1x1 64", "1x1 48, 5x5 64", "1x1 64, 3x3 96, 3x3 96", f"avg, 1x1 {pooled}"]


def _factorized(n: int) -> list[str]:
    """The module of figure 6: a 7 x 7 convolution as 1 x 7 and 7 x 1, once and twice."""
    once = f"1x1 {n}, 1x7 {n}, 7x1 192"
    twice = f"1x1 {n}, 7x1 {n}, 1x7 {n}, 7x1 {n}, 1x7 192"
    return ["1x1 192", once, twice, "avg, 1x1 192"]


MODULES = {
    # 35 x 35
    "mixed0": _square(32),
    "mixed1": _square(64),
    "mixed2": _square(64),
    # to 17 x 17
    "mixed3": ["3x3 384 /2 V", "1x1 64, 3x3 96, 3x3 96 /2 V", "max"],
    "mixed4": _factorized(128),
    "mixed5": _factorized(160),
    "mixed6": _factorized(160),
    "mixed7": _factorized(192),
    # to 8 x 8
    "mixed8": ["1x1 192, 3x3 320 /2 V", "1x1 192, 1x7 192, 7x1 192, 3x3 192 /2 V", "max"],
}


def _body(x: Any) -> Any:
    """x: (batch, 299, 299, 3) -> (batch, 8, 8, 2048)"""
    x = branch(x, STEM)
    for name, branches in MODULES.items():
        x = module(x, branches, name)
    x = _expanded(x, "mixed9", "mixed9_0")
    return _expanded(x, "mixed10", "mixed9_1")


def _expanded(x: Any, name: str, part: str) -> Any:
    """The module of figure 7: 1 x 3 and 3 x 1 beside each other, so that the last maps are many.  -> (batch, 8, 8, 2048)"""
    split = ["1x3 384", "3x1 384"]
    outputs = [branch(x, "1x1 320")]
    outputs.append(module(branch(x, "1x1 384"), split, part))
    outputs.append(module(branch(x, "1x1 448, 3x3 384"), split))
    outputs.append(branch(x, "avg, 1x1 192"))
    return joined(outputs, name)


InceptionV3 = constructor(
    __name__,
    "InceptionV3",
    Architecture(
        "inception_v3",
        _body,
        files=Files.of(
            "inception_v3", "inception_v3", ("9a0d58056eeedaa3f26cb7ebd46da564", "bcbd6486424b2319ff4ef7d526e38f63")
        ),
        size=299,
        smallest=75,
        pooled_names=(None, None),
    ),
    """Inception v3 (arXiv:1512.00567), for images of ``preprocess_input``.""",
)


def preprocess_input(x: Any, data_format: str | None = None) -> Any:
    """Images with pixels 0 to 255 as Inception v3 was trained on: from -1 to 1."""
    return imagenet_utils.preprocess_input(x, data_format, mode="tf")
