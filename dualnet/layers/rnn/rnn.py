"""RNN: a cell at every step of a sequence, its states carried from step to step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ... import ops, tree
from ...core.symbolic import KerasTensor
from ...core.variables import Variable
from ...graph.trial import is_trial, trial
from ...ops.core.state import write_state, zeros_for_batch
from ...serialization.configurable import builtin_class
from ..base.configuration import part_from_config
from ..base.layer import Layer, Shape
from .dropout_cell import DropoutRNNCell
from .loop import run_steps
from .stacked_rnn_cells import (
    StackedRNNCells,
    call_cell,
    check_cell,
    output_size_of,
    state_shapes,
    zero_states,
)


class RNN(Layer):
    """A cell at every step of a sequence.  x: (batch, steps, ...) -> (batch, units), or (batch, steps, units)

    A cell is a layer (or another object) with ``call(inputs, states) -> (output, new states)`` and ``state_size``, the size of its
    state or a list of the sizes of its states. It may have an ``output_size``, by default that of its first state, and
    ``get_initial_state(batch_size)``, by default zeros. ``cell`` may also be a list of cells, which are stacked (``StackedRNNCells``).

    A mask (batch, steps) leaves steps out: the states stay as they are, and the output is the one before.

    Args:
        return_sequences: return the output of every step, not of the last alone.
        return_state: return the last states too: (output, state, ...).
        go_backwards: go from the last step to the first; a sequence that is returned begins with the last step.
        stateful: begin each batch with the last states of the one before, sample by sample, until ``reset_state``. The batch needs a
            fixed size: ``Input(batch_shape=...)``.
        unroll: accepted for Keras's sake; the number of steps must be known, and the result is the same.
        zero_output_for_mask: where the mask is False, return zeros in the place of the output before.

    Call arguments:
        initial_state: the states to begin with, a tensor or a list in the structure of ``state_size``, which may be symbolic.
        mask: (batch, steps); by default that of the sequences.
        training: passed to the cell, for its dropout.
    """

    supports_masking = True

    def __init__(
        self,
        cell: Any,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        **kwargs: Any,
    ) -> None:
        if isinstance(cell, (list, tuple)):
            cell = StackedRNNCells(cell)
        check_cell(cell, "Argument `cell`")
        super().__init__(**kwargs)
        self.zero_output_for_mask = zero_output_for_mask
        self.cell = cell
        self.return_sequences = return_sequences
        self.return_state = return_state
        self.go_backwards = go_backwards
        self.stateful = stateful
        self.unroll = unroll
        size = cell.state_size
        if not isinstance(size, (list, tuple, int)):
            raise ValueError(
                "state_size must be an integer, or a list/tuple of integers (one for each state tensor). "
                f"Received: state_size={size!r} of the cell {cell}"
            )
        self.single_state = isinstance(size, int)
        self.state_size = [size] if isinstance(size, int) else list(size)

    # -- shapes and masks ----------------------------------------------------------------------------------------

    def build(self, sequences_shape: Any, initial_state_shape: Any = None) -> None:
        if isinstance(self.cell, Layer) and not self.cell.built:
            self.cell.build(_step_shape(sequences_shape))
            self.cell.built = True
        if not self.stateful:
            return
        if self._recurrent_states is not None:
            self.reset_state()
            return
        if sequences_shape[0] is None:
            raise ValueError(
                "When using `stateful=True` in a RNN, the batch size must be static: give the model an "
                f"Input(batch_shape=(batch, steps, ...)). Found dynamic batch size: sequence.shape={sequences_shape}"
            )
        self._recurrent_states = tree.map_structure(self._state_variable, self.get_initial_state(sequences_shape[0]))

    def _state_variable(self, value: Any) -> Variable:
        return Variable(value, trainable=False, dtype=self.variable_dtype, name="rnn_state")

    def compute_output_shape(self, sequences_shape: Any, initial_state_shape: Any = None) -> Any:
        batch = sequences_shape[0]
        size = output_size_of(self.cell)
        if not isinstance(size, int):
            raise ValueError(f"output_size must be an integer, got {size!r} of the cell {self.cell}")
        return self._with_steps((batch, size), state_shapes(self.cell, batch), sequences_shape)

    def _with_steps(self, output: Shape, states: list[Any], sequences_shape: Any) -> Any:
        """The shapes of what the layer returns, from those of one output of the cell and of its states."""
        if self.return_sequences:
            output = (output[0], sequences_shape[1], *output[1:])
        return (output, *states) if self.return_state else output

    def compute_output_spec(
        self, sequences: Any, initial_state: Any = None, mask: Any = None, training: Any = False
    ) -> Any:
        self._check_unrolled(sequences.shape[1])
        if type(self).call is not getattr(
            builtin_class(type(self)), "call", None
        ):  # a user's class may return anything
            return self._infer_call((sequences,), {"initial_state": initial_state, "mask": mask, "training": training})
        if self._has_builtin_cells:
            shapes = self.compute_output_shape(tuple(sequences.shape))
        else:  # one step tells the shapes, and builds the layers in a cell of the user
            with trial():
                output, states = self._symbolic_step(sequences)
            states = tree.map_structure(lambda s: (sequences.shape[0], *s.shape[1:]), states)
            shapes = self._with_steps((sequences.shape[0], *output.shape[1:]), states, tuple(sequences.shape))
        return tree.map_shape_structure(lambda shape: KerasTensor(shape, self.compute_dtype), shapes)

    @property
    def _has_builtin_cells(self) -> bool:
        return all(builtin_class(type(cell)) is type(cell) for cell in _cells(self.cell))

    def _symbolic_step(self, sequences: Any) -> tuple[Any, list[Any]]:
        dtype = getattr(self.cell, "compute_dtype", self.compute_dtype)
        x = KerasTensor(_step_shape(sequences.shape), dtype)
        initial = self.get_initial_state(2 if x.shape[0] is None else x.shape[0])
        states = tree.map_structure(lambda s: KerasTensor((x.shape[0], *s.shape[1:]), dtype), initial)
        return self._step(x, states)

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        mask = tree.flatten(previous_mask)[0] if self.return_sequences else None
        return [mask, *(None for _ in self.state_size)] if self.return_state else mask

    # -- states --------------------------------------------------------------------------------------------------

    @property
    def states(self) -> Any:
        """The variables that hold the states of a stateful layer, None before it is built. They are no weights."""
        return self._recurrent_states

    def get_initial_state(self, batch_size: Any) -> list[Any]:
        """The states that the cell begins with, as a list."""
        states = zero_states(self.cell, batch_size, getattr(self.cell, "compute_dtype", self.compute_dtype))
        return list(states) if tree.is_nested(states) else [states]

    def reset_state(self, states: Any = None) -> None:
        """Set the states of a stateful layer to zero, or to ``states``, arrays in their structure."""
        variables = [] if self._recurrent_states is None else tree.flatten(self._recurrent_states)
        if states is None:
            for v in variables:
                v.assign(ops.zeros_like(v))
            return
        values = tree.flatten(states)
        if len(values) != len(variables):
            raise ValueError(
                f"{self.name}: reset_state expects {len(variables)} states, got {len(values)}"
                + ("" if variables else " (the layer is not stateful, or not built yet)")
            )
        for v, value in zip(variables, values):
            v.assign(value)

    def reset_states(self, states: Any = None) -> None:
        """The same as ``reset_state``."""
        self.reset_state(states)

    def _first_states(self, sequences: Any, initial_state: Any) -> list[Any]:
        """The states of the first step, in the dtype the cell computes in."""
        batch = sequences.shape[0]
        if self.stateful and self._recurrent_states is not None:
            expected = tree.flatten(self._recurrent_states)[0].shape[0]
            if batch != expected:
                raise ValueError(
                    "If an RNN is stateful, the batch size of the input sequences must be the same as the batch size of the "
                    f"initial state.\n- Expected batch size: {expected}\n- Received batch size: {batch}"
                )
        if initial_state is None and self.stateful:
            states = tree.map_structure(lambda v: v.value, self._recurrent_states)
        elif initial_state is None:
            states = self.get_initial_state(batch)
            if self._has_builtin_cells:  # they begin with zeros
                states = tree.map_structure(
                    lambda s: zeros_for_batch(sequences, tuple(s.shape[1:]), str(s.dtype)), states
                )
        else:
            states = self._in_order_of_cells(initial_state)
        dtype = getattr(self.cell, "compute_dtype", self.compute_dtype)
        return tree.map_structure(lambda s: ops.convert_to_tensor(s, dtype), states)

    def _in_order_of_cells(self, initial_state: Any) -> list[Any]:
        """States that were passed, as a list in the structure that the cells return; ``ValueError`` when there are too many or few."""
        sizes, leaves = tree.flatten(self.state_size), tree.flatten(initial_state)
        if min(sizes) > 0 and len(leaves) != len(sizes):
            raise ValueError(
                f"{self.name}: `initial_state` should have the structure of the states of the cell, state_size="
                f"{self.state_size}: expected {len(sizes)} tensors, got {len(leaves)}"
            )
        if isinstance(self.cell, StackedRNNCells):
            form = tree.map_shape_structure(lambda shape: None, state_shapes(self.cell, None))
            return list(tree.pack_sequence_as(form, leaves))
        return list(initial_state) if tree.is_nested(initial_state) else [initial_state]

    # -- calling -------------------------------------------------------------------------------------------------

    def call(self, sequences: Any, initial_state: Any = None, mask: Any = None, training: Any = False) -> Any:
        self._check_unrolled(sequences.shape[1])
        if sequences.shape[1] == 0:
            raise ValueError(
                f"{self.name}: expected at least one step, got a sequence of shape {tuple(sequences.shape)}"
            )
        states = self._first_states(sequences, initial_state)
        self._reset_dropout_masks()
        try:
            last, outputs, states = self.inner_loop(
                sequences, states, _mask_of_steps(tree.flatten(mask)[0], sequences), training
            )
        finally:
            self._reset_dropout_masks()
        dtype = self.compute_dtype
        output, *states = tree.map_structure(
            lambda y: y if str(y.dtype) == dtype else ops.cast(y, dtype),
            [outputs if self.return_sequences else last, *states],
        )
        if self.stateful and not is_trial():
            for v, value in zip(tree.flatten(self._recurrent_states), tree.flatten(states), strict=True):
                write_state(value, v.data)
        return (output, *states) if self.return_state else output

    def inner_loop(self, sequences: Any, initial_state: Any, mask: Any, training: Any = False) -> Any:
        """(last output, all outputs, last states); all outputs may be None unless they are returned."""
        return run_steps(
            self._step,
            sequences,
            list(initial_state) if tree.is_nested(initial_state) else [initial_state],
            mask,
            go_backwards=self.go_backwards,
            zero_output_for_mask=self.zero_output_for_mask,
            return_sequences=self.return_sequences,
        )

    def _step(self, x: Any, states: list[Any]) -> tuple[Any, list[Any]]:
        output, states = call_cell(self.cell, x, states)
        return output, list(states) if tree.is_nested(states) else [states]

    def _check_unrolled(self, steps: int | None) -> None:
        if self.unroll and steps is None:
            raise ValueError(
                f"Cannot unroll a RNN if the time dimension is undefined (layer {self.name!r}): say how many steps there are, "
                "as in `Input(shape=(steps, features))` or `Input(batch_shape=(batch, steps, features))`."
            )

    def _reset_dropout_masks(self) -> None:
        for cell in _cells(self.cell):
            if isinstance(cell, DropoutRNNCell):
                cell.reset_dropout_mask()
                cell.reset_recurrent_dropout_mask()

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        """The layer a config describes, with a new cell."""
        return cls(**{**config, "cell": part_from_config(config, "cell", custom_objects)})


def _mask_of_steps(mask: Any, sequences: Any) -> Any:
    """(batch, steps), boolean: of a mask with more axes any entry counts, and one of (batch,) holds for all steps."""
    if mask is None:
        return None
    mask = ops.cast(mask, "bool")
    if len(mask.shape) == 1:
        return ops.broadcast_to(ops.expand_dims(mask, 1), tuple(sequences.shape[:2]))
    return mask if len(mask.shape) == 2 else ops.any(mask, axis=tuple(range(2, len(mask.shape))))


def _step_shape(sequences_shape: Any) -> Shape:
    return (sequences_shape[0], *sequences_shape[2:])


def _cells(cell: Any) -> Iterator[Any]:
    """A cell and the layers in it."""
    if isinstance(cell, Layer):
        yield from cell._flatten_layers()
        return
    yield cell
