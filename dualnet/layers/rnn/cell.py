"""What SimpleRNNCell, LSTMCell and GRUCell have in common, and the layers around them."""

from __future__ import annotations

from typing import Any, ClassVar

from ... import activations, ops
from ...serialization.configurable import attributes
from ..base.layer import Layer
from ..base.weights import add_weight
from .dropout_cell import DropoutRNNCell
from .rnn import RNN


class UnitsCell(Layer, DropoutRNNCell):
    """Base of cells with ``units``, a kernel for the inputs, one for the state, and a bias, all with the gates side by side."""

    gates: ClassVar[int]
    units: int
    state_size: Any
    use_bias: bool
    activation: Any

    def _set_units(self, units: Any) -> None:
        if isinstance(units, bool) or not isinstance(units, int) or units <= 0:
            raise ValueError(
                f"Received an invalid value for argument `units`, expected a positive integer, got {units!r} "
                f"({type(self).__name__})."
            )
        self.units = units
        self.output_size = units

    def _add_weights(self, input_shape: Any, bias_shape: Any, **bias_options: Any) -> None:
        if input_shape[-1] is None:
            raise ValueError(
                f"{type(self).__name__}: the last axis of the inputs, the features, must be known. "
                f"Full input shape received: {tuple(input_shape)}"
            )
        columns = self.units * self.gates
        self.kernel = add_weight(self, (input_shape[-1], columns), "kernel")
        self.recurrent_kernel = add_weight(self, (self.units, columns), "recurrent", name="recurrent_kernel")
        self.bias = add_weight(self, bias_shape, "bias", **bias_options) if self.use_bias else None

    def get_initial_state(self, batch_size: Any = None) -> list[Any]:
        """Zeros, (batch, units) for each state."""
        count = len(self.state_size) if isinstance(self.state_size, list) else 1
        return [ops.zeros((batch_size, self.units), dtype=self.compute_dtype) for _ in range(count)]

    def compute_output_shape(self, inputs_shape: Any, states_shape: Any = None) -> Any:
        """(shape of the output, shapes of the states in the form in which the states come)."""
        shape = (inputs_shape[0], self.units)
        is_one = isinstance(states_shape, tuple) and not isinstance(self.state_size, list)
        return shape, shape if is_one else [shape] * (len(self.state_size) if isinstance(self.state_size, list) else 1)

    def _set_implementation(self, implementation: int) -> None:
        """1: a mask of dropout for each gate; 2: one for all of them. Recurrent dropout has one for each, as in Keras."""
        if implementation not in (0, 1, 2):
            raise ValueError(f"{type(self).__name__}: `implementation` must be 1 or 2, got {implementation!r}")
        self.implementation = 1 if self.recurrent_dropout != 0 else implementation
        if self.implementation == 1:
            self.dropout_mask_count = self.gates

    def _masks(self, inputs: Any, state: Any, training: Any) -> tuple[Any, Any]:
        """The masks of the inputs and of the state; None for none."""
        if not training:
            return None, None
        return self.get_dropout_mask(inputs), self.get_recurrent_dropout_mask(state)


def product(x: Any, kernel: Any, masks: Any) -> Any:
    """``(x * mask) kernel``, for a list of masks gate by gate.  x: (batch, n)  kernel: (n, gates units)"""
    if masks is None:
        return ops.matmul(x, kernel)
    if not isinstance(masks, list):
        return ops.matmul(x * masks, kernel)
    parts = ops.split(kernel, len(masks), axis=-1)
    return ops.concatenate([ops.matmul(x * m, k) for m, k in zip(masks, parts, strict=True)], axis=-1)


def cell_argument(name: str) -> Any:
    """An argument of a layer that its cell keeps."""
    return property(lambda layer: getattr(layer.cell, name), doc=f"``{name}`` of the cell.")


class OwnCellRNN(RNN):
    """Base of recurrent layers that make their cell, of arguments that the cell then keeps."""

    _config_attributes = attributes(cell=None, activity_regularizer="activity_regularizer")
    activation = cell_argument("activation")
    use_bias = cell_argument("use_bias")
    kernel_initializer = cell_argument("kernel_initializer")
    recurrent_initializer = cell_argument("recurrent_initializer")
    bias_initializer = cell_argument("bias_initializer")
    kernel_regularizer = cell_argument("kernel_regularizer")
    recurrent_regularizer = cell_argument("recurrent_regularizer")
    bias_regularizer = cell_argument("bias_regularizer")
    kernel_constraint = cell_argument("kernel_constraint")
    recurrent_constraint = cell_argument("recurrent_constraint")
    bias_constraint = cell_argument("bias_constraint")
    dropout = cell_argument("dropout")
    recurrent_dropout = cell_argument("recurrent_dropout")
    seed = cell_argument("seed")

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        """The layer a config describes."""
        return cls(**config)


class UnitsRNN(OwnCellRNN):
    """Base of SimpleRNN, LSTM and GRU.

    The whole sequence is one op with a gradient of its own (``ops/nn/recurrent.py``), where it has the activations and the masks of
    dropout that are asked for; else the cell is called step by step, as ``RNN(cell)`` always does.
    """

    units = cell_argument("units")

    def inner_loop(self, sequences: Any, initial_state: Any, mask: Any, training: Any = False) -> Any:
        if not self._is_one_op(training):
            return super().inner_loop(sequences, initial_state, mask, training)
        h = initial_state[0]
        of_inputs, of_state = self.cell._masks(sequences[:, 0], h, training)
        x = sequences if of_inputs is None else sequences * ops.expand_dims(of_inputs, 1)
        options = {
            "go_backwards": self.go_backwards,
            "zero_output_for_mask": self.zero_output_for_mask,
            "return_sequences": self.return_sequences,
        }
        outputs, *states = self._sequence_op(x, initial_state, mask, of_state, options)
        if mask is not None and not self.zero_output_for_mask:
            outputs = self._begun(outputs, h, mask)
        return outputs, outputs, states

    def _is_one_op(self, training: Any) -> bool:
        """Whether the op for the whole sequence computes what the cell does: with one mask of dropout for all gates, if any."""
        cell = self.cell
        has_masks = training and (cell.dropout > 0 or cell.recurrent_dropout > 0)
        return self._has_op_activations() and not (has_masks and cell.dropout_mask_count is not None)

    def _has_op_activations(self) -> bool:
        raise NotImplementedError

    def _sequence_op(self, x: Any, states: list[Any], mask: Any, recurrent_mask: Any, options: dict[str, Any]) -> Any:
        """(outputs, state, ...) of the op."""
        raise NotImplementedError

    def _begun(self, outputs: Any, h: Any, mask: Any) -> Any:
        """The outputs with the first state in the place of those before the first step of the mask, for which the op has zeros."""
        count = ops.cumsum(ops.cast(ops.flip(mask, axis=1) if self.go_backwards else mask, "int32"), axis=1)
        if not self.return_sequences:
            return ops.where(count[:, -1:] > 0, outputs, h)
        return ops.where(ops.expand_dims(count > 0, -1), outputs, ops.expand_dims(h, 1))


def is_activation(function: Any, name: str) -> bool:
    """Whether an activation is the one of a name: of ``activations``, or the op."""
    return function is getattr(activations, name) or function is getattr(ops, name, None)
