"""Models made of inputs and outputs, as Keras's configs and back; and copies of them with fresh weights."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from .. import ops, tree
from ..core.naming import to_snake_case
from ..core.symbolic import KerasTensor
from ..graph.graph import Graph
from ..graph.node import Node, Operation, node_of
from ..layers.base.layer import Layer
from ..serialization.objects import deserialize_keras_object, serialize_keras_object

_IN_NN = frozenset(
    [
        "relu",
        "relu6",
        "sigmoid",
        "silu",
        "softplus",
        "softsign",
        "tanh",
        "elu",
        "selu",
        "celu",
        "gelu",
        "leaky_relu",
        "hard_sigmoid",
        "hard_silu",
        "hard_tanh",
        "mish",
        "softmax",
        "log_softmax",
        "log_sigmoid",
        "one_hot",
        "max_pool",
        "average_pool",
        "conv",
        "depthwise_conv",
        "separable_conv",
        "conv_transpose",
        "binary_crossentropy",
        "categorical_crossentropy",
        "sparse_categorical_crossentropy",
    ]
)


# -- to a config ---------------------------------------------------------------------------------------------------


def graph_config(graph: Graph) -> dict[str, Any]:
    """``layers``, ``input_layers`` and ``output_layers`` of Keras's Functional config."""
    index = _indices(graph)
    layers = []
    for operation in graph.operations:
        config = _operation_config(operation) if isinstance(operation, Operation) else serialize_keras_object(operation)
        calls = [n for n in operation._inbound_nodes if id(n) in index and not n.is_input]
        layers.append({**config, "name": operation.name, "inbound_nodes": [_call_config(n, index) for n in calls]})
    return {
        "layers": layers,
        "input_layers": _ends(graph.inputs, index),
        "output_layers": _ends(graph.outputs, index),
    }


def _indices(graph: Graph) -> dict[int, int]:
    """Node -> its number among the calls of its layer that belong to this graph."""
    mine = {id(n) for n in graph.nodes} | {id(node_of(x)) for x in tree.flatten(graph.inputs)}
    index = {}
    for operation in graph.operations:
        for i, node in enumerate(n for n in operation._inbound_nodes if id(n) in mine):
            index[id(node)] = i
    return index


def _history(x: KerasTensor, index: dict[int, int]) -> list[Any]:
    history = x._keras_history
    return [history.operation.name, index[id(node_of(x))], history.tensor_index]


def _call_config(node: Node, index: dict[int, int]) -> dict[str, Any]:
    def leaf(x: Any) -> Any:
        if not isinstance(x, KerasTensor):
            return serialize_keras_object(x)
        config = {"shape": list(x.shape), "dtype": x.dtype, "keras_history": _history(x, index)}
        return {"class_name": "__keras_tensor__", "config": config}

    args: Any = node.args
    options = node.kwargs
    if isinstance(node.operation, Operation):
        args, options = _bind(node.operation.op, args, options)[0], {}
    return {"args": tree.map_structure(leaf, list(args)), "kwargs": tree.map_structure(leaf, options)}


def _ends(structure: Any, index: dict[int, int]) -> Any:
    ends = tree.map_structure(lambda x: _History(_history(x, index)), structure)
    return tree.map_structure(lambda h: h.parts, ends)


class _History:
    """[layer, node, tensor] as one leaf."""

    def __init__(self, parts: list[Any]) -> None:
        self.parts = parts


