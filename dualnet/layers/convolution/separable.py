"""Separable convolution layers: each channel by itself, then the channels of a pixel mixed."""

from __future__ import annotations

from typing import Any

from ...ops.nn.convolution import convolve, depthwise_conv
from ..base.spatial import with_defaults
from ..base.weights import add_weight, set_weight_arguments
from .base import Convolutional


class BaseSeparableConv(Convolutional):
    """activation(pointwise convolution of a depthwise one + bias).  x: (batch, spatial..., channels) -> (..., filters)

    depthwise_kernel: (kernel_size..., channels, depth_multiplier)  pointwise_kernel: (1..., channels *
    depth_multiplier, filters), both "glorot_uniform" by default. strides and dilation_rate belong to the first step.
    The other arguments: see ``Convolutional``.  (arXiv:1610.02357)

    Args:
        filters: size of the output's channels.
        depth_multiplier: how many filters each channel has in the first step.
    """

    _ignored = ("groups", "kernel_initializer", "kernel_regularizer", "kernel_constraint")

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        pointwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activation, use_bias, activity_regularizer, **kwargs)
        self._set_window(kernel_size, strides, padding, data_format, dilation_rate)
        set_weight_arguments(self, locals(), "depthwise", "pointwise", "bias")
        self.filters = self._positive("filters", filters)
        self.depth_multiplier = self._positive("depth_multiplier", depth_multiplier)

    def build(self, input_shape: Any) -> None:
        channels = self._channels(input_shape)
        self.compute_output_shape(input_shape)  # refuses an input too small for the kernel
        self.depthwise_kernel = add_weight(
            self, (*self.kernel_size, channels, self.depth_multiplier), "depthwise", name="depthwise_kernel"
        )
        shape = (*(1,) * self.rank, channels * self.depth_multiplier, self.filters)
        self.pointwise_kernel = add_weight(self, shape, "pointwise", name="pointwise_kernel")
        if self.use_bias:
            self.bias = add_weight(self, (self.filters,), "bias")

    def call(self, inputs: Any) -> Any:
        y = depthwise_conv(
            inputs, self.depthwise_kernel, self.strides, self.padding, self.data_format, self.dilation_rate
        )
        return self._apply(convolve, y, self.pointwise_kernel, strides=1, padding="valid", dilation_rate=1)


class SeparableConv1D(BaseSeparableConv):
    """Separable 1D convolution, see ``BaseSeparableConv``.  x: (batch, steps, channels) -> (batch, steps', filters)"""

    rank = 1


class SeparableConv2D(BaseSeparableConv):
    """Separable 2D convolution, see ``BaseSeparableConv``.  x: (batch, h, w, channels) -> (batch, h', w', filters)"""

    rank = 2
    __init__ = with_defaults(BaseSeparableConv.__init__, strides=(1, 1), dilation_rate=(1, 1))


SeparableConvolution1D, SeparableConvolution2D = SeparableConv1D, SeparableConv2D
