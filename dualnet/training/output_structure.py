"""The outputs of a model: their positions in the structure that ``call`` returns, their names, and the data that belongs to each.

An output is identified by its path: the keys and indices that lead to it. In messages and logs its name consists of the keys,
and, where the path ends in a list, of the name of the layer that computes it, if the model knows it: "p/dense_1".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from .. import tree


class Output(NamedTuple):
    """One tensor of what a model returns."""

    path: tuple[Any, ...]
    keys: tuple[str, ...]  # those parts of the path that are keys of dictionaries
    name: str | None  # None: an entry of a list, in a model whose outputs have no names

    @property
    def label(self) -> str:
        """Its name in messages."""
        return self.name or "/".join((*self.keys, f"output_{self.path[-1] if self.path else 0}"))


def outputs_of(y_pred: Any, names: Sequence[str] | None = None) -> list[Output]:
    """The outputs in a structure, in the order of ``tree.flatten``. names: of the layers that compute them."""
    paths = [path for path, _ in tree.flatten_with_path(y_pred)]
    if names is None or len(names) != len(paths):
        names = [""] * len(paths)
    outputs = []
    for path, layer_name in zip(paths, names):
        keys = tuple(part for part in path if isinstance(part, str))
        last = layer_name if not path or not isinstance(path[-1], str) else None
        known = last != ""
        outputs.append(Output(path, keys, "/".join((*keys, last) if last else keys) if known else None))
    return outputs


def children(structure: Any) -> list[tuple[Any, Any]]:
    """(key or index, value) for each entry of a container, in the order of ``tree.flatten``."""
    if isinstance(structure, dict):
        return [(key, structure[key]) for key in tree.sorted_keys(structure)]
    return list(enumerate(structure))


def by_position(value: dict[str, Any], names: Sequence[str | None], what: str) -> list[Any]:
    """The entries of a dictionary in the order of the outputs' names; None for a missing one."""
    unknown = [key for key in value if key not in names]
    if unknown:
        raise ValueError(
            f"Expected keys {list(names)} in {what}, the names of the model's outputs, but found {unknown}"
            if None not in names
            else f"{what} names the outputs {unknown}, but the outputs of this model have no names: give a list"
        )
    return [None if name is None else value.get(name) for name in names]


def for_outputs(value: Any, y_pred: Any, outputs: Sequence[Output], what: str) -> list[Any]:
    """The entry of ``value`` for each output, in their order; None for a missing one.

    value: a structure like ``y_pred``; for outputs in a list also a dictionary by name, for outputs in a dictionary also a
    list in their order; for a single output also the entry itself. what: the name of the argument, for error messages.
    """
    if len(outputs) == 1 and not isinstance(value, dict):
        leaves = tree.flatten(value)
        if len(leaves) != 1:
            raise ValueError(f"{what} has {len(leaves)} entries, the model has one output ({outputs[0].label})")
        return leaves
    if len(outputs) == 1 and len(value) == 1 and not isinstance(y_pred, dict):
        return tree.flatten(value)
    return _align(value, y_pred, outputs, what)


def _align(value: Any, part: Any, outputs: Sequence[Output], what: str) -> list[Any]:
    if value is None:
        return [None] * len(outputs)
    if not tree.is_nested(part):
        if tree.is_nested(value):
            value = tree.flatten(value)
            if len(value) != 1:
                raise ValueError(f"{what} has {len(value)} entries for the output {outputs[0].label}")
            return value
        return [value]
    if not tree.is_nested(value):
        labels = ", ".join(o.label for o in outputs)
        raise ValueError(f"the model has {len(outputs)} outputs ({labels}), but {what} is a single array")
    if isinstance(part, dict) and isinstance(value, dict):
        unknown = [key for key in value if key not in part]
        if unknown:
            raise ValueError(f"{what} names the outputs {unknown}, the model has {list(part)}")
    if isinstance(value, dict) and not isinstance(part, dict):
        return by_position(value, [o.name for o in outputs], what)
    if isinstance(part, dict) == isinstance(value, dict) and (isinstance(part, dict) or len(part) == len(value)):
        aligned: list[Any] = []
        for key, inner in children(part):
            size = len(tree.flatten(inner))
            own = value.get(key) if isinstance(part, dict) else value[key]
            aligned += _align(own, inner, outputs[len(aligned) : len(aligned) + size], what)
        return aligned
    leaves = tree.flatten(value)
    if len(leaves) != len(outputs):
        labels = ", ".join(o.label for o in outputs)
        lead = "y_true and y_pred have different structures. " if what == "y" else ""
        raise ValueError(f"{lead}{what} has {len(leaves)} entries, the model has {len(outputs)} outputs ({labels})")
    return leaves


def weights_for(value: Any, y_pred: Any, outputs: Sequence[Output]) -> list[Any]:
    """The sample weights of each output; an array serves all."""
    if value is None or not tree.is_nested(value):
        return [value] * len(outputs)
    return for_outputs(value, y_pred, outputs, "sample_weight")
