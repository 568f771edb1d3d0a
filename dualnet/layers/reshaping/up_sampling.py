"""Layers that make spatial axes longer by a whole factor.  x: (batch, spatial..., channels)"""

from __future__ import annotations

from typing import Any

from ... import ops
from ...ops.image.resizing import INTERPOLATIONS
from ...serialization.configurable import attributes
from ..base.layer import Shape
from ..base.spatial import Spatial, whole_numbers


class _UpSampling(Spatial):
    """size: the factor of each spatial axis."""

    factors: tuple[int, ...]

    def call(self, inputs: Any) -> Any:
        for axis, factor in zip(self._spatial_axes(inputs.shape), self.factors):
            if factor > 1:
                inputs = ops.repeat(inputs, factor, axis=axis)
        return inputs

    def compute_output_shape(self, input_shape: Any) -> Shape:
        return self._map_lengths(input_shape, lambda i, length: length * self.factors[i])


class UpSampling1D(_UpSampling):
    """Every step ``size`` times.  x: (batch, steps, channels) -> (batch, size * steps, channels)"""

    spatial_rank = 1
    _config_attributes = attributes(data_format=None)

    def __init__(self, size: int = 2, **kwargs: Any) -> None:
        super().__init__("channels_last", **kwargs)
        if isinstance(size, bool) or not isinstance(size, int):
            raise TypeError(f"UpSampling1D: Expected an integer value for `size`, got {size!r}")
        if size < 1:
            raise ValueError(f"UpSampling1D: `size` should be a positive integer, got {size}")
        self.size = size
        self.factors = (size,)


class UpSampling2D(_UpSampling):
    """An image enlarged.  x: (batch, height, width, channels) -> (batch, size[0] * height, size[1] * width, channels)

    Args:
        size: (factor of rows, factor of columns), or one number for both.
        data_format: "channels_last" (the default) or "channels_first".
        interpolation: "nearest" (every pixel repeated), "bilinear", "bicubic", "lanczos3" or "lanczos5".
    """

    spatial_rank = 2

    def __init__(
        self, size: Any = (2, 2), data_format: str | None = None, interpolation: str = "nearest", **kwargs: Any
    ) -> None:
        super().__init__(data_format, **kwargs)
        self.size = self.factors = whole_numbers(self, "size", size, 2)
        self.interpolation = interpolation.lower()
        if self.interpolation not in INTERPOLATIONS:
            raise ValueError(
                f"UpSampling2D: interpolation must be one of {', '.join(INTERPOLATIONS)}, got {interpolation!r}"
            )

    def call(self, inputs: Any) -> Any:
        if self.interpolation == "nearest":
            return super().call(inputs)
        lengths = [inputs.shape[a] * n for a, n in zip(self._spatial_axes(inputs.shape), self.factors)]
        return ops.image.resize(inputs, lengths, self.interpolation, data_format=self.data_format)


class UpSampling3D(_UpSampling):
    """Every element of a volume repeated.  x: (batch, depth, height, width, channels) -> the same, ``size`` times as long

    Args:
        size: the factor of each spatial axis, or one for all.
        data_format: "channels_last" (the default) or "channels_first".
    """

    spatial_rank = 3

    def __init__(self, size: Any = (2, 2, 2), data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(data_format, **kwargs)
        self.size = self.factors = whole_numbers(self, "size", size, 3)
