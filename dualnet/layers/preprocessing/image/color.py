"""Layers that change the colors of images while training.  x: (height, width, channels) or a batch of them -> the same shape

value_range: the least and largest value of a pixel. seed: fixes what is drawn, for each image by itself.
"""

from __future__ import annotations

from typing import Any

from .... import ops
from .base import RandomImageLayer, limits_of, range_of


class RandomBrightness(RandomImageLayer):
    """Adds a number to all pixels of an image: a random part of the value range; the result is limited to it.

    Args:
        factor: (least, largest) part, from -1 to 1, or one number f for (-f, f).
    """

    stream = "random_brightness"
    keeps_integers = True

    def __init__(self, factor: Any, value_range: Any = (0, 255), seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        self._set_factor(factor)
        self.value_range = range_of(self, value_range)
        self._build_at_init()

    def _set_factor(self, factor: Any) -> None:
        self.factor = limits_of(self, "factor", factor, -1, 1)

    def _draw(self, images: Any) -> Any:
        low, high = (f * (self.value_range[1] - self.value_range[0]) for f in self.factor)
        return {"rgb_delta": self._uniform(images, (images.shape[0], 1, 1, 1), (low, high))}

    def _transform(self, images: Any, transformation: Any) -> Any:
        y = ops.cast(images, self.compute_dtype) + ops.cast(transformation["rgb_delta"], self.compute_dtype)
        return ops.cast(ops.clip(y, *self.value_range), images.dtype)


class RandomContrast(RandomImageLayer):
    """Moves the pixels of each channel away from their mean, or nearer: (x - mean) c + mean, limited to the value range.

    Args:
        factor: (a, b) for c from 1 - a to 1 + b, or one number f for c from 1 to 1 + f.
    """

    stream = "random_contrast"

    def __init__(self, factor: Any, value_range: Any = (0, 255), seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        one = isinstance(factor, (int, float))
        self.factor = limits_of(self, "factor", (0, factor) if one else factor, -1, 1)
        if self.factor[1] < 0 or (one and factor < 0):
            raise ValueError(
                "RandomContrast: The `factor` argument should be a number (or a list of two numbers) in the range [0, 1]. "
                f"Received: factor={factor}"
            )
        self.value_range = range_of(self, value_range)
        self._build_at_init()

    def _draw(self, images: Any) -> Any:
        limits = (1 - self.factor[0], 1 + self.factor[1])
        return {"contrast_factor": self._uniform(images, (images.shape[0], 1, 1, 1), limits)}

    def _transform(self, images: Any, transformation: Any) -> Any:
        images = ops.cast(images, self.compute_dtype)
        mean = self._per_channel(ops.mean, images)
        y = (images - mean) * ops.cast(transformation["contrast_factor"], self.compute_dtype) + mean
        return ops.clip(y, *self.value_range)
