"""ConvLSTMCell: one step of an LSTM whose products are convolutions."""

from __future__ import annotations

from typing import Any

from ... import activations, initializers, ops
from ...ops.nn.convolution import convolve
from ..base.layer import Shape
from ..base.weights import add_weight, set_weight_arguments
from ..convolution.base import Convolutional
from .dropout_cell import DropoutRNNCell


class ConvLSTMCell(Convolutional, DropoutRNNCell):
    """One step of ``ConvLSTM``.  x: (batch, spatial..., channels)  states: [h, c] -> h', [h', c']

    The kernel of the inputs has strides, padding and dilation; that of the state keeps its size.

    Args:
        rank: the number of spatial axes. The others: see ``ConvLSTM``.
    """

    dropout_mask_count = 4  # always one for each gate
    state_size = -1  # known when it is built
    _state_shape: Any  # of one sample

    def __init__(
        self,
        rank: int,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activation, use_bias, None, **kwargs)
        self.rank = rank  # type: ignore[misc]
        self._set_window(kernel_size, strides, padding, data_format, dilation_rate)
        self._refuse_strides_with_dilation()
        self.filters = self._positive("filters", filters)
        self.recurrent_activation = activations.get(recurrent_activation)
        set_weight_arguments(self, locals(), "kernel", "recurrent", "bias")
        self.unit_forget_bias = unit_forget_bias
        self._set_dropout(dropout, recurrent_dropout)
        self._set_seed(seed)

    # -- weights and shapes --------------------------------------------------------------------------------------

    def build(self, inputs_shape: Any, states_shape: Any = None) -> None:
        channels = self._channels(inputs_shape)
        first = 1 if self.data_format == "channels_last" else 2
        if None in inputs_shape[first : first + self.rank]:
            raise ValueError(
                "ConvLSTM layers only support static input shapes for the spatial dimension. Received invalid input shape: "
                f"input_shape={tuple(inputs_shape)}"
            )
        self._state_shape = super().compute_output_shape(tuple(inputs_shape))[1:]
        columns = 4 * self.filters
        self.kernel = add_weight(self, (*self.kernel_size, channels, columns), "kernel")
        shape = (*self.kernel_size, self.filters, columns)
        self.recurrent_kernel = add_weight(self, shape, "recurrent", name="recurrent_kernel")
        if self.use_bias:
            initializer = self._open_forget_gate if self.unit_forget_bias else self.bias_initializer
            self.bias = add_weight(self, (columns,), "bias", initializer=initializer)

    def _open_forget_gate(self, shape: Any, dtype: Any = None) -> Any:
        """The initial bias: that of ``bias_initializer``, and 1 for the forget gate."""
        own, ones, n = self.bias_initializer, initializers.Ones(), self.filters
        return ops.concatenate([own((n,), dtype=dtype), ones((n,), dtype=dtype), own((2 * n,), dtype=dtype)])

    def compute_output_shape(self, inputs_shape: Any, states_shape: Any = None) -> Any:
        """(shape of the output, shapes of the states)."""
        shape: Shape = super().compute_output_shape(tuple(inputs_shape))
        return shape, [shape, shape]

    def get_initial_state(self, batch_size: Any = None) -> list[Any]:
        """Zeros for both states."""
        return [ops.zeros((batch_size, *self._state_shape), dtype=self.compute_dtype) for _ in range(2)]

    # -- a step --------------------------------------------------------------------------------------------------

    def call(self, inputs: Any, states: Any, training: Any = False) -> tuple[Any, list[Any]]:
        of_inputs, of_state = self.masks(inputs, states[0], training)
        x = inputs if of_inputs is None else [inputs * m for m in of_inputs]
        return self.advance(self.from_inputs(x), states, of_state)

    def masks(self, inputs: Any, state: Any, training: Any) -> tuple[Any, Any]:
        """The masks of the inputs and of the state, one for each gate; None for none. A rate of 1 drops nothing, as in Keras."""
        of_inputs = self.get_dropout_mask(inputs) if training and self.dropout < 1 else None
        of_state = self.get_recurrent_dropout_mask(state) if training and self.recurrent_dropout < 1 else None
        return of_inputs, of_state

    def from_inputs(self, x: Any) -> Any:
        """What the inputs add to the gates i, f, c, o, side by side in the channels; x may be a list of one input for each."""
        window = {"strides": self.strides, "padding": self.padding, "dilation_rate": self.dilation_rate}
        return self._gates(x, self.kernel, self.bias, **window)

    def advance(self, z: Any, states: Any, masks: Any = None) -> tuple[Any, list[Any]]:
        """(output, states) of the step, from what the inputs add to the gates."""
        h, c = states
        z = z + self._gates(h if masks is None else [h * m for m in masks], self.recurrent_kernel, None, padding="same")
        i, f, g, o = ops.split(z, 4, axis=self._channel_axis)
        c = self.recurrent_activation(f) * c + self.recurrent_activation(i) * self.activation(g)
        h = self.recurrent_activation(o) * self.activation(c)
        return h, [h, c]

    def _gates(self, x: Any, kernel: Any, bias: Any, **window: Any) -> Any:
        options = {"data_format": self.data_format, "who": self._who, **window}
        if not isinstance(x, list):
            return convolve(x, kernel, bias, **options)
        biases = [None] * 4 if bias is None else ops.split(bias, 4)
        parts = zip(x, ops.split(kernel, 4, axis=-1), biases, strict=True)
        return ops.concatenate([convolve(*part, **options) for part in parts], axis=self._channel_axis)

    @property
    def _channel_axis(self) -> int:
        return -1 if self.data_format == "channels_last" else 1
