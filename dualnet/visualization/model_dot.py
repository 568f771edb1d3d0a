"""`model_to_dot`: a model as text in the DOT language of Graphviz."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .model_graph import Box, Contents, boxes_of, check_direction, fill_of


class Dot:
    """A graph in the DOT language, for Graphviz (`dot -Tsvg model.dot`).

    Keras returns an object of the package `pydot` instead, which dualnet does not need.
    """

    def __init__(self, text: str) -> None:
        self._text = text

    def to_string(self) -> str:
        """The text."""
        return self._text

    __str__ = to_string

    def write(self, path: Any, encoding: str = "utf-8") -> bool:
        """Write the text to a file. Returns True, as pydot does."""
        Path(path).write_text(self._text, encoding=encoding)
        return True


def model_to_dot(
    model: Any,
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = True,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: float = 200,
    subgraph: bool = False,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
    **kwargs: Any,
) -> Dot:
    """A model as a graph for Graphviz: a box for every layer or op, an arrow for every tensor between them.

    Args:
        model: Sequential or functional; a subclassed model is a single box.
        show_shapes, show_dtype, show_layer_names, show_layer_activations, show_trainable: contents of the boxes, as for
            `plot_model`, which needs no Graphviz.
        rankdir: direction of the arrows: `"TB"` down, `"BT"` up, `"LR"` to the right, `"RL"` to the left.
        expand_nested: show the layers of nested models, in frames.
        dpi: pixels per inch of Graphviz's pictures.
        subgraph: return a subgraph instead of a graph.
        splines: shape of the arrows: `"ortho"`, `"curved"`, `"line"` ...

    Returns:
        An object with `to_string()` and `write(path)`.

    Raises:
        ValueError: the model is not built and shapes are requested, or an argument is invalid.
    """
    if kwargs:
        raise ValueError(f"model_to_dot takes no argument {', '.join(kwargs)}")
    check_direction(rankdir)
    contents = Contents(show_shapes, show_dtype, show_layer_names, show_layer_activations, show_trainable)
    name = _quoted(f"cluster_{model.name}" if subgraph else model.name)
    lines = [f"{'subgraph' if subgraph else 'digraph'} {name} {{"]
    options = (
        {"label": model.name} if subgraph else {"compound": "true", "dpi": dpi, "rankdir": rankdir, "splines": splines}
    )
    lines += [f"    {key}={_quoted(value)};" for key, value in options.items()]
    lines.append('    node [shape="box", style="filled", fontname="Helvetica"];')
    lines += _statements(boxes_of(model, contents, expand_nested), "n", 1)
    return Dot("\n".join([*lines, "}"]) + "\n")


def _statements(graph: tuple[list[Box], list[tuple[int, int]]], prefix: str, depth: int) -> list[str]:
    """The DOT statements of the boxes and arrows of a model; boxes are named by their indices, "n1_0"."""
    boxes, edges = graph
    indent = "    " * depth
    lines = []
    for i, box in enumerate(boxes):
        if box.nested is None:
            inner, outer = fill_of(box)
            colours = f"fillcolor={_quoted(inner)}, color={_quoted(outer)}"
            lines.append(f"{indent}{prefix}{i} [label={_label(box)}, {colours}];")
        else:
            lines.append(f"{indent}subgraph cluster_{prefix}{i} {{")
            lines.append(f"{indent}    label={_label(box)};")
            lines += [*_statements(box.nested, f"{prefix}{i}_", depth + 1), f"{indent}}}"]
    for a, b in edges:
        tail, head = _end(boxes[a], f"{prefix}{a}", last=True), _end(boxes[b], f"{prefix}{b}", last=False)
        ends = (("ltail", a), ("lhead", b))
        frames = [f"{key}=cluster_{prefix}{i}" for key, i in ends if boxes[i].nested is not None]
        options = f" [{', '.join(frames)}]" if frames else ""
        lines.append(f"{indent}{tail} -> {head}{options};")
    return lines


def _end(box: Box, name: str, last: bool) -> str:
    """The name of the box at the end of an arrow: an arrow to a frame needs a box inside it."""
    while box.nested is not None and box.nested[0]:
        boxes = box.nested[0]
        i = len(boxes) - 1 if last else 0
        box, name = boxes[i], f"{name}_{i}"
    return name


def _label(box: Box) -> str:
    return _quoted("\n".join([box.title, *(label + value for label, value in box.rows)]))


def _quoted(value: Any) -> str:
    text = str(value).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{text}"'
