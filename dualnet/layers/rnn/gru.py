"""Gated recurrent units."""

from __future__ import annotations

from typing import Any

from ... import activations, ops, tree
from ...ops.nn.recurrent import gru
from ...serialization.configurable import attributes
from ..base.weights import set_weight_arguments
from .cell import UnitsCell, cell_argument, product
from .gated import GatedRNN


class GRUCell(UnitsCell):
    """One step of ``GRU``.  x: (batch, features)  states: h or [h], (batch, units) -> h', in the form of states

    Args: see ``GRU``.
    """

    gates = 3
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
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        reset_after: bool = True,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        implementation = kwargs.pop("implementation", 2)
        super().__init__(**kwargs)
        self._set_units(units)
        self.state_size = units
        self.activation = activations.get(activation)
        self.recurrent_activation = activations.get(recurrent_activation)
        self.use_bias = use_bias
        set_weight_arguments(self, locals(), "kernel", "recurrent", "bias")
        self._set_dropout(dropout, recurrent_dropout)
        self._set_implementation(implementation)
        self._set_seed(seed)
        self.reset_after = reset_after

    def build(self, input_shape: Any) -> None:
        columns = 3 * self.units
        self._add_weights(input_shape, (2, columns) if self.reset_after else (columns,))

    def call(self, inputs: Any, states: Any, training: Any = False) -> tuple[Any, Any]:
        h = states[0] if tree.is_nested(states) else states
        of_inputs, of_state = self._masks(inputs, h, training)
        x = product(inputs, self.kernel, of_inputs)
        if self.bias is not None:
            x = x + (self.bias[0] if self.reset_after else self.bias)
        x_z, x_r, x_h = ops.split(x, 3, axis=-1)
        if self.reset_after:
            inner = product(h, self.recurrent_kernel, of_state)
            if self.bias is not None:
                inner = inner + self.bias[1]
            h_z, h_r, h_h = ops.split(inner, 3, axis=-1)
            z, r = self.recurrent_activation(x_z + h_z), self.recurrent_activation(x_r + h_r)
            candidate = r * h_h
        else:
            # The candidate's columns are multiplied by what the reset gate left of the state.
            of_gates, of_candidate = (of_state[:2], of_state[2]) if isinstance(of_state, list) else (of_state, of_state)
            kernel_zr, kernel_h = ops.split(self.recurrent_kernel, [2 * self.units], axis=-1)
            h_z, h_r = ops.split(product(h, kernel_zr, of_gates), 2, axis=-1)
            z, r = self.recurrent_activation(x_z + h_z), self.recurrent_activation(x_r + h_r)
            candidate = product(r * h, kernel_h, of_candidate)
        h = z * h + (1 - z) * self.activation(x_h + candidate)
        return h, [h] if tree.is_nested(states) else h


class GRU(GatedRNN):
    """Gated recurrent units (arXiv:1406.1078)
    x: (batch, steps, features) -> (batch, units), or (batch, steps, units)

    With the gates z, r = recurrent_activation(x W + h U + b), in the columns of W, U and b in the order z, r, h:
    h' = z h + (1 - z) activation(x W + b + r (h U + b)), or with ``reset_after=False`` activation(x W + (r h) U + b).

    Args:
        units: the size of the state and the output.
        activation: of the candidate, a name or function; None for none.
        recurrent_activation: of the gates.
        kernel_initializer, ...: of the kernel W (features, 3 units), the recurrent kernel U (units, 3 units), the bias b.
        dropout, recurrent_dropout: the fraction of the inputs and of the state that is dropped while training, with the same masks
            at all steps (arXiv:1512.05287). With recurrent_dropout each gate has a mask of its own, for the inputs too.
        seed: fixes these masks.
        return_sequences, return_state, go_backwards, stateful, unroll: see ``RNN``; its call arguments are those of this layer.
        reset_after: whether the reset gate acts after the recurrent product, as in cuDNN; there are then two biases, one before and
            one after it, b: (2, 3 units).
        use_cudnn: True asks for the op of the whole sequence, which needs the default activations and no recurrent_dropout; "auto"
            and False use it where they can.
        implementation: 1: a mask of dropout for each gate, 2: one for all of them.
    """

    reset_after = cell_argument("reset_after")

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
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
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        reset_after: bool = True,
        use_cudnn: Any = "auto",
        **kwargs: Any,
    ) -> None:
        cell = GRUCell(
            units,
            activation=activation,
            recurrent_activation=recurrent_activation,
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
            reset_after=reset_after,
            seed=seed,
            implementation=kwargs.pop("implementation", 2),
            dtype=kwargs.get("dtype"),
            trainable=kwargs.get("trainable", True),
            name="gru_cell",
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
        weights = cell.kernel, cell.recurrent_kernel, cell.bias
        return gru(x, *states, *weights, mask, recurrent_mask, cell.reset_after, **options)
