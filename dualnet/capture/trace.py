"""A training step written down while it runs, as the list of its ops, and run again from the list.

Most of the time of a small network goes into finding out what to do next: layers, losses and the tape are Python, and do at
every step what they did at the one before. ``Recorder`` looks on as the engine runs one step, and ``Program`` (program.py)
does the same work on the next batch: the same ops in the same order on the same kinds of arrays, so the same numbers, bit for
bit. What it cannot follow it gives up on (``Recorder.problem``), and the step is run as written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import dualnet_backends as backends

from .. import tree
from ..core.tensor import Tensor
from ..core.tracing import Tape
from ..core.variables import Variable

_PLAIN = (type(None), bool, int, float, str, slice, type(Ellipsis), type)


class Node(NamedTuple):
    """One op: what to call, with which values, and where its outputs go."""

    function: Callable[..., Any]
    context: Any  # the array module or the backend, its first argument
    backend: backends.Backend
    sources: tuple[int, ...]  # slots of its tensors
    rest: tuple[Any, ...]
    options: dict[str, Any]
    target: int | tuple[int, ...]  # slots of its outputs
    draw: tuple[Any, int] | None  # the generator of its random numbers, and where in ``rest`` they go


class Recorder:
    """Listens to the engine for one step. given: the tensors of the batch."""

    def __init__(self, given: Sequence[Tensor]) -> None:
        self.problem: str | None = None
        self.given = len(given)
        self.nodes: list[Node] = []
        self.taped: list[int] = []  # nodes that are on the tape, in order
        self.template: list[Any] = [t.data for t in given]
        self.variables: dict[int, Variable] = {}  # by slot
        self.slots = {id(t.data): i for i, t in enumerate(given)}  # of arrays, all kept alive in the template
        self.states: dict[int, Variable] = {}  # of the model's variables that are not trained, by the id of the array
        self._draws: dict[int, tuple[Any, Any, int]] = {}  # by the id of the key

    def op(
        self,
        function: Callable[..., Any],
        context: Any,
        backend: backends.Backend,
        inputs: Sequence[Any],
        arrays: Sequence[Any],
        rest: tuple[Any, ...],
        options: dict[str, Any],
        outputs: Any,
        taped: bool,
    ) -> None:
        """An op ran."""
        if self.problem is not None:
            return
        if function.__module__.partition(".")[0] != "dualnet":
            self.abort("an op of the user")
        sources = tuple(self._source(x, a) for x, a in zip(inputs, arrays))
        draw = self._find_draw(rest)
        if draw is None and options.get("key") is not None and id(options["key"]) in self._draws:
            self.abort("random numbers given by name")
        for value in (*rest, *options.values()):
            if not _is_plain(value) and not self._is_own(value):
                self.abort(f"{function.__name__} takes {type(value).__name__} as an option")
        if self.problem is None:
            several = type(outputs) is tuple
            slots = tuple(self._new(y.data) for y in (outputs if several else (outputs,)))
            if taped:
                self.taped.append(len(self.nodes))
            target = slots if several else slots[0]
            self.nodes.append(Node(function, context, backend, sources, rest, options, target, draw))

    def draw(self, generator: Any, key: Any, step: int) -> None:
        """A generator gave the numbers that an op is to draw with."""
        if id(key) in self._draws:
            self.abort("random numbers that no op took")
        self._draws[id(key)] = (generator, key, step)

    def change(self, subject: Any, reason: str) -> None:
        self.abort(reason)

    def abort(self, what: str) -> None:
        """Something happened that is in no op, so that the step cannot be told from its ops."""
        self.problem = self.problem or what

    def _source(self, x: Any, array: Any) -> int:
        """The slot of an input."""
        if isinstance(x, Variable) and array is x.data:
            for slot, known in self.variables.items():
                if known is x:
                    return slot
            slot = self._new(array)
            self.variables[slot] = x
            return slot
        if x is None or isinstance(x, (bool, int, float)):
            return self._new(array)
        slot_of = self.slots.get(id(array)) if isinstance(x, Tensor) else None
        if slot_of is None:
            self.abort("an op takes an array that comes from no other")
            return -1
        return slot_of

    def _new(self, array: Any) -> int:
        self.template.append(array)
        if hasattr(array, "dtype"):
            self.slots[id(array)] = len(self.template) - 1
        return len(self.template) - 1

    def _find_draw(self, rest: tuple[Any, ...]) -> tuple[Any, int] | None:
        for i, value in enumerate(rest):
            if type(value) is tuple and id(value) in self._draws:
                generator, _, step = self._draws.pop(id(value))
                if rest[i + 1 : i + 2] != (step,):
                    self.abort("random numbers in an order that is not known")
                return generator, i
        return None

    def _is_own(self, value: Any) -> bool:
        """Whether an option is the array of a variable, which an op changes in place."""
        return id(value) in self.states

    def is_whole(self, y_pred: Any, loss: Tensor | None = None, tape: Tape | None = None) -> bool:
        """Whether everything that the step gives comes from a recorded op. tape: what its gradients are to be made of"""
        if self._draws:
            self.abort("random numbers that no op took")
        if tape is not None and (loss is None or not loss.tracked or len(tape) != len(self.taped)):
            self.abort("an entry of the tape that is no op, or a loss without a gradient")
        outputs = tree.flatten(y_pred)
        given = outputs if loss is None else [*outputs, loss]
        if not all(type(y) is Tensor and id(y.data) in self.slots for y in given):
            self.abort("an output or a loss that comes from no op")
        elif any(id(t.data) not in self.slots for y in outputs for t in beside(y).values()):
            self.abort("a mask or logits that come from no op")
        return self.problem is None


def beside(y: Any) -> dict[str, Tensor]:
    """What a tensor remembers, and metrics look at."""
    names = ("_keras_mask", "_softmax_logits", "_sigmoid_logits")
    return {name: found for name in names if isinstance(found := getattr(y, name, None), Tensor)}


def _is_plain(value: Any) -> bool:
    """Whether an option is a number, a name, or the like, which is the same at every step."""
    if isinstance(value, (tuple, list)):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(map(_is_plain, value.values()))
    return isinstance(value, _PLAIN) or (
        type(value).__module__.startswith("numpy") and type(value).__name__.endswith("DType")
    )
