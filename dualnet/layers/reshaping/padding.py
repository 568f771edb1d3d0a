"""Layers that cut off, or add zeros, at the ends of spatial axes.  x: (batch, spatial..., channels)"""

from __future__ import annotations

from typing import Any

from ... import ops
from ...serialization.configurable import attributes
from ..base.layer import Layer, Shape
from ..base.spatial import Spatial, whole_numbers, with_defaults

Pairs = tuple[tuple[int, int], ...]


def pairs(layer: Layer, name: str, value: Any, n: int) -> Pairs:
    """How much at both ends of each of ``n`` axes: from one number, a number for each axis, or a pair for each."""
    if isinstance(value, int):
        value = (value,) * n
    if not isinstance(value, (tuple, list)) or len(value) != n:
        raise ValueError(
            f"{type(layer).__name__}: `{name}` must be a whole number, a tuple of {n} of them, or a tuple of {n} pairs "
            f"(before, after), got {value!r}"
        )
    return tuple((a, b) for a, b in (whole_numbers(layer, name, entry, 2, least=0) for entry in value))


class _Cropping(Spatial):
    """cropping: how much to cut off, ((before, after), ...), one pair for each spatial axis."""

    pairs: Pairs
    _limit = "Values in `cropping` argument should be smaller than the corresponding spatial dimension of the input"

    def __init__(self, cropping: Any, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(data_format, **kwargs)
        self.cropping: Any = pairs(self, "cropping", cropping, self.spatial_rank)
        self.pairs = self.cropping

    def call(self, inputs: Any) -> Any:
        self.compute_output_shape(inputs.shape)  # raises if too much is cut off
        key = [slice(None)] * inputs.ndim
        for axis, (before, after) in zip(self._spatial_axes(inputs.shape), self.pairs):
            key[axis] = slice(before, inputs.shape[axis] - after)
        return inputs[tuple(key)]

    def compute_output_shape(self, input_shape: Any) -> Shape:
        def cropped(i: int, length: int) -> int:
            if sum(self.pairs[i]) >= length:
                raise ValueError(f"{self._limit}: got {self.pairs} for the shape {tuple(input_shape)}")
            return length - sum(self.pairs[i])

        return self._map_lengths(input_shape, cropped)


class Cropping1D(_Cropping):
    """Cuts steps off both ends.  x: (batch, steps, channels) -> (batch, steps - sum(cropping), channels)

    Args:
        cropping: (before, after), or one number for both ends.
    """

    spatial_rank = 1
    _limit = "`cropping` parameter of `Cropping1D` layer must be smaller than the number of steps"
    _config_attributes = attributes(data_format=None)

    def __init__(self, cropping: Any = (1, 1), **kwargs: Any) -> None:
        Spatial.__init__(self, "channels_last", **kwargs)
        self.cropping = whole_numbers(self, "cropping", cropping, 2, least=0)
        self.pairs = (self.cropping,)


class Cropping2D(_Cropping):
    """Cuts rows and columns off an image.  x: (batch, height, width, channels) -> the same with fewer of both

    Args:
        cropping: ((top, bottom), (left, right)), (rows at both ends, columns at both ends), or one number for all four.
        data_format: "channels_last" (the default) or "channels_first".
    """

    spatial_rank = 2
    __init__ = with_defaults(_Cropping.__init__, cropping=((0, 0), (0, 0)))


class Cropping3D(_Cropping):
    """Cuts slices off a volume.  x: (batch, depth, height, width, channels) -> the same with fewer of each

    Args:
        cropping: ((before, after), (before, after), (before, after)), one number for each axis, or one for all.
        data_format: "channels_last" (the default) or "channels_first".
    """

    spatial_rank = 3
    __init__ = with_defaults(_Cropping.__init__, cropping=((1, 1), (1, 1), (1, 1)))


class _ZeroPadding(Spatial):
    """padding: how many zeros to add, ((before, after), ...), one pair for each spatial axis."""

    pairs: Pairs

    def __init__(self, padding: Any, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(data_format, **kwargs)
        self.padding: Any = pairs(self, "padding", padding, self.spatial_rank)
        self.pairs = self.padding

    def call(self, inputs: Any) -> Any:
        widths = [(0, 0)] * inputs.ndim
        for axis, pair in zip(self._spatial_axes(inputs.shape), self.pairs):
            widths[axis] = pair
        return ops.pad(inputs, widths)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        return self._map_lengths(input_shape, lambda i, length: length + sum(self.pairs[i]))


class ZeroPadding1D(_ZeroPadding):
    """Adds steps of zeros at both ends.  x: (batch, steps, channels) -> (batch, steps + sum(padding), channels)

    Args:
        padding: (before, after), or one number for both ends.
        data_format: "channels_last" (the default) or "channels_first".
    """

    spatial_rank = 1

    def __init__(self, padding: Any = 1, data_format: str | None = None, **kwargs: Any) -> None:
        Spatial.__init__(self, data_format, **kwargs)
        self.padding = whole_numbers(self, "padding", padding, 2, least=0)
        self.pairs = (self.padding,)


class ZeroPadding2D(_ZeroPadding):
    """Adds rows and columns of zeros around an image.  x: (batch, height, width, channels) -> the same with more of both

    Args:
        padding: ((top, bottom), (left, right)), (rows at both ends, columns at both ends), or one number for all four.
        data_format: "channels_last" (the default) or "channels_first".
    """

    spatial_rank = 2
    __init__ = with_defaults(_ZeroPadding.__init__, padding=(1, 1))


class ZeroPadding3D(_ZeroPadding):
    """Adds slices of zeros around a volume.  x: (batch, depth, height, width, channels) -> the same with more of each

    Args:
        padding: ((before, after), (before, after), (before, after)), one number for each axis, or one for all.
        data_format: "channels_last" (the default) or "channels_first".
    """

    spatial_rank = 3
    __init__ = with_defaults(_ZeroPadding.__init__, padding=((1, 1), (1, 1), (1, 1)))
