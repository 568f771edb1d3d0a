"""Datasets within a dataset: `window` makes them, `flat_map` runs through them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

from .streams import Turn, call, closing


def windows(items: Iterator[Any], size: int, shift: int, stride: int, drop_remainder: bool) -> Iterator[list[Any]]:
    """The elements of one window after the other; the last ones may be shorter, unless they are dropped."""
    items = closing(items)
    held: list[Any] = []
    while True:
        held += itertools.islice(items, (size - 1) * stride + 1 - len(held))
        window = held[::stride]
        if not window or (drop_remainder and len(window) < size):
            items.close()
            return
        yield window
        skipped = shift - len(held)
        held = held[shift:]
        if skipped > 0:
            next(itertools.islice(items, skipped - 1, None), None)


def count(length: int, size: int, shift: int, stride: int, drop_remainder: bool) -> int:
    """How many windows a known number of elements makes."""
    usable = length - (size - 1) * stride if drop_remainder else length
    return max(-(-usable // shift), 0)


def flattened(elements: Iterator[Any], function: Callable[..., Any], turn: Turn | None) -> Iterator[Any]:
    """The elements of the dataset that a function makes of each element."""
    for number, element in enumerate(closing(elements)):
        made = call(function, element)
        if not hasattr(made, "_elements"):
            raise TypeError(f"flat_map: the function must return a Dataset, it returned {type(made).__name__}")
        yield from made._elements(turn and turn.part(number))
