"""Nested structures: lists, tuples, named tuples and dictionaries of things."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def is_nested(structure: Any) -> bool:
    """Whether something is a list, tuple or dictionary"""
    return isinstance(structure, (list, tuple, dict))


def flatten(structure: Any) -> list[Any]:
    """The leaves from left to right; dictionaries in the order of their sorted keys"""
    if isinstance(structure, dict):
        return [leaf for key in _keys(structure) for leaf in flatten(structure[key])]
    if isinstance(structure, (list, tuple)):
        return [leaf for part in structure for leaf in flatten(part)]
    return [structure]


def _keys(structure: dict[Any, Any]) -> list[Any]:
    try:
        return sorted(structure)
    except TypeError:  # keys of several types
        return list(structure)


def map_structure(function: Callable[..., Any], *structures: Any) -> Any:
    """``function`` applied to the leaves of one or more structures of the same form; the result has that form"""
    first = structures[0]
    if isinstance(first, dict):
        return type(first)((key, map_structure(function, *(s[key] for s in structures))) for key in first)
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return type(first)(*(map_structure(function, *parts) for parts in zip(*structures)))
    if isinstance(first, (list, tuple)):
        return type(first)(map_structure(function, *parts) for parts in zip(*structures))
    return function(*structures)


def pack_sequence_as(structure: Any, flat_sequence: Any) -> Any:
    """The leaves ``flat_sequence`` in the form of ``structure``"""
    leaves = iter(flat_sequence)

    def build(part: Any) -> Any:
        if isinstance(part, dict):
            made = {key: build(part[key]) for key in _keys(part)}
            return type(part)((key, made[key]) for key in part)
        if isinstance(part, tuple) and hasattr(part, "_fields"):
            return type(part)(*(build(p) for p in part))
        if isinstance(part, (list, tuple)):
            return type(part)([build(p) for p in part])
        return next(leaves)

    return build(structure)
