"""Several recordings of a model, on inputs of different sizes, as one: what depends on the sizes is told from what does not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import ExportError
from .recording import Call, Recording, Ref, described


@dataclass(frozen=True)
class Varying:
    """A number that is not the same in all recordings: its value in each."""

    values: tuple[Any, ...]


def merge(recordings: Sequence[Recording]) -> list[Call]:
    """The calls that all recordings have in common, with a ``Varying`` in the place of each number that differs.

    Raises:
        ExportError: they differ in more than numbers: the layer does something else for another size.
    """
    return _merged_calls([r.calls for r in recordings])


def _merged_calls(runs: Sequence[Sequence[Call]]) -> list[Call]:
    first = runs[0]
    for calls in zip(*runs):
        if len({(c.op, tuple(c.outputs)) for c in calls}) > 1:
            _refuse(calls[0])
    if len({len(calls) for calls in runs}) > 1:
        _refuse(first[-1])
    return [_merged_call(calls) for calls in zip(*runs)]


def _merged_call(calls: Sequence[Call]) -> Call:
    call = calls[0]
    if len({tuple(c.arguments) for c in calls}) > 1:
        _refuse(call)
    arguments = {name: _merged([c.arguments[name] for c in calls], call) for name in call.arguments}
    if call.body is not None:
        call.body.calls = _merged_calls([c.body.calls for c in calls if c.body is not None])
    return Call(call.op, arguments, call.outputs, call.layers, call.body)


def _merged(values: Sequence[Any], call: Call) -> Any:
    first = values[0]
    if any(type(v) is not type(first) for v in values):
        _refuse(call)
    if isinstance(first, Ref):
        return first if all(v == first for v in values) else _refuse(call)
    if isinstance(first, (tuple, list)):
        if any(len(v) != len(first) for v in values):
            _refuse(call)
        parts = [_merged(column, call) for column in zip(*values)]
        return type(first)(*parts) if hasattr(first, "_fields") else type(first)(parts)
    if isinstance(first, slice):
        parts = [_merged([getattr(v, name) for v in values], call) for name in ("start", "stop", "step")]
        return slice(*parts)
    if isinstance(first, (int, float)) and not isinstance(first, bool):
        same = all(v == first or (v != v and first != first) for v in values)
        return first if same else Varying(tuple(values))
    return first if all(v is first or v == first for v in values) else _refuse(call)


def _refuse(call: Call) -> Any:
    raise ExportError(
        f"{described(call.layers)} cannot be written as a NumPy program: the ops it calls (here {call.op}) depend on the size of its "
        "input, as those of a Python loop over an axis of unknown length. Give the input a fixed size, or use an op for the whole axis"
    )


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
