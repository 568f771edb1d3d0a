"""Running a model that is made of inputs, outputs, and what leads from one to the other."""

from __future__ import annotations

from typing import Any

from .. import tree
from ..graph import Graph
from ..layers.base import Layer
from ..tensor import KerasTensor, Tensor


def run_graph(model: Layer, graph: Graph, inputs: Any, training: bool | None) -> Any:
    """The outputs of a model's graph for real or symbolic inputs."""
    inputs = _arrange(model, graph, inputs)

    def call(operation: Any, args: Any, kwargs: Any) -> Any:
        if isinstance(operation, Layer):
            # As in Keras, what the model is called with comes before what the layer was called with in making it.
            if training is not None:
                kwargs = {**kwargs, "training": training}
        return operation(*args, **kwargs)

    return graph.run(inputs, call)


def _arrange(model: Layer, graph: Graph, inputs: Any) -> Any:
    """The inputs in the order of the graph's, found by name in a dictionary, and with an axis of one added or removed."""
    expected = tree.flatten(graph.inputs)
    names = [x._keras_history.operation.name for x in expected]
    if isinstance(inputs, dict) and not isinstance(graph.inputs, dict):
        missing = [n for n in names if n not in inputs]
        if missing:
            raise ValueError(f"model {model.name!r} needs the inputs {names}, the dictionary lacks {missing}")
        given = [inputs[n] for n in names]
    elif isinstance(inputs, dict):
        missing = [k for k in graph.inputs if k not in inputs]
        if missing:
            raise ValueError(
                f"model {model.name!r} needs the inputs {list(graph.inputs)}, the dictionary lacks {missing}"
            )
        given = tree.flatten({k: inputs[k] for k in graph.inputs})
    else:
        given = tree.flatten(inputs)
    if len(given) != len(expected):
        raise ValueError(f"model {model.name!r} has {len(expected)} inputs ({', '.join(names)}), got {len(given)}")
    return [_fit(model, x, e) for x, e in zip(given, expected)]


def _fit(model: Layer, x: Any, expected: KerasTensor) -> Any:
    """One input as the graph expects it: its rank, shape and dtype."""
    from ..ops import cast

    x, rank = with_last_axis(x, expected.shape), len(expected.shape)
    bad = len(x.shape) != rank or any(n not in (None, m) and m is not None for n, m in zip(expected.shape, x.shape))
    if bad:
        name = expected._keras_history.operation.name
        raise ValueError(
            f"model {model.name!r}: input {name!r} expects shape {tuple(expected.shape)}, got {tuple(x.shape)}"
        )
    if isinstance(x, Tensor) and str(x.dtype) != expected.dtype and not isinstance(x, KerasTensor):
        x = cast(x, expected.dtype)
    return x


def with_last_axis(x: Any, shape: Any) -> Any:
    """``x`` with a last axis of length 1 added or taken away, where that gives the number of axes of ``shape``."""
    from ..ops import expand_dims, squeeze

    if len(x.shape) == len(shape) - 1 and shape[-1] == 1:
        return expand_dims(x, -1)
    return squeeze(x, -1) if len(x.shape) == len(shape) + 1 and x.shape[-1] == 1 else x


def layers_of(graph: Graph) -> list[Layer]:
    """The layers of a graph, inputs included, ops left out."""
    return [o for o in graph.operations if isinstance(o, Layer)]


def output_names(graph: Graph) -> list[str]:
    """The name of each output: that of the layer it comes from."""
    return [y._keras_history.operation.name for y in tree.flatten(graph.outputs)]
