"""What an optimizer keeps beside the weights: flat arrays, and the stretches that one update goes over."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import dualnet_backends as backends

from ..tensor import Array
from ..variables import Run, Variable

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

    def __init__(self, name: str, runs: Sequence[Run], variables: Sequence[Variable], fill: Fill) -> None:
        self.arrays = [fill(name, run.values) for run in runs]
        views: dict[int, Variable] = {}
        for run, array in zip(runs, self.arrays):
            start = 0
            for v in run.variables:
                views[id(v)] = view(array[start : start + v.size].reshape(v.shape), v, name)
                start += v.size
        self.variables: list[Variable | None] = [views.get(id(v)) for v in variables]
        self.found = [v for v in self.variables if v is not None]


def zeros(name: str, values: Array) -> Array:
    """The usual first values of a slot."""
    return backends.of(values).xp.zeros_like(values)


def view(array: Array, variable: Variable, name: str) -> Variable:
    """A variable of the optimizer whose value is this very array."""
    made = Variable(0.0, trainable=False, name=name, backend=backends.of(array))
    made.data = array
    made.path = f"{variable.path.replace('/', '_')}_{name}"
    return made


def stretches(run: Run, missing: set[int]) -> Iterator[slice]:
    """The parts of a run between the variables that are missing (by id); with none missing, all of it."""
    start = stop = 0
    for v in [*run.variables, None]:
        if v is not None and id(v) not in missing:
            stop += v.size
            continue
        if stop > start:
            yield slice(start, stop)
        start = stop = stop + (0 if v is None else v.size)


def segments(runs: Sequence[Run], slots: Sequence[Slots], missing: set[int]) -> list[Segment]:
    """The stretches that hold the variables which are not missing."""
    return [
        Segment(
            backends.of(run.values), run.values[part], run.grads[part], tuple(s.arrays[i][part] for s in slots)
        )
        for i, run in enumerate(runs)
        for part in stretches(run, missing)
    ]
