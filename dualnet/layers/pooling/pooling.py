"""Pooling over windows.  x: (batch, spatial..., channels), or (batch, channels, spatial...) with channels first"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from ... import ops
from ...core.tensor import Tensor
from ...ops.nn._windows import window_count
from ..base.layer import Shape
from ..base.spatial import Spatial, whole_numbers


class BasePooling(Spatial):
    """Base of max and average pooling.

    Args:
        pool_size: of the window, one number for all spatial axes or one for each.
        strides: from window to window, by default the pool size.
        padding: "valid" keeps windows inside the input; "same" lets them hang over its edges evenly, so that there are
            ceil(length / stride) of them.
        data_format: "channels_last" (the default) or "channels_first".
    """

    op: ClassVar[Callable[..., Tensor]]

    def __init__(
        self, pool_size: Any, strides: Any, padding: str = "valid", data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(data_format, **kwargs)
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
    """The largest element of each window.  x: (batch, steps, channels) -> (batch, windows, channels)

    Arguments: see ``BasePooling``. Of equal maxima the first gets the gradient.
    """

    spatial_rank, op = 1, ops.max_pool

    def __init__(
        self,
        pool_size: Any = 2,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(pool_size, strides, padding, data_format, name=name, **kwargs)


class MaxPooling2D(BasePooling):
    """The largest element of each window.  x: (batch, height, width, channels) -> (batch, rows, columns, channels)

    Arguments: see ``BasePooling``. Of equal maxima the first, row by row, gets the gradient.
    """

    spatial_rank, op = 2, ops.max_pool

    def __init__(
        self,
        pool_size: Any = (2, 2),
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(pool_size, strides, padding, data_format, name=name, **kwargs)


class MaxPooling3D(BasePooling):
    """The largest element of each window.  x: (batch, depth, height, width, channels) -> the same with fewer of each

    Arguments: see ``BasePooling``. Of equal maxima the first gets the gradient.
    """

    spatial_rank, op = 3, ops.max_pool

    def __init__(
        self,
        pool_size: Any = (2, 2, 2),
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(pool_size, strides, padding, data_format, name=name, **kwargs)


class _AveragePooling(BasePooling):
    op = ops.average_pool

    def __init__(
        self,
        pool_size: Any,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(pool_size, strides, padding, data_format, name=name, **kwargs)


class AveragePooling1D(_AveragePooling):
    """The mean of each window.  x: (batch, steps, channels) -> (batch, windows, channels)

    Arguments: see ``BasePooling``. What hangs over the edges is not counted.
    """

    spatial_rank = 1


class AveragePooling2D(_AveragePooling):
    """The mean of each window.  x: (batch, height, width, channels) -> (batch, rows, columns, channels)

    Arguments: see ``BasePooling``. What hangs over the edges is not counted.
    """

    spatial_rank = 2


class AveragePooling3D(_AveragePooling):
    """The mean of each window.  x: (batch, depth, height, width, channels) -> the same with fewer of each

    Arguments: see ``BasePooling``. What hangs over the edges is not counted.
    """

    spatial_rank = 3


MaxPool1D, MaxPool2D, MaxPool3D = MaxPooling1D, MaxPooling2D, MaxPooling3D
AvgPool1D, AvgPool2D, AvgPool3D = AveragePooling1D, AveragePooling2D, AveragePooling3D
