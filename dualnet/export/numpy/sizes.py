"""Numbers that depend on the sizes of the inputs, as source code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np


def expression(values: tuple[Any, ...], dimensions: Sequence[tuple[str, tuple[int, ...]]]) -> str | None:
    """How a number follows from sizes, as source code; None if it does not.

    Args:
        values: the number in each recording.
        dimensions: the source code of sizes, such as ``"len(x)"``, with their values.
    """
    for source, sizes in dimensions:
        if values == sizes:
            return source
    for source, sizes in dimensions:
        if 0 in sizes or len(set(sizes)) == 1:
            continue
        ratios = {v / n for v, n in zip(values, sizes)}
        if len(ratios) == 1 and (ratio := ratios.pop()) != 0:
            if ratio.is_integer():
                return f"{source} * {int(ratio)}" if all(isinstance(v, int) for v in values) else f"{source} * {ratio}"
            if (1 / ratio).is_integer():
                return f"{source} {'//' if all(isinstance(v, int) for v in values) else '/'} {int(1 / ratio)}"
        offsets = {v - n for v, n in zip(values, sizes)}
        if len(offsets) == 1 and isinstance(offset := offsets.pop(), int):
            return f"{source} {'+' if offset > 0 else '-'} {abs(offset)}"
    for i, (one, n) in enumerate(dimensions):
        for other, m in dimensions[i + 1 :]:
            ratios = {v / (a * b) for v, a, b in zip(values, n, m) if a * b}
            if len(set(n)) > 1 and len(set(m)) > 1 and len(ratios) == 1 and (ratio := ratios.pop()).is_integer():
                return f"{one} * {other}" + (f" * {int(ratio)}" if ratio != 1 else "")
    return _function_of(values, dimensions)


_FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "np.sqrt({})": np.sqrt,
    "1 / {}": lambda n: 1 / n,
    "1 / np.sqrt({})": lambda n: 1 / np.sqrt(n),
}


def _function_of(values: tuple[Any, ...], dimensions: Sequence[tuple[str, tuple[int, ...]]]) -> str | None:
    """A number that is no multiple of a size: the factors that attention and means have."""
    for source, sizes in dimensions:
        for k in (2, 3, 4, 8, 16):
            for form, halve in ((f"{source} // {k}", _floor), (f"-(-{source} // {k})", _ceil)):
                if all(v == halve(n, k) for v, n in zip(values, sizes)):
                    return form
        for template, function in _FUNCTIONS.items():
            if 0 not in sizes and np.allclose(values, [function(n) for n in sizes], rtol=1e-12, atol=0):
                return template.format(source)
    return None


def _floor(n: int, k: int) -> int:
    return n // k


def _ceil(n: int, k: int) -> int:
    return -(-n // k)
