"""The loop of a recurrent layer with any cell, over any number of steps: a ``Scan``."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..program import Body
from .calls import export_call
from .graph import Graph, T, computed, exporter


@exporter("run_steps")
def run_steps(
    g: Graph, *, sequences: T, states: tuple[T, ...], mask: T | None, body: Body, first_output: int | None, go_backwards: bool,
    zero_output_for_mask: bool, return_sequences: bool,
) -> tuple[T, ...]:  # fmt: skip
    """Where the mask of a step is false, the states stay, and the output is the one before, or 0 with ``zero_output_for_mask``."""
    from onnx import helper

    def info(t: T) -> Any:
        return helper.make_tensor_value_info(t.name, helper.np_dtype_to_tensor_dtype(np.dtype(t.dtype)), None)

    inner = g.body()
    x_t, *before = (
        T(inner.unique("step"), computed(value.dtype), value.shape)
        for value in (g.trace.values[n] for n in body.inputs)
    )
    for number, tensor in zip(body.inputs, (x_t, *before)):
        inner.tensors[number] = tensor
    for call in body.calls:
        export_call(inner, call)
    inner.call = g.call
    output, *after = (inner.tensor(n) for n in body.outputs)
    output = inner.cast(output, g.outputs[0].dtype)
    shape = g.trace.values[body.outputs[0]].shape  # of the output of a step
    after = [inner.cast(new, old.dtype) for new, old in zip(after, before)]
    initial = [g.cast(s, t.dtype) for s, t in zip(states, before)]
    carried, scanned = list(before), [x_t]
    if mask is not None:
        m_t, shown = T(inner.unique("mask"), "bool"), T(inner.unique("output"), output.dtype)
        after = [_where(inner, m_t, new, old, len(t.shape)) for new, old, t in zip(after, before, before)]
        output = _where(inner, m_t, output, shown, len(shape))
        zeros = g.expand(g.constant(np.zeros((), output.dtype)), shape)
        initial.append(
            zeros if first_output is None or zero_output_for_mask else g.cast(initial[first_output], output.dtype)
        )
        carried.append(shown)
        # With zero_output_for_mask the output before is always 0.
        after.append(shown if zero_output_for_mask else output)
        scanned.append(m_t)
    results = [inner.op("Identity", y) for y in (*after, output)]  # each needs a name of its own
    proto = helper.make_graph(
        inner.nodes, inner.unique("step"), [info(t) for t in (*carried, *scanned)], [info(t) for t in results]
    )
    inputs = [g.cast(sequences, x_t.dtype), *([] if mask is None else [g.cast(mask, "bool")])]
    *finals, every = g.ops(
        "Scan", *initial, *inputs, dtypes=[t.dtype for t in results], body=proto, num_scan_inputs=len(inputs),
        scan_input_directions=[int(go_backwards)] * len(inputs), scan_input_axes=[1] * len(inputs), scan_output_axes=[1],
    )  # fmt: skip
    shown = every if return_sequences else g.op("Gather", every, g.constant(-1, "int64"), axis=1)
    return (shown, *finals[: len(states)])


def _where(g: Graph, valid: T, new: T, old: T, rank: int) -> T:
    """``new`` for the samples where the mask holds, else ``old``.  valid: (batch,)"""
    column = valid if rank == 1 else g.unsqueeze(valid, *range(1, rank))
    return g.where(column, new, old)
