"""Nested structures: lists, tuples, named tuples, deques and dictionaries of leaves."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from .core.hints import module_getattr

__all__ = [
    "MAP_TO_NONE",
    "assert_same_paths",
    "assert_same_structure",
    "flatten",
    "flatten_with_path",
    "is_nested",
    "lists_to_tuples",
    "map_shape_structure",
    "map_structure",
    "map_structure_up_to",
    "pack_sequence_as",
    "traverse",
]

_SEQUENCES = (list, tuple, deque)


class MAP_TO_NONE:
    """Returned by the function of ``traverse`` to replace a part by None."""


def is_nested(structure: Any) -> bool:
    """Whether a value is a list, tuple, deque or dictionary"""
    return isinstance(structure, (list, tuple, dict, deque))


def flatten(structure: Any) -> list[Any]:
    """The leaves from left to right; dictionaries in the order of their sorted keys, an ``OrderedDict`` in its own"""
    if isinstance(structure, dict):
        return [leaf for key in sorted_keys(structure) for leaf in flatten(structure[key])]
    if isinstance(structure, _SEQUENCES):
        return [leaf for part in structure for leaf in flatten(part)]
    return [structure]


def flatten_with_path(structure: Any) -> list[tuple[tuple[Any, ...], Any]]:
    """The leaves in the order of ``flatten``, each with the keys and positions that lead to it, as (path, leaf)"""
    if not is_nested(structure):
        return [((), structure)]
    keys = sorted_keys(structure) if isinstance(structure, dict) else range(len(structure))
    return [((key, *path), leaf) for key in keys for path, leaf in flatten_with_path(structure[key])]


def sorted_keys(structure: dict[Any, Any]) -> list[Any]:
    """The keys in the order in which ``flatten`` goes through them: sorted, or as they are when they are of several types
    or in an ``OrderedDict``"""
    if isinstance(structure, OrderedDict):
        return list(structure)
    try:
        return sorted(structure)
    except TypeError:  # keys of several types
        return list(structure)


def map_structure(func: Callable[..., Any], *structures: Any, none_is_leaf: bool = True) -> Any:
    """``func`` applied to the leaves of one or more structures of the same form; the result has the form of the first.

    Args:
        none_is_leaf: whether ``func`` gets None too; otherwise it stays None.

    Raises:
        ValueError: without a structure and when the forms differ, as in ``assert_same_structure``.
        TypeError: for a ``func`` that cannot be called.
    """
    _check_callable(func)
    if not structures:
        raise ValueError("map_structure needs at least one structure")
    if not none_is_leaf:
        inner = func

        def func(*leaves: Any) -> Any:
            return None if all(leaf is None for leaf in leaves) else inner(*leaves)

    return _map(func, *structures)


def _check_callable(func: Any) -> None:
    if not callable(func):
        raise TypeError(f"`func` must be callable. Received: {func!r}")


def _map(func: Callable[..., Any], first: Any, *others: Any) -> Any:
    nested = is_nested(first)
    for other in others:
        if nested or is_nested(other):
            _assert_same_container(first, other)
    return _map_parts(partial(_map, func), first, *others) if nested else func(first, *others)


def _map_parts(func: Callable[..., Any], container: Any, *others: Any) -> Any:
    """A container like the first one, of what ``func`` returns for the parts of all, in the order of ``flatten``."""
    if isinstance(container, dict):
        mapped = {key: func(container[key], *(other[key] for other in others)) for key in sorted_keys(container)}
        parts = {key: mapped[key] for key in container}
        cls: Any = type(container)
        return cls(container.default_factory, parts) if hasattr(container, "default_factory") else cls(parts)
    values = [func(*parts) for parts in zip(container, *others)]
    if isinstance(container, deque):
        return type(container)(values, maxlen=container.maxlen)
    return type(container)(*values) if hasattr(container, "_fields") else type(container)(values)


def map_structure_up_to(shallow_structure: Any, func: Callable[..., Any], *structures: Any) -> Any:
    """``func`` applied to the parts of structures that stand where ``shallow_structure`` has leaves; its form is kept.

    Raises ``ValueError`` for a structure that is not as deep, and without a structure.
    """
    _check_callable(func)
    if not structures:
        raise ValueError("map_structure_up_to needs at least one structure")
    return _map_up_to(func, shallow_structure, *structures)


def _map_up_to(func: Callable[..., Any], shallow: Any, *structures: Any) -> Any:
    if not is_nested(shallow):
        return func(*structures)
    for other in structures:
        _assert_same_container(shallow, other)
    return _map_parts(partial(_map_up_to, func), shallow, *structures)


def traverse(func: Callable[[Any], Any], structure: Any, top_down: bool = True) -> Any:
    """The structure with each part, container or leaf, replaced by what ``func`` returns for it.

    Where ``func`` returns None a part stays, and its own parts are looked at; to put None there, it returns
    ``MAP_TO_NONE``.

    Args:
        top_down: containers come before what is in them, and what was replaced is not looked into; otherwise after it.
    """
    _check_callable(func)

    def visit(part: Any) -> Any:
        if not top_down:
            part = visit_parts(part)
        mapped = func(part)
        if mapped is None:
            return visit_parts(part) if top_down else part
        return None if mapped is MAP_TO_NONE else mapped

    def visit_parts(part: Any) -> Any:
        return _map_parts(visit, part) if is_nested(part) else part

    return visit(structure)


def lists_to_tuples(structure: Any) -> Any:
    """The structure with tuples instead of lists"""

    def as_tuple(part: Any) -> Any:
        return tuple(part) if isinstance(part, list) else None

    return traverse(as_tuple, structure, top_down=False)


def map_shape_structure(func: Callable[..., Any], structure: Any) -> Any:
    """``func`` applied to every shape in a structure of shapes; the result has its form.

    A shape is a list or tuple of whole numbers and None, so ``(None, 3)`` is one leaf. What is neither a shape nor a container is
    handed to ``func`` as well.
    """
    is_shape = isinstance(structure, _SEQUENCES) and all(n is None or isinstance(n, int) for n in structure)
    if is_shape or not is_nested(structure):
        return func(structure)
    return _map_parts(partial(map_shape_structure, func), structure)


_DIFFER = "the structures don't have the same nested form"


def _describe(x: Any) -> str:
    """ "list of 2", "dict of ['a']", "Tensor" """
    name = f"namedtuple {type(x).__name__}" if hasattr(x, "_fields") else type(x).__name__
    return f"{name} of {list(x) if isinstance(x, dict) else len(x)}" if is_nested(x) else name


def assert_same_structure(a: Any, b: Any, check_types: bool | None = None) -> None:
    """Raise ``ValueError`` when two structures differ in their form: containers of other types, lengths or keys.

    All dictionaries count as one type.

    Args:
        check_types: has no effect.
    """
    if not is_nested(a) and not is_nested(b):
        return
    _assert_same_container(a, b)
    if isinstance(a, dict):
        for key in a:
            assert_same_structure(a[key], b[key])
    else:
        for x, y in zip(a, b):
            assert_same_structure(x, y)


def _assert_same_container(a: Any, b: Any) -> None:
    if type(a) is not type(b) and not (isinstance(a, dict) and isinstance(b, dict)):
        raise ValueError(f"{_DIFFER}: expected a {_describe(a)}, got a {_describe(b)}")
    if isinstance(a, dict) and a.keys() != b.keys():
        raise ValueError(f"{_DIFFER}: expected the keys {list(a)}, got {list(b)}")
    if len(a) != len(b):
        raise ValueError(f"{_DIFFER}: expected a {_describe(a)}, got another number of parts, {len(b)}")


def assert_same_paths(a: Any, b: Any) -> None:
    """Raise ``ValueError`` when the leaves of two structures are not reached by the same keys and positions.

    The types of the containers do not matter: a list is as good as a tuple.
    """
    first, second = ({path for path, _ in flatten_with_path(x)} for x in (a, b))
    if first != second:
        only = [", ".join(sorted(map(str, paths))) or "none" for paths in (first - second, second - first)]
        raise ValueError(
            f"the structures don't have the same paths: only the first has {only[0]}, only the second {only[1]}"
        )


def pack_sequence_as(structure: Any, flat_sequence: Any) -> Any:
    """The leaves ``flat_sequence`` in the form of ``structure``; ``ValueError`` when there are more or fewer."""
    if not hasattr(flat_sequence, "__iter__"):
        raise TypeError(f"flat_sequence must be an iterable of leaves, got {flat_sequence!r}")
    leaves, expected = list(flat_sequence), len(flatten(structure))
    if len(leaves) != expected:
        raise ValueError(f"got {len(leaves)} leaves for a structure that holds {expected}")
    return _pack(structure, iter(leaves))


def _pack(structure: Any, leaves: Iterator[Any]) -> Any:
    return _map_parts(lambda part: _pack(part, leaves), structure) if is_nested(structure) else next(leaves)


__getattr__ = module_getattr(__name__, __all__)
