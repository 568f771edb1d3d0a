"""What this thread is doing: which tapes record, which tracer follows, and in which dtype ops see variables."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple


class Entry(NamedTuple):
    """One op on a tape: its outputs (a tensor or a tuple of them), its inputs, its ``backward(dy)``; in place, ``backward(dy, out)``.

    call: how to run it again, for gradients of gradients: its formula with the arguments that are no tensors, or a function from
    the gradients of the outputs to those of the inputs, both tensors. None: it has no second derivative.
    """

    outputs: Any
    inputs: tuple[Any, ...]
    backward: Callable[..., Any]
    in_place_grads: bool = False
    call: Any = None


class Tape(list[Any]):
    """The ops recorded in the order they ran, and between them the memory that was overwritten since.

    An ``Entry`` is one op. A ``Write`` is memory that an op read before, and that something then overwrote: a weight that was
    updated, a counter that was assigned to. Its old values are on the tape, so that the reverse pass (``core/autodiff.py``), which
    meets the writes last to first, can put back what each op saw. What nothing overwrites costs nothing.
    """

    __slots__ = ("__weakref__", "_inputs", "_reads_anything", "_saved", "_scanned", "_writes")
    __hash__ = object.__hash__  # type: ignore[assignment]

    def __init__(self) -> None:
        self._forget()

    def __eq__(self, other: object) -> bool:
        return self is other

    def clear(self) -> None:
        super().clear()
        self._forget()

    def _forget(self) -> None:
        self._inputs: set[int] = set()  # ids of the memory that ops read
        self._saved: dict[int, int] = {}  # how many ops there were when an array was last saved, by its id
        self._scanned = self._writes = 0
        self._reads_anything = False  # whether there is a gradient of the user, which may read any variable

    def save(self, array: Any) -> None:
        """Keep the values of an array that is about to be overwritten, if an op has read them since they were last kept."""
        ops = len(self) - self._writes
        if self._saved.get(id(array)) == ops:
            return
        self._scan()
        if self._reads_anything or id(_memory(array)) in self._inputs:
            self._saved[id(array)] = ops
            self._writes += 1
            self.append(Write(array, array.copy()))

    def move(self, old: Any, new: Any) -> None:
        """Follow a variable from one array to another of the same values: ops that are run again read the new one."""
        self._scan()
        if not self._reads_anything and id(_memory(old)) not in self._inputs:
            return
        self._inputs.add(id(_memory(new)))
        for i in reversed(range(len(self))):
            if type(self[i]) is Write and self[i].array is old:
                self.insert(i, Write(new, self[i].values))
                self._writes += 1
        self._scanned = len(self)

    def _scan(self) -> None:
        """Note the memory that the ops since the last call read."""
        for entry in self[self._scanned :]:
            if type(entry) is Entry:
                self._inputs.update(id(_memory(x.data)) for x in entry.inputs if hasattr(x, "tracked"))
                self._reads_anything = self._reads_anything or callable(entry.call)
        self._scanned = len(self)


class Write(NamedTuple):
    """Memory that was overwritten, on a tape: the array, and a copy of the values before."""

    array: Any
    values: Any


def _memory(array: Any) -> Any:
    """The array that owns the memory of a view."""
    return array if array.base is None else array.base


live_tapes: dict[
    int, weakref.ref[Any]
] = {}  # that may still be asked for gradients, in any thread; stateless scopes too
live_views: dict[int, weakref.ref[Any]] = {}  # tensors whose array is a view of a variable's


def before_write(*arrays: Any) -> None:
    """Call before the memory of variables is overwritten: tapes keep the values that their ops saw, and tensors that are views of
    this memory, such as a reshaped weight that somebody holds, get memory of their own.

    A training step asks ``live_tapes or live_views`` first, which is cheaper than a call.
    """
    if live_tapes:
        for tape in [reference() for reference in list(live_tapes.values())]:
            if tape:
                for array in arrays:
                    tape.save(array)
    if live_views:
        for tensor in [reference() for reference in list(live_views.values())]:
            if tensor is not None and any(map(tensor._shares, arrays)):
                tensor._own()


def memory_moved(old: Any, new: Any) -> None:
    """Call before a variable's array is replaced by another with the same values, which is written to from then on."""
    for tape in [reference() for reference in list(live_tapes.values())]:
        if tape:
            tape.move(old, new)


def note_reads() -> None:
    """Call before variables get other arrays for a while: tapes note which memory their ops have read so far."""
    for tape in [reference() for reference in list(live_tapes.values())]:
        if type(tape) is Tape:
            tape._scan()


def add_alias(tensor: Any) -> None:
    """A tensor's array is a view of a variable's: before that is overwritten, the tensor gets memory of its own."""
    number = id(tensor)
    live_views[number] = weakref.ref(tensor, lambda _: live_views.pop(number, None))


class _State(threading.local):
    tapes: tuple[Tape, ...] = ()
    tracer: Any = None  # capture/tracer.py
    in_traced_call = False  # whether shape inference runs the ``call`` of a layer on symbolic tensors
    scope: Any = None  # the innermost StatelessScope (core/stateless.py)
    abstract: Any = None  # the counters of what is made in an ``abstract`` block (core/abstract.py)
    compute_dtype: str | None = None  # in which ops see floating point variables; None: in their own


state = _State()


@contextmanager
def recording(tape: Tape | None = None) -> Iterator[Tape]:
    """Let every op on a tracked tensor inside the block leave an entry on ``tape``, by default a new one."""
    tape = Tape() if tape is None else tape
    number = id(tape)
    live_tapes[number] = weakref.ref(tape, lambda _: live_tapes.pop(number, None))
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
    """Report to a tracer: every op inside the block (``tracer.op``), every draw of random numbers (``tracer.draw``), every tensor
    made of constants (``tracer.constant``), and every side effect that bypasses the ops (``tracer.change``, ``tracer.effect``,
    ``tracer.abort``)."""
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


def after_forward(function: Any, *tensors: Any) -> None:
    """Call ``function(*tensors)`` now or, in a step that is traced, at the end of its forward pass, and of that of every replay.

    For side effects that bypass the ops, but depend on nothing else than values that come from ops.
    """
    if state.tracer is None:
        with no_grad():
            function(*tensors)
    else:
        state.tracer.effect(function, tensors)


def trace_constant(tensor: Any) -> None:
    """Report a tensor that was made of a shape and of numbers alone: it is the same in every step of these shapes."""
    if state.tracer is not None:
        state.tracer.constant(tensor)


def trace_draw(generator: Any, key: Any, step: int) -> None:
    """Report the key and the step with which an op will draw random numbers."""
    if state.tracer is not None:
        state.tracer.draw(generator, key, step)
