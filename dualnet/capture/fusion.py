"""Pairs of op calls that one op does with the same bits: an activation goes into the normalization before it.

The second op passes over an array that the first has just written. Only where no gradient is taken, since a closure would
want the array between the two.
"""

from __future__ import annotations

from collections import Counter

from ..ops.nn.activation import relu, relu6
from ..ops.nn.normalization import _batch_normalization
from .trace import OpCall, as_tuple

# By the array code of the second op: the name by which the first knows it.
_ACTIVATIONS = {relu.primitive: "relu", relu6.primitive: "relu6"}  # type: ignore[attr-defined]
_TAKES_ACTIVATION = {_batch_normalization.primitive}  # type: ignore[attr-defined]


def fuse(calls: list[OpCall], returned: set[int]) -> list[OpCall]:
    """The calls of a forward pass with such pairs as one call. returned: the values that are wanted, and stay."""
    uses = Counter(n for call in calls for n in call.inputs)
    producers = {n: i for i, call in enumerate(calls) for n in as_tuple(call.outputs)}
    fused: list[OpCall | None] = list(calls)
    for i, call in enumerate(calls):
        activation = _ACTIVATIONS.get(call.function)
        if activation is None or call.options or call.static_args:
            continue
        (n,) = call.inputs
        first = fused[producers[n]] if n in producers and uses[n] == 1 and n not in returned else None
        if first is not None and first.function in _TAKES_ACTIVATION and "activation" not in first.options:
            fused[producers[n]] = first._replace(
                options={**first.options, "activation": activation}, outputs=call.outputs
            )
            fused[i] = None
    return [call for call in fused if call is not None]
