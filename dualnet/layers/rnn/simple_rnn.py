"""The simple recurrent network, whose output is its state."""

from __future__ import annotations

from typing import Any

from ... import activations, tree
from ...ops.nn.activation import FROM_OUTPUT
from ...ops.nn.recurrent import simple_rnn
from ..base.input_spec import InputSpec
from ..base.weights import set_weight_arguments
from .cell import UnitsCell, UnitsRNN, is_activation, product


class SimpleRNNCell(UnitsCell):
    """One step of ``SimpleRNN``: h' = activation(x W + h U + b)  x: (batch, features)  h: (batch, units)

    Args: see ``SimpleRNN``.
    """

    gates = 1

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
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
        super().__init__(**kwargs)
        self._set_units(units)
        self.state_size = units
        self._set_dropout(dropout, recurrent_dropout)
        self._set_seed(seed)  # before the initializers, which draw seeds too
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        set_weight_arguments(self, locals(), "kernel", "recurrent", "bias")

    def build(self, input_shape: Any) -> None:
        self._add_weights(input_shape, (self.units,))

    def call(self, sequence: Any, states: Any, training: Any = False) -> tuple[Any, Any]:
        h = states[0] if tree.is_nested(states) else states
        of_inputs, of_state = self._masks(sequence, h, training)
        y = product(sequence, self.kernel, of_inputs)
        if self.bias is not None:
            y = y + self.bias
        y = self.activation(y + product(h, self.recurrent_kernel, of_state))
        return y, [y] if tree.is_nested(states) else y


class SimpleRNN(UnitsRNN):
    """A fully connected recurrent layer: h' = activation(x W + h U + b)
    x: (batch, steps, features) -> (batch, units), or (batch, steps, units)

    Args:
        units: the size of the state and the output.
        activation: a name or function; None for none.
        kernel_initializer, ...: of the kernel W (features, units), the recurrent kernel U (units, units), the bias b.
        dropout, recurrent_dropout: the fraction of the inputs and of the state that is dropped while training, with one mask for
            all steps (arXiv:1512.05287).
        seed: fixes these masks.
        return_sequences, return_state, go_backwards, stateful, unroll: see ``RNN``; its call arguments are those of this layer.
    """

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        cell = SimpleRNNCell(
            units,
            activation=activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer,
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
            name="simple_rnn_cell",
        )
        super().__init__(
            cell,
            return_sequences=return_sequences,
            return_state=return_state,
            go_backwards=go_backwards,
            stateful=stateful,
            unroll=unroll,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )
        self.input_spec = InputSpec(ndim=3)

    def _has_op_activations(self) -> bool:
        return self._op_activation is not None

    @property
    def _op_activation(self) -> str | None:
        """The name of the activation, if its gradient follows from its output, as the op for the sequence needs it."""
        return next((name for name in FROM_OUTPUT if is_activation(self.activation, name)), None)

    def _sequence_op(self, x: Any, states: list[Any], mask: Any, recurrent_mask: Any, options: dict[str, Any]) -> Any:
        cell = self.cell
        return simple_rnn(
            x,
            *states,
            cell.kernel,
            cell.recurrent_kernel,
            cell.bias,
            mask,
            recurrent_mask,
            self._op_activation,
            **options,
        )
