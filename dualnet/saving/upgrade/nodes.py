"""The calls in the config of a functional model: those of Keras 1 and 2 as Keras 3 writes them, and which call is meant.

Keras 1 and 2 write the inputs of a call as lists, ``[["dense", 0, 0, {"training": False}]]``: a layer, one of its calls, one of the
outputs of that call, and the other arguments, which are those of the whole call. Keras 3 writes
``{"args": [...], "kwargs": {...}}`` with a ``__keras_tensor__`` for each tensor.
"""

from __future__ import annotations

from typing import Any

from ...ops import registry

_CONSTANT = (
    "_CONSTANT_VALUE"  # in the place of a layer's name: the first argument is the value that follows, and no tensor
)
_OPERATIONS = "keras.src.ops.numpy"  # a module in which configs name ops
_MODELS = ("Functional", "Model", "Sequential")
# Layers that Keras 1 and 2 call with a list of the input and the initial states.
_RECURRENT = ("Bidirectional", "ConvLSTM2D", "GRU", "LSTM", "RNN", "SimpleRNN")


def modern_graph(config: dict[str, Any]) -> dict[str, Any]:
    """The config of a functional model with calls as Keras 3 writes them, each numbered from 0.

    config: ``layers``, ``input_layers`` and ``output_layers``.
    """
    layers = [dict(entry) for entry in config["layers"]]
    by_name = {_name(entry): entry for entry in layers}
    old = any(isinstance(node, (list, tuple)) for entry in layers for node in entry.get("inbound_nodes") or ())
    inputs, outputs = config["input_layers"], config["output_layers"]
    if old:  # in which one tensor stands in a list of its own
        inputs, outputs = _only(inputs), _only(outputs)
    for entry in layers:
        nodes = entry.get("inbound_nodes") or []
        if _is_operation(entry, nodes):
            entry["module"] = _OPERATIONS
        entry["inbound_nodes"] = [node if isinstance(node, dict) else _call(node, entry, by_name) for node in nodes]
    first = _first_calls(layers, outputs, old)
    if old:
        for entry in layers:
            entry["inbound_nodes"] = [_shifted(node, first) for node in entry["inbound_nodes"]]
    return {**config, "layers": layers, "input_layers": inputs, "output_layers": _shifted(outputs, first)}


def _is_operation(entry: dict[str, Any], nodes: list[Any]) -> bool:
    """Whether it is an op in an .h5 file of Keras 3, which names no modules. A layer says whether it is trainable, and its dtype."""
    config = entry.get("config")
    of_layers = not isinstance(config, dict) or "trainable" in config or "dtype" in config
    if entry.get("module") is not None or of_layers or not nodes or not all(isinstance(node, dict) for node in nodes):
        return False
    return isinstance(entry.get("class_name"), str) and registry.find(entry["class_name"]) is not None


def is_history(x: Any) -> bool:
    """Whether it is ``[layer, call, output]``."""
    return (
        isinstance(x, (list, tuple)) and len(x) == 3 and isinstance(x[0], str) and _is_index(x[1]) and _is_index(x[2])
    )


def _is_index(x: Any) -> bool:
    return isinstance(x, int) and not isinstance(x, bool)


def _name(entry: dict[str, Any]) -> str:
    return str(entry.get("name") or entry["config"]["name"])


def _only(structure: Any) -> Any:
    is_single = isinstance(structure, (list, tuple)) and len(structure) == 1 and is_history(structure[0])
    return structure[0] if is_single else structure


# -- one call ------------------------------------------------------------------------------------------------------


