"""Nested structures: lists, tuples, named tuples and dictionaries of things."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = [
    "assert_same_structure",
    "flatten",
    "flatten_with_path",
    "is_nested",
    "map_shape_structure",
    "map_structure",
    "pack_sequence_as",
]


def is_nested(structure: Any) -> bool:
    """Whether something is a list, tuple or dictionary"""
    return isinstance(structure, (list, tuple, dict))


def flatten(structure: Any) -> list[Any]:
    """The leaves from left to right; dictionaries in the order of their sorted keys"""
    if isinstance(structure, dict):
        return [leaf for key in sorted_keys(structure) for leaf in flatten(structure[key])]
    if isinstance(structure, (list, tuple)):
        return [leaf for part in structure for leaf in flatten(part)]
    return [structure]


def flatten_with_path(structure: Any) -> list[tuple[tuple[Any, ...], Any]]:
    """The leaves in the order of ``flatten``, each behind the keys and positions that lead to it"""
    if not is_nested(structure):
        return [((), structure)]
    keys = sorted_keys(structure) if isinstance(structure, dict) else range(len(structure))
    return [((key, *path), leaf) for key in keys for path, leaf in flatten_with_path(structure[key])]


def sorted_keys(structure: dict[Any, Any]) -> list[Any]:
    """The keys in the order in which ``flatten`` goes through them: sorted, or as they are when they are of several types"""
    try:
        return sorted(structure)
    except TypeError:  # keys of several types
        return list(structure)


def map_structure(func: Callable[..., Any], *structures: Any) -> Any:
    """``func`` applied to the leaves of one or more structures of the same form; the result has that form.

    Raises ``ValueError`` when the forms differ.
    """
    first = structures[0]
    if isinstance(first, dict):
        for other in structures[1:]:
            if not isinstance(other, dict) or other.keys() != first.keys():
                raise _differ(first, other)
        return _like(first, {key: map_structure(func, *(s[key] for s in structures)) for key in first})
    if isinstance(first, (list, tuple)):
        for other in structures[1:]:
            if not isinstance(other, (list, tuple)) or len(other) != len(first):
                raise _differ(first, other)
        return _like(first, [map_structure(func, *parts) for parts in zip(*structures)])
    return func(*structures)


def map_shape_structure(func: Callable[..., Any], structure: Any) -> Any:
    """``func`` applied to every shape in a structure of shapes; the result has its form.

    A shape is a list or tuple of whole numbers and None, so ``(None, 3)`` is one leaf. What is neither a shape nor a container is
    handed to ``func`` as well.
    """
    if isinstance(structure, dict):
        return _like(structure, {key: map_shape_structure(func, part) for key, part in structure.items()})
    if isinstance(structure, (list, tuple)) and not all(n is None or isinstance(n, int) for n in structure):
        return _like(structure, [map_shape_structure(func, part) for part in structure])
    return func(structure)


def _differ(first: Any, other: Any) -> ValueError:
    return ValueError(f"expected structures of the same form, got a {_told(first)} and a {_told(other)}")


def _told(x: Any) -> str:
    """ "list of 2", "dict of ['a']", "Tensor" """
    return f"{type(x).__name__} of {list(x) if isinstance(x, dict) else len(x)}" if is_nested(x) else type(x).__name__


def assert_same_structure(a: Any, b: Any) -> None:
    """Raise ``ValueError`` when two structures differ in their form: containers of other kinds, lengths or keys."""
    if not is_nested(a) and not is_nested(b):
        return
    if type(a) is not type(b) and not (isinstance(a, dict) and isinstance(b, dict)):
        raise ValueError(f"expected a {_told(a)} as in the other structure, got a {_told(b)}")
    if isinstance(a, dict):
        if a.keys() != b.keys():
            raise ValueError(f"expected a {_told(a)}, got a {_told(b)}")
        for key in a:
            assert_same_structure(a[key], b[key])
    else:
        if len(a) != len(b):
            raise ValueError(f"expected a {_told(a)}, got a {_told(b)}")
        for x, y in zip(a, b):
            assert_same_structure(x, y)


def _like(structure: Any, parts: Any) -> Any:
    """New parts in a container of the kind of ``structure``."""
    if isinstance(structure, dict):
        kind: Any = type(structure)
        return kind(structure.default_factory, parts) if hasattr(structure, "default_factory") else kind(parts)
    return type(structure)(*parts) if hasattr(structure, "_fields") else type(structure)(parts)


def pack_sequence_as(structure: Any, flat_sequence: Any) -> Any:
    """The leaves ``flat_sequence`` in the form of ``structure``; ``ValueError`` when there are more or fewer."""
    given, expected = list(flat_sequence), len(flatten(structure))
    if len(given) != expected:
        raise ValueError(f"the structure has {expected} leaves, got {len(given)}")
    leaves = iter(given)

    def build(part: Any) -> Any:
        if isinstance(part, dict):
            made = {key: build(part[key]) for key in sorted_keys(part)}
            return _like(part, {key: made[key] for key in part})
        if isinstance(part, (list, tuple)):
            return _like(part, [build(p) for p in part])
        return next(leaves)

    return build(structure)
