"""What an optimizer keeps beside the weights: flat arrays, and the stretches that one update goes over."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import dualnet_backends as backends

from ..core.tensor import Array
from ..core.variables import BufferSlice, Variable

Fill = Callable[[str, Array], Array]  # (name of the slot, values of the weights) -> its first values


class Segment(NamedTuple):
    """What one call of ``update`` goes over: values, gradients and slots, flat and of one length.

    For an optimizer that is not elementwise they are those of one variable, in its shape.
    """

    backend: backends.Backend
    values: Array
    grads: Array
    slots: tuple[Array, ...]


class Slots:
    """One number beside each element of the weights: an array beside each run, and a variable for each variable.

    The variables are views of the arrays. ``variables`` has None for a variable that is in no run.
    """

    def __init__(self, name: str, runs: Sequence[BufferSlice], variables: Sequence[Variable], fill: Fill) -> None:
        self.arrays = [fill(name, run.values) for run in runs]
        views: dict[int, Variable] = {}
        for run, array in zip(runs, self.arrays):
            start = 0
            for v in run.variables:
                views[id(v)] = view(array[start : start + v.size].reshape(v.shape), v, name)
                start += v.size
        self.variables: list[Variable | None] = [views.get(id(v)) for v in variables]
        self.found = [v for v in self.variables if v is not None]


class Averages(Slots):
    """Running averages of the weights."""

    def take(self, runs: Sequence[BufferSlice], momentum: float) -> None:
        """average = momentum average + (1 - momentum) w"""
        for run, average in zip(runs, self.arrays):
            average *= momentum
            average += (1 - momentum) * run.values

    def swap(self, runs: Sequence[BufferSlice]) -> None:
        """Exchange weights and averages."""
        for run, average in zip(runs, self.arrays):
            weights = run.values.copy()
            run.values[...] = average
            average[...] = weights

    def put(self, runs: Sequence[BufferSlice]) -> None:
        """Into the weights."""
        for run, average in zip(runs, self.arrays):
            run.values[...] = average


def zeros(name: str, values: Array) -> Array:
    """The usual first values of a slot."""
    return backends.of(values).xp.zeros_like(values)


def view(array: Array, variable: Variable, name: str) -> Variable:
    """A variable of the optimizer whose value is this very array."""
    made = Variable(0.0, trainable=False, name=name, backend=backends.of(array))
    made.data = array
    made.path = f"{variable.path.replace('/', '_')}_{name}"
    return made


def stretches(run: BufferSlice, missing: set[int]) -> Iterator[slice]:
    """The parts of a run between the variables that are missing (by id); with none missing, all of it."""
    start = stop = 0
    for v in [*run.variables, None]:
        if v is not None and id(v) not in missing:
            stop += v.size
            continue
        if stop > start:
            yield slice(start, stop)
        start = stop = stop + (0 if v is None else v.size)


class FlatState:
    """Slots that are flat arrays beside the runs, for an optimizer that treats every element alike."""

    def __init__(
        self, names: Sequence[str], runs: Sequence[BufferSlice], variables: Sequence[Variable], fill: Fill
    ) -> None:
        self.runs = runs
        self.slots = [Slots(name, runs, variables, fill) for name in names]
        self._index = {id(v): i for i, v in enumerate(variables)}

    def of(self, variable: Variable) -> list[Array]:
        """The slots of one variable, in its shape."""
        found = [s.variables[self._index[id(variable)]] for s in self.slots]
        return [v.data for v in found if v is not None]

    def variables(self, by_variable: bool) -> list[Variable]:
        """All slots, ordered by variable or by slot."""
        groups = [s.found for s in self.slots]
        return [v for group in (zip(*groups) if by_variable else groups) for v in group]

    def segments(self, variables: Sequence[Variable], missing: set[int]) -> list[Segment]:
        """The stretches that hold the variables which are not missing."""
        return [
            Segment(
                backends.of(run.values), run.values[part], run.grads[part], tuple(s.arrays[i][part] for s in self.slots)
            )
            for i, run in enumerate(self.runs)
            for part in stretches(run, missing)
        ]


class OwnState:
    """Slots of each variable by itself, of any shapes, for an optimizer that needs norms, rows or columns."""

    def __init__(self, variables: Sequence[Variable], make: Callable[[Variable], dict[str, Array]]) -> None:
        self.slots = {id(v): [view(array, v, name) for name, array in make(v).items()] for v in variables}

    def of(self, variable: Variable) -> list[Array]:
        """The slots of one variable."""
        return [slot.data for slot in self.slots[id(variable)]]

    def variables(self, by_variable: bool) -> list[Variable]:
        """All slots, variable by variable."""
        return [slot for slots in self.slots.values() for slot in slots]

    def segments(self, variables: Sequence[Variable], missing: set[int]) -> list[Segment]:
        """One for each of the variables."""
        return [Segment(backends.of(v.data), v.data, v.grad, tuple(self.of(v))) for v in variables]
