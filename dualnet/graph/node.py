"""Nodes: one call of a layer or an op on symbolic tensors."""

from __future__ import annotations

from typing import Any, NamedTuple

from .. import tree
from ..core.symbolic import KerasTensor


class KerasHistory(NamedTuple):
    """Where a symbolic tensor comes from: output ``tensor_index`` of call ``node_index`` of a layer or operation."""

    operation: Any
    node_index: int
    tensor_index: int


class Node:
    """One call of a layer or operation on symbolic tensors."""

    def __init__(self, operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any], outputs: Any) -> None:
        self.operation = operation
        self.args, self.kwargs, self.outputs = args, kwargs, outputs
        self.inputs = [x for x in tree.flatten([args, kwargs]) if isinstance(x, KerasTensor)]
        index = len(operation._inbound_nodes)
        operation._inbound_nodes.append(self)
        for i, y in enumerate(tree.flatten(outputs)):
            y._keras_history = KerasHistory(operation, index, i)

    @property
    def is_input(self) -> bool:
        return not self.inputs


def record(operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any], spec: Any) -> Any:
    """Leave a node on ``operation`` and return its outputs. spec: (shape, dtype) of each, in their structure."""
    outputs = tree.map_structure(lambda s: KerasTensor(s.shape, s.dtype), spec)
    return Node(operation, args, kwargs, outputs).outputs


class Spec:
    """Shape (open entries are None) and dtype of a tensor."""

    def __init__(self, shape: tuple[int | None, ...], dtype: str) -> None:
        self.shape, self.dtype = tuple(shape), "string" if str(dtype) == "object" else str(dtype)


def node_of(tensor: KerasTensor) -> Node:
    """The call a symbolic tensor came out of."""
    history = tensor._keras_history
    return history.operation._inbound_nodes[history.node_index]
