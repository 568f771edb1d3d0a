"""The loop over the steps of a sequence, for any cell.

A cell's states are a list of tensors with the batch first, which may be nested: a list of lists for stacked cells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from ... import ops, tree
from ...ops.core.state import zeros_for_batch

Step = Callable[[Any, list[Any]], tuple[Any, list[Any]]]
# Called in the place of the loop, with a function that runs it: (run, step, sequences, states, mask, options) -> its result.
Observer = Callable[..., tuple[Any, Any, list[Any]]]
_observer: ContextVar[Observer | None] = ContextVar("observer", default=None)


@contextmanager
def observed(observer: Observer) -> Iterator[None]:
    """Inside the block, hand every loop over steps to an observer, which may look at a step of it before it runs."""
    token = _observer.set(observer)
    try:
        yield
    finally:
        _observer.reset(token)


def run_steps(
    step: Step,
    sequences: Any,
    states: list[Any],
    mask: Any = None,
    *,
    go_backwards: bool = False,
    zero_output_for_mask: bool = False,
    return_sequences: bool = False,
) -> tuple[Any, Any, list[Any]]:
    """``output, states = step(x, states)`` for every step x of a sequence.

    Where the mask is False, states stay as they are, and the output is the one before (before the first, the first state of the
    cell, or zeros if that has another shape).

    Args:
        sequences: (batch, steps, ...).
        states: of the first step.
        mask: (batch, steps), boolean.
        go_backwards: from the last step to the first.
        zero_output_for_mask: where the mask is False, the output is 0.

    Returns:
        (the last output, all outputs in the order they were computed or None without ``return_sequences``, the last states).
    """
    options = {
        "go_backwards": go_backwards,
        "zero_output_for_mask": zero_output_for_mask,
        "return_sequences": return_sequences,
    }
    observer = _observer.get()
    if observer is not None:

        def run() -> tuple[Any, Any, list[Any]]:
            return _run_steps(step, sequences, states, mask, **options)

        return observer(run, step, sequences, states, mask, options)
    return _run_steps(step, sequences, states, mask, **options)


def _run_steps(
    step: Step,
    sequences: Any,
    states: list[Any],
    mask: Any,
    go_backwards: bool,
    zero_output_for_mask: bool,
    return_sequences: bool,
) -> tuple[Any, Any, list[Any]]:
    steps = _in_order(sequences, go_backwards)
    masks = [None] * len(steps) if mask is None else _in_order(mask, go_backwards)
    output, outputs = None, []
    for x, valid in zip(steps, masks, strict=True):
        new, new_states = step(x, states)
        if valid is not None:
            if zero_output_for_mask:
                output = _zeros(new) if output is None else output
            else:
                output = _output_before(new, states) if output is None else output
            new = _choose(valid, new, output)
            new_states = _choose_all(valid, new_states, states)
        states = new_states
        if valid is None or not zero_output_for_mask:
            output = new
        outputs.append(new)
    return outputs[-1], ops.stack(outputs, axis=1) if return_sequences else None, states


def _in_order(x: Any, go_backwards: bool) -> list[Any]:
    steps = list(ops.unstack(x, axis=1))
    return steps[::-1] if go_backwards else steps


def _output_before(output: Any, states: list[Any]) -> Any:
    """What stands for the output before the first step: the first state, of stacked cells that of the last."""
    first = states[-1] if tree.is_nested(states[0]) else states
    first = tree.flatten(first)[0]
    return first if tuple(first.shape) == tuple(output.shape) else _zeros(output)


def _zeros(x: Any) -> Any:
    return zeros_for_batch(x, tuple(x.shape[1:]), str(x.dtype))


def _choose(valid: Any, new: Any, old: Any) -> Any:
    """``new`` for the samples where the mask holds, else ``old``.  valid: (batch,)"""
    return ops.where(ops.reshape(valid, (-1, *(1,) * (len(new.shape) - 1))), new, old)


def _choose_all(valid: Any, new: Any, old: Any) -> Any:
    leaves = [_choose(valid, a, b) for a, b in zip(tree.flatten(new), tree.flatten(old), strict=True)]
    return tree.pack_sequence_as(old, leaves)
