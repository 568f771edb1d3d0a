"""Whether outputs, losses and targets belong together: common mistakes, each with its place in the config."""

from __future__ import annotations

from typing import Any

from .config import Settings
from .errors import KeyPath, Problem, did_you_mean, listing, printable, show
from .parts import Part
from .prepare import Dataset
from .targets import all_numbers


def check_outputs(settings: Settings, shapes: Any, data: Dataset) -> None:
    """Check the target of every output against its loss and its layer.

    shapes: the shape of one sample of the output, or a table of these by output.
    """
    names = settings.compile.outputs
    _check_names(settings, shapes, names)
    if names is None:
        last = len(settings.model.layers or []) - 1
        where: KeyPath = ("model", "layers", last) if settings.model.layers else ("model", "python")
        parts = list(data.parts().values())
        _check(settings, settings.compile.loss, ("compile", "loss"), shapes, where, parts, data, "")
        return
    for name in names:
        parts = [Part(part.x, part.y[name]) for part in data.parts().values()]
        loss = settings.compile.loss[name]
        layer = next((n for n, table in enumerate(settings.model.layers or []) if table.get("name") == name), None)
        where = ("model", "python") if layer is None else ("model", "layers", layer)
        _check(settings, loss, ("compile", "loss", name), shapes[name], where, parts, data, name)


def _check_names(settings: Settings, shapes: Any, names: list[str] | None) -> None:
    """Refuse losses without names for outputs that have names, and the reverse."""
    known = list(shapes) if isinstance(shapes, dict) else None
    problems = []
    if names is None and known is not None:
        example = ", ".join(f'{name} = "..."' for name in known)
        problems.append(
            Problem(("compile", "loss"), f"the model has several outputs, each with a loss: {{ {example} }}")
        )
    if settings.model.python is not None and names is not None:
        for name in names:
            if name not in (known or []):
                hint = (
                    did_you_mean(name, known or [])
                    or f"; outputs: {listing(known or ['one, so this is a loss alone'])}"
                )
                problems.append(Problem(("compile", "loss", name), f"the model has no output {show(name)}{hint}"))
        for name in known or []:
            if name not in names:
                problems.append(Problem(("compile", "loss"), f"says nothing of the output {show(name)}"))
    if problems:
        raise settings.source.error(problems)


def _check(
    settings: Settings,
    spec: Any,
    where: KeyPath,
    shape: tuple[int | None, ...],
    last: KeyPath,
    parts: list[Part],
    data: Dataset,
    output: str,
) -> None:
    """Check one output. spec: its loss, at ``where``. shape: of one sample of it. last: the layer that gives it."""
    loss = (spec["class"] if isinstance(spec, dict) else spec).replace("_", "").lower()
    y = parts[0].y
    own = data.preparation.of_output(output)
    as_class = 'type = "class"' if output else 'target_type = "class"'
    one_hot = "one_hot = true in the target" if output else "one_hot = true in [data]"
    classes = own.classes or []
    outputs = shape[-1] if shape else 1
    if loss == "sparsecategoricalcrossentropy":
        if y.dtype.kind != "i" or y.min() < 0:
            raise settings.fail(where, f"this loss needs a target of whole numbers from 0; {as_class} makes them")
        if len(shape) == 1 and y.ndim > 1 and y.shape[-1] != 1:
            raise settings.fail(where, 'one-hot targets need "categorical_crossentropy"')
        highest = max(int(part.y.max()) for part in parts)
        if outputs is not None and highest >= outputs:
            named = f" ({printable(listing(classes))})" if classes else ""
            message = (
                f"gives {outputs} outputs, but the classes go from 0 to {highest}{named}; set units = {highest + 1}"
            )
            raise settings.fail(last, message)
        return
    if loss == "categoricalcrossentropy" and (y.ndim < 2 or y.shape[-1] == 1) and outputs != 1:
        message = f'needs {one_hot}; for plain class numbers use "sparse_categorical_crossentropy"'
        raise settings.fail(where, message)
    if loss == "binarycrossentropy" and (y.min() < 0 or y.max() > 1):
        low, high = show(y.min().item()), show(y.max().item())
        raise settings.fail(where, f"needs targets from 0 to 1, these go from {low} to {high}")
    columns = y.shape[-1] if y.ndim > 1 else 1
    if columns == 1 and len(classes) > 2 and not all_numbers(classes):
        message = (
            f"the target is {len(classes)} classes ({printable(listing(classes, 3))}), and their numbers have no order"
        )
        message += f'; use "sparse_categorical_crossentropy" with units = {len(classes)}, or {one_hot}'
        raise settings.fail(where, message)
    if len(shape) > 1 or y.ndim > 2:
        if len(shape) != y.ndim - 1 or any(a not in (None, b) for a, b in zip(shape, y.shape[1:])):
            hint = "; flatten = true in [data] makes rows of the samples" if own.is_input and len(shape) == 1 else ""
            raise settings.fail(last, f"gives {_text(shape)}, but a target has the shape {_text(y.shape[1:])}{hint}")
    elif columns != outputs:
        raise settings.fail(last, f"gives {outputs} outputs, but a target has {columns}")


def _text(shape: Any) -> str:
    return (
        "(" + ", ".join("any" if size is None else str(size) for size in shape) + ("," if len(shape) == 1 else "") + ")"
    )
