"""Image quality metrics."""

from __future__ import annotations

import math
from typing import Any

from ...core.tensor import Tensor
from ..math.arithmetic import subtract
from ..math.exponential import log10, square
from ..math.reduce import mean
from ..registry import op


@op("nn", class_name="PSNR")
def psnr(x1: Any, x2: Any, /, max_val: float) -> Tensor:
    """Peak signal-to-noise ratio in decibels: 20 log10(max_val) - 10 log10(mean((x1 - x2)^2)), infinite for equal images.

    x1, x2: images of one shape -> a number.

    Args:
        max_val: the largest value that a pixel can have.
    """
    if tuple(x1.shape) != tuple(x2.shape):
        raise ValueError(f"psnr: Input shapes {tuple(x1.shape)} and {tuple(x2.shape)} must match for PSNR calculation")
    peak = 20 * (math.log10(max_val) if isinstance(max_val, (int, float)) else log10(max_val))
    return peak - 10 * log10(mean(square(subtract(x1, x2))))
