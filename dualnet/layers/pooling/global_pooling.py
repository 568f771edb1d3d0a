"""Pooling over all of the spatial axes, and to a given output size.  x: (batch, spatial..., channels)"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from ... import ops
from ...core.tensor import Tensor
from ..base.layer import Shape
from ..base.spatial import Spatial, whole_numbers


class BaseGlobalPooling(Spatial):
    """Base of global pooling: the spatial axes reduced to one number per channel.

    Args:
        data_format: "channels_last" (the default) or "channels_first".
        keepdims: keep the spatial axes, with length 1.
    """

    op: ClassVar[Callable[..., Tensor]]

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any) -> None:
        super().__init__(data_format, **kwargs)
        self.keepdims = keepdims

    def call(self, inputs: Any) -> Any:
        return type(self).op(inputs, axis=tuple(self._spatial_axes(inputs.shape)), keepdims=self.keepdims)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        axes = self._spatial_axes(input_shape)
        lengths = enumerate(input_shape)
        return tuple(1 if a in axes else n for a, n in lengths if self.keepdims or a not in axes)


class GlobalMaxPooling1D(BaseGlobalPooling):
    """Maximum of each channel, see ``BaseGlobalPooling``.  x: (batch, steps, channels) -> (batch, channels)"""

    spatial_rank, op = 1, ops.max


class GlobalMaxPooling2D(BaseGlobalPooling):
    """Maximum of each channel, see ``BaseGlobalPooling``.  x: (batch, h, w, channels) -> (batch, channels)"""

    spatial_rank, op = 2, ops.max


class GlobalMaxPooling3D(BaseGlobalPooling):
    """Maximum of each channel, see ``BaseGlobalPooling``.  x: (batch, d, h, w, channels) -> (batch, channels)"""

    spatial_rank, op = 3, ops.max


class GlobalAveragePooling1D(BaseGlobalPooling):
    """Mean of each channel, see ``BaseGlobalPooling``.  x: (batch, steps, channels) -> (batch, channels)

    mask: (batch, steps), true for the steps that count; it ends here.
    """

    spatial_rank, op = 1, ops.mean
    supports_masking = True

    def call(self, inputs: Any, mask: Any = None) -> Any:
        if mask is None:
            return super().call(inputs)
        (axis,) = self._spatial_axes(inputs.shape)
        mask = ops.expand_dims(ops.cast(mask, "bool"), 3 - axis)
        total = ops.sum(ops.where(mask, inputs, 0), axis=axis, keepdims=self.keepdims)
        return total / ops.sum(ops.cast(mask, inputs.dtype), axis=axis, keepdims=self.keepdims)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        return None


class GlobalAveragePooling2D(BaseGlobalPooling):
    """Mean of each channel, see ``BaseGlobalPooling``.  x: (batch, h, w, channels) -> (batch, channels)"""

    spatial_rank, op = 2, ops.mean


class GlobalAveragePooling3D(BaseGlobalPooling):
    """Mean of each channel, see ``BaseGlobalPooling``.  x: (batch, d, h, w, channels) -> (batch, channels)"""

    spatial_rank, op = 3, ops.mean


class BaseAdaptivePooling(Spatial):
    """Base of pooling to a given size, whatever the size of the input.

    Of n elements, output i of o takes those from floor(i n / o) up to ceil((i + 1) n / o).

    Args:
        output_size: one number for all spatial axes, or one for each.
        data_format: "channels_last" (the default) or "channels_first".
    """

    op: ClassVar[Callable[..., Tensor]]

    def __init__(self, output_size: Any, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(data_format, **kwargs)
        try:
            self.output_size = whole_numbers(self, "output_size", output_size, self.spatial_rank)
        except ValueError as error:  # Keras raises it for a wrong number of entries too
            raise TypeError(str(error)) from None

    def call(self, inputs: Any) -> Any:
        self._spatial_axes(inputs.shape)
        return type(self).op(inputs, self.output_size, self.data_format)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        out = list(input_shape)
        for axis, size in zip(self._spatial_axes(input_shape), self.output_size):
            out[axis] = size
        return tuple(out)


class AdaptiveMaxPooling1D(BaseAdaptivePooling):
    """Maxima of windows, see ``BaseAdaptivePooling``.  x: (batch, steps, channels) -> (batch, output_size, channels)"""

    spatial_rank, op = 1, ops.adaptive_max_pool


class AdaptiveMaxPooling2D(BaseAdaptivePooling):
    """Maxima of windows, see ``BaseAdaptivePooling``.  x: (batch, h, w, channels) -> (batch, *output_size, channels)"""

    spatial_rank, op = 2, ops.adaptive_max_pool


class AdaptiveMaxPooling3D(BaseAdaptivePooling):
    """Maxima of windows, see ``BaseAdaptivePooling``.  x: (batch, d, h, w, channels) -> (batch, *output_size, channels)"""

    spatial_rank, op = 3, ops.adaptive_max_pool


class AdaptiveAveragePooling1D(BaseAdaptivePooling):
    """Means of windows, see ``BaseAdaptivePooling``.  x: (batch, steps, channels) -> (batch, output_size, channels)"""

    spatial_rank, op = 1, ops.adaptive_average_pool


class AdaptiveAveragePooling2D(BaseAdaptivePooling):
    """Means of windows, see ``BaseAdaptivePooling``.  x: (batch, h, w, channels) -> (batch, *output_size, channels)"""

    spatial_rank, op = 2, ops.adaptive_average_pool


class AdaptiveAveragePooling3D(BaseAdaptivePooling):
    """Means of windows, see ``BaseAdaptivePooling``.  x: (batch, d, h, w, channels) -> (batch, *output_size, channels)"""

    spatial_rank, op = 3, ops.adaptive_average_pool


GlobalMaxPool1D, GlobalMaxPool2D, GlobalMaxPool3D = GlobalMaxPooling1D, GlobalMaxPooling2D, GlobalMaxPooling3D
GlobalAvgPool1D, GlobalAvgPool2D, GlobalAvgPool3D = (
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalAveragePooling3D,
)
