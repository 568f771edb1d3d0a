"""The functional API: layer and op calls on symbolic tensors, recorded as nodes, run again on data.

``Input(...)`` gives a symbolic tensor. Calling a layer or an op on it leaves a ``Node`` on that layer (on an
``RecordedOp`` made for that op) and gives new symbolic tensors. A ``Graph`` holds the calls that lead from some of them to others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from .. import tree
from ..core.symbolic import KerasTensor
from .node import Node, Spec, node_of, record


class Graph:
    """The calls that lead from ``inputs`` to ``outputs`` (nested structures of symbolic tensors).

    nodes: in execution order. operations: layers and operations, those farthest from the outputs
    first, as in Keras (the order of weights in files follows from it). Raises ``ValueError`` when an output needs an
    input that is not among ``inputs``, and when two operations have one name: configs and files refer to them by name.
    """

    def __init__(self, inputs: Any, outputs: Any) -> None:
        for name, tensors in (("inputs", inputs), ("outputs", outputs)):
            for x in tree.flatten(tensors):
                if not isinstance(x, KerasTensor) or x._keras_history is None:
                    raise ValueError(
                        f"All `{name}` values must be KerasTensors, from Input(...) and calls on it, got {x!r}"
                    )
        self.inputs, self.outputs = inputs, outputs
        self._flat_inputs = tree.flatten(inputs)
        nodes, order = self._walk()
        input_nodes = {id(node_of(x)) for x in self._flat_inputs}
        self.nodes = [node for node in nodes if not node.is_input and id(node) not in input_nodes]
        self._outputs = [node.outputs for node in self.nodes]  # which nodes do not keep
        self._used_last: list[list[int]] | None = self._last_uses()
        self.operations = _by_depth(nodes, order, self._flat_inputs)
        _check_names(self.operations)

    def _walk(self) -> tuple[list[Node], dict[int, int]]:
        """Nodes in execution order, and for each operation its rank in a walk back from the outputs."""
        input_ids = {id(x) for x in self._flat_inputs}
        done: dict[int, Node] = {}
        order: dict[int, int] = {}
        outputs = tree.flatten_with_path(self.outputs)
        stack: list[tuple[KerasTensor, bool]] = []
        while stack or outputs:  # depth first without recursion: models of a thousand layers exist
            if not stack:
                path, output = outputs.pop(0)
                stack.append((output, False))
            tensor, expanded = stack.pop()
            node = node_of(tensor)
            if id(node) in done:
                continue
            if expanded:
                done[id(node)] = node
                continue
            order.setdefault(id(node.operation), len(order))
            if node.is_input and id(tensor) not in input_ids:
                raise ValueError(
                    f"Output with path `{'.'.join(map(str, path))}` is not connected to `inputs` alone: it depends on "
                    f"{node.operation.name!r}, which is not among the inputs "
                    f"({', '.join(node_of(x).operation.name for x in self._flat_inputs)}): add it to them"
                )
            stack.append((tensor, True))
            if id(tensor) not in input_ids:
                stack += [(x, False) for x in reversed(node.inputs)]
        return list(done.values()), order

    def _last_uses(self) -> list[list[int]]:
        """For each node the ids of the tensors that no later node and no output needs."""
        needed = {id(x) for x in tree.flatten(self.outputs)}
        last_uses: list[list[int]] = []
        for node, outputs in zip(reversed(self.nodes), reversed(self._outputs)):
            ids = {id(x) for x in (*node.inputs, *tree.flatten(outputs))} - needed
            needed |= ids
            last_uses.append(list(ids))
        return last_uses[::-1]

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._used_last = None  # for other tensors; those of the copy may not be complete yet

    def run(self, inputs: Any, call: Callable[..., Any]) -> Any:
        """The outputs for real inputs. call: ``(operation, args, kwargs) -> outputs`` of one node."""
        if self._used_last is None:
            self._used_last = self._last_uses()
        values = {id(x): value for x, value in zip(self._flat_inputs, tree.flatten(inputs))}

        def real(x: Any) -> Any:
            return values[id(x)] if isinstance(x, KerasTensor) else x

        for node, outputs, done in zip(self.nodes, self._outputs, self._used_last):
            args = tree.map_structure(real, node.args)
            kwargs = tree.map_structure(real, node.kwargs)
            results = call(node.operation, args, kwargs)
            values.update((id(y), value) for y, value in zip(tree.flatten(outputs), tree.flatten(results)))
            del args, kwargs, results
            for key in done:  # outside of training nobody else holds them: their memory serves the next nodes
                values.pop(key, None)
        return tree.map_structure(real, self.outputs)


def with_own_inputs(inputs: Any, outputs: Any, make_input: Callable[[KerasTensor], KerasTensor]) -> tuple[Any, Any]:
    """The same inputs and outputs or, where an input is the result of a call, copies that begin with fresh inputs.

    The layers are the same; each gets another node. make_input: creates a symbolic input with the shape and dtype of a symbolic tensor.
    """
    if all(not isinstance(x, KerasTensor) or node_of(x).is_input for x in tree.flatten(inputs)):
        return inputs, outputs
    graph = Graph(inputs, outputs)
    new_inputs = tree.map_structure(lambda x: x if node_of(x).is_input else make_input(x), inputs)

    def record_again(operation: Any, args: Any, kwargs: Any) -> Any:
        node = next(nodes)
        return record(operation, args, kwargs, tree.map_structure(lambda y: Spec(y.shape, y.dtype), node.outputs))

    nodes = iter(graph.nodes)
    return new_inputs, graph.run(new_inputs, record_again)


def get_source_inputs(tensor: KerasTensor) -> list[KerasTensor]:
    """The inputs of a model that a symbolic tensor was computed from, each once, nearest first."""
    sources: dict[int, KerasTensor] = {}
    seen: set[int] = set()
    queue = [tensor]
    while queue:
        x = queue.pop(0)
        if x._keras_history is None or (id(node_of(x)) in seen and not node_of(x).is_input):
            continue
        node = node_of(x)
        if node.is_input:
            sources.setdefault(id(x), x)
        else:
            seen.add(id(node))
            queue = [*node.inputs, *queue]
    return list(sources.values())


def _check_names(operations: list[Any]) -> None:
    if len({o.name for o in operations}) == len(operations):
        return
    name, uses = Counter(o.name for o in operations).most_common(1)[0]
    kinds = ", ".join(type(o).__name__ for o in operations if o.name == name)
    raise ValueError(
        f"The name {name!r} is used {uses} times in the model ({kinds}). All operation names should be unique: give each "
        "layer its own with name=, also a model that is used as a layer, or call one layer several times to share its weights"
    )


def _by_depth(nodes: list[Node], order: dict[int, int], inputs: Iterable[KerasTensor]) -> list[Any]:
    """Operations by their largest distance to an output, the farthest first; at one distance in the order of ``order``."""
    node_depth: dict[int, int] = {}
    depth: dict[int, int] = {}
    operations: dict[int, Any] = {}
    for node in reversed(nodes):
        i = id(node.operation)
        operations[i] = node.operation
        depth[i] = node_depth[id(node)] = max(node_depth.get(id(node), 0), depth.get(i, 0))
        for x in node.inputs:
            before = id(node_of(x))
            node_depth[before] = max(depth[i] + 1, node_depth.get(before, 0))
    for x in inputs:  # inputs that no output needs
        operation = node_of(x).operation
        if id(operation) not in depth:
            operations[id(operation)], depth[id(operation)] = operation, 0
    return sorted(operations.values(), key=lambda o: (-depth[id(o)], order.get(id(o), -1)))
