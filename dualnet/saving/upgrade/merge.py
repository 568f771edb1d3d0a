"""The layer ``Merge`` of Keras 1, and models that begin with one."""

from __future__ import annotations

from typing import Any

_LAYERS = {"ave": "Average", "concat": "Concatenate", "dot": "Dot", "max": "Maximum", "mul": "Multiply", "sum": "Add"}


def layer(entry: dict[str, Any]) -> dict[str, Any]:
    """A ``Merge`` in the graph of a model, as the layer of its mode.

    Raises:
        ValueError: the mode is a function of Python, or "cos".
    """
    config = entry["config"]
    name, mode = config.get("name"), config.get("mode")
    is_name = isinstance(mode, str) and config.get("mode_type", "raw") == "raw"
    if not is_name or mode not in _LAYERS:
        what = repr(mode) if is_name else "a function of Python, which is never run"
        raise ValueError(
            f"the layer {name!r} is a Merge of Keras 1 with the mode {what}, which is not translated: it can be {', '.join(_LAYERS)}"
        )
    arguments: dict[str, Any] = {"name": name}
    if mode == "concat":
        arguments["axis"] = config.get("concat_axis", -1)
    if mode == "dot":
        axes = config.get("dot_axes", -1)
        arguments["axes"] = (
            [a[0] if isinstance(a, list) and len(a) == 1 else a for a in axes] if isinstance(axes, list) else axes
        )
    return {**entry, "class_name": _LAYERS[mode], "config": arguments}


def is_first(config: Any) -> bool:
    """Whether a Sequential begins with a ``Merge`` of models."""
    layers: Any = config.get("layers") if isinstance(config, dict) else None
    first = layers[0] if isinstance(layers, list) and layers else None
    return isinstance(first, dict) and first.get("class_name") == "Merge"


def model(entry: dict[str, Any]) -> dict[str, Any]:
    """A Sequential that begins with a ``Merge``, as a model of several inputs."""
    layers: list[dict[str, Any]] = []
    inputs: list[list[Any]] = []

    def call(part: dict[str, Any], *sources: str) -> str:
        name = str(part["config"]["name"])
        layers.append(
            {**part, "name": name, "inbound_nodes": [[[source, 0, 0] for source in sources]] if sources else []}
        )
        return name

    def chain(parts: list[Any]) -> str:
        """The name of the last layer."""
        first, *rest = parts
        if first["class_name"] == "Merge":
            last = call(first, *(branch(part) for part in first["config"]["layers"]))
        else:
            last = start(first)
        for part in rest:
            last = call(part, last)
        return last

    def branch(part: dict[str, Any]) -> str:
        if part["class_name"] != "Sequential":
            raise ValueError(
                f"a Merge of Keras 1 with a {part['class_name']} in it is not translated: it can be of Sequential models"
            )
        parts = part["config"]
        return chain(parts["layers"] if isinstance(parts, dict) else parts)

    def start(first: dict[str, Any]) -> str:
        config = dict(first["config"])
        if first["class_name"] == "InputLayer":
            source = call(first)
        else:
            shape, dtype = config.pop("batch_input_shape", None), config.pop("input_dtype", None)
            if shape is None:
                raise ValueError(
                    f"the layer {config.get('name')!r} is the first of its model, and says no batch_input_shape"
                )
            arguments = {
                "name": f"{config['name']}_input",
                "batch_input_shape": shape,
                "input_dtype": dtype or "float32",
            }
            source = call({"class_name": "InputLayer", "config": arguments})
        inputs.append([source, 0, 0])
        return source if first["class_name"] == "InputLayer" else call({**first, "config": config}, source)

    config = entry["config"]
    last = chain(config["layers"])
    graph = {"name": config.get("name"), "layers": layers, "input_layers": inputs, "output_layers": [[last, 0, 0]]}
    return {"class_name": "Functional", "config": graph}
