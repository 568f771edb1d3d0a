"""Nodes: one call of a layer or an op on symbolic tensors."""

from __future__ import annotations

import weakref
from typing import Any, NamedTuple

from .. import tree
from ..core.symbolic import KerasTensor


class KerasHistory(NamedTuple):
    """Where a symbolic tensor comes from: output ``tensor_index`` of call ``node_index`` of a layer or operation."""

    operation: Any
    node_index: int
    tensor_index: int


class Node:
    """One call of a layer or operation on symbolic tensors.

    A tensor keeps the operation that it comes from, an operation its nodes, and a node the tensors that it takes. The other directions
    are weak references, so that a graph is freed as soon as nobody holds it: a node knows its operation, and makes an output anew when
    it is asked for one that nobody has kept.
    """

    def __init__(self, operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any], outputs: Any) -> None:
        index = len(operation._inbound_nodes)
        operation._inbound_nodes.append(self)
        self._set(operation, args, kwargs, index, outputs)

    def _set(self, operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any], index: int, outputs: Any) -> None:
        self._operation = weakref.ref(operation)
        self._index = index
        self.args, self.kwargs = args, kwargs
        self.inputs = [x for x in tree.flatten([args, kwargs]) if isinstance(x, KerasTensor)]
        leaves = tree.flatten(outputs)
        for i, y in enumerate(leaves):
            y._keras_history = KerasHistory(operation, index, i)
        self._outputs = tree.pack_sequence_as(outputs, [_Output(y) for y in leaves])

    @property
    def operation(self) -> Any:
        """The layer or operation that was called."""
        return self._operation()

    @property
    def outputs(self) -> Any:
        """The symbolic tensors that the call returned, in their structure."""
        return tree.map_structure(lambda output: output.tensor(self.operation, self._index), self._outputs)

    @property
    def is_input(self) -> bool:
        return not self.inputs

    def __getstate__(self) -> tuple[Any, ...]:
        return self.operation, self.args, self.kwargs, self._index, self.outputs

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self._set(*state)


def record(operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any], spec: Any) -> Any:
    """Leave a node on ``operation`` and return its outputs. spec: (shape, dtype) of each, in their structure."""
    outputs = tree.map_structure(lambda s: KerasTensor(s.shape, s.dtype), spec)
    Node(operation, args, kwargs, outputs)
    return outputs


class _Output:
    """An output of a node, which does not keep it alive."""

    def __init__(self, tensor: KerasTensor) -> None:
        self._tensor = weakref.ref(tensor)
        self._state = dict(vars(tensor))
        self._position = self._state.pop("_keras_history").tensor_index

    def tensor(self, operation: Any, index: int) -> KerasTensor:
        """The tensor, or another like it if it is gone."""
        tensor = self._tensor()
        if tensor is None:
            tensor = KerasTensor.__new__(KerasTensor)
            vars(tensor).update(self._state, _keras_history=KerasHistory(operation, index, self._position))
            self._tensor = weakref.ref(tensor)
        return tensor


class Spec:
    """Shape (open entries are None) and dtype of a tensor."""

    def __init__(self, shape: tuple[int | None, ...], dtype: str) -> None:
        self.shape, self.dtype = tuple(shape), "string" if str(dtype) == "object" else str(dtype)


def node_of(tensor: KerasTensor) -> Node:
    """The call a symbolic tensor came out of."""
    history = tensor._keras_history
    return history.operation._inbound_nodes[history.node_index]
