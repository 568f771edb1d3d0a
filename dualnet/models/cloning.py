"""clone_model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import tree
from ..core.symbolic import KerasTensor
from ..layers.base.layer import Layer
from ..layers.core.dense import InputLayer
from ..serialization import sharing
from .graph_config import copy_graph
from .model import Model
from .sequential import Sequential


def clone_model(
    model: Model,
    input_tensors: Any = None,
    clone_function: Callable[[Layer], Layer] | None = None,
    call_function: Callable[..., Any] | None = None,
    recursive: bool = False,
    cache: dict[int, Any] | None = None,
) -> Any:
    """A model of the same structure with new layers and fresh weights, compiled like the original if that is compiled.

    A layer that is in the model and in a model inside it is one layer in the clone too.

    Args:
        model: the model to copy.
        input_tensors: symbolic inputs of the clone, in the structure of ``model.input``.
        clone_function: copies a layer, by default from its config. Unless ``recursive``, it gets models inside whole.
        call_function: ``(layer, *args, **kwargs)``, calls the copy.
        recursive: use ``clone_function`` inside nested models too.
        cache: the copies by the ``id`` of their originals. Clones that get one dictionary share the layers their originals share.

    Raises:
        ValueError: ``call_function`` for a Sequential, which lists its layers and does not call them; ``clone_function`` or
            ``input_tensors`` for a model with its own ``call``.
    """
    with sharing.copying():
        return _Cloning(clone_function, call_function, recursive, {} if cache is None else cache).clone(
            model, input_tensors
        )


class _Cloning:
    """The arguments of ``clone_model``, and the copies so far. (Functions that call each other would keep these alive.)"""

    def __init__(self, clone_function: Any, call_function: Any, recursive: bool, copies: dict[int, Any]) -> None:
        self._clone_function, self._call_function = clone_function, call_function
        self._recursive, self._copies = recursive, copies

    def clone(self, model: Any, input_tensors: Any = None) -> Any:
        result = _clone_structure(model, input_tensors, self._copy_layer, self._clone_function, self._call_function)
        if model.compiled:
            result.compile_from_config(model.get_compile_config())
        return result

    def _copy_layer(self, layer: Any) -> Any:
        copies = self._copies
        if id(layer) not in copies:
            inside = isinstance(layer, Sequential) or getattr(layer, "_graph", None) is not None
            if self._recursive and inside:
                copies[id(layer)] = self.clone(layer)
            elif self._clone_function is not None:
                copies[id(layer)] = self._clone_function(layer)
            else:
                copies[id(layer)] = sharing.copied(layer, lambda: type(layer).from_config(layer.get_config()))
        return copies[id(layer)]


def _clone_structure(
    model: Model, input_tensors: Any, copy_layer: Callable[[Layer], Any], clone_function: Any, call_function: Any
) -> Any:
    if isinstance(model, Sequential):
        if call_function is not None:
            raise ValueError(
                f"model {model.name!r} is a Sequential, which does not call its layers one by one: clone it without "
                "call_function, or make it with inputs and outputs"
            )
        layers = [copy_layer(layer) for layer in model.layers]
        first = model._layers[0] if model._layers else None
        if isinstance(first, InputLayer):
            input_tensor = tree.flatten(input_tensors)[0] if input_tensors is not None else _input_like(first.output)
            layers.insert(0, input_tensor)
        return Sequential(layers, name=model.name, trainable=model.trainable)
    if model._graph is None:
        if clone_function is not None or input_tensors is not None:
            raise ValueError("a model with its own call() can only be cloned from its config, without other arguments")
        return type(model).from_config(model.get_config())
    inputs = tree.map_structure(_input_like, model._graph.inputs)
    if input_tensors is not None:
        inputs = _match_structure(input_tensors, model._graph.inputs)
    outputs = copy_graph(model._graph, inputs, copy_layer, call_function)
    return Model(inputs, outputs, name=model.name)


def _match_structure(tensors: Any, expected: Any) -> Any:
    """Symbolic tensors in the structure of a model's inputs; a single one may be in a list or not."""
    if not tree.is_nested(expected) or not tree.is_nested(tensors):
        leaves = tree.flatten(tensors)
        if len(leaves) == len(tree.flatten(expected)) == 1:
            return tree.pack_sequence_as(expected, leaves)
    try:
        tree.assert_same_structure(expected, tensors)
    except ValueError as error:
        raise ValueError(f"`input_tensors` must have the same structure as model.input: {error}") from None
    return tensors


def _input_like(x: KerasTensor) -> KerasTensor:
    """A new input of the same shape and dtype."""
    layer = x._keras_history.operation
    if isinstance(layer, InputLayer):
        return type(layer).from_config(layer.get_config()).output
    return InputLayer(batch_shape=x.shape, dtype=x.dtype).output