def _call(node: Any, entry: dict[str, Any], layers: dict[str, Any]) -> dict[str, Any]:
    """A call of Keras 1 or 2 as one of Keras 3."""
    options: dict[str, Any] = {}

    def tensors(x: Any) -> Any:
        """The structure of the first argument; each tensor has the other arguments of the call beside it."""
        if isinstance(x, (list, tuple)) and len(x) == 4 and isinstance(x[0], str) and isinstance(x[3], dict):
            options.update(x[3])
            return x[2] if x[0] == _CONSTANT else _tensor(x)
        if is_history(x):
            return _tensor(x)
        if isinstance(x, dict):
            return {key: tensors(value) for key, value in x.items()}
        if isinstance(x, (list, tuple)):
            return [tensors(value) for value in x]
        raise ValueError(f"the call of the layer {_name(entry)!r} is none: {x!r}")

    inputs = tensors(node)
    if isinstance(inputs, list) and len(inputs) == 1:
        inputs = inputs[0]
    kwargs = {key: _argument(value, layers) for key, value in options.items()}
    if isinstance(inputs, list) and entry.get("class_name") in _RECURRENT:
        n = len(inputs) - int(entry["config"].get("num_constants") or 0)
        states = {"initial_state": inputs[1:n], "constants": inputs[n:]}
        inputs, kwargs = inputs[0], {**kwargs, **{key: value for key, value in states.items() if value}}
    return {"args": [inputs], "kwargs": kwargs}


def _argument(value: Any, layers: dict[str, Any]) -> Any:
    """Another argument of a call, in which ``[layer, call, output]`` is a tensor."""
    if is_history(value) and value[0] in layers:
        return _tensor(value)
    if isinstance(value, dict):
        return {key: _argument(v, layers) for key, v in value.items()}
    return [_argument(v, layers) for v in value] if isinstance(value, (list, tuple)) else value


def _tensor(history: Any) -> dict[str, Any]:
    return {"class_name": "__keras_tensor__", "config": {"keras_history": list(history[:3])}}


# -- which call ----------------------------------------------------------------------------------------------------


def _first_calls(layers: list[dict[str, Any]], outputs: Any, old: bool) -> dict[str, int]:
    """For each model inside whose calls are not numbered from 0: the number of the first.

    Making a model of inputs and outputs counts as a call of it: in all configs of Keras 1 and 2, and in ``output_layers`` of
    Keras 3. Every call in a config leads to an output. So the numbers of ``n`` calls are those from 0 to n - 1, or from 1 to n.
    """
    inside, at_end = _calls([entry["inbound_nodes"] for entry in layers]), _calls(outputs)
    first = {}
    for entry in layers:
        name, n = _name(entry), len(entry["inbound_nodes"])
        if entry.get("class_name") not in _MODELS and "layers" not in (entry.get("config") or {}):
            continue
        returned = {i - 1 for i in at_end.get(name, ())}
        if old:
            counts = {i - 1 for i in inside.get(name, ())} | returned
        else:  # where a Sequential is no model of inputs and outputs
            counts = inside.get(name, set()) | returned if entry.get("class_name") != "Sequential" else set()
        if n and counts == set(range(n)) and (old or returned):
            first[name] = 1
    return first


def _calls(structure: Any) -> dict[str, set[int]]:
    """The numbers of the calls whose outputs are in a structure, by layer."""
    result: dict[str, set[int]] = {}
    stack = [structure]
    while stack:
        x = stack.pop()
        if isinstance(x, dict) and x.get("class_name") == "__keras_tensor__":
            x = x["config"]["keras_history"]
        if is_history(x):
            result.setdefault(x[0], set()).add(x[1])
        elif isinstance(x, (list, tuple)):
            stack += x
        elif isinstance(x, dict):
            stack += x.values()
    return result


def _shifted(structure: Any, first: dict[str, int]) -> Any:
    """The structure with calls that are numbered from 0."""
    if is_history(structure):
        return [structure[0], structure[1] - first.get(structure[0], 0), structure[2]]
    if isinstance(structure, dict):
        return {key: _shifted(value, first) for key, value in structure.items()}
    if not isinstance(structure, (list, tuple)):
        return structure
    parts = [_shifted(value, first) for value in structure]
    return type(structure)(*parts) if hasattr(structure, "_fields") else type(structure)(parts)
