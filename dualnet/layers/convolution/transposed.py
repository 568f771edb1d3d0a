"""Transposed convolution layers, which make their input larger (also called deconvolution)."""

from __future__ import annotations

from typing import Any

from ...ops.nn import _conv_shapes as shapes
from ...ops.nn.convolution import convolve_transpose
from ..base.spatial import whole_numbers, with_defaults
from ..base.weights import add_weight, set_weight_arguments
from .base import Convolutional


class BaseConvTranspose(Convolutional):
    """activation(transposed convolution with kernel + bias).  x: (batch, spatial..., channels) -> (batch, spatial'..., filters)

    It maps shapes as the gradient of a convolution with the same arguments does: a length becomes length * stride with
    "same" and (length - 1) * stride + max(extent of the kernel, stride) with "valid". kernel: (kernel_size..., filters,
    channels), "glorot_uniform" by default. The other arguments: see ``Convolutional``.

    Args:
        output_padding: how much longer the output is than the least length that a convolution would map back to the
            input; below the stride.
    """

    _ignored = ("groups",)

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        output_padding: Any = None,
        data_format: str | None = None,
        dilation_rate: Any = 1,
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
        super().__init__(activation, use_bias, activity_regularizer, **kwargs)
        self._set_window(kernel_size, strides, padding, data_format, dilation_rate)
        set_weight_arguments(self, locals(), "kernel", "bias")
        self.filters = self._positive("filters", filters)
        self.output_padding = output_padding
        if output_padding is not None:
            self.output_padding = whole_numbers(self, "output_padding", output_padding, self.rank, least=0)
            if any(extra >= s for extra, s in zip(self.output_padding, self.strides)):
                raise ValueError(
                    f"{self._who}: output_padding must be smaller than the strides, got {self.output_padding} and "
                    f"strides {self.strides}"
                )
        self._refuse_strides_with_dilation()

    def build(self, input_shape: Any) -> None:
        self.kernel = add_weight(self, (*self.kernel_size, self.filters, self._channels(input_shape)), "kernel")
        if self.use_bias:
            self.bias = add_weight(self, (self.filters,), "bias")

    def call(self, inputs: Any) -> Any:
        return self._apply(convolve_transpose, inputs, self.kernel, output_padding=self.output_padding)

    def _output_lengths(self, lengths: Any) -> Any:
        window = self.kernel_size, self.strides, self.padding, self.output_padding, self.dilation_rate
        return shapes.transposed(self._who, lengths, *window).lengths


class Conv1DTranspose(BaseConvTranspose):
    """Transposed 1D convolution, see ``BaseConvTranspose``.  x: (batch, steps, channels) -> (batch, steps', filters)"""

    rank = 1


class Conv2DTranspose(BaseConvTranspose):
    """Transposed 2D convolution, see ``BaseConvTranspose``.  x: (batch, h, w, channels) -> (batch, h', w', filters)"""

    rank = 2
    __init__ = with_defaults(BaseConvTranspose.__init__, strides=(1, 1), dilation_rate=(1, 1))


class Conv3DTranspose(BaseConvTranspose):
    """Transposed convolution over volumes.  x: (batch, depth, rows, columns, channels) -> the same with larger axes, and filters

    Arguments: see ``BaseConvTranspose``; here ``output_padding`` comes after ``data_format``, as in Keras.
    """

    rank = 3

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = (1, 1, 1),
        padding: str = "valid",
        data_format: str | None = None,
        output_padding: Any = None,
        dilation_rate: Any = (1, 1, 1),
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
        super().__init__(
            filters, kernel_size, strides, padding, output_padding, data_format, dilation_rate, activation, use_bias,
            kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer, activity_regularizer,
            kernel_constraint, bias_constraint, **kwargs,
        )  # fmt: skip


Convolution1DTranspose, Convolution2DTranspose = Conv1DTranspose, Conv2DTranspose
Convolution3DTranspose = Conv3DTranspose
