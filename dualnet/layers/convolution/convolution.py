"""Convolution layers."""

from __future__ import annotations

from typing import Any

from ... import ops
from ...ops.nn.convolution import convolve
from ..base.lora import BaseKernel, Lora, MergedKernel
from ..base.spatial import with_defaults
from ..base.weights import add_weight, set_weight_arguments
from .base import Convolutional


class BaseConv(Lora, Convolutional):
    """activation(convolution with kernel + bias).  x: (batch, spatial..., channels) -> (batch, spatial'..., filters)

    kernel: (kernel_size..., channels / groups, filters), "glorot_uniform" by default. The other arguments: see
    ``Convolutional``. With ``strides`` above 1 there can be no ``dilation_rate`` above 1.

    Args:
        filters: size of the output's channels.
        groups: into how many parts the channels are split, each with filters of its own; both numbers must be divisible
            by it.
        lora_rank, lora_alpha: see ``enable_lora``.
    """

    kernel: Any = MergedKernel("kernel")
    _kernel: Any = BaseKernel("kernel")

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        groups: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        lora_rank, lora_alpha = kwargs.pop("lora_rank", None), kwargs.pop("lora_alpha", None)
        super().__init__(activation, use_bias, activity_regularizer, **kwargs)
        self._set_window(kernel_size, strides, padding, data_format, dilation_rate)
        set_weight_arguments(self, locals(), "kernel", "bias")
        self.filters = self._positive("filters", filters)
        self.groups = self._positive("groups", groups)
        if filters % groups:
            raise ValueError(
                f"{self._who}: filters must be divisible by groups, got {filters} filters, {groups} groups"
            )
        self._refuse_strides_with_dilation()
        self._set_lora(lora_rank, lora_alpha)

    def build(self, input_shape: Any) -> None:
        channels = self._channels(input_shape)
        if channels % self.groups:
            raise ValueError(
                f"{self._who}: the channels of the input must be divisible by groups, got {channels} channels in shape "
                f"{tuple(input_shape)} ({self.data_format}) and {self.groups} groups"
            )
        self.compute_output_shape(input_shape)  # refuses an input too small for the kernel
        self.kernel = add_weight(self, (*self.kernel_size, channels // self.groups, self.filters), "kernel")
        if self.use_bias:
            self.bias = add_weight(self, (self.filters,), "bias")
        self._enable_requested_lora()

    def call(self, inputs: Any) -> Any:
        if type(self).convolution_op is BaseConv.convolution_op:
            return self._apply(convolve, inputs, self.kernel)
        outputs = self.convolution_op(inputs, self.kernel)
        if self.use_bias:
            ones = (1,) * self.rank
            shape = (1, *ones, -1) if self.data_format == "channels_last" else (1, -1, *ones)
            outputs = outputs + ops.reshape(self.bias, shape)
        return self.activation(outputs)

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        """The convolution without bias and activation; a subclass may override it, to change the kernel for instance."""
        window = {"strides": self.strides, "padding": self.padding, "dilation_rate": self.dilation_rate}
        options: dict[str, Any] = {**window, "data_format": self.data_format}
        return convolve(inputs, kernel, who=self._who, **options)


class Conv1D(BaseConv):
    """1D convolution, see ``BaseConv``.  x: (batch, steps, channels) -> (batch, steps', filters)

    padding may also be "causal": zeros before the first step alone, so that no output depends on a later input.
    """

    rank, _paddings = 1, ("valid", "same", "causal")


class Conv2D(BaseConv):
    """2D convolution, see ``BaseConv``.  x: (batch, h, w, channels) -> (batch, h', w', filters)"""

    rank = 2
    __init__ = with_defaults(BaseConv.__init__, strides=(1, 1), dilation_rate=(1, 1))


class Conv3D(BaseConv):
    """3D convolution, see ``BaseConv``.  x: (batch, d, h, w, channels) -> (batch, d', h', w', filters)"""

    rank = 3
    __init__ = with_defaults(BaseConv.__init__, strides=(1, 1, 1), dilation_rate=(1, 1, 1))


Convolution1D, Convolution2D, Convolution3D = Conv1D, Conv2D, Conv3D
