"""StackedRNNCells: cells on top of each other, as one cell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ... import ops, tree
from ..base.configuration import part_from_config
from ..base.layer import Layer


class StackedRNNCells(Layer):
    """Cells on top of each other, as one cell: the output of one is the input of the next.  x: (batch, ...) -> (batch, units)

    The state is a list with that of each cell.
    """

    def __init__(self, cells: Sequence[Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        for cell in cells:
            check_cell(cell, "All cells")
        if not cells:
            raise ValueError("StackedRNNCells: expected at least one cell, got none")
        self.cells = list(cells)

    @property
    def state_size(self) -> list[Any]:
        """The state sizes of the cells."""
        return [cell.state_size for cell in self.cells]

    @property
    def output_size(self) -> Any:
        """The size of the output, which is that of the last cell."""
        return output_size_of(self.cells[-1])

    def get_initial_state(self, batch_size: Any = None) -> list[Any]:
        """The states that the cells begin with."""
        return [zero_states(cell, batch_size, self.compute_dtype) for cell in self.cells]

    def build(self, input_shape: Any) -> None:
        for cell in self.cells:
            if isinstance(cell, Layer) and not cell.built:
                cell.build(input_shape)
                cell.built = True
            input_shape = (input_shape[0], output_size_of(cell))

    def compute_output_shape(self, inputs_shape: Any, states_shape: Any = None) -> Any:
        """(shape of the output, those of the states of each cell)."""
        batch = inputs_shape[0]
        return (batch, self.output_size), state_shapes(self, batch)

    def call(self, inputs: Any, states: Any, training: Any = False, **kwargs: Any) -> tuple[Any, list[Any]]:
        new_states = []
        for cell, own in zip(self.cells, states, strict=True):
            inputs, after = call_cell(cell, inputs, list(own) if tree.is_nested(own) else [own], **kwargs)
            after = list(after) if tree.is_nested(after) else [after]
            new_states.append(after if tree.is_nested(own) else after[0])
        return inputs, new_states

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        """The stack a config describes, with new cells."""
        return cls(**{**config, "cells": part_from_config(config, "cells", custom_objects)})


def check_cell(cell: Any, what: str) -> None:
    """Raise ``ValueError`` for what is no cell of a recurrent layer."""
    if not hasattr(cell, "call"):
        raise ValueError(f"{what} should have a `call` method, `call(inputs, states)`. Received: cell={cell}")
    if not hasattr(cell, "state_size"):
        raise ValueError(
            f"{what} should have a `state_size` attribute (single integer or list of integers, one integer per RNN state). "
            f"Received: cell={cell}"
        )


def call_cell(cell: Any, inputs: Any, states: Any, **kwargs: Any) -> tuple[Any, Any]:
    """(output, new states) of a cell, which may be a layer or an object that has no more than ``call``."""
    output, states = cell(inputs, states, **kwargs) if callable(cell) else cell.call(inputs, states, **kwargs)
    return output, states


def output_size_of(cell: Any) -> Any:
    """The size of the output of a cell: its ``output_size``, or that of its first state."""
    if getattr(cell, "output_size", None) is not None:
        return cell.output_size
    return tree.flatten(cell.state_size)[0]


def state_shapes(cell: Any, batch: Any) -> list[Any]:
    """The shapes of the states that a cell returns: a list, of stacked cells a list of lists."""
    if isinstance(cell, StackedRNNCells):
        return [state_shapes(each, batch) for each in cell.cells]
    sizes = list(cell.state_size) if tree.is_nested(cell.state_size) else [cell.state_size]
    return tree.map_structure(lambda n: (batch, n), sizes)


def zero_states(cell: Any, batch_size: Any, dtype: str) -> Any:
    """The states a cell begins with: by its ``get_initial_state``, else zeros in the structure of ``state_size``."""
    if getattr(cell, "get_initial_state", None):
        return cell.get_initial_state(batch_size=batch_size)
    return tree.map_structure(lambda n: ops.zeros((batch_size, n), dtype), cell.state_size)
