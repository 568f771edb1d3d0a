"""The arrays that a program reads from its file: weights by the names they have in the model, and what layers made on the host."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import dualnet_backends as backends
import numpy as np

from ..trace import Trace
from .sizes import expression

# In an expression, what stands for the result of the expression before; no name or literal holds it.
RESULT = "\0"

MOST_INLINE = 8  # elements of an array that is written into the program itself


class Weights:
    """Names for the arrays that a program uses. arrays: what goes into its file."""

    def __init__(self, trace: Trace) -> None:
        self.arrays: dict[str, Any] = {}
        self._passes = [p.values for p in trace.passes]
        self._prefix = f"{trace.model.name}/"
        self._names: dict[int, str] = {}  # by the number of a value
        self._by_variable: dict[int, str] = {}

    def knows(self, number: int) -> bool:
        return number in self._names

    def variable(self, number: int) -> str:
        """A weight as source code."""
        if number not in self._names:
            variable = self._passes[0][number].source
            if id(variable) not in self._by_variable:
                self._by_variable[id(variable)] = self._new(
                    variable.path.removeprefix(self._prefix), on_host(variable.data)
                )
            self._names[number] = self._by_variable[id(variable)]
        return f'W["{self._names[number]}"]'

    def constant(self, number: int, owner: str, dimensions: Sequence[tuple[str, tuple[int, ...]]]) -> str | None:
        """An array that a layer made, as source code: a number, a formula of the sizes, or an array in the file."""
        arrays = [on_host(values[number].array) for values in self._passes]
        first = arrays[0]
        if not all(
            a.shape == first.shape and np.array_equal(a, first, equal_nan=first.dtype.kind in "fc") for a in arrays
        ):
            return _made(arrays, dimensions)
        if not first.shape and first.dtype.kind in "biuf":
            return number_of(first)
        if first.size <= MOST_INLINE and first.ndim == 1 and first.dtype.kind in "biuf":
            return f'np.array([{", ".join(map(number_of, first))}], dtype="{first.dtype}")'
        if (
            first.size > MOST_INLINE
            and len({v.tobytes() for v in first.flat[:64]}) == 1
            and np.all(first == first.flat[0])
        ):
            return f'np.full({first.shape}, {number_of(first.flat[0])}, dtype="{first.dtype}")'
        if number not in self._names:
            self._names[number] = self._new(f"{owner}/constant", first)
        return f'W["{self._names[number]}"]'

    def add(self, owner: str, name: str, array: Any) -> str:
        """An array of a layer by its name, as source code."""
        return f'W["{self._new(f"{owner}/{name}", array)}"]'

    def _new(self, name: str, array: Any) -> str:
        name = printable(name)
        unique, count = name, 0
        while unique in self.arrays:
            known = self.arrays[unique]
            if known.dtype == array.dtype and known.shape == array.shape and np.array_equal(known, array):
                return unique
            count += 1
            unique = f"{name}_{count}"
        self.arrays[unique] = array
        return unique


def on_host(array: Any) -> Any:
    return array if isinstance(array, np.ndarray) else backends.of(array).to_numpy(array)


def printable(name: str) -> str:
    """A name of the user as it can stand in a comment, a docstring and a string: nothing in it ends them."""
    return re.sub(r"[^\w /.:+-]", "_", name)


def literal(value: Any) -> str:
    """A plain value as source code."""
    if isinstance(value, float) and not math.isfinite(value):
        return "np.nan" if math.isnan(value) else "np.inf" if value > 0 else "-np.inf"
    if isinstance(value, str):
        text = repr(value)
        return f'"{text[1:-1]}"' if text.startswith("'") and '"' not in text and "\\'" not in text else text
    return repr(value)


def number_of(x: Any) -> str:
    """A number of NumPy as the shortest literal that is the same number in its dtype."""
    x = x if isinstance(x, np.generic) else x[()]
    if x.dtype.kind == "b":
        return repr(bool(x))
    if x.dtype.kind in "iu":
        return repr(int(x))
    return literal(float(x)) if not np.isfinite(x) else str(float(str(x)))


def _made(arrays: Sequence[Any], dimensions: Sequence[tuple[str, tuple[int, ...]]]) -> str | None:
    """An array whose size follows from those of the inputs, as a formula; None if there is none."""
    first = arrays[0]
    if len({a.ndim for a in arrays}) > 1 or any(a.size == 0 for a in arrays) or first.dtype.kind not in "biuf":
        return None
    shape = []
    for sizes in zip(*(a.shape for a in arrays)):
        text = str(sizes[0]) if len(set(sizes)) == 1 else expression(tuple(sizes), dimensions)
        if text is None:
            return None
        shape.append(text)
    whole = f"({', '.join(shape)}{',' if len(shape) == 1 else ''})"
    if shape and len({a.shape for a in arrays}) == 1:  # other values of the same size follow from no size
        return None
    if not shape:
        return expression(tuple(a.item() for a in arrays), dimensions)
    if all(np.all(a == first.flat[0]) for a in arrays):
        return f'np.full({whole}, {number_of(first.flat[0])}, dtype="{first.dtype}")'
    if all(np.array_equal(a, np.broadcast_to(np.arange(a.shape[-1]), a.shape)) for a in arrays):
        steps = f'np.arange({shape[-1]}, dtype="{first.dtype}")'
        return steps if len(shape) == 1 else f"np.broadcast_to({steps}, {whole})"
    if len(shape) > 1 and all(np.array_equal(a, np.broadcast_to(np.tri(*a.shape[-2:]), a.shape)) for a in arrays):
        lower = f'np.tri({shape[-2]}, {shape[-1]}, dtype="{first.dtype}")'
        return lower if len(shape) == 2 else f"np.broadcast_to({lower}, {whole})"
    rows = [a[:1] for a in arrays]
    if (
        all(np.array_equal(a, np.broadcast_to(r, a.shape)) for a, r in zip(arrays, rows))
        and first[:1].size <= MOST_INLINE
    ):
        values = ", ".join(map(number_of, first[:1].reshape(-1)))
        return f'np.broadcast_to(np.array([{values}], dtype="{first.dtype}").reshape{first[0].shape}, {whole})'
    return None
