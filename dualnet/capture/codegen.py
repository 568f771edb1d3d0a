"""A recorded step as the text of a Python function: no loops over ops, no lists of values, only the calls.

Reading one is a way to see what a training step does. For ``Dense(1)`` under mean squared error it begins with

    def step(batch, seed, p3, p4, w0, w1, w2):
        x0, x1, = batch
        x2 = kernel.data
        x3 = bias.data
        x4, way0 = dense(numpy, x0, x2, x3, 'linear')
        if type(x4) is not ndarray: x4 = numpy.asarray(x4)
        x0 = x2 = x3 = None

and goes on with the loss and, last op first, the way back. A value is let go where it was used for the last time.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import dualnet_backends as backends

from ..core.tensor import Array
from .trace import Node, Recorder

# Names that mean something else in the text.
_TAKEN = re.compile(r"(x|g|p|w|e|way)\d+|batch|seed|step|d|_|type|len|__\w*")


class Step(NamedTuple):
    """The gradient of one node: which gradients it takes and which it gives."""

    node: int
    takes: int | tuple[int, ...]
    gives: tuple[int, ...]  # -1: not wanted
    in_place: bool  # whether its closure is told where to write


class Writer:
    """Writes the function ``step`` line by line, and keeps the objects that its lines name."""

    def __init__(self, recorder: Recorder) -> None:
        self._nodes, self._variables, self._given = recorder.nodes, recorder.variables, recorder.given
        self._states = recorder.states
        computed = {slot for node in recorder.nodes for slot in as_tuple(node.target)}
        self._locals = computed.union(recorder.variables, range(recorder.given))
        # Only what is the same at every step stays: no batch and no result of the recorded one.
        self._constants = {i: v for i, v in enumerate(recorder.template) if i not in self._locals}
        self._lines: list[str] = []
        self._names: dict[str, Any] = {"fitting": fitting, "spread": spread, "zeros_like": zeros_like}
        self._known: dict[int, str] = {}  # by the id of an object, which its entry in ``_names`` keeps alive

    def name(self, thing: Any, like: str) -> str:
        """The name of an object in the text, ``like`` this."""
        found = self._known.get(id(thing))
        if found is None:
            if not like.isascii() or not like.isidentifier():  # Python takes some letters for others, as the micro sign
                like = "constant"
            found, number = like, len(self._names)
            while found in self._names or _TAKEN.fullmatch(found) or keyword.iskeyword(found):
                found, number = f"{like.strip('_')}_{number}", number + 1
            self._names[found] = thing
            self._known[id(thing)] = found
        return found

    def add(self, line: str, depth: int = 1) -> None:
        self._lines.append("    " * depth + line)

    def function(self, head: str) -> tuple[Callable[..., Any], str]:
        """The function, and its text."""
        text = "\n".join([f"def step({head}):", *self._lines])
        names = dict(self._names)
        exec(compile(text, "<recorded step>", "exec"), names)
        return names["step"], text

    # -- forward ---------------------------------------------------------------------------------------------------

    def forward(self, kept: set[int], differentiated: set[int]) -> None:
        """The calls of the ops that are needed. kept: slots of what is returned. differentiated: nodes with a gradient"""
        needed = self._needed(kept, differentiated)
        last = {slot: i for i in needed for slot in self._nodes[i].sources}
        # The closure of an op with several outputs takes zeros of their shapes for gradients that there are not.
        held = kept.union(*(as_tuple(self._nodes[i].target) for i in differentiated if _several(self._nodes[i])))
        if self._given:
            self.add(f"{', '.join(f'x{i}' for i in range(self._given))}, = batch")
        for slot, variable in self._variables.items():
            if slot in last or slot in kept:
                self.add(f"x{slot} = {self.name(variable, variable.name)}.data")
        for i in needed:
            self._call(i, i in differentiated)
            done = [s for s in sorted(self._locals.intersection(self._nodes[i].sources) - held) if last[s] == i]
            if done:
                self.add(" = ".join([*arguments("x", done), "None"]))

    def _needed(self, kept: set[int], differentiated: set[int]) -> list[int]:
        """The nodes without which the step would be another, in order."""
        wanted, needed = set(kept), []
        for i in range(len(self._nodes) - 1, -1, -1):
            node = self._nodes[i]
            # Drawing numbers and changing a state is done whether or not the result is asked for.
            acts = node.draw is not None or any(hasattr(v, "dtype") for v in (*node.rest, *node.options.values()))
            if acts or i in differentiated or not wanted.isdisjoint(as_tuple(node.target)):
                needed.append(i)
                wanted.update(node.sources)
        return needed[::-1]

    def _call(self, i: int, differentiated: bool) -> None:
        node = self._nodes[i]
        rest = [self._literal(v) for v in node.rest]
        if node.draw is not None:
            generator, at = node.draw
            rest[at : at + 2] = [f"*{self.name(generator, 'generator')}.next()"]
        context = self.name(node.context, "xp" if hasattr(node.context, "ndarray") else node.backend.name)
        given = [context, *map(self.value, node.sources), *rest]
        given += [f"{key}={self._literal(value)}" for key, value in node.options.items()]
        targets = as_tuple(node.target)
        left = f"({''.join(f'x{s}, ' for s in targets)})" if _several(node) else f"x{targets[0]}"
        way = f"way{i}" if differentiated else "_"
        function = self.name(node.function, node.function.__name__.lstrip("_"))
        self.add(f"{left}, {way} = {function}({', '.join(given)})")
        # What has no axes comes from NumPy as a scalar.
        kind, backend = self.name(node.backend.array_type, "ndarray"), self.name(node.backend, node.backend.name)
        for s in targets:
            self.add(f"if type(x{s}) is not {kind}: x{s} = {backend}.asarray(x{s})")

    def value(self, slot: int) -> str:
        """What stands for a slot in the text."""
        return f"x{slot}" if slot in self._locals else self._literal(self._constants[slot])

    def _literal(self, value: Any) -> str:
        state = self._states.get(id(value)) if hasattr(value, "dtype") else None
        if state is not None:
            return f"{self.name(state, state.name)}.data"
        return repr(value) if type(value) in (type(None), bool, int, str) else self.name(value, "constant")

    # -- and back --------------------------------------------------------------------------------------------------

    def backward(self, steps: Sequence[Step], kinds: Sequence[tuple[Any, type]], places: set[int]) -> None:
        """The gradients in turn, from that of the loss on, ``g0``, which is ``seed``.

        kinds: dtype and array type of each gradient. places: gradients that have a place of their own, ``p0``, ``p1``...; the
        arguments ``w0``, ``w1``... say to closures where to write.
        """
        others = sorted({i for step in steps for i in (*as_tuple(step.takes), *step.gives) if i > 0})
        if others:
            self.add(" = ".join([*arguments("g", others), "None"]))
        self.add("g0 = seed")
        seen = {0}
        for number, step in enumerate(steps):
            takes = as_tuple(step.takes)
            known = [f"g{i}" for i in takes if i >= 0]
            self.add(f"if {' or '.join(f'{g} is not None' for g in known)}:")
            self.add(f"d = way{step.node}({self._taken(step)}{f', w{number}' if step.in_place else ''})", 2)
            self.add(" = ".join([*known, f"way{step.node}", "None"]), 2)
            count = len(step.gives)
            names = [f"e{j}" if i >= 0 else "_" for j, i in enumerate(step.gives)]
            if count == 1:
                self.add(f"{names[0]} = d[0] if type(d) is tuple else d", 2)
            else:
                self.add(f"{', '.join(names)} = d if type(d) is tuple and len(d) == {count} else spread(d, {count})", 2)
            for j, i in enumerate(step.gives):
                if i >= 0:
                    self._give(i, f"e{j}", kinds[i], i in places, i in seen)
                    seen.add(i)
            self.add(" = ".join(["d", *(e for e in dict.fromkeys(names) if e != "_"), "None"]), 2)

    def _taken(self, step: Step) -> str:
        """The gradients of the outputs of an op, as its closure takes them: zeros for one that there is not."""
        if type(step.takes) is int:
            return f"g{step.takes}"
        slots = as_tuple(self._nodes[step.node].target)
        parts = [
            f"zeros_like(x{s}), " if i < 0 else f"zeros_like(x{s}) if g{i} is None else g{i}, "
            for i, s in zip(as_tuple(step.takes), slots)
        ]
        return f"({''.join(parts)})"

    def _give(self, i: int, e: str, kind: tuple[Any, type], has_place: bool, added: bool) -> None:
        """A gradient that a closure gave, called ``e`` in the text, becomes, or is added to, the ``i``-th."""
        if has_place and not added:  # where a closure wrote in place there is no more to do
            self.add(f"if {e} is p{i} is not None: g{i} = {e}", 2)
            self.add(f"elif {e} is not None:", 2)
        else:
            self.add(f"if {e} is not None:", 2)
        if added:
            self.add(f"if g{i} is not None: {e} = g{i} + {e}", 3)
        dtype, array_type = self.name(kind[0], str(kind[0])), self.name(kind[1], "ndarray")
        fitted = f"{e} = fitting({e}, {dtype}, {array_type})"
        self.add(f"if {e}.dtype is not {dtype} or type({e}) is not {array_type}: {fitted}", 3)
        if has_place:
            self.add(f"if p{i} is not None and {e} is not p{i}:", 3)
            self.add(f"p{i}[...] = {e}", 4)
            self.add(f"{e} = p{i}", 4)
        self.add(f"g{i} = {e}", 3)


def fitting(dx: Array, dtype: Any, kind: type) -> Array:
    """A gradient in the dtype and on the device of what it belongs to."""
    dx = dx if dx.dtype == dtype else dx.astype(dtype)
    return dx if type(dx) is kind else backends.by_type[kind].asarray(dx)


def spread(d: Any, count: int) -> tuple[Any, ...]:
    """So many gradients: a closure may give one alone, or fewer than there are."""
    given = d if type(d) is tuple else (d,)
    return (*given, *[None] * count)[:count]


def zeros_like(y: Array) -> Array:
    return backends.of(y).xp.zeros_like(y)


def _several(node: Node) -> bool:
    return type(node.target) is tuple


def as_tuple(x: int | tuple[int, ...]) -> tuple[int, ...]:
    return x if type(x) is tuple else (x,)  # type: ignore[return-value]


def arguments(letter: str, numbers: Iterable[int]) -> list[str]:
    """The names of arguments: "p3", "p5"..."""
    return [f"{letter}{n}" for n in numbers]
