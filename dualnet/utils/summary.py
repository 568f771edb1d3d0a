"""The table that ``model.summary()`` prints. Rich is imported with this module, which is imported at the first summary."""

from __future__ import annotations

import math
import re
import shutil
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from .. import tree
from ..graph.operation import RecordedOp
from ..layers.base.layer import Layer
from .io_utils import print_msg

_WIDTH = 88
_POSITIONS = (0.45, 0.80, 1.0)
_CONNECTED_WIDTH = 98  # with the column "Connected to"
_CONNECTED_POSITIONS = (0.3, 0.56, 0.74, 1.0)
_TRAINABLE_WIDTH = 12  # what the column "Trainable" adds


def print_summary(
    model: Any,
    line_length: int | None = None,
    positions: Sequence[float] | None = None,
    print_fn: Callable[[str], Any] | None = None,
    expand_nested: bool = False,
    show_trainable: bool = False,
    layer_range: Sequence[str] | None = None,
) -> None:
    """Print a table of the layers of a model, their output shapes and their numbers of parameters.

    A functional model that is not a chain of layers gets another column with the inputs of each layer and op, as
    ``name[call][output]``.

    Args:
        model: the model.
        line_length: width of the table in characters; by default 88 (98 with connections), or less on a narrower terminal.
        positions: ends of the columns, as fractions of the width; (0.45, 0.8, 1) by default, (0.3, 0.56, 0.74, 1) with
            connections.
        print_fn: receives the whole text, without colours, in one call. By default it is printed to stdout.
        expand_nested: also show the layers inside layers.
        show_trainable: add a column that says whether a layer is trainable.
        layer_range: names of the first and the last layer to show, or regular expressions that match their start.

    Raises ``ValueError`` when a column would be narrower than four characters, or ``layer_range`` matches no layer.
    """
    columns = [Column("Layer (type)"), Column("Output Shape"), Column("Param #", justify="right")]
    connections = _connections(model)
    ends = list(positions or (_POSITIONS if connections is None else _CONNECTED_POSITIONS))
    width = _WIDTH if connections is None else _CONNECTED_WIDTH
    if connections is not None:
        columns.append(Column("Connected to"))
    if show_trainable:
        columns.append(Column("Trainable", justify="center"))
        ends = [end * 0.9 for end in ends] + [1.0]
        width += _TRAINABLE_WIDTH
    width = line_length or min(width, shutil.get_terminal_size().columns - 4)
    for column, size in zip(columns, _column_widths(ends, len(columns), width)):
        column.width = size
    table = Table(*columns, width=width, show_lines=True)
    for layer, depth in _walk(_select(_operations(model), layer_range), expand_nested):
        row = _row(layer, depth)
        if connections is not None:
            row.append(Text(connections.get(id(layer), "-") if depth == 0 else "-"))
        if show_trainable:
            row.append(_trainable(layer))
        table.add_row(*row)

    console = Console(
        highlight=False, force_terminal=False if print_fn else None, color_system=None if print_fn else "auto"
    )
    console.width = max(console.width, width)  # never crop to less than line_length
    contents = (Text(f'Model: "{model.name}"', style="bold"), table, *_totals(model))
    if console.is_jupyter and not print_fn:
        for item in contents:
            console.print(item)
        return
    with console.capture() as capture:
        for item in contents:
            console.print(item)
    if print_fn:
        print_fn(capture.get())
    else:
        print_msg(capture.get(), line_break=False)


def _operations(model: Any) -> list[Any]:
    """The layers of a model, and the ops between them."""
    if getattr(model, "_graph", None) is None or model._is_chain:
        return list(model.layers)
    operations = model.operations
    return operations + [layer for layer in model.layers if all(layer is not part for part in operations)]


def _connections(model: Any) -> dict[int, str] | None:
    """The inputs of each layer or op, by its id; None for a chain of layers, and for a model without a graph."""
    graph = getattr(model, "_graph", None)
    if graph is None or model._is_chain:
        return None
    calls: dict[int, list[Any]] = {}
    uses: dict[int, int] = {}
    for node in graph.nodes:
        calls.setdefault(id(node.operation), []).append(node)
        for x in node.inputs:
            uses[id(x)] = uses.get(id(x), 0) + 1
    is_chain = all(len(nodes) == 1 and len(nodes[0].inputs) == 1 for nodes in calls.values())
    if is_chain and len(model.inputs) == 1 and all(n == 1 for n in uses.values()):
        return None
    return {key: ", ".join(_origin(x) for node in nodes for x in node.inputs) for key, nodes in calls.items()}


def _origin(x: Any) -> str:
    operation, node, tensor = x._keras_history
    return f"{operation.name}[{node}][{tensor}]"


def count_params(weights: Iterable[Any]) -> int:
    """The total number of elements of the weights."""
    return sum(math.prod(w.shape) for w in weights)


def _column_widths(ends: Sequence[float], columns: int, width: int) -> list[int]:
    if len(ends) != columns:
        raise ValueError(f"summary: expected one position per column ({columns}), got {len(ends)}")
    stops = [int(end * width) for end in ends]
    widths = [stop - start for start, stop in zip([0, *stops], stops)]
    if min(widths) < 4:
        raise ValueError(f"summary: the width of {width} is too small for {columns} columns; pass a larger line_length")
    return widths


