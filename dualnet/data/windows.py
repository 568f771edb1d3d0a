"""Nested datasets: `window` creates them, `flat_map` flattens them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

from .streams import EpochKey, call, closing


def windows(items: Iterator[Any], size: int, shift: int, stride: int, drop_remainder: bool) -> Iterator[list[Any]]:
    """The windows as lists of elements; the last ones may be shorter, unless they are dropped."""
    items = closing(items)
    buffer: list[Any] = []
    while True:
        buffer += itertools.islice(items, (size - 1) * stride + 1 - len(buffer))
        window = buffer[::stride]
        if not window or (drop_remainder and len(window) < size):
            items.close()
            return
        yield window
        skipped = shift - len(buffer)
        buffer = buffer[shift:]
        if skipped > 0:
            next(itertools.islice(items, skipped - 1, None), None)


def count(length: int, size: int, shift: int, stride: int, drop_remainder: bool) -> int:
    """The number of windows over `length` elements."""
    available = length - (size - 1) * stride if drop_remainder else length
    return max(-(-available // shift), 0)


def flattened(elements: Iterator[Any], function: Callable[..., Any], key: EpochKey | None) -> Iterator[Any]:
    """The elements of `function(element)`, a dataset, for every element."""
    for number, element in enumerate(closing(elements)):
        dataset = call(function, element)
        if not hasattr(dataset, "_elements"):
            raise TypeError(f"flat_map: the function must return a Dataset, it returned {type(dataset).__name__}")
        yield from dataset._elements(key and key.fold_in(number))
