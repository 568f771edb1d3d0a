"""Pooling over windows.  x: (batch, spatial..., channels), or (batch, channels, spatial...) with channels first"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from ... import ops
from ...core.tensor import Tensor
from ...ops.nn._windows import window_count
from ..base.layer import Shape
from ..base.spatial import Spatial, whole_numbers, with_defaults


class BasePooling(Spatial):
    """Base of max and average pooling.

    Of equal maxima the first, row by row, gets the gradient; a mean does not count what hangs over the edges.

    Args:
        pool_size: of the window, one number for all spatial axes or one for each.
        strides: from window to window, by default the pool size.
        padding: "valid" keeps windows inside the input; "same" lets them hang over its edges evenly, so that there are
            ceil(length / stride) of them.
        data_format: "channels_last" (the default) or "channels_first".
    """

    op: ClassVar[Callable[..., Tensor]]

    def __init__(
        self,
        pool_size: Any,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format, name=name, **kwargs)
        self.pool_size = whole_numbers(self, "pool_size", pool_size, self.spatial_rank)
        self.strides = self.pool_size if strides is None else whole_numbers(self, "strides", strides, self.spatial_rank)
        self.padding = padding.lower()
        if self.padding not in ("valid", "same"):
            raise ValueError(f'{type(self).__name__}: padding must be "valid" or "same", got {padding!r}')

    def call(self, inputs: Any) -> Any:
        self._spatial_axes(inputs.shape)
        return type(self).op(inputs, self.pool_size, self.strides, self.padding, self.data_format)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        def windows(i: int, length: int) -> int:
            count = window_count(length, self.pool_size[i], self.strides[i], self.padding)
            if count < 1:
                raise ValueError(
                    f"{type(self).__name__} layer {self.name!r}: a window of {self.pool_size} does not fit into an "
                    f'input of shape {tuple(input_shape)}: use a smaller pool_size or padding="same"'
                )
            return count

        return self._map_lengths(input_shape, windows)


class MaxPooling1D(BasePooling):
    """Maximum of each window, see ``BasePooling``.  x: (batch, steps, channels) -> (batch, windows, channels)"""

    spatial_rank, op = 1, ops.max_pool
    __init__ = with_defaults(BasePooling.__init__, pool_size=2)


class MaxPooling2D(BasePooling):
    """Maximum of each window, see ``BasePooling``.  x: (batch, h, w, channels) -> (batch, h', w', channels)"""

    spatial_rank, op = 2, ops.max_pool
    __init__ = with_defaults(BasePooling.__init__, pool_size=(2, 2))


class MaxPooling3D(BasePooling):
    """Maximum of each window, see ``BasePooling``.  x: (batch, d, h, w, channels) -> (batch, d', h', w', channels)"""

    spatial_rank, op = 3, ops.max_pool
    __init__ = with_defaults(BasePooling.__init__, pool_size=(2, 2, 2))


class AveragePooling1D(BasePooling):
    """Mean of each window, see ``BasePooling``.  x: (batch, steps, channels) -> (batch, windows, channels)"""

    spatial_rank, op = 1, ops.average_pool


class AveragePooling2D(BasePooling):
    """Mean of each window, see ``BasePooling``.  x: (batch, h, w, channels) -> (batch, h', w', channels)"""

    spatial_rank, op = 2, ops.average_pool


class AveragePooling3D(BasePooling):
    """Mean of each window, see ``BasePooling``.  x: (batch, d, h, w, channels) -> (batch, d', h', w', channels)"""

    spatial_rank, op = 3, ops.average_pool


MaxPool1D, MaxPool2D, MaxPool3D = MaxPooling1D, MaxPooling2D, MaxPooling3D
AvgPool1D, AvgPool2D, AvgPool3D = AveragePooling1D, AveragePooling2D, AveragePooling3D
