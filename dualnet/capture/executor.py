"""A recorded step run again: its ops in their order, and the way back through their gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import dualnet_backends as backends

from .. import tree
from ..core.tensor import Array, Tensor
from ..core.tracing import Tape
from ..core.variables import Variable
from .codegen import Step, Writer, arguments, as_tuple
from .trace import Recorder, beside


class Forward:
    """The ops of a recorded step. ``run(batch)`` gives its output, and its loss if it has one.

    output: whether anybody looks at the output. Where nobody does, None is given, and what is needed for it alone is not
    computed: the softmax before a cross-entropy, which goes by the logits. source: the step as text.
    """

    source: str

    def __init__(self, recorder: Recorder, y_pred: Any, loss: Tensor | None = None, output: bool = True) -> None:
        self._lay_out(recorder.slots, y_pred, loss, output)
        writer = Writer(recorder)
        writer.forward(set(self._returned), set())
        writer.add(f"return {self._values(writer)}")
        self._step, self.source = writer.function("batch")

    def _lay_out(self, slots: dict[int, int], y_pred: Any, loss: Tensor | None, output: bool) -> None:
        """What the function is to return."""
        flat = tree.flatten(y_pred) if output else []
        self._count = len(flat)
        self._outputs = tree.map_structure(lambda y: slots[id(y.data)], y_pred) if output else None
        remembered = [(i, *pair) for i, y in enumerate(flat) for pair in beside(y).items()]
        self._beside = [(i, name) for i, name, _ in remembered]
        self._has_loss = loss is not None
        tensors = [*flat, *(t for _, _, t in remembered), *([] if loss is None else [loss])]
        self._returned = [slots[id(t.data)] for t in tensors]

    def _values(self, writer: Writer) -> str:
        return f"({''.join(f'{writer.value(slot)}, ' for slot in self._returned)})"

    def run(self, batch: Sequence[Array]) -> tuple[Any, Any]:
        """(output, loss), for the arrays of another batch"""
        return self._given(self._step(batch))

    def _given(self, values: tuple[Array, ...]) -> tuple[Any, Any]:
        """Output and loss as tensors; those of the output with what they remember."""
        loss = Tensor(values[-1]) if self._has_loss else None
        if self._outputs is None:
            return None, loss
        tensors = [Tensor(v) for v in values[: self._count]]
        for (i, name), value in zip(self._beside, values[self._count :]):
            setattr(tensors[i], name, Tensor(value))
        whole = type(self._outputs) is int
        return (tensors[0] if whole else tree.pack_sequence_as(self._outputs, tensors)), loss


class Program(Forward):
    """A recorded step with its gradients."""

    def __init__(self, recorder: Recorder, y_pred: Any, loss: Tensor, tape: Tape, output: bool = True) -> None:
        self._one = Tensor(backends.of(loss.data).xp.ones_like(loss.data))
        self._lay_out(recorder.slots, y_pred, loss, output)
        self._plan(recorder, loss, tape)
        writer = Writer(recorder)
        writer.forward(set(self._returned), {step.node for step in self._steps})
        writer.backward(self._steps, self._kinds, set(self._derived))
        got = [f"g{i} is not None" for i in self._derived]
        values = self._values(writer)
        writer.add(f"if {' and '.join(got) or 'True'}: return {values}, None")
        writer.add(f"return {values}, ({''.join(f'{g}, ' for g in got)})")
        told = [i for i, wanted in enumerate(self._wanted) if wanted is not None]
        names = [*arguments("p", self._derived), *arguments("w", told)]
        self._step, self.source = writer.function(", ".join(["batch", "seed", *names]))
        self._bound: dict[int, Array] | None = None

    def _plan(self, recorder: Recorder, loss: Tensor, tape: Tape) -> None:
        """The way back, from what the tape says of this step."""
        places: dict[int, int] = {}  # of gradients, by the id of the tensor

        def place(x: Any) -> int:
            if not isinstance(x, Tensor) or not x.tracked:
                return -1
            if id(x) not in places:
                places[id(x)] = len(places)
                self._kinds.append((x.data.dtype, type(x.data)))
            return places[id(x)]

        self._kinds: list[tuple[Any, type]] = []  # dtype and array type of each gradient; that of the loss comes first
        self._steps: list[Step] = []
        # For a closure that writes in place: of each input, False, None, or the variable into whose place it writes.
        self._wanted: list[list[Any] | None] = []
        reached = {place(loss)}
        for number, (outputs, inputs, _, in_place_grads) in zip(reversed(recorder.taped), reversed(tape)):
            takes = tuple(place(y) for y in outputs) if type(outputs) is tuple else place(outputs)
            if not reached.intersection(as_tuple(takes)):
                continue
            gives = tuple(place(x) for x in inputs)
            wanted: list[Any] | None = None
            if in_place_grads:
                wanted, seen = [], set(reached)
                for x, i in zip(inputs, gives):
                    wanted.append(False if i < 0 else x if i not in seen and isinstance(x, Variable) else None)
                    seen.add(i)
            reached.update(i for i in gives if i >= 0)
            self._steps.append(Step(number, takes, gives, wanted is not None))
            self._wanted.append(wanted)
        variables = recorder.variables.values()
        self._derived = {i: v for v in variables if (i := places.get(id(v), -1)) in reached}

    def train(
        self, batch: Sequence[Array], destinations: dict[int, Array], scale_loss: Callable[[Tensor], Tensor]
    ) -> tuple[Any, Tensor, list[Variable]]:
        """(output, loss, variables that got a gradient). destinations: ``id(variable) -> array`` for its gradient"""
        if self._bound is not destinations:
            self._bind(destinations)
        # A scale of the loss is one of what its gradient begins with; it may be another at every step.
        values, got = self._step(batch, scale_loss(self._one).data, *self._places)
        y_pred, loss = self._given(values)
        found = self._found if got is None else [v for v, yes in zip(self._derived.values(), got) if yes]
        return y_pred, loss, [v for v in found if id(v) in destinations] if self._strangers else found

    def _bind(self, destinations: dict[int, Array]) -> None:
        """Look up where gradients go, once for each set of places."""
        self._bound = destinations
        self._found = list(self._derived.values())
        self._strangers = not all(id(v) in destinations for v in self._found)  # variables that are none of the model's
        self._places: list[Any] = [destinations.get(id(v)) for v in self._found]
        self._places += [[_where(x, destinations) for x in wanted] for wanted in self._wanted if wanted is not None]


def _where(wanted: Any, destinations: dict[int, Array]) -> Any:
    return destinations.get(id(wanted)) if isinstance(wanted, Variable) else wanted
