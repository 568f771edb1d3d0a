"""The arguments that layers have for each of their weights: an initializer, a regularizer and a constraint."""

from __future__ import annotations

from typing import Any

from ... import constraints, initializers, regularizers

_GETTERS = {"initializer": initializers.get, "regularizer": regularizers.get, "constraint": constraints.get}


def set_weight_arguments(layer: Any, arguments: dict[str, Any], *weights: str) -> None:
    """Set the attributes ``kernel_initializer``, ``kernel_regularizer`` and ``kernel_constraint`` for the weight "kernel".

    Args:
        arguments: those of the constructor by name, which are its ``locals()``.
    """
    for weight in weights:
        for suffix, get in _GETTERS.items():
            setattr(layer, f"{weight}_{suffix}", get(arguments[f"{weight}_{suffix}"]))


def add_weight(layer: Any, shape: Any, weight: str, *, name: str | None = None, **options: Any) -> Any:
    """Make a weight by the attributes that ``set_weight_arguments`` has set for it; the options are those of ``Layer.add_weight``."""
    arguments = {argument: getattr(layer, f"{weight}_{argument}") for argument in _GETTERS}
    return layer.add_weight(shape, name=name or weight, **{**arguments, **options})
