"""clone_model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import tree
from ..core.symbolic import KerasTensor
from ..layers.base.layer import Layer
from ..layers.core.dense import InputLayer
from .graph_config import copy_graph
from .model import Model
from .sequential import Sequential


def clone_model(
    model: Model,
    input_tensors: Any = None,
    clone_function: Callable[[Layer], Layer] | None = None,
    call_function: Callable[..., Any] | None = None,
    recursive: bool = False,
    **kwargs: Any,
) -> Any:
    """A model of the same structure with layers of its own and fresh weights, compiled alike if it is compiled.

    input_tensors: symbolic tensors to build it on, in the structure of ``model.input``. clone_function:
    makes the copy of a layer; by default from its config. call_function: ``(layer, *args, **kwargs)``, calls the copy.
    recursive: use ``clone_function`` inside nested models too.
    """

    def copy_layer(layer: Any) -> Any:
        if recursive and (isinstance(layer, Sequential) or getattr(layer, "_graph", None) is not None):
            return clone_model(layer, None, clone_function, call_function, recursive)
        made = clone_function(layer) if clone_function is not None else type(layer).from_config(layer.get_config())
        if call_function is None:
            return made
        return lambda *args, **kw: call_function(made, *args, **kw)

    made = _cloned(model, input_tensors, copy_layer, clone_function)
    if model.compiled:
        made.compile_from_config(model.get_compile_config())
    return made


def _cloned(model: Model, input_tensors: Any, copy_layer: Callable[[Layer], Any], clone_function: Any) -> Any:
    if isinstance(model, Sequential):
        layers = [copy_layer(layer) for layer in model.layers]
        first = model._layers[0] if model._layers else None
        if isinstance(first, InputLayer):
            front = tree.flatten(input_tensors)[0] if input_tensors is not None else _fresh(first.output)
            layers.insert(0, front)
        return Sequential(layers, name=model.name, trainable=model.trainable)
    if model._graph is None:
        if clone_function is not None or input_tensors is not None:
            raise ValueError("a model with its own call() can only be cloned from its config, without other arguments")
        return type(model).from_config(model.get_config())
    inputs = tree.map_structure(_fresh, model._graph.inputs)
    if input_tensors is not None:
        inputs = _as_inputs(input_tensors, model._graph.inputs)
    outputs = copy_graph(model._graph, inputs, copy_layer)
    return Model(inputs, outputs, name=model.name)


def _as_inputs(given: Any, expected: Any) -> Any:
    """Symbolic tensors in the structure of a model's inputs; a single one may stand in a list or not."""
    if not tree.is_nested(expected) or not tree.is_nested(given):
        leaves = tree.flatten(given)
        if len(leaves) == len(tree.flatten(expected)) == 1:
            return tree.pack_sequence_as(expected, leaves)
    try:
        tree.assert_same_structure(expected, given)
    except ValueError as error:
        raise ValueError(f"`input_tensors` must have the same structure as model.input: {error}") from None
    return given


def _fresh(x: KerasTensor) -> KerasTensor:
    """An input like this one."""
    layer = x._keras_history.operation
    if isinstance(layer, InputLayer):
        return type(layer).from_config(layer.get_config()).output
    return InputLayer(batch_shape=x.shape, dtype=x.dtype).output
