"""Mistakes in the data, caught before the first step: what would otherwise train on, silently and wrongly.

The checks look at values, so on a GPU they wait for the device: once per ``fit`` or ``evaluate``, never in a step.
Shapes are the business of the losses, which see every batch.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import dualnet_backends as backends

from ... import losses, tree
from ...layers.core.embedding import Embedding
from ..loss_assignment import identifiers, is_inferred
from ..output_structure import for_outputs, outputs_of
from .array_adapter import ArrayData

_OF_CLASSES = (losses.sparse_categorical_crossentropy, losses.categorical_crossentropy, losses.binary_crossentropy)


def check_data(model: Any, data: Any, probabilities: bool = True) -> None:
    """Raise ``ValueError`` for values that are not finite, labels outside the classes, and ids outside an embedding.

    Only arrays are checked, not an iterable of batches. probabilities: whether targets of binary and categorical losses have to lie
    between 0 and 1; for batches there is ``check_targets``, which allows some noise.
    """
    if not isinstance(data, ArrayData):
        return
    for name, part in (("x", data.x), ("y", data.y), ("sample_weight", data.weight)):
        for i, array in enumerate(tree.flatten(part) if part is not None else []):
            _check_finite(array, f"{name}[{i}]" if tree.is_nested(part) else name)
    if model._graph is None:
        return
    _check_ids(model, data.x)
    if data.y is not None:
        check_labels(model, data.y, model._graph.outputs, model.output_names, probabilities)


def check_labels(
    model: Any, y: Any, y_pred: Any, names: Sequence[str] | None = None, probabilities: bool = True
) -> None:
    """Raise ``ValueError`` for labels outside the classes that the outputs have.

    y_pred: the outputs, of which only the shapes count, or symbols of them. names: theirs, if they have names. probabilities: as
    in ``check_data``.
    """
    compiled = model._compiled_loss
    if compiled is None or y is None:
        return
    outputs = outputs_of(y_pred, names)
    try:
        labels = for_outputs(y, y_pred, outputs, "y")
        assignments = compiled.assignments(y_pred)
    except (KeyError, ValueError):
        return  # the loss says what is wrong with the structure
    symbols = tree.flatten(y_pred)
    for assignment in assignments:
        i = assignment.start
        if assignment.stop == i + 1 and labels[i] is not None:
            name = f"y[{outputs[i].label!r}]" if len(outputs) > 1 else "y"
            _check_labels(name, assignment.spec, labels[i], symbols[i], probabilities)


def has_classes(model: Any) -> bool:
    """Whether a loss of the model compares classes, whose labels are checked."""
    specs = [spec for spec in identifiers(model.loss) if not is_inferred(spec)]
    functions = [getattr(loss, "fn", loss) for loss in map(losses.get, specs)]
    return any(function in _OF_CLASSES for function in functions)


def _check_finite(array: Any, name: str) -> None:
    if array is None or array.dtype.kind != "f":
        return
    xp = backends.of(array).xp
    # The sum is finite unless something in it is not (or it overflows): one fast pass in the usual case.
    if array.size and not bool(xp.isfinite(xp.sum(array))):
        bad = ~xp.isfinite(array)
        count = int(xp.count_nonzero(bad))
        if count:
            row = int(xp.argmax(bad.reshape(array.shape[0], -1).any(axis=1)))
            raise ValueError(
                f"{name} has {count} values that are NaN or infinite, the first in sample {row}: "
                f"remove those samples or fill the gaps"
            )


def _check_labels(name: str, loss: Any, y: Any, output: Any, probabilities: bool) -> None:
    """Labels against the classes of an output, for the losses that have classes."""
    if is_inferred(loss):
        return
    loss = losses.get(loss)
    function = getattr(loss, "fn", loss)
    xp = backends.of(y).xp
    if not y.size:
        return
    if function is losses.sparse_categorical_crossentropy:
        classes = output.shape[-1]
        if y.ndim == len(output.shape) and y.shape[-1] == classes and classes != 1:
            raise ValueError(
                f"{name} has shape {y.shape}, the model's output {tuple(output.shape)}: that looks one-hot, and "
                "sparse_categorical_crossentropy takes integer labels. Use categorical_crossentropy, or y.argmax(-1)"
            )
        ignored = (getattr(loss, "_fn_kwargs", None) or {}).get("ignore_class")
        wrong = (y < 0) | (y >= classes) if classes is not None else y < 0
        if ignored is not None:
            wrong &= y != ignored
        if bool(wrong.any()):
            raise ValueError(
                f"{name} holds the label {_first(y, wrong)}, but the model has {classes} classes, so labels go from 0 to "
                f"{None if classes is None else classes - 1}: start them at 0, or give the last layer more units"
            )
        if y.dtype.kind == "f" and bool((y != xp.floor(y)).any()):
            raise ValueError(f"{name} holds labels that are no whole numbers, such as {_first(y, y != xp.floor(y))}")
    elif function in (losses.categorical_crossentropy, losses.binary_crossentropy):
        classes = output.shape[-1]
        if function is losses.categorical_crossentropy and y.ndim == len(output.shape) - 1 and classes != 1:
            raise ValueError(
                f"{name} has shape {y.shape}, the model's output {tuple(output.shape)}: integer labels go with "
                "sparse_categorical_crossentropy, or make them one-hot with dualnet.utils.to_categorical(y)"
            )
        wrong = (y < 0) | (y > 1)
        if probabilities and bool(wrong.any()):
            raise ValueError(
                f"{name} holds {_first(y, wrong)}, but {function.__name__} takes probabilities from 0 to 1: "
                "make integer labels one-hot, or use sparse_categorical_crossentropy"
            )


def _first(y: Any, wrong: Any) -> Any:
    """The first value for which ``wrong`` is true, as a number."""
    flat = y.reshape(-1)
    return flat[int(wrong.reshape(-1).argmax())].item()


def _check_ids(model: Any, x: Any) -> None:
    """Ids that go straight from an input into an embedding, against its size."""
    inputs = tree.flatten(model._graph.inputs)
    names = [i._keras_history.operation.name for i in inputs]
    arrays = [x.get(n) for n in names] if isinstance(x, dict) else tree.flatten(x)
    embeddings = [node for node in model._graph.nodes if isinstance(node.operation, Embedding) and node.inputs]
    for node, (symbol, array) in itertools.product(embeddings, list(zip(inputs, arrays))):
        if symbol is node.inputs[0] and array is not None and array.size:
            size = node.operation.input_dim
            wrong = (array < 0) | (array >= size)
            if bool(wrong.any()):
                raise ValueError(
                    f"x holds the id {_first(array, wrong)}, but {node.operation.name!r} has {size} entries, so ids go "
                    f"from 0 to {size - 1}"
                )
