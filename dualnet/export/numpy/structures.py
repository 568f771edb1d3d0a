"""Dictionaries, lists and tuples of values, such as the outputs of a model."""

from __future__ import annotations

from typing import Any


def paths_of(structure: Any) -> list[tuple[Any, ...]]:
    """The keys that lead to each leaf of dictionaries, lists and tuples."""
    if isinstance(structure, dict):
        return [(k, *path) for k, v in structure.items() for path in paths_of(v)]
    if isinstance(structure, (tuple, list)):
        return [(k, *path) for k, v in enumerate(structure) for path in paths_of(v)]
    return [()]


def flat(structure: Any) -> list[int]:
    """The leaves, in the order of ``paths_of``."""
    if isinstance(structure, (dict, tuple, list)):
        return [n for v in (structure.values() if isinstance(structure, dict) else structure) for n in flat(v)]
    return [structure]


def mapped(structure: Any, function: Any) -> Any:
    if isinstance(structure, dict):
        return {k: mapped(v, function) for k, v in structure.items()}
    if isinstance(structure, (tuple, list)):
        return type(structure)(mapped(v, function) for v in structure)
    return function(structure)
