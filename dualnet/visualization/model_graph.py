"""A model as boxes and arrows, for `plot_model` and `model_to_dot`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from .. import tree
from ..graph.graph import Graph
from ..graph.operation import RecordedOp
from ..layers.base.layer import Layer
from ..models.model import Model


class Contents(NamedTuple):
    """The optional contents of a box."""

    shapes: bool
    dtype: bool
    names: bool
    activations: bool
    trainable: bool


@dataclass
class Box:
    """title: the class. rows: (label, value) below it. nested: boxes and arrows of a nested model. has_self_loop:
    whether a layer is called on its own output."""

    title: str
    rows: list[tuple[str, str]]
    frozen: bool = False
    has_self_loop: bool = False
    nested: tuple[list[Box], list[tuple[int, int]]] | None = None


# Fill and line colours by class name; the first match decides.
_FILLS = (
    (("Input",), ("#eceff3", "#9aa3af")),
    (("Conv",), ("#dbe9f6", "#5b8fc4")),
    (("Pool", "Sampling", "Padding", "Cropping"), ("#d9f0ee", "#4fa39b")),
    (("Norm",), ("#ebe3f5", "#9575bd")),
    (("Dropout", "Noise"), ("#f3f3f3", "#b0b0b0")),
    (("LSTM", "GRU", "RNN", "Attention", "Embedding", "Bidirectional"), ("#fbe3ec", "#cc7a9b")),
    (("Dense", "Perceptron"), ("#fde9d3", "#d9944a")),
    (("Add", "Concatenate", "Multiply", "Average", "Maximum", "Minimum", "Subtract", "Dot"), ("#e0f1dc", "#6fae61")),
    (("Activation", "ReLU", "ELU", "Softmax"), ("#fff6cf", "#cdb143")),
)
_DIRECTIONS = ("TB", "BT", "LR", "RL")
_OTHER = ("#ffffff", "#9aa3af")
_FROZEN = ("#fafafa", "#c4c4c4")


def fill_of(box: Box) -> tuple[str, str]:
    """The fill and line colours of a box."""
    if box.frozen:
        return _FROZEN
    return next((colours for names, colours in _FILLS if any(name in box.title for name in names)), _OTHER)


def check_direction(rankdir: str) -> None:
    if rankdir not in _DIRECTIONS:
        raise ValueError(f"rankdir must be one of {', '.join(_DIRECTIONS)}, got {rankdir!r}")


def boxes_of(model: Any, contents: Contents, expand_nested: bool) -> tuple[list[Box], list[tuple[int, int]]]:
    """The boxes of a model, and the arrows between them as pairs of indices."""
    if not isinstance(model, Model):
        raise ValueError(f"plot_model draws models, got {type(model).__name__}")
    graph = model._graph
    if graph is None:
        if contents.shapes:
            raise ValueError(
                f"model {model.name!r} is not built, so its shapes are unknown: give it an Input, build it or call it"
            )
        if model._is_chain:
            boxes = [_box(layer, contents, expand_nested) for layer in model.layers]
            return boxes, [(i, i + 1) for i in range(len(boxes) - 1)]
        return [_box(model, contents, False)], []
    operations = list(graph.operations)
    index = {id(operation): i for i, operation in enumerate(operations)}
    edges = [(index[id(x._keras_history.operation)], index[id(n.operation)]) for n in graph.nodes for x in n.inputs]
    boxes = [_box(operation, contents, expand_nested, graph) for operation in operations]
    for a, b in edges:
        boxes[a].has_self_loop |= a == b
    return boxes, edges


def _box(operation: Any, contents: Contents, expand_nested: bool, graph: Graph | None = None) -> Box:
    is_layer = isinstance(operation, Layer)
    title = operation.op.__name__.lstrip("_") if isinstance(operation, RecordedOp) else type(operation).__name__
    rows = []
    if contents.names:
        rows.append(("", operation.name))
    activation = getattr(operation, "activation", None)
    if contents.activations and activation is not None:
        rows.append(("activation ", _name(activation)))
    node = None if graph is None else _node(operation, graph)
    if contents.dtype:
        dtypes = dict.fromkeys(str(y.dtype) for y in tree.flatten(node.outputs)) if node is not None else ()
        rows.append(("dtype ", ", ".join(dtypes) or str(operation.dtype)))
    if contents.shapes and node is not None:
        if node.inputs:
            rows.append(("in ", _shapes(node.inputs)))
        rows.append(("out ", _shapes(tree.flatten(node.outputs))))
    # "trainable" is meaningless for a layer without weights.
    weights = operation.weights if is_layer else []
    if contents.trainable and weights:
        rows.append(("", "trainable" if operation.trainable else "frozen"))
    nested = None
    if expand_nested and isinstance(operation, Model) and (operation._graph is not None or operation._is_chain):
        nested = boxes_of(operation, contents._replace(shapes=contents.shapes and operation._graph is not None), True)
    return Box(title, rows, bool(weights) and not operation.trainable_weights, nested=nested)


def _node(operation: Any, graph: Graph) -> Any:
    """The first call of an operation in this graph; for inputs, the node that created them."""
    for node in graph.nodes:
        if node.operation is operation:
            return node
    return operation._inbound_nodes[0]


def _name(activation: Any) -> str:
    return str(getattr(activation, "name", None) or getattr(activation, "__name__", None) or type(activation).__name__)


def _shapes(tensors: list[Any]) -> str:
    return ", ".join(dict.fromkeys(str(tuple(x.shape)) for x in tensors))
