"""What this thread is doing: which tapes record, which tracer follows, and in which dtype ops see variables."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple


class Entry(NamedTuple):
    """One op on a tape: outputs (a tensor or a tuple of them), inputs, and its ``backward(dy)``; in place, ``backward(dy, out)``."""

    outputs: Any
    inputs: tuple[Any, ...]
    backward: Callable[..., Any]
    in_place_grads: bool = False


Tape = list[Entry]


class _State(threading.local):
    tapes: tuple[Tape, ...] = ()
    tracer: Any = None  # capture/tracer.py
    in_traced_call = False  # whether shape inference runs the ``call`` of a layer on symbolic tensors
    compute_dtype: str | None = None  # in which ops see floating point variables; None: in their own


state = _State()


@contextmanager
def recording(tape: Tape) -> Iterator[Tape]:
    """Let every op on a tracked tensor inside the block leave an entry on ``tape``."""
    before = state.tapes
    state.tapes = (*before, tape)
    try:
        yield tape
    finally:
        state.tapes = before


class no_grad:
    """Record nothing inside the block: ``with no_grad(): ...``"""

    __slots__ = ("_before",)

    def __enter__(self) -> None:
        self._before, state.tapes = state.tapes, ()

    def __exit__(self, *error: object) -> None:
        state.tapes = self._before


def is_recording() -> bool:
    """Whether a tape is recording in this thread."""
    return bool(state.tapes)


@contextmanager
def tracing(tracer: Any) -> Iterator[None]:
    """Report to a tracer: every op inside the block (``tracer.op``), every draw of random numbers (``tracer.draw``), and every
    side effect that bypasses the ops (``tracer.change``, ``tracer.abort``)."""
    before, state.tracer = state.tracer, tracer
    try:
        yield
    finally:
        state.tracer = before


def abort_trace(reason: str) -> None:
    """Report a side effect that bypasses the ops, such as changing a variable: the step cannot be replayed from its ops."""
    if state.tracer is not None:
        state.tracer.abort(reason)


def trace_change(subject: Any, reason: str) -> None:
    """Report, before it happens, that a variable or a random generator is changed by something that is no op."""
    if state.tracer is not None:
        state.tracer.change(subject, reason)


def trace_draw(generator: Any, key: Any, step: int) -> None:
    """Report the key and the step with which an op will draw random numbers."""
    if state.tracer is not None:
        state.tracer.draw(generator, key, step)
