"""dualnet.tree: nested structures, against keras.tree where it is installed."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque, namedtuple
from typing import Any

import pytest

from dualnet import tree

Point = namedtuple("Point", ["x", "y"])
Other = namedtuple("Other", ["x", "y"])

STRUCTURES: dict[str, Any] = {
    "leaf": 3,
    "none": None,
    "empty": [],
    "list": [1, 2],
    "nested": [1, (2, [3]), {"b": 4, "a": (5,)}],
    "dict": {"b": 1, "a": 2},
    "ordered": OrderedDict([("b", 1), ("a", [2, 3])]),
    "default": defaultdict(int, {"b": 1, "a": 2}),
    "namedtuple": Point(1, Point(2, [3])),
    "deque": deque([1, deque([2])]),
    "with none": [None, {"a": None}],
    "text": ["ab", ("c",)],
}


def calls(t: Any) -> dict[str, Any]:
    """Everything with one structure: name -> function of it."""
    seen: list[Any] = []

    def note(x: Any) -> None:
        seen.append(x)

    def visited(x: Any, top_down: bool) -> Any:
        seen.clear()
        result = t.traverse(note, x, top_down=top_down)
        return result, list(seen)

    def replaced(x: Any, top_down: bool) -> Any:
        def change(part: Any) -> Any:
            if part == 2 or part is None:
                return t.MAP_TO_NONE
            return "tuple" if isinstance(part, tuple) and not hasattr(part, "_fields") else None

        return t.traverse(change, x, top_down=top_down)

    return {
        "is_nested": t.is_nested,
        "flatten": t.flatten,
        "flatten_with_path": t.flatten_with_path,
        "map_structure": lambda x: t.map_structure(str, x),
        "map_structure none": lambda x: t.map_structure(str, x, none_is_leaf=False),
        "map two": lambda x: t.map_structure(lambda a, b: (a, b), x, x),
        "pack": lambda x: t.pack_sequence_as(x, range(len(t.flatten(x)))),
        "lists_to_tuples": t.lists_to_tuples,
        "top down": lambda x: visited(x, True),
        "bottom up": lambda x: visited(x, False),
        "replace top down": lambda x: replaced(x, True),
        "replace bottom up": lambda x: replaced(x, False),
        "same": lambda x: t.assert_same_structure(x, x),
    }


def same(a: Any, b: Any) -> bool:
    """Equality that looks at types, also inside."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple, deque)):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)


@pytest.mark.keras
@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("name", calls(tree))
def test_as_keras(name: str, structure: str) -> None:
    keras: Any = pytest.importorskip("keras")
    x = STRUCTURES[structure]
    expected, got = calls(keras.tree)[name](x), calls(tree)[name](x)
    assert same(got, expected), (got, expected)


PAIRS: dict[str, tuple[Any, Any]] = {
    "list and tuple": ([1], (1,)),
    "lengths": ([1, 2], [1]),
    "leaf and list": (1, [1]),
    "list and leaf": ([1], 1),
    "keys": ({"a": 1}, {"b": 1}),
    "dict and ordered": ({"b": 1, "a": 2}, OrderedDict([("a", 3), ("b", 4)])),
    "dict and default": ({"a": 1}, defaultdict(int, a=2)),
    "namedtuples": (Point(1, 2), Other(1, 2)),
    "namedtuple and tuple": (Point(1, 2), (1, 2)),
    "deque and list": (deque([1]), [1]),
    "the same": ([1, {"a": (2,)}], [3, {"a": (4,)}]),
    "deeper": ([1, [2]], [1, 2]),
    "empty ones": ([], ()),
}
TWO = {
    "assert_same_structure": lambda t, a, b: t.assert_same_structure(a, b),
    "assert_same_paths": lambda t, a, b: t.assert_same_paths(a, b),
    "map_structure": lambda t, a, b: t.map_structure(lambda x, y: (x, y), a, b),
    "map_structure_up_to": lambda t, a, b: t.map_structure_up_to(a, str, b),
}


def outcome(call: Any, t: Any, pair: tuple[Any, Any]) -> Any:
    try:
        return call(t, *pair)
    except ValueError:
        return ValueError


@pytest.mark.keras
@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("name", TWO)
def test_two_structures_as_keras(name: str, pair: str) -> None:
    keras: Any = pytest.importorskip("keras")
    expected, got = (outcome(TWO[name], t, PAIRS[pair]) for t in (keras.tree, tree))
    assert same(got, expected), (got, expected)


def test_flatten_and_pack_are_opposites() -> None:
    for structure in STRUCTURES.values():
        assert same(tree.pack_sequence_as(structure, tree.flatten(structure)), structure)


def test_paths_lead_to_the_leaves() -> None:
    for structure in STRUCTURES.values():
        for path, leaf in tree.flatten_with_path(structure):
            part = structure
            for key in path:
                part = part[key]
            assert part is leaf


def test_a_deque_keeps_its_length() -> None:
    assert tree.map_structure(abs, deque([-1], maxlen=2)).maxlen == 2


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: tree.map_structure("bad", [1]), TypeError, "callable"),
        (lambda: tree.map_structure(str), ValueError, "at least one structure"),
        (lambda: tree.map_structure_up_to([1], str), ValueError, "at least one structure"),
        (lambda: tree.traverse(3, [1]), TypeError, "callable"),
        (lambda: tree.pack_sequence_as([1], [1, 2]), ValueError, "got 2 leaves .* holds 1"),
        (lambda: tree.pack_sequence_as([1], 1), TypeError, "iterable"),
        (lambda: tree.assert_same_paths([1, 2], [1]), ValueError, r"only the first has \(1,\)"),
        (lambda: tree.assert_same_structure({"a": 1}, {"b": 1}), ValueError, r"keys \['a'\], got \['b'\]"),
    ],
)
def test_errors(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
