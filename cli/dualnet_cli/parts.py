"""Samples with their targets, as arrays or, for several inputs or outputs, as tables of arrays by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Part:
    """Samples and their targets.  x: (n, ...)   y: (n,) or (n, outputs); with several inputs or outputs each by its name"""

    x: Any
    y: Any

    def __len__(self) -> int:
        return length(self.x)

    def take(self, rows: Any) -> Part:
        """Some of the samples. rows: a slice, or positions."""
        return Part(each(lambda x: x[rows], self.x), each(lambda y: y[rows], self.y))


def each(function: Callable[[Any], Any], value: Any) -> Any:
    """The function of an array, or of each in a table of arrays."""
    return {name: function(array) for name, array in value.items()} if isinstance(value, dict) else function(value)


def length(value: Any) -> int:
    """The number of samples."""
    return len(next(iter(value.values()))) if isinstance(value, dict) else len(value)


def sample_shapes(value: Any) -> Any:
    """The shape of one sample, or that of each input by its name."""
    return each(lambda array: tuple(array.shape[1:]), value)
