"""What several passes of a model have in common, as one list of calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .errors import ExportError
from .program import Body, Call, Reference, in_layer
from .sizes import Size


def common_calls(passes: Sequence[Sequence[Call]]) -> list[Call]:
    """The calls of all passes as one list, with a ``Size`` in the place of each number that differs.

    Raises:
        ExportError: they differ in more than numbers.
    """
    calls = [_common_call(several) for several in zip(*passes)]
    if len({len(p) for p in passes}) > 1:
        raise _different(max(passes, key=len)[len(calls)])
    return calls


def _common_call(several: Sequence[Call]) -> Call:
    first = several[0]
    if any((c.name, c.function, c.outputs) != (first.name, first.function, first.outputs) for c in several):
        raise _different(first)
    body = None
    if first.body is not None:
        bodies = [c.body for c in several if c.body is not None]
        if any((b.inputs, b.outputs) != (first.body.inputs, first.body.outputs) for b in bodies):
            raise _different(first)
        body = Body(first.body.inputs, first.body.outputs, common_calls([b.calls for b in bodies]))
    try:
        arguments = common([c.arguments for c in several])
    except ExportError:
        raise _different(first) from None
    return Call(first.name, arguments, first.outputs, first.layers, first.function, body)


def _different(call: Call) -> ExportError:
    return ExportError(
        f"{in_layer(call.layers)}which ops run depends on the sizes of the inputs, as in a loop over an axis of unknown length: give "
        "the inputs fixed sizes (the batch aside), such as Input((steps, features))"
    )


def common(parts: Sequence[Any]) -> Any:
    """An argument of all passes: the same, or with a ``Size`` where numbers differ.

    Raises:
        ExportError: they differ in more than numbers.
    """
    first = parts[0]
    if any(type(p) is not type(first) for p in parts):
        raise ExportError("arguments of different types")
    if type(first) in (int, float):
        same = all(p == first or (p != p and first != first) for p in parts)
        return first if same else Size(tuple(parts))
    if isinstance(first, (list, tuple)) and not isinstance(first, Reference):
        if any(len(p) != len(first) for p in parts):
            raise ExportError("arguments of different lengths")
        merged = [common(column) for column in zip(*parts)]
        return type(first)(*merged) if hasattr(first, "_fields") else type(first)(merged)
    if isinstance(first, dict):
        if any(list(p) != list(first) for p in parts):
            raise ExportError("arguments of different names")
        return {key: common([p[key] for p in parts]) for key in first}
    if isinstance(first, slice):
        return slice(*(common([getattr(p, name) for p in parts]) for name in ("start", "stop", "step")))
    if any(p is not first and p != first for p in parts):
        raise ExportError("other arguments")
    return first
