"""Op calls that follow each other, done as one with the same bits: an activation or a normalization goes into what is before it.

Each would pass over a large array that the one before has just written; together they work on parts of it that are still in the
cache. Only where no gradient is taken, since a closure would want the arrays between.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from ..ops.nn.activation import relu, relu6
from ..ops.nn.convolution import _conv, _normalized_conv
from ..ops.nn.normalization import _batch_normalization
from .trace import OpCall

# Array code, by which a trace names its calls.
_ACTIVATIONS = {relu.primitive: "relu", relu6.primitive: "relu6"}  # type: ignore[attr-defined]
_NORMALIZATION = _batch_normalization.primitive  # type: ignore[attr-defined]
_CONVOLUTION = _conv.primitive  # type: ignore[attr-defined]


def fuse(calls: list[OpCall], returned: set[int]) -> list[OpCall]:
    """The calls of a forward pass, fewer of them. returned: the values that are wanted, and stay."""
    for rule in (_with_activation, _normalized):
        calls = _apply(rule, calls, returned)
    return calls


def _apply(rule: Callable[[OpCall, OpCall], OpCall | None], calls: list[OpCall], returned: set[int]) -> list[OpCall]:
    """Put what the rule makes of two calls in the place of both, where the second alone uses the result of the first."""
    uses = Counter(n for call in calls for n in call.inputs)
    producers = {call.outputs: i for i, call in enumerate(calls) if type(call.outputs) is int}
    fused: list[OpCall | None] = list(calls)
    for i, second in enumerate(calls):
        n = second.inputs[0] if second.inputs else None
        if n not in producers or uses[n] != 1 or n in returned:
            continue
        first = fused[producers[n]]
        call = None if first is None else rule(first, second)
        if call is not None:
            fused[producers[n]], fused[i] = None, call
    return [call for call in fused if call is not None]


def _with_activation(first: OpCall, second: OpCall) -> OpCall | None:
    """Normalization, ReLU"""
    activation = _ACTIVATIONS.get(second.function)
    if activation is None or second.static_args or second.options or first.function is not _NORMALIZATION:
        return None
    return first._replace(options={**first.options, "activation": activation}, outputs=second.outputs)


def _normalized(first: OpCall, second: OpCall) -> OpCall | None:
    """Convolution, normalization of its last axis, and maybe ReLU"""
    if first.function is not _CONVOLUTION or second.function is not _NORMALIZATION or first.options:
        return None
    plan, channels_first, depthwise, activation = first.static_args
    axis, epsilon = second.static_args
    if channels_first or activation != "linear" or axis not in (-1, len(plan.lengths) + 1):
        return None
    return OpCall(
        function=_normalized_conv,
        context=first.context,
        backend=first.backend,
        inputs=(*first.inputs, *second.inputs[1:]),
        static_args=(plan, depthwise, epsilon, second.options.get("activation")),
        options={},
        outputs=second.outputs,
        draw=None,
        mutates=(),
    )
