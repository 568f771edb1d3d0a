"""Convolutional LSTMs: over sequences of rows, images and volumes."""

from __future__ import annotations

from typing import Any, ClassVar

from ... import ops
from ..base.input_spec import InputSpec
from .cell import OwnCellRNN, cell_argument
from .conv_lstm_cell import ConvLSTMCell
from .loop import run_steps


class ConvLSTM(OwnCellRNN):
    """An LSTM whose products are convolutions, so that its states have a place for every position (Shi et al., arXiv:1506.04214,
    without the connections from the state c to the gates).

    x: (batch, steps, spatial..., channels) -> (batch, spatial'..., filters), or (batch, steps, spatial'..., filters). With
    ``data_format="channels_first"`` the channels come before the spatial axes. The states are [h, c].

    The convolution of the inputs is one for all steps.

    Args:
        filters: channels of the output and of each state.
        kernel_size, strides, dilation_rate: of the convolution of the inputs, one number for all axes, or one for each.
            The kernel of the states has the same size, and no strides and no dilation.
        padding: "valid" or "same"; that of the states is always "same".
        data_format: "channels_last" or "channels_first"; the configured one by default.
        activation, recurrent_activation, unit_forget_bias, dropout, recurrent_dropout, seed: see ``LSTM``. Each gate has masks of
            its own; a rate of 1 drops nothing, as in Keras.
        kernel_initializer, ...: of the kernel (kernel_size..., channels, 4 filters), the recurrent kernel (kernel_size..., filters,
            4 filters), the bias (4 filters), with the gates in the order i, f, c, o.
        return_sequences, return_state, go_backwards, stateful: see ``RNN``; its call arguments are those of this layer.
    """

    rank: ClassVar[int]
    recurrent_activation = cell_argument("recurrent_activation")
    unit_forget_bias = cell_argument("unit_forget_bias")
    filters = cell_argument("filters")
    kernel_size = cell_argument("kernel_size")
    strides = cell_argument("strides")
    padding = cell_argument("padding")
    data_format = cell_argument("data_format")
    dilation_rate = cell_argument("dilation_rate")

    def __init__(
        self,
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
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        **kwargs: Any,
    ) -> None:
        cell = ConvLSTMCell(
            self.rank,
            filters,
            kernel_size,
            strides=strides,
            padding=padding,
            data_format=data_format,
            dilation_rate=dilation_rate,
            activation=activation,
            recurrent_activation=recurrent_activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer,
            unit_forget_bias=unit_forget_bias,
            kernel_regularizer=kernel_regularizer,
            recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint,
            bias_constraint=bias_constraint,
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
            seed=seed,
            dtype=kwargs.get("dtype"),
            trainable=kwargs.get("trainable", True),
            name="conv_lstm_cell",
        )
        super().__init__(
            cell,
            return_sequences=return_sequences,
            return_state=return_state,
            go_backwards=go_backwards,
            stateful=stateful,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )
        self.input_spec = InputSpec(ndim=self.rank + 3)

    def compute_output_shape(self, sequences_shape: Any, initial_state_shape: Any = None) -> Any:
        state = self.cell.compute_output_shape((sequences_shape[0], *sequences_shape[2:]))[0]
        return self._with_steps(state, [state, state], sequences_shape)

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        mask = super().compute_mask(inputs, previous_mask)
        return [mask[0], None, None] if self.return_state else mask

    def _in_order_of_cells(self, initial_state: Any) -> list[Any]:
        states = super()._in_order_of_cells(initial_state)
        shape = self.cell._state_shape
        if len(states) != 2 or any(tuple(s.shape[1:]) != shape for s in states):
            raise ValueError(
                f"{self.name}: `initial_state` should be two tensors, h and c, of shape {(None, *shape)}, got shapes "
                f"{[tuple(s.shape) for s in states]}"
            )
        return states

    def inner_loop(self, sequences: Any, initial_state: Any, mask: Any, training: Any = False) -> Any:
        """(last output, all outputs, last states); all outputs may be None unless they are returned."""
        of_inputs, of_state = self.cell.masks(sequences[:, 0], initial_state[0], training)

        def folded(x: Any) -> Any:  # the steps into the batch
            return ops.reshape(x, (-1, *x.shape[2:]))

        if of_inputs is None:
            z = self.cell.from_inputs(folded(sequences))
        else:
            z = self.cell.from_inputs([folded(sequences * ops.expand_dims(m, 1)) for m in of_inputs])
        return run_steps(
            lambda z, states: self.cell.advance(z, states, of_state),
            ops.reshape(z, (-1, sequences.shape[1], *z.shape[1:])),
            initial_state,
            mask,
            go_backwards=self.go_backwards,
            zero_output_for_mask=self.zero_output_for_mask,
            return_sequences=self.return_sequences,
        )


class ConvLSTM1D(ConvLSTM):
    """LSTM of 1D convolutions, see ``ConvLSTM``.  x: (batch, steps, length, channels) -> (batch, length', filters)"""

    rank = 1


class ConvLSTM2D(ConvLSTM):
    """LSTM of 2D convolutions, see ``ConvLSTM``.  x: (batch, steps, h, w, channels) -> (batch, h', w', filters)"""

    rank = 2


class ConvLSTM3D(ConvLSTM):
    """LSTM of 3D convolutions, see ``ConvLSTM``.  x: (batch, steps, d, h, w, channels) -> (batch, d', h', w', filters)"""

    rank = 3
