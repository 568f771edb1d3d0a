"""Functional models: running the graph between inputs and outputs."""

from __future__ import annotations

from typing import Any

from .. import tree
from ..core.symbolic import KerasTensor
from ..core.tensor import Tensor
from ..core.text import DTYPE as TEXT
from ..core.text import is_text
from ..core.warning import warn
from ..graph.graph import Graph
from ..graph.trial import is_trial
from ..layers.base.layer import Layer
from ..layers.core.dense import InputLayer
from ..ops import cast, expand_dims, squeeze


def run_graph(model: Layer, graph: Graph, inputs: Any, training: bool | None) -> Any:
    """The outputs of a model's graph for real or symbolic inputs."""
    inputs = match_inputs(model, graph, inputs)

    def call(operation: Any, args: Any, kwargs: Any) -> Any:
        # As in Keras, what the model is called with comes before what the layer was called with in making it.
        if training is not None and isinstance(operation, Layer):
            kwargs = {**kwargs, "training": training}
        return operation(*args, **kwargs)

    outputs = graph.run(inputs, call)
    if isinstance(outputs, (list, tuple)) and len(outputs) == 1 and isinstance(outputs[0], Tensor) and not is_trial():
        return outputs[0]  # as in Keras, which gives the only output itself; symbolic ones stay in their list
    return outputs


def match_inputs(model: Layer, graph: Graph, inputs: Any) -> list[Any]:
    """The inputs in the order of the graph's, found by name in a dictionary, and with an axis of one added or removed."""
    expected = tree.flatten_with_path(graph.inputs)
    names = [x._keras_history.operation.name for _, x in expected]
    if isinstance(inputs, dict):
        values = _by_name(model, graph, inputs, names)
    else:
        values = tree.flatten(inputs)
        if isinstance(graph.inputs, dict):
            _check_unnamed(model, graph.inputs, inputs, values)
    if len(values) != len(expected):
        raise ValueError(
            f"model {model.name!r} expects {len(expected)} input{'s' if len(expected) > 1 else ''} ({', '.join(names)}), "
            f"but it received {len(values)}"
        )
    return [_match_input(model, i, x, path, e) for i, (x, (path, e)) in enumerate(zip(values, expected))]


def _by_name(model: Layer, graph: Graph, inputs: dict[str, Any], names: list[str]) -> list[Any]:
    """The entries of a dictionary: under the keys of the graph's inputs, or under the names of its input layers."""
    keys = list(graph.inputs) if isinstance(graph.inputs, dict) else names
    missing = [key for key in keys if key not in inputs]
    if missing:
        raise ValueError(f"model {model.name!r} needs the inputs {keys}, the dictionary lacks {missing}")
    if len(inputs) > len(keys):
        _warn_structure(
            model, f"it has {sorted(set(inputs) - set(keys))} besides {keys}, which the model has no use for"
        )
    if isinstance(graph.inputs, dict):
        return tree.flatten({key: inputs[key] for key in keys})
    return [inputs[key] for key in keys]


def _check_unnamed(model: Layer, expected: dict[str, Any], inputs: Any, values: list[Any]) -> None:
    """A list for inputs that have keys is in the order of the sorted keys, with a warning where that may be a surprise."""
    keys = list(expected)
    if not tree.is_nested(inputs) and len(tree.flatten(expected)) > 1:
        raise ValueError(
            f"model {model.name!r} expects {len(keys)} named input(s) with keys {keys}, but it received a single tensor"
        )
    if len(values) > 1:
        if keys != tree.sorted_keys(expected):
            raise ValueError(
                f"The structure of `inputs` doesn't match the expected structure: model {model.name!r} takes a dictionary "
                f"with the keys {keys}, and in which order a list has them is not clear"
            )
        _warn_structure(model, f"the model takes a dictionary with the keys {keys}, and got a list")


def _warn_structure(model: Any, problem: str) -> None:
    """Warn about the first inputs of a model that are arranged in another way; it is called at every step."""
    if not model._warned_of_structure and not is_trial():
        model._warned_of_structure = True
        warn(f"The structure of `inputs` doesn't match the expected structure: {problem}")


def _match_input(model: Layer, index: int, x: Any, path: tuple[Any, ...], expected: KerasTensor) -> Any:
    """One input as the graph expects it: its rank, shape and dtype."""
    name = expected._keras_history.operation.name
    if x is None:
        if getattr(expected._keras_history.operation, "optional", False):
            return None
        raise ValueError(
            f"model {model.name!r}: input {name!r} is None, but it is not optional: give data for it, or make it with "
            "Input(..., optional=True)"
        )
    if isinstance(x, Tensor) and x.size and is_text(x) != (expected.dtype == TEXT):
        expected_type, actual = ("text", "numbers") if expected.dtype == TEXT else ("numbers", "text")
        raise ValueError(
            f"model {model.name!r}: input {name!r} expects {expected_type} (its dtype is {expected.dtype}), got {actual}"
        )
    x, rank = with_last_axis(x, expected.shape), len(expected.shape)
    if len(x.shape) != rank or any(
        n not in (None, m) and m is not None for n, m in zip(expected.shape[1:], x.shape[1:])
    ):
        raise ValueError(
            f"model {model.name!r}: input {index} with name {name!r} at path '{'.'.join(map(str, path))}' does not fit: "
            f"expected shape={tuple(expected.shape)}, found shape={tuple(x.shape)}"
        )
    if str(x.dtype) != expected.dtype and expected.dtype != TEXT:
        x = cast(x, expected.dtype)
    return x


def with_last_axis(x: Any, shape: Any) -> Any:
    """``x`` with a last axis of length 1 added or removed, where that gives the number of axes of ``shape``."""
    if len(x.shape) == len(shape) - 1 and shape[-1] == 1:
        return expand_dims(x, -1)
    return squeeze(x, -1) if len(x.shape) == len(shape) + 1 and x.shape[-1] == 1 else x


def input_like(x: KerasTensor) -> KerasTensor:
    """A symbolic input for data such as this symbolic tensor stands for."""
    return InputLayer(batch_shape=x.shape, dtype=x.dtype).output


def layers_of(graph: Graph) -> list[Layer]:
    """The layers of a graph, inputs included, ops left out."""
    return [o for o in graph.operations if isinstance(o, Layer)]


def output_names(graph: Graph) -> list[str]:
    """The name of each output: that of the layer it comes from."""
    return [y._keras_history.operation.name for y in tree.flatten(graph.outputs)]
