"""What a recording does for the sake of ops, and a program need not."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..program import Call, Reference
from ..trace import Trace
from .constants import on_host

RECURRENT = ("lstm", "gru", "simple_rnn")


def simplified(trace: Trace) -> list[Call]:
    """The calls of a trace without zeros as first states, and without choices that choose the same."""
    producers = {n: call for call in trace.calls for n in call.outputs}

    def source(ref: Any, *through: str) -> Any:
        """The call that a value comes from, whatever ops of these names it went through."""
        call = producers.get(ref.number) if isinstance(ref, Reference) else None
        while call is not None and call.op in through:
            call = producers.get(next(iter(call.arguments.values())).number)
        return call

    result = []
    for call in trace.calls:
        arguments = dict(call.arguments)
        if call.op in RECURRENT:
            states = [source(arguments[name]) for name in ("h", "c") if name in arguments]
            if all(s is not None and s.op == "zeros_for_batch" for s in states):
                arguments |= dict.fromkeys(("h", "c")[: len(states)])
            result.append(Call(call.name, arguments, call.outputs, call.layers, call.function, call.body))
        elif call.op == "where" and _is_shown(call, source) and _same(call, trace):
            result.append(Call("linear", {"x": arguments["x1"]}, call.outputs, call.layers))
        else:
            result.append(call)
    return result


def _is_shown(call: Call, source: Any) -> bool:
    """Whether a choice is between the output of a recurrent op and the zeros that it begins with, which it shows there anyway."""
    output, zeros = source(call.arguments["x1"]), source(call.arguments["x2"], "expand_dims")
    if output is None or output.op not in RECURRENT or zeros is None or zeros.op != "zeros_for_batch":
        return False
    return source(output.arguments["h"]) is zeros and output.arguments.get("mask") is not None


def _same(call: Call, trace: Trace) -> bool:
    values = trace.passes[0].values
    return np.array_equal(*(on_host(values[n].array) for n in (call.outputs[0], call.arguments["x1"].number)))