def _select(layers: Sequence[Any], layer_range: Sequence[str] | None) -> Sequence[Any]:
    if layer_range is None:
        return layers
    if isinstance(layer_range, str) or len(layer_range) != 2 or not all(isinstance(n, str) for n in layer_range):
        raise ValueError(f"layer_range must be the names of the first and the last layer, got {layer_range!r}")
    matches = [[i for i, layer in enumerate(layers) if re.match(name, layer.name)] for name in layer_range]
    if not all(matches):
        names = ", ".join(layer.name for layer in layers)
        raise ValueError(f"layer_range {tuple(layer_range)!r} matches no layer; there are {names}")
    first, last = matches
    if min(first) > max(last):
        first, last = last, first
    return layers[min(first) : max(last) + 1]


def _walk(layers: Iterable[Any], expand: bool, depth: int = 0) -> Iterable[tuple[Any, int]]:
    for layer in layers:
        yield layer, depth
        if expand:
            yield from _walk(getattr(layer, "layers", None) or (), expand, depth + 1)


def _row(layer: Any, depth: int) -> list[Text]:
    prefix = "   " * depth + "└ " if depth else ""
    name = Text.assemble(f"{prefix}{layer.name} (", (_class_name(layer), "color(33)"), ")")
    if not isinstance(layer, Layer):
        params = _format_number("0")
    elif layer.built:
        params = _format_number(f"{layer.count_params():,}")
    else:
        params = Text.assemble(("0", "color(34)"), " (unbuilt)")
    return [name, _format_shape(_output_shape(layer)), params]


def _class_name(layer: Any) -> str:
    """The class name as in Keras: "Functional" for a functional model, and a class name for every op."""
    if isinstance(layer, RecordedOp):
        return "".join(part.capitalize() for part in layer.op.__name__.lstrip("_").split("_"))
    name = type(layer).__name__
    return "Functional" if name == "Model" and getattr(layer, "_graph", None) is not None else name


def _trainable(layer: Any) -> Text:
    if not isinstance(layer, Layer) or not layer.weights:
        return Text("-", style="bold ")
    return Text("Y", style="bold color(34)") if layer.trainable else Text("N", style="bold color(9)")


def _output_shape(layer: Any) -> Any:
    """The shape recorded by the model or, for a layer that was built by a call, inferred by the layer."""
    if not isinstance(layer, Layer):
        return tree.map_structure(lambda y: y.shape, layer._inbound_nodes[0].outputs)
    if layer._summary_output_shape is not None:
        return layer._summary_output_shape
    # The default implementation would run the layer.
    overridden = isinstance(layer, Layer) and type(layer).compute_output_shape is not Layer.compute_output_shape
    if not overridden or not layer.built or layer._build_shape is None:
        return None
    try:
        return layer.compute_output_shape(layer._build_shape)
    except (NotImplementedError, TypeError, ValueError):
        return None


def _format_shape(shape: Any) -> Text:
    """'(None, 10)', a list or dictionary of shapes for several outputs, '?' if unknown."""
    if shape is None:
        return Text("?")
    if isinstance(shape, dict):
        outputs = [Text.assemble(f"{key}: ", _format_shape(part)) for key, part in shape.items()]
        return Text.assemble("{", Text(", ").join(outputs), "}")
    if any(isinstance(part, (tuple, list, dict)) for part in shape):
        opening, closing = "[]" if isinstance(shape, list) else "()"
        return Text.assemble(opening, Text(", ").join(_format_shape(part) for part in shape), closing)
    numbers = [Text(str(n), style="color(45)" if n is None else "color(34)") for n in shape]
    return Text.assemble("(", Text(", ").join(numbers), ")")


def _totals(model: Any) -> list[Text]:
    groups = {"Trainable": model.trainable_weights, "Non-trainable": model.non_trainable_weights}
    optimizer = getattr(model, "optimizer", None)
    if getattr(model, "compiled", False) and optimizer is not None and optimizer.built:
        groups["Optimizer"] = optimizer.variables
    groups = {"Total": [w for weights in groups.values() for w in weights], **groups}
    return [
        Text.assemble(
            (f" {name} params: ", "bold"),
            _format_number(f"{count_params(weights):,}"),
            f" ({_format_bytes(_bytes(weights))})",
        )
        for name, weights in groups.items()
    ]


def _format_number(text: str) -> Text:
    return Text(text, style="color(34)")


def _bytes(weights: Iterable[Any]) -> int:
    bits = 0
    for weight in weights:
        size = re.search(r"\d+$", str(weight.dtype))
        bits += math.prod(weight.shape) * (int(size[0]) if size else 8)
    return bits // 8


def _format_bytes(size: float) -> str:
    """'12.00 B', '1.50 KB', '98.30 MB'"""
    for unit in ("B", "KB", "MB", "GB", "TB"):
        if size < 1024:
            return f"{size:.2f} {unit}"
        size /= 1024
    return f"{size:.2f} PB"