def _bind(op: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """The operands of a call of an op, and its options by name."""
    try:
        given = inspect.signature(op).bind(*args, **options).arguments
    except TypeError:
        return list(args), options
    operands: list[Any] = []
    named: dict[str, Any] = {}
    for name, value in given.items():
        variadic = isinstance(value, tuple) and any(isinstance(v, KerasTensor) for v in value)
        if variadic:
            operands.append(list(value))
        elif isinstance(value, KerasTensor) or ((not operands or not named) and name in ("x1", "x2")):
            operands.append(value)
        elif isinstance(value, dict) and name in ("options", "kwargs"):
            named |= value
        else:
            named[name] = value
    return operands, named


def _operation_config(operation: Operation) -> dict[str, Any]:
    name = operation.op.__name__.lstrip("_")
    node = operation._inbound_nodes[0]
    options = _bind(operation.op, node.args, node.kwargs)[1]
    class_name = "".join(part.capitalize() for part in name.split("_"))
    return {
        "module": f"keras.src.ops.{'nn' if name in _IN_NN else 'numpy'}",
        "class_name": class_name,
        "config": {"name": operation.name, **serialize_keras_object(options)},
        "registered_name": class_name,
    }


# -- from a config -------------------------------------------------------------------------------------------------


def graph_from_config(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> tuple[Any, Any]:
    """The symbolic inputs and outputs a Functional config describes, made by calling its layers again."""
    operations: dict[str, Any] = {}
    waiting: list[tuple[str, int, dict[str, Any]]] = []
    made: dict[tuple[str, int], list[KerasTensor]] = {}
    for entry in config["layers"]:
        name = entry.get("name") or entry["config"]["name"]
        operations[name] = _make_operation(entry, custom_objects)
        nodes = entry.get("inbound_nodes") or []
        waiting += [(name, i, node) for i, node in enumerate(nodes)]
        if not nodes:
            made[name, 0] = tree.flatten(operations[name].output)
    nowhere = sorted({h[0] for _, _, node in waiting for h in _histories(node) if h[0] not in operations})
    if nowhere:
        raise ValueError(f"the config describes no model. Missing node: {', '.join(nowhere)}")
    while waiting:
        later = []
        for name, i, node in waiting:
            if all((h[0], h[1]) in made for h in _histories(node)):
                made[name, i] = tree.flatten(_call_again(operations[name], node, made))
            else:
                later.append((name, i, node))
        if len(later) == len(waiting):
            raise ValueError(
                f"the config describes no model: the inputs of {sorted({n for n, _, _ in later})} never come, as they "
                "wait for each other in a loop"
            )
        waiting = later

    def ends(structure: Any) -> Any:
        if _is_history(structure):
            return made[structure[0], structure[1]][structure[2]]
        if isinstance(structure, dict):
            return {key: ends(value) for key, value in structure.items()}
        parts = [ends(part) for part in structure]
        return type(structure)(*parts) if hasattr(structure, "_fields") else type(structure)(parts)

    return ends(config["input_layers"]), ends(config["output_layers"])


def _is_history(x: Any) -> bool:
    return isinstance(x, (list, tuple)) and len(x) == 3 and isinstance(x[0], str) and isinstance(x[1], int)


def _make_operation(entry: dict[str, Any], custom_objects: dict[str, Any] | None) -> Any:
    module = str(entry.get("module") or "")
    if not module.startswith("keras.src.ops."):
        return deserialize_keras_object({k: v for k, v in entry.items() if k != "inbound_nodes"}, custom_objects)
    name = to_snake_case(entry["class_name"])
    op = getattr(ops, name, None)
    if op is None or name not in ops.__all__:
        raise ValueError(f"the model uses the operation {entry['class_name']}, which dualnet does not have")
    options = {k: v for k, v in entry["config"].items() if k not in ("name", "dtype") and v is not None}

    def call(*args: Any, **kwargs: Any) -> Any:
        return op(*args, **options, **kwargs)

    call.__name__ = name
    call.__signature__ = inspect.signature(op)  # type: ignore[attr-defined]
    return _Reader(call, entry["config"].get("name"))


class _Reader(Operation):
    """An operation from a file. Calling it leaves the node that the op itself leaves; the name is the file's."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        outputs = self.op(*args, **kwargs)
        for y in tree.flatten(outputs):
            if isinstance(y, KerasTensor):
                y._keras_history.operation.name = self.name
        return outputs


def _histories(node: Any) -> list[list[Any]]:
    """The [layer, node, tensor] of every tensor a call takes; also in the lists of Keras 2."""
    if isinstance(node, dict) and node.get("class_name") == "__keras_tensor__":
        return [node["config"]["keras_history"]]
    if isinstance(node, dict):
        return [h for value in node.values() for h in _histories(value)]
    if isinstance(node, (list, tuple)):
        if len(node) in (3, 4) and isinstance(node[0], str) and isinstance(node[1], int):
            return [list(node[:3])]
        return [h for value in node for h in _histories(value)]
    return []


def _call_again(operation: Any, node: Any, made: dict[tuple[str, int], list[KerasTensor]]) -> Any:
    def real(x: Any) -> Any:
        if isinstance(x, dict) and x.get("class_name") == "__keras_tensor__":
            name, i, t = x["config"]["keras_history"]
            return made[name, i][t]
        if isinstance(x, dict) and "class_name" in x:
            return deserialize_keras_object(x)
        if isinstance(x, dict):
            return {key: real(value) for key, value in x.items()}
        return [real(value) for value in x] if isinstance(x, (list, tuple)) else x

    if isinstance(node, dict):
        kwargs = {key: value for key, value in real(node["kwargs"]).items() if value is not None}
        return operation(*real(node["args"]), **kwargs)
    tensors = [made[name, i][t] for name, i, t in _histories(node)]
    options = node[0][3] if node and len(node[0]) == 4 and isinstance(node[0][3], dict) else {}
    return operation(tensors[0] if len(tensors) == 1 else tensors, **options)


# -- copies --------------------------------------------------------------------------------------------------------


def copy_graph(graph: Graph, inputs: Any, copy_layer: Callable[[Layer], Any]) -> Any:
    """The outputs of the graph on other symbolic inputs, with ``copy_layer(layer)`` in the place of each layer."""
    copies: dict[int, Any] = {}

    def call(operation: Any, args: Any, kwargs: Any) -> Any:
        if isinstance(operation, Layer):
            if id(operation) not in copies:
                copies[id(operation)] = copy_layer(operation)
            return copies[id(operation)](*args, **kwargs)
        return operation(*args, **kwargs)

    return graph.run(inputs, call)
