"""All variables of a model as nested dictionaries, keyed by the parts of their paths."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

from ..core.variables import Variable

_FORMATS = ("backend_tensor", "numpy_array")


def get_state_tree(model: Any, value_format: str = "backend_tensor") -> dict[str, Any]:
    """See ``Model.get_state_tree``."""
    if value_format not in _FORMATS:
        raise ValueError(f"Invalid `value_format` argument: expected one of {_FORMATS}, got {value_format!r}")
    read = Variable.numpy if value_format == "numpy_array" else attrgetter("value")
    return {category: _nested(variables, read) for category, variables in _variables(model).items()}


def _variables(model: Any) -> dict[str, list[tuple[str, Variable]]]:
    """(path, variable) by category. The paths of optimizer variables start with its name."""
    optimizer = model.optimizer
    slots = [] if optimizer is None else optimizer.variables
    return {
        "trainable_variables": [(v.path, v) for v in model.trainable_variables],
        "non_trainable_variables": [(v.path, v) for v in model.non_trainable_variables],
        "optimizer_variables": [(f"{optimizer.name}/{v.path.removeprefix(f'{optimizer.name}/')}", v) for v in slots],
        "metrics_variables": [(v.path, v) for v in model.metrics_variables],
    }


def _nested(variables: list[tuple[str, Variable]], read: Any) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path, variable in variables:
        *parents, last = path.split("/")
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})
            if not isinstance(node, dict):
                break
        if not isinstance(node, dict) or last in node:
            raise ValueError(
                f"The following variable path is found twice in the model: {path!r}. Give the layers different names"
            )
        node[last] = read(variable)
    return tree


def set_state_tree(model: Any, state_tree: dict[str, Any]) -> None:
    """See ``Model.set_state_tree``."""
    known = _variables(model)
    unknown = sorted(set(state_tree) - set(known))
    if unknown:
        raise ValueError(f"a state tree has the parts {list(known)}, got {unknown}")
    changes = []
    for category, part in state_tree.items():
        variables = dict(known[category])
        for path, value in _flat(part):
            if path not in variables:
                raise ValueError(f"the model has no variable {path!r} in {category}; there are {sorted(variables)}")
            changes.append((variables[path], value))
    for variable, value in changes:
        variable.assign(value)


def _flat(part: dict[str, Any], path: str = "") -> list[tuple[str, Any]]:
    leaves: list[tuple[str, Any]] = []
    for name, value in part.items():
        full_path = f"{path}/{name}" if path else name
        leaves += _flat(value, full_path) if isinstance(value, dict) else [(full_path, value)]
    return leaves
