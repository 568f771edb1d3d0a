"""A recorded step run again: its ops in their order, and the way back through their gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import dualnet_backends as backends

from .. import tree
from ..autodiff import Tape
from ..tensor import Array, Tensor
from ..variables import Variable
from .recorded import Recorder, beside


class Step(NamedTuple):
    """The gradient of one node: which gradients it takes and which it gives."""

    node: int
    takes: int | tuple[int, ...]
    gives: tuple[int, ...]  # -1: not wanted
    wanted: list[Any] | None  # for a closure that writes in place; its entries are False, None or a variable


class Forward:
    """The ops of a recorded step. ``run(batch)`` gives its output, and its loss if it has one."""

    def __init__(self, recorder: Recorder, y_pred: Any, loss: Tensor | None = None) -> None:
        slots = recorder.slots
        self._nodes = recorder.nodes
        self._variables = tuple(recorder.variables.items())
        self._outputs = tree.map_structure(lambda y: slots[id(y.data)], y_pred)
        self._beside = [
            (i, [(name, slots[id(t.data)]) for name, t in found.items()])
            for i, y in enumerate(tree.flatten(y_pred))
            if (found := beside(y))
        ]
        self._loss = None if loss is None else slots[id(loss.data)]
        # Only numbers stay: no batch and no result of the recorded step is kept.
        made = {slot for node in self._nodes for slot in as_tuple(node.target)}
        template = enumerate(recorder.template)
        kept = [v if i >= recorder.given and i not in made else None for i, v in template]
        for slot, _ in self._variables:
            kept[slot] = None
        self._template = kept

    def run(self, batch: Sequence[Array]) -> tuple[Any, Any]:
        """(output, loss), for the arrays of another batch"""
        values, _ = self._values(batch)
        return self._output(values), None if self._loss is None else Tensor(values[self._loss])

    def _values(self, batch: Sequence[Array]) -> tuple[list[Any], list[Any]]:
        """The arrays in all slots, and the gradients of the ops."""
        values = self._template.copy()
        values[: len(batch)] = batch
        for slot, variable in self._variables:
            values[slot] = variable.data
        closures: list[Any] = []
        for function, context, backend, sources, rest, options, target, draw in self._nodes:
            if draw is not None:
                generator, at = draw
                rest = (*rest[:at], *generator.next(), *rest[at + 2 :])
            value, closure = function(context, *[values[i] for i in sources], *rest, **options)
            closures.append(closure)
            kind = backend.array_type
            if type(value) is tuple:
                for slot, v in zip(target, value):  # type: ignore[arg-type]
                    values[slot] = v if type(v) is kind else backend.asarray(v)
            else:
                values[target] = value if type(value) is kind else backend.asarray(value)  # type: ignore[index]
        return values, closures

    def _output(self, values: list[Any]) -> Any:
        """The output of the model, with what its tensors remember."""
        if type(self._outputs) is int and not self._beside:
            return Tensor(values[self._outputs])
        y_pred = tree.map_structure(lambda i: Tensor(values[i]), self._outputs)
        flat = tree.flatten(y_pred)
        for i, remembered in self._beside:
            for name, slot in remembered:
                setattr(flat[i], name, Tensor(values[slot]))
        return y_pred


class Program(Forward):
    """A recorded step with its gradients."""

    def __init__(self, recorder: Recorder, y_pred: Any, loss: Tensor, tape: Tape) -> None:
        super().__init__(recorder, y_pred, loss)
        self._one = Tensor(backends.of(loss.data).xp.ones_like(loss.data))
        self._plan(recorder, loss, tape)
        self._places: list[Any] = []
        self._way: list[Step] = []
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

        self._kinds: list[tuple[Any, type]] = []  # dtype and array type of each gradient
        self._steps: list[Step] = []
        self._target = place(loss)
        reached = {self._target}
        for number, (outputs, inputs, closure) in zip(reversed(recorder.taped), reversed(tape)):
            takes = tuple(place(y) for y in outputs) if type(outputs) is tuple else place(outputs)
            if not reached.intersection(as_tuple(takes)):
                continue
            gives = tuple(place(x) for x in inputs)
            wanted: list[Any] | None = None
            if closure.__code__.co_argcount == 2:
                wanted, seen = [], set(reached)
                for x, i in zip(inputs, gives):
                    wanted.append(False if i < 0 else x if i not in seen and isinstance(x, Variable) else None)
                    seen.add(i)
            reached.update(i for i in gives if i >= 0)
            self._steps.append(Step(number, takes, gives, wanted))
        self._derived = {places[id(v)]: v for v in recorder.variables.values() if id(v) in places}

    def train(
        self, batch: Sequence[Array], destinations: dict[int, Array], scale_loss: Callable[[Tensor], Tensor]
    ) -> tuple[Any, Tensor, list[Variable]]:
        """(output, loss, variables that got a gradient). destinations: ``id(variable) -> array`` for its gradient"""
        values, closures = self._values(batch)
        # A scale of the loss is one of what its gradient begins with; it may be another at every step.
        found = self._backward(values, closures, destinations, scale_loss(self._one).data)
        return self._output(values), Tensor(values[self._loss]), found  # type: ignore[index]

    def _bind(self, destinations: dict[int, Array]) -> None:
        """Look up where gradients go, once for each set of places."""
        self._bound = destinations
        self._places = [None] * len(self._kinds)
        for i, variable in self._derived.items():
            self._places[i] = destinations.get(id(variable))
        self._way = [
            step if step.wanted is None else step._replace(wanted=[_where(w, destinations) for w in step.wanted])
            for step in self._steps
        ]

    def _backward(
        self, values: list[Any], closures: list[Any], destinations: dict[int, Array], seed: Array
    ) -> list[Variable]:
        """``autodiff.backward`` along the recorded way."""
        if self._bound is not destinations:
            self._bind(destinations)
        places, kinds = self._places, self._kinds
        grads: list[Any] = [None] * len(kinds)
        grads[self._target] = seed
        for number, takes, gives, wanted in self._way:
            if type(takes) is int:
                dy = grads[takes]
                if dy is None:
                    continue
                grads[takes] = None
            else:
                dys = [grads[i] if i >= 0 else None for i in takes]  # type: ignore[union-attr]
                if all(d is None for d in dys):
                    continue
                made = [values[slot] for slot in self._nodes[number].target]  # type: ignore[union-attr]
                dy = tuple(backends.of(y).xp.zeros_like(y) if d is None else d for d, y in zip(dys, made))
                for i in takes:  # type: ignore[union-attr]
                    grads[i] = None
            dxs = closures[number](dy) if wanted is None else closures[number](dy, wanted)
            for i, dx in zip(gives, dxs if type(dxs) is tuple else (dxs,)):
                if dx is None or i < 0:
                    continue
                before = grads[i]
                if before is not None:
                    dx = before + dx
                dtype, kind = kinds[i]
                if dx.dtype != dtype:
                    dx = dx.astype(dtype)
                if type(dx) is not kind:
                    dx = backends.of(seed).asarray(dx)
                place = places[i]
                if place is not None and dx is not place:
                    place[...] = dx
                    dx = place
                grads[i] = dx
        # A variable that is none of the model's has no place.
        return [v for i, v in self._derived.items() if grads[i] is not None and places[i] is not None]


def _where(wanted: Any, destinations: dict[int, Array]) -> Any:
    return destinations.get(id(wanted)) if isinstance(wanted, Variable) else wanted


def as_tuple(x: int | tuple[int, ...]) -> tuple[int, ...]:
    return x if type(x) is tuple else (x,)  # type: ignore[return-value]
