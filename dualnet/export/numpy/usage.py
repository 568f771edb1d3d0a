"""Which calls use which values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..program import Call
from .statements import RULES


def single_uses(calls: Sequence[Call], returned: set[int]) -> dict[int, int]:
    """The calls whose one result is used once, in the same layer: (index of the call) -> (index of the one that uses it)."""
    users: dict[int, list[int]] = {}
    for i, call in enumerate(calls):
        for n in call.inputs:
            users.setdefault(n, []).append(i)
        if call.body is not None:
            for n in values_used(call):
                users.setdefault(n, []).append(i)
    result = {}
    for i, call in enumerate(calls):
        if len(call.outputs) == 1 and call.outputs[0] not in returned and call.body is None:
            positions = users.get(call.outputs[0], [])
            if (
                len(positions) == 1
                and calls[positions[0]].layers == call.layers
                and calls[positions[0]].op not in RULES
            ):
                result[i] = positions[0]
    return result


def needed_calls(calls: Sequence[Call], returned: Iterable[int]) -> list[Call]:
    """The calls that lead to some values."""
    values, kept = set(returned), []
    for call in reversed(calls):
        if not values.isdisjoint(call.outputs):
            kept.append(call)
            values |= values_used(call)
    return kept[::-1]


def values_used(call: Call) -> set[int]:
    """The values that a call uses, those that its body takes from outside included."""
    used = set(call.inputs)
    if call.body is not None:
        inside = {n for c in call.body.calls for n in c.outputs} | set(call.body.inputs)
        used |= {n for c in call.body.calls for n in values_used(c)} - inside
    return used
