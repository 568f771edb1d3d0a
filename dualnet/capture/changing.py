"""What a training step changes, and a copy of it."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..core.seeds import SeedGenerator
from ..core.tracing import before_write
from ..core.variables import Variable


class Changing(NamedTuple):
    """All that a training step changes: weights, recurrent states, slots of the optimizer, the state of metrics; and counters of
    seeds."""

    variables: list[Variable]
    generators: list[SeedGenerator]

    @classmethod
    def of(cls, model: Any) -> Changing:
        slots = model.optimizer.variables if model.optimizer is not None else ()
        own = (*model.variables, *model._state_variables(), *model.metrics_variables, *slots)
        unique = {id(v): v for v in own}
        attributes = (x for layer in model._flatten_layers() for x in vars(layer).values())
        return cls(list(unique.values()), [x for x in attributes if isinstance(x, SeedGenerator)])

    @property
    def nbytes(self) -> int:
        return sum(v.data.nbytes for v in self.variables)


class State:
    """A copy, on the device, of all that a training step changes."""

    def __init__(self, changing: Changing) -> None:
        self._counters = [(g, g.counter) for g in changing.generators]
        self._values = [(v, v.data.copy()) for v in changing.variables]

    def restore(self) -> None:
        """Put everything back."""
        before_write(*(v.data for v, _ in self._values))
        for v, value in self._values:
            v.data[...] = value
        for generator, counter in self._counters:
            generator.counter = counter
