"""Models made of inputs and outputs, as Keras's configs and back; and copies of them with fresh weights."""

from __future__ import annotations

import inspect
import itertools
import sys
from collections.abc import Callable
from typing import Any

import dualnet_backends as backends

from .. import tree
from ..core.conversion import to_array
from ..core.op import is_symbolic
from ..core.symbolic import KerasTensor
from ..graph.graph import Graph
from ..graph.node import Node, node_of
from ..graph.operation import RecordedOp
from ..layers.base.layer import Layer
from ..ops import registry
from ..saving.upgrade.nodes import is_history, modern_graph
from ..saving.upgrade.tf_ops import CLASSES as TF_OPS
from ..saving.upgrade.tf_ops import tf_function
from ..serialization import sharing
from ..serialization.objects import (
    describe,
    deserialize_keras_object,
    get_registered_name,
    get_registered_object,
    note_config,
    serialize_keras_object,
)

# The modules in which configs name the operations of Keras.
_OPS = "dualnet.ops."  # and the namespace of an op
_KERAS_OPERATIONS = ("keras.src.ops.", "keras.src.activations.")

# What the config of any operation may have besides the options of its op.
_OF_ANY_OPERATION = ("name", "dtype", "trainable")

# -- to a config ---------------------------------------------------------------------------------------------------


def graph_config(graph: Graph) -> dict[str, Any]:
    """``layers``, ``input_layers`` and ``output_layers`` of Keras's Functional config."""
    return sharing.write_config(lambda: _graph_config(graph))


def _graph_config(graph: Graph) -> dict[str, Any]:
    index = _indices(graph)
    layers = []
    for operation in graph.operations:
        config = (
            _operation_config(operation) if isinstance(operation, RecordedOp) else serialize_keras_object(operation)
        )
        calls = [n for n in operation._inbound_nodes if id(n) in index and not n.is_input]
        layers.append({**config, "name": operation.name, "inbound_nodes": [_call_config(n, index) for n in calls]})
    return {
        "layers": layers,
        "input_layers": tree.map_structure(lambda x: _history(x, index), graph.inputs),
        "output_layers": tree.map_structure(lambda y: _output_history(y, index), graph.outputs),
    }


def _indices(graph: Graph) -> dict[int, int]:
    """Node -> its number among the calls of its layer that belong to this graph."""
    node_ids = {id(n) for n in graph.nodes} | {id(node_of(x)) for x in tree.flatten(graph.inputs)}
    index = {}
    for operation in graph.operations:
        for i, node in enumerate(n for n in operation._inbound_nodes if id(n) in node_ids):
            index[id(node)] = i
    return index


def _history(x: KerasTensor, index: dict[int, int]) -> list[Any]:
    history = x._keras_history
    return [history.operation.name, index[id(node_of(x))], history.tensor_index]


def _output_history(y: KerasTensor, index: dict[int, int]) -> list[Any]:
    """The same for an output of the graph: there, Keras counts the making of a model inside as a call of it."""
    name, call, output = _history(y, index)
    operation = y._keras_history.operation
    is_graph = getattr(operation, "_graph", None) is not None and not getattr(operation, "_is_chain", False)
    return [name, call + is_graph, output]


def _call_config(node: Node, index: dict[int, int]) -> dict[str, Any]:
    def leaf(x: Any) -> Any:
        if not isinstance(x, KerasTensor):
            return serialize_keras_object(x)
        config = {"shape": list(x.shape), "dtype": x.dtype, "keras_history": _history(x, index)}
        return {"class_name": "__keras_tensor__", "config": config}

    args: Any = node.args
    options = node.kwargs
    if isinstance(node.operation, RecordedOp):
        args, options = _call_arguments(node.operation, node)
    return {"args": tree.map_structure(leaf, list(args)), "kwargs": tree.map_structure(leaf, options)}


