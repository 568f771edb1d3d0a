"""Which loss of ``compile`` applies to which outputs.

A specification is one loss for all outputs, or a structure: like that of the outputs (a list, a dictionary, nested), or a
dictionary by the names of the outputs. Anywhere in it may be a list of losses, which all apply to the same outputs. A function at
the position of several outputs gets them all, in their structure.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from .. import tree
from .output_structure import Output, by_position, children, weights_for


class LossAssignment(NamedTuple):
    """A loss as passed to ``compile``, the outputs it applies to, and its weight."""

    spec: Any
    path: tuple[Any, ...]
    start: int  # of its outputs, among all
    stop: int
    weight: Any


def identifiers(spec: Any) -> Iterator[Any]:
    """All losses in a structure; a config of one is a dictionary too."""
    if isinstance(spec, dict) and "class_name" in spec:
        yield spec
    elif tree.is_nested(spec):
        for _, part in children(spec):
            yield from identifiers(part)
    elif spec is not None:
        yield spec


def assign_losses(spec: Any, weights: Any, y_pred: Any, outputs: list[Output]) -> Iterator[LossAssignment]:
    """The losses of a specification, each with its outputs and its weight.

    Args:
        spec: the ``loss`` of ``compile``.
        weights: its ``loss_weights``.
        y_pred: what the model returns, or its symbolic outputs.
        outputs: those in ``y_pred``.

    Raises:
        KeyError: a name is not that of an output.
        ValueError: there are more or fewer losses or weights than outputs.
    """
    names = [o.name for o in outputs]
    if isinstance(spec, dict) and "class_name" not in spec:
        if len(outputs) == 1 and (None in names or outputs[0].keys != tuple(spec)):
            if None not in names:
                by_position(spec, names, "loss")  # unknown names are an error
            spec = list(spec.values())
        elif not isinstance(y_pred, dict):
            spec = by_position(spec, names, "loss")
    if isinstance(weights, dict) and not isinstance(y_pred, dict):
        weights = by_position(weights, names, "loss_weights")
    if len(outputs) == 1:
        entries = list(identifiers(spec))
        if len(entries) != 1:
            raise ValueError(f"loss has {len(entries)} entries, the model has one output ({outputs[0].label})")
        flat_weights = tree.flatten(weights)
        if len(flat_weights) != 1:
            raise ValueError(f"loss_weights has {len(flat_weights)} entries, the model has one output")
        yield LossAssignment(entries[0], outputs[0].path, 0, 1, flat_weights[0])
    elif is_loss(spec):
        parts = weights_for(weights, y_pred, outputs) if tree.is_nested(weights) else [weights] * len(outputs)
        for i, output in enumerate(outputs):
            yield LossAssignment(spec, output.path, i, i + 1, parts[i])
    else:
        yield from _assign_nested(spec, weights, y_pred, (), 0, outputs)


def _assign_nested(
    spec: Any, weights: Any, part: Any, path: tuple[Any, ...], start: int, outputs: list[Output]
) -> Iterator[LossAssignment]:
    """The losses of ``part``, what the model returns at ``path``, whose first output is the one at ``start``."""
    if spec is None:
        return
    leaves = len(tree.flatten(part))
    if is_loss(spec):
        if leaves > 1 and isinstance(spec, str):  # a name is a loss of one tensor
            for key, inner in children(part):
                yield from _assign_nested(spec, weights, inner, (*path, key), start, outputs)
                start += len(tree.flatten(inner))
        else:
            yield LossAssignment(spec, path, start, start + leaves, weights)
        return
    if isinstance(spec, dict):
        yield from _by_key(spec, weights, part, path, start, outputs)
        return
    alternatives = not tree.is_nested(part) or (
        not _same_container(spec, part) and any(_same_container(entry, part) for entry in spec if not is_loss(entry))
    )
    if not alternatives and len(spec) != len(part):
        names = ", ".join(o.label for o in outputs[start : start + leaves])
        where = "the model" if not path else f"{'/'.join(map(str, path))!r}"
        raise ValueError(f"loss has {len(spec)} entries, {where} has {len(part)} outputs ({names})")
    entry_weights = list(weights) if isinstance(weights, (list, tuple)) else [weights] * len(spec)
    if len(entry_weights) != len(spec):
        raise ValueError(f"loss_weights has {len(entry_weights)} entries where loss has {len(spec)}")
    if alternatives:
        for entry, weight in zip(spec, entry_weights):
            yield from _assign_nested(entry, weight, part, path, start, outputs)
        return
    for entry, weight, (key, inner) in zip(spec, entry_weights, children(part)):
        yield from _assign_nested(entry, weight, inner, (*path, key), start, outputs)
        start += len(tree.flatten(inner))


def _by_key(
    spec: dict[str, Any], weights: Any, part: Any, path: tuple[Any, ...], start: int, outputs: list[Output]
) -> Iterator[LossAssignment]:
    unknown = [key for key in spec if not isinstance(part, dict) or key not in part]
    if unknown:
        known = f"its outputs are {list(part)}" if isinstance(part, dict) else "its outputs are no dictionary"
        where = "the model's output" if path else "either the model's output or the labels"
        raise KeyError(f"{unknown}, in the `loss` argument, can't be found in {where}: {known}")
    if isinstance(weights, (list, tuple)):
        if len(weights) != len(spec):
            raise ValueError(
                f"`loss_weights` must match the number of losses: {len(weights)} weights, {len(spec)} losses"
            )
        weights = dict(zip(spec, weights))
    for key, inner in children(part):
        weight = weights.get(key) if isinstance(weights, dict) else weights
        yield from _assign_nested(spec.get(key), weight, inner, (*path, key), start, outputs)
        start += len(tree.flatten(inner))


def is_inferred(spec: Any) -> bool:
    """Whether the cross-entropy is meant that goes with the shapes of labels and output."""
    return isinstance(spec, str) and spec.lower() in ("crossentropy", "ce")


def is_loss(spec: Any) -> bool:
    """Whether this is a single loss, not a structure of them; a config of one is a dictionary too."""
    return not tree.is_nested(spec) or (isinstance(spec, dict) and "class_name" in spec)


def _same_container(a: Any, b: Any) -> bool:
    return type(a) is type(b) or (isinstance(a, dict) and isinstance(b, dict))
