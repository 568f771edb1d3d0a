"""Batches, epoch by epoch."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator
from typing import Any

from ... import config
from .array_adapter import ArrayData, Batch
from .iterable_adapter import IterableData

Data = ArrayData | IterableData


def limited(number: int | None, limit: int | None) -> int | None:
    """The smaller of two numbers, of which None is no bound."""
    return number if limit is None else limit if number is None else min(number, limit)


class Epochs:
    """Batches, epoch by epoch. steps: how many make an epoch; None for a pass over the data.

    With steps, an epoch goes on where the last one stopped, and a new pass (shuffled anew) begins with an epoch, never
    inside one: an epoch that finds too few batches left is shorter, with a warning. A generator that has no more sets
    ``exhausted``. ``dualnet.config.set_max_steps_per_epoch`` may end epochs sooner.
    """

    def __init__(self, data: Data, steps: int | None = None) -> None:
        self.data, self.steps = data, steps
        self.limit = config.max_steps_per_epoch()
        self.exhausted = False
        self._rest: Iterator[Batch] | None = None
        self._began = (0, 0)  # epoch and step that decided the order of the present pass
        self._seen = 0  # batches of the present pass
        self._passes = 0

    def position(self) -> dict[str, Any] | None:
        """Where the present pass is, for ``resume``; None between two passes."""
        return None if self._rest is None else {"began": list(self._began), "seen": self._seen}

    def resume(self, position: dict[str, Any] | None) -> None:
        """Go on where another run was. A generator goes on from where it is itself."""
        if position is None or (isinstance(self.data, IterableData) and self.data.once is not None):
            return
        epoch, step = self._began = tuple(position["began"])
        self._seen = int(position["seen"])
        self._rest = itertools.islice(self.data.batches(epoch, step), self._seen, None)
        self._passes += 1

    def epoch(self, epoch: int, step: int = 0, done: int = 0) -> Iterator[Batch]:
        """The batches of one epoch. step: updates so far, which decide the order of shuffled data. done: batches of it
        that another run has had, after ``resume``."""
        most = limited(self.steps, self.limit)
        if most is None and isinstance(self.data, IterableData) and self.data.endless:
            raise ValueError("the data has no end: say how many batches make an epoch, with steps_per_epoch or steps")
        self.data.on_epoch_begin()
        if self._rest is None:
            self._rest, self._seen, self._began = self.data.batches(epoch, step), 0, (epoch, step)
            self._passes += 1
        got = done
        for batch in itertools.islice(self._rest, None if most is None else max(most - done, 0)):
            got += 1
            self._seen += 1
            yield batch
        once = isinstance(self.data, IterableData) and self.data.once is not None
        short = got < (most or 0) if self.steps is not None else once and got == 0 and self._passes > 1
        if short:
            self.exhausted = once
            warnings.warn(
                "Your input ran out of data; interrupting training. Make sure that your dataset or "
                "generator can generate at least `steps_per_epoch * epochs` batches.",
                stacklevel=4,
            )
        if short or self.steps is None or self._seen == self.data.steps:
            self._rest = None
        self.data.on_epoch_end()
