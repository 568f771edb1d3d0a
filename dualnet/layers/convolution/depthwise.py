"""Depthwise convolution layers: every channel by itself."""

from __future__ import annotations

from typing import Any

from ...ops.nn.convolution import convolve
from ..base.spatial import with_defaults
from ..base.weights import add_weight, set_weight_arguments
from .base import Convolutional


class BaseDepthwiseConv(Convolutional):
    """activation(convolution of each channel + bias).  x: (batch, spatial..., channels) -> (batch, spatial'..., outputs)

    kernel: (kernel_size..., channels, depth_multiplier), initialized by ``depthwise_initializer``, "glorot_uniform"
    by default. The other arguments: see ``Convolutional``.

    Args:
        depth_multiplier: how many filters each channel has; there are channels * depth_multiplier outputs.
    """

    _ignored = ("groups",)

    def __init__(
        self,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activation, use_bias, activity_regularizer, **kwargs)
        self._set_window(kernel_size, strides, padding, data_format, dilation_rate)
        set_weight_arguments(self, locals(), "depthwise", "bias")
        self.depth_multiplier = self._positive("depth_multiplier", depth_multiplier)

    def build(self, input_shape: Any) -> None:
        channels = self._channels(input_shape)
        self.compute_output_shape(input_shape)  # refuses an input too small for the kernel
        self.kernel = add_weight(self, (*self.kernel_size, channels, self.depth_multiplier), "depthwise", name="kernel")
        if self.use_bias:
            self.bias = add_weight(self, (channels * self.depth_multiplier,), "bias")

    def call(self, inputs: Any) -> Any:
        return self._apply(convolve, inputs, self.kernel, depthwise=True)

    def _output_channels(self, input_shape: Any) -> int:
        return self._channels(input_shape) * self.depth_multiplier


class DepthwiseConv1D(BaseDepthwiseConv):
    """Depthwise 1D convolution, see ``BaseDepthwiseConv``.  x: (batch, steps, channels) -> (batch, steps', outputs)"""

    rank = 1


class DepthwiseConv2D(BaseDepthwiseConv):
    """Depthwise 2D convolution, see ``BaseDepthwiseConv``.  x: (batch, h, w, channels) -> (batch, h', w', outputs)"""

    rank = 2
    __init__ = with_defaults(BaseDepthwiseConv.__init__, strides=(1, 1), dilation_rate=(1, 1))
