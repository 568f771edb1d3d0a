"""Sizes that are not known before a model gets its data: how numbers of a traced pass follow from the shapes of its inputs.

A forward pass is traced several times, with different sizes in the place of those that are not known (``inputs.py``). A number that is
the same in all of them is a constant; one that is not is a ``Size``, and follows from the size of an axis of a tensor.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from fractions import Fraction
from typing import Any


@dataclass(frozen=True)
class Size:
    """A number that depends on the sizes of the inputs: its value in each of the traced passes."""

    samples: tuple[Any, ...]

    def __repr__(self) -> str:
        return f"Size{self.samples}"


@dataclass(frozen=True)
class Expression:
    """``numerator * product(sizes of axes) // denominator + offset``

    axes: (number of a value, axis) of each factor.
    """

    axes: tuple[tuple[int, int], ...]
    numerator: int = 1
    denominator: int = 1
    offset: int = 0


class SizeTable:
    """Which axes of which values have a size that is not known, by its samples. The first value that has a size is remembered."""

    def __init__(self) -> None:
        self._axes: dict[tuple[Any, ...], tuple[int, int]] = {}

    def add(self, number: int, shape: tuple[Any, ...]) -> None:
        for axis, size in enumerate(shape):
            if isinstance(size, Size):
                self._axes.setdefault(size.samples, (number, axis))

    def express(self, size: Size, before: int | None = None) -> Expression | None:
        """How a size follows from those of axes; None if it does not.

        before: only axes of values with smaller numbers are used.
        """
        known = {s: place for s, place in self._axes.items() if before is None or place[0] < before}
        samples = size.samples
        if samples in known:
            return Expression((known[samples],))
        for parts in (*((s,) for s in known), *itertools.combinations_with_replacement(known, 2)):
            product = tuple(_product(column) for column in zip(*parts))
            if 0 in product:
                continue
            ratios = {Fraction(n).limit_denominator(1 << 20) / p for n, p in zip(samples, product)}
            if len(ratios) == 1 and (ratio := ratios.pop()) and all(type(n) is int for n in samples):
                axes = tuple(known[s] for s in parts)
                return Expression(axes, ratio.numerator, ratio.denominator)
        for s, place in known.items():  # windows: n - 1, n + 2
            offsets = {n - m for n, m in zip(samples, s)}
            if len(offsets) == 1 and type(offset := offsets.pop()) is int:
                return Expression((place,), offset=offset)
        for s, place in known.items():  # 2 n + 1, n // 2 + 1
            for k in range(2, 9):
                for numerator, denominator in ((k, 1), (1, k)):
                    offsets = {n - m * numerator // denominator for n, m in zip(samples, s)}
                    if len(offsets) == 1 and type(offset := offsets.pop()) is int:
                        return Expression((place,), numerator, denominator, offset)
        return None


def _product(numbers: tuple[int, ...]) -> int:
    result = 1
    for n in numbers:
        result *= n
    return result