def _arguments(op: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a call by name; those of ``**kwargs`` among them, those of ``*args`` as a tuple."""
    signature = inspect.signature(op)
    arguments = dict(signature.bind(*args, **options).arguments)
    for p in signature.parameters.values():
        if p.kind is p.VAR_KEYWORD:
            arguments |= arguments.pop(p.name, {})
    return arguments


def _call_arguments(operation: RecordedOp, node: Node) -> tuple[list[Any], dict[str, Any]]:
    """What a config stores with the node: the arguments with which Keras calls the operation, and all symbolic tensors."""
    info, parameters = operation.op.info, inspect.signature(operation.op).parameters  # type: ignore[attr-defined]
    arguments = _arguments(operation.op, node.args, node.kwargs)
    args: list[Any] = []
    for name in info.call:
        if parameters[name].kind is inspect.Parameter.VAR_POSITIONAL:
            args += arguments.pop(name)
            break
        value = arguments.pop(name, parameters[name].default)  # some of Keras's classes need every argument
        args.append(_key_to_config(value) if info.name == "get_item" and name == "key" else value)
    return args, {name: value for name, value in arguments.items() if name in info.call or is_symbolic(value)}


def _key_to_config(key: Any) -> Any:
    """An index whose lists are arrays. A config has one form for lists and tuples, which index differently."""
    if isinstance(key, tuple):
        return tuple(map(_key_to_config, key))
    return to_array(key, backends.get("cpu")) if isinstance(key, list) else key


def _operation_config(operation: RecordedOp) -> dict[str, Any]:
    info = operation.op.info  # type: ignore[attr-defined]
    module, class_name, registered_name = _identity(operation.op)
    node = operation._inbound_nodes[0]
    arguments = _arguments(operation.op, node.args, node.kwargs)
    options = {name: x for name, x in arguments.items() if name not in info.call and not is_symbolic(x)}
    return {
        "module": module,
        "class_name": class_name,
        "config": {"name": operation.name, **serialize_keras_object(options)},
        "registered_name": registered_name,
    }


def _identity(op: Any) -> tuple[str, str, str]:
    """(module, class name, registered name) of an op in a config."""
    if op.info.keras_class:
        return op.info.keras_module, op.info.keras_class, op.info.keras_class
    if (op.__module__ or "").startswith("dualnet."):  # an op that Keras does not have
        module = f"{_OPS}{op.info.namespace}" if op.info.namespace else op.__module__
        return module, op.__name__, op.__name__
    name = get_registered_name(op)
    if get_registered_object(name) is not op:
        raise ValueError(
            f"cannot save a call of {op.__name__}: it is an op of yours, which a config names only if it is registered. Decorate it "
            "with @dualnet.saving.register_keras_serializable()"
        )
    return op.__module__, op.__name__, name


# -- from a config -------------------------------------------------------------------------------------------------


def graph_from_config(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> tuple[Any, Any]:
    """The symbolic inputs and outputs a Functional config describes, made by calling its layers again."""
    with sharing.reading():
        return _graph_from_config(config, custom_objects)


def _graph_from_config(config: dict[str, Any], custom_objects: dict[str, Any] | None) -> tuple[Any, Any]:
    config = modern_graph(config)
    operations: dict[str, Any] = {}
    pending: list[tuple[str, int, dict[str, Any]]] = []
    outputs_of: dict[tuple[str, int], list[KerasTensor]] = {}
    for entry in config["layers"]:
        name = entry.get("name") or entry["config"]["name"]
        operations[name] = _make_operation(entry, custom_objects)
        nodes = entry.get("inbound_nodes") or []
        pending += [(name, i, node) for i, node in enumerate(nodes)]
        if not nodes:
            outputs_of[name, 0] = tree.flatten(operations[name].output)
    missing = sorted({h[0] for _, _, node in pending for h in _histories(node) if h[0] not in operations})
    if missing:
        raise ValueError(f"the config describes no model. Missing node: {', '.join(missing)}")
    while pending:
        blocked = []
        for name, i, node in pending:
            if all((h[0], h[1]) in outputs_of for h in _histories(node)):
                try:
                    outputs_of[name, i] = tree.flatten(_call_again(operations[name], node, outputs_of))
                except Exception as error:
                    note_config(error, f"the call of {describe(operations[name])}")
                    raise
            else:
                blocked.append((name, i, node))
        if len(blocked) == len(pending):
            raise ValueError(
                f"the config describes no model: the inputs of {sorted({n for n, _, _ in blocked})} never come, as they "
                "wait for each other in a loop"
            )
        pending = blocked
    return _tensors(config["input_layers"], outputs_of), _tensors(config["output_layers"], outputs_of)


def _tensors(structure: Any, outputs_of: dict[tuple[str, int], list[KerasTensor]]) -> Any:
    """A structure of [layer, node, tensor] with the tensors."""
    if is_history(structure):
        return outputs_of[structure[0], structure[1]][structure[2]]
    if isinstance(structure, dict):
        return {key: _tensors(value, outputs_of) for key, value in structure.items()}
    parts = [_tensors(part, outputs_of) for part in structure]
    return type(structure)(*parts) if hasattr(structure, "_fields") else type(structure)(parts)


def _make_operation(entry: dict[str, Any], custom_objects: dict[str, Any] | None) -> Any:
    module = str(entry.get("module") or "")
    if entry["class_name"] in TF_OPS and get_registered_object(entry["class_name"], custom_objects) is None:
        return _Reader(tf_function(entry), entry["config"]["name"])
    op = _find_op(module, entry["class_name"], entry.get("registered_name"), custom_objects)
    if not hasattr(op, "info"):
        if module.startswith(_KERAS_OPERATIONS):
            raise ValueError(f"the model uses the operation {entry['class_name']}, which dualnet does not have")
        return deserialize_keras_object({k: v for k, v in entry.items() if k != "inbound_nodes"}, custom_objects)
    parameters = inspect.signature(op).parameters
    config = deserialize_keras_object(entry["config"], custom_objects)
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    unknown = [k for k, v in config.items() if k not in parameters and k not in _OF_ANY_OPERATION and v is not None]
    if unknown and not takes_any:
        raise ValueError(
            f"the model uses the operation {entry['class_name']} with {unknown}, which it does not have here"
        )
    options = {k: _tuples(v) for k, v in config.items() if k in parameters or (takes_any and k != "name")}
    variadic = next((p.name for p in parameters.values() if p.kind is p.VAR_POSITIONAL), None)

    def call(*args: Any, **kwargs: Any) -> Any:
        arguments = {**options, **kwargs}
        if variadic is not None:
            before = [arguments.pop(name) for name in itertools.takewhile(variadic.__ne__, parameters)]
            return op(*before, *args, **arguments)
        arguments |= dict(zip(op.info.call, args))
        if op.info.name == "get_item":
            arguments["key"] = _tuples(arguments["key"])
        return op(**arguments)

    return _Reader(call, entry["config"].get("name") or op.__name__)


def _find_op(module: str, class_name: str, registered_name: Any, custom_objects: dict[str, Any] | None) -> Any:
    if module.startswith(_KERAS_OPERATIONS):
        return registry.find(class_name)
    if class_name in (functions := registry.namespace(module.removeprefix(_OPS))) and module.startswith(_OPS):
        return functions[class_name]
    if module.startswith("dualnet."):  # an op that Keras does not have; nothing is imported because a config names it
        return getattr(sys.modules.get(module), class_name, None)
    return get_registered_object(str(registered_name or class_name), custom_objects)


def _tuples(x: Any) -> Any:
    """Lists as tuples: JSON has no other word for them, and no option of an op is a list."""
    return tuple(map(_tuples, x)) if isinstance(x, list) else x


class _Reader(RecordedOp):
    """An operation from a file. Calling it leaves the node that the op itself leaves; the name is the file's."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        outputs = self.op(*args, **kwargs)
        for y in tree.flatten(outputs):
            if isinstance(y, KerasTensor):
                y._keras_history.operation.name = self.name
        return outputs


def _histories(node: Any) -> list[list[Any]]:
    """The [layer, node, tensor] of every tensor a call takes."""
    if isinstance(node, dict) and node.get("class_name") == "__keras_tensor__":
        return [node["config"]["keras_history"]]
    if isinstance(node, dict):
        return [h for value in node.values() for h in _histories(value)]
    if isinstance(node, (list, tuple)):
        return [h for value in node for h in _histories(value)]
    return []


def _call_again(operation: Any, node: Any, outputs_of: dict[tuple[str, int], list[KerasTensor]]) -> Any:
    kwargs = {key: value for key, value in _resolve(node["kwargs"], outputs_of).items() if value is not None}
    return operation(*_resolve(node["args"], outputs_of), **kwargs)


def _resolve(x: Any, outputs_of: dict[tuple[str, int], list[KerasTensor]]) -> Any:
    """An argument of a call from its config."""
    if isinstance(x, dict) and x.get("class_name") == "__keras_tensor__":
        name, i, t = x["config"]["keras_history"]
        return outputs_of[name, i][t]
    if isinstance(x, dict) and "class_name" in x:
        return deserialize_keras_object(x)
    if isinstance(x, dict):
        return {key: _resolve(value, outputs_of) for key, value in x.items()}
    return [_resolve(value, outputs_of) for value in x] if isinstance(x, (list, tuple)) else x


# -- copies --------------------------------------------------------------------------------------------------------


def copy_graph(graph: Graph, inputs: Any, copy_layer: Callable[[Layer], Any], call_function: Any = None) -> Any:
    """The outputs of the graph on other symbolic inputs, with ``copy_layer(layer)`` in the place of each layer.

    copy_layer: gives the same copy every time. call_function: ``(copy, *args, **kwargs)`` calls a copy.
    """

    def call(operation: Any, args: Any, kwargs: Any) -> Any:
        if not isinstance(operation, Layer):
            return operation(*args, **kwargs)
        copy = copy_layer(operation)
        return copy(*args, **kwargs) if call_function is None else call_function(copy, *args, **kwargs)

    return graph.run(inputs, call)
