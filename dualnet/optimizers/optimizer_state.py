"""The state of an optimizer: flat arrays beside the weights, and the segments that one update covers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import dualnet_backends as backends

from ..core.tensor import Array
from ..core.variables import BufferSlice, Variable

Fill = Callable[[str, Array], Array]  # (name of the slot, values of the weights) -> its initial values


class Segment(NamedTuple):
    """What one call of ``update`` covers: values, gradients and slots, flat and of one length.

    For an optimizer that is not elementwise: those of one variable, in its shape.
    """

    backend: backends.Backend
    values: Array
    grads: Array
    slots: tuple[Array, ...]


class Slots:
    """One number for each element of the weights: an array for each slice of the buffers, and a variable for each weight.

    The variables are views of the arrays. ``variables`` has None for a weight that is in no slice.
    """

    def __init__(self, name: str, slices: Sequence[BufferSlice], variables: Sequence[Variable], fill: Fill) -> None:
        self.arrays = [fill(name, buffer_slice.values) for buffer_slice in slices]
        views: dict[int, Variable] = {}
        for buffer_slice, array in zip(slices, self.arrays):
            start = 0
            for v in buffer_slice.variables:
                views[id(v)] = view(array[start : start + v.size].reshape(v.shape), v, name)
                start += v.size
        self.variables: list[Variable | None] = [views.get(id(v)) for v in variables]
        self.views = [v for v in self.variables if v is not None]


class Averages(Slots):
    """Running averages of the weights."""

    def update(self, slices: Sequence[BufferSlice], momentum: backends.Scalar, rate: backends.Scalar) -> None:
        """average = momentum average + rate w, where rate is 1 - momentum"""
        for buffer_slice, average in zip(slices, self.arrays):
            backends.of(average).moving_average(average, buffer_slice.values, momentum, rate)

    def swap(self, slices: Sequence[BufferSlice]) -> None:
        """Exchange weights and averages."""
        for buffer_slice, average in zip(slices, self.arrays):
            weights = buffer_slice.values.copy()
            buffer_slice.values[...] = average
            average[...] = weights

    def copy_to_weights(self, slices: Sequence[BufferSlice]) -> None:
        """weights = average"""
        for buffer_slice, average in zip(slices, self.arrays):
            buffer_slice.values[...] = average


def zeros(name: str, values: Array) -> Array:
    """The default initial values of a slot."""
    return backends.of(values).xp.zeros_like(values)


def view(array: Array, variable: Variable, name: str) -> Variable:
    """A variable of the optimizer whose value is this very array."""
    result = Variable(0.0, trainable=False, name=name, backend=backends.of(array))
    result.data = array
    result.path = f"{variable.path.replace('/', '_')}_{name}"
    return result


def contiguous_slices(buffer_slice: BufferSlice, missing: set[int]) -> Iterator[slice]:
    """The parts of a slice between the missing variables (by id); all of it if none is missing."""
    start = stop = 0
    for v in [*buffer_slice.variables, None]:
        if v is not None and id(v) not in missing:
            stop += v.size
            continue
        if stop > start:
            yield slice(start, stop)
        start = stop = stop + (0 if v is None else v.size)


class FlatState:
    """Slots as flat arrays, for an optimizer that treats every element alike."""

    def __init__(
        self, names: Sequence[str], slices: Sequence[BufferSlice], variables: Sequence[Variable], fill: Fill
    ) -> None:
        self.slices = slices
        self.names: tuple[str, ...] = ()
        self.slots: list[Slots] = []
        self.choose(names, variables, fill)
        self._index = {id(v): i for i, v in enumerate(variables)}

    def choose(self, names: Sequence[str], variables: Sequence[Variable], fill: Fill) -> None:
        """Have the slots of these names: keep those that are there, drop the others, and add what is missing."""
        known = dict(zip(self.names, self.slots))
        self.slots = [known.get(name) or Slots(name, self.slices, variables, fill) for name in names]
        self.names = tuple(names)

    def of(self, variable: Variable) -> list[Array]:
        """The slots of one variable, in its shape."""
        slots = [s.variables[self._index[id(variable)]] for s in self.slots]
        return [v.data for v in slots if v is not None]

    def variables(self, by_variable: bool) -> list[Variable]:
        """All slots, ordered by variable or by slot."""
        groups = [s.views for s in self.slots]
        return [v for group in (zip(*groups) if by_variable else groups) for v in group]

    def segments(self, variables: Sequence[Variable], missing: set[int]) -> list[Segment]:
        """The segments that hold the variables which are not missing."""
        return [
            Segment(
                backends.of(s.values), s.values[part], s.grads[part], tuple(slot.arrays[i][part] for slot in self.slots)
            )
            for i, s in enumerate(self.slices)
            for part in contiguous_slices(s, missing)
        ]


class PerVariableState:
    """Slots of any shape for each variable, for an optimizer that needs norms, rows or columns."""

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
