"""Function: the calls between symbolic tensors, as a function."""

from __future__ import annotations

from itertools import chain
from typing import Any

import dualnet_backends as backends

from .. import tree
from ..core.conversion import to_own_array
from ..core.placement import backend_of
from ..core.symbolic import KerasTensor
from ..core.tensor import Tensor
from ..core.variables import present_values
from .graph import Graph
from .infer import symbols
from .operation import Operation
from .trial import trial


class Function(Operation):
    """The calls that lead from ``inputs`` to ``outputs``, structures of symbolic tensors, run again on other inputs.

    A ``Model`` without training: it has no weights of its own, runs as it is written, and takes inputs in the structure of
    ``inputs``. Symbolic inputs give symbolic outputs. Raises ``ValueError`` when an output needs more than the inputs.
    """

    def __init__(self, inputs: Any, outputs: Any, name: str | None = None) -> None:
        super().__init__(name)
        self._graph = Graph(inputs, outputs)

    @property
    def operations(self) -> list[Any]:
        """The layers and ops, the inputs first."""
        return list(self._graph.operations)

    @property
    def inputs(self) -> list[KerasTensor]:
        """The symbolic inputs."""
        return tree.flatten(self._graph.inputs)

    @property
    def outputs(self) -> list[KerasTensor]:
        """The symbolic outputs."""
        return tree.flatten(self._graph.outputs)

    @property
    def input(self) -> Any:
        """The symbolic inputs, in the structure passed to the constructor."""
        return self._graph.inputs

    @property
    def output(self) -> Any:
        """The symbolic outputs, in the structure passed to the constructor."""
        return self._graph.outputs

    def __call__(self, inputs: Any) -> Any:
        """The outputs for tensors, arrays or symbolic tensors in the structure of ``inputs``."""
        values = tree.flatten(inputs) if tree.is_nested(self._graph.inputs) else [inputs]
        if len(values) != len(self.inputs):
            raise ValueError(f"function {self.name!r} takes {len(self.inputs)} inputs, got {len(values)}")
        # What is no tensor goes where the weights lie, or to the device in use.
        weights = (getattr(operation, "weights", ()) for operation in self.operations)
        backend = backend_of(chain(values, weights)) or backends.current()
        values = [x if isinstance(x, (Tensor, KerasTensor)) else Tensor(to_own_array(x, backend)) for x in values]
        return present_values(self._graph.run(values, lambda operation, args, kwargs: operation(*args, **kwargs)))

    call = __call__

    def compute_output_spec(self, inputs: Any) -> Any:
        """Symbolic tensors with the shapes and dtypes of the outputs for symbolic inputs, not connected to a graph."""
        with trial():
            return symbols(self(inputs))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shapes of the outputs for shapes of the inputs."""
        shapes: list[Any] = []
        tree.map_shape_structure(lambda shape: shapes.append(tuple(shape)), input_shape)
        symbols = [KerasTensor(shape, x.dtype) for shape, x in zip(shapes, self.inputs)]
        structure = tree.pack_sequence_as(self._graph.inputs, symbols)
        return tree.map_structure(lambda y: y.shape, self.compute_output_spec(structure))
