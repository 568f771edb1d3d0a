"""Long short-term memory."""

from __future__ import annotations

from typing import Any

from ... import activations, initializers, ops
from ...ops.nn.recurrent import lstm
from ...serialization.configurable import attributes
from ..base.weights import set_weight_arguments
from .cell import UnitsCell, cell_argument, product
from .gated import GatedRNN


class LSTMCell(UnitsCell):
    """One step of ``LSTM``.  x: (batch, features)  states: [h, c], (batch, units) each -> h', [h', c']

    Args: see ``LSTM``.
    """

    gates = 4
    _config_attributes = attributes(implementation="implementation")

    def __init__(
        self,
        units: int,
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
        implementation = kwargs.pop("implementation", 2)
        super().__init__(**kwargs)
        self._set_units(units)
        self.state_size = [units, units]
        self.activation = activations.get(activation)
        self.recurrent_activation = activations.get(recurrent_activation)
        self.use_bias = use_bias
        set_weight_arguments(self, locals(), "kernel", "recurrent", "bias")
        self.unit_forget_bias = unit_forget_bias
        self._set_dropout(dropout, recurrent_dropout)
        self._set_implementation(implementation)
        self._set_seed(seed)

    def build(self, input_shape: Any) -> None:
        initializer = self._open_forget_gate if self.unit_forget_bias else self.bias_initializer
        self._add_weights(input_shape, (4 * self.units,), initializer=initializer)

    def _open_forget_gate(self, shape: Any, dtype: Any = None) -> Any:
        """The initial bias: that of ``bias_initializer``, and 1 for the forget gate."""
        units = self.units
        return ops.concatenate(
            [
                self.bias_initializer((units,), dtype=dtype),
                initializers.Ones()((units,), dtype=dtype),
                self.bias_initializer((2 * units,), dtype=dtype),
            ]
        )

    def call(self, inputs: Any, states: Any, training: Any = False) -> tuple[Any, list[Any]]:
        h, c = states[0], states[1]
        of_inputs, of_state = self._masks(inputs, h, training)
        z = product(inputs, self.kernel, of_inputs) + product(h, self.recurrent_kernel, of_state)
        if self.bias is not None:
            z = z + self.bias
        i, f, g, o = ops.split(z, 4, axis=-1)
        c = self.recurrent_activation(f) * c + self.recurrent_activation(i) * self.activation(g)
        h = self.recurrent_activation(o) * self.activation(c)
        return h, [h, c]


class LSTM(GatedRNN):
    """Long short-term memory (Hochreiter and Schmidhuber, Neural Computation 1997), with a forget gate (Gers et al. 2000)
    x: (batch, steps, features) -> (batch, units), or (batch, steps, units)

    With the gates i, f, o = recurrent_activation(x W + h U + b), in the columns of W, U and b in the order i, f, c, o:
    c' = f c + i activation(x W + h U + b), h' = o activation(c'). The states are [h, c].

    Args:
        units: the size of each state and of the output.
        activation: of the candidate and of the state, a name or function; None for none.
        recurrent_activation: of the gates.
        kernel_initializer, ...: of the kernel W (features, 4 units), the recurrent kernel U (units, 4 units), the bias b.
        unit_forget_bias: begin with 1 for the bias of the forget gate, so that the state is kept at first.
        dropout, recurrent_dropout: the fraction of the inputs and of the state that is dropped while training, with the same masks
            at all steps (arXiv:1512.05287). With recurrent_dropout each gate has a mask of its own, for the inputs too.
        seed: fixes these masks.
        return_sequences, return_state, go_backwards, stateful, unroll: see ``RNN``; its call arguments are those of this layer.
        use_cudnn: True asks for the op of the whole sequence, which needs the default activations and no recurrent_dropout; "auto"
            and False use it where they can.
        implementation: 1: a mask of dropout for each gate, 2: one for all of them.
    """

    unit_forget_bias = cell_argument("unit_forget_bias")

    def __init__(
        self,
        units: int,
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
        unroll: bool = False,
        use_cudnn: Any = "auto",
        **kwargs: Any,
    ) -> None:
        cell = LSTMCell(
            units,
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
            implementation=kwargs.pop("implementation", 2),
            dtype=kwargs.get("dtype"),
            trainable=kwargs.get("trainable", True),
            name="lstm_cell",
        )
        super().__init__(
            cell,
            use_cudnn,
            return_sequences=return_sequences,
            return_state=return_state,
            go_backwards=go_backwards,
            stateful=stateful,
            unroll=unroll,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )

    def _sequence_op(self, x: Any, states: list[Any], mask: Any, recurrent_mask: Any, options: dict[str, Any]) -> Any:
        cell = self.cell
        return lstm(x, *states, cell.kernel, cell.recurrent_kernel, cell.bias, mask, recurrent_mask, **options)
