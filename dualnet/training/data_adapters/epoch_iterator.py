"""Batches, epoch by epoch."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ... import config
from ...core.warning import warn
from .array_adapter import Batch
from .iterable_adapter import Data, IterableData


def limited(number: int | None, limit: int | None) -> int | None:
    """The smaller of two numbers; None is unlimited."""
    return number if limit is None else limit if number is None else min(number, limit)


@contextmanager
def naming_batches(source: EpochIterator, name: str = "") -> Iterator[None]:
    """Say which batch of a stream an error is about. The first one was tried before anything was trained.

    source: of the batches that the block works on. name: of the data, for messages.
    """
    try:
        yield
    except (ValueError, TypeError) as error:
        is_plain = type(error) in (ValueError, TypeError) and len(error.args) == 1
        if is_plain and source.current > 1 and isinstance(source.data, IterableData):
            error.args = (f"{name}{', ' if name else ''}batch {source.current}: {error}",)
        raise


class EpochIterator:
    """Batches, epoch by epoch. steps: how many make an epoch; None for a pass over the data.

    With steps, an epoch continues where the last one stopped. A new pass, in a new order, starts at the beginning of an epoch
    only: an epoch with too few batches left is shorter, with a warning. ``exhausted`` is set when a generator has no more batches.
    ``dualnet.config.set_max_steps_per_epoch`` may end epochs sooner. indexed: whether the steps that take the batches know what an
    ``IndexedBatch`` is, which is made where the device can record steps.
    """

    def __init__(self, data: Data, steps: int | None = None, indexed: bool = False) -> None:
        self.data, self.steps = data, steps
        self._batches: Callable[[int, int], Iterator[Batch]] = data.batches
        if indexed and data.can_be_indexed and config.are_graphs_enabled():
            self._batches = data.indexed_batches
        self.limit = config.max_steps_per_epoch()
        self.exhausted = False
        self.current = 0  # the batch of the epoch that is read or worked on, from 1; 0 between two epochs
        self._remaining: Iterator[Batch] | None = None
        self._order_key = (0, 0)  # epoch and step that determine the order of the current pass
        self._batches_done = 0  # in the current pass
        self._pass_steps: int | None = None  # its length, if known: a later pass may have another
        self._passes = 0

    def position(self) -> dict[str, Any] | None:
        """The position in the current pass, for ``resume``; None between two passes."""
        return None if self._remaining is None else {"began": list(self._order_key), "seen": self._batches_done}

    def resume(self, position: dict[str, Any] | None) -> None:
        """Continue where another run stopped. A generator continues from its own position."""
        if position is None or (isinstance(self.data, IterableData) and self.data.is_generator):
            return
        epoch, step = self._order_key = tuple(position["began"])
        self._batches_done = int(position["seen"])
        self._remaining = itertools.islice(self._batches(epoch, step), self._batches_done, None)
        self._pass_steps = self.data.steps
        self._passes += 1

    def epoch(self, epoch: int, step: int = 0, done: int = 0) -> Iterator[Batch]:
        """The batches of one epoch. step: updates so far, which determine the order of shuffled data. done: batches of this epoch
        that were done before ``resume``."""
        limit = limited(self.steps, self.limit)
        iterable = self.data if isinstance(self.data, IterableData) else None
        if limit is None and iterable is not None and iterable.endless:
            raise ValueError("the data has no end: say how many batches make an epoch, with steps_per_epoch or steps")
        if iterable is not None:
            iterable.notify("on_epoch_begin")
        if self._remaining is None:
            self._remaining, self._batches_done, self._order_key = self._batches(epoch, step), 0, (epoch, step)
            self._pass_steps = self.data.steps
            self._passes += 1
        count = done
        self.current = count + 1
        for batch in itertools.islice(self._remaining, None if limit is None else max(limit - done, 0)):
            count += 1
            self._batches_done += 1
            yield batch
            self.current = count + 1
        self.current = 0
        is_generator = iterable is not None and iterable.is_generator
        short = count < (limit or 0) if self.steps is not None else is_generator and count == 0 and self._passes > 1
        if short:
            self.exhausted = is_generator
            warn(
                "Your input ran out of data; interrupting training. Make sure that your dataset or "
                "generator can generate at least `steps_per_epoch * epochs` batches."
            )
        if short or self.steps is None or self._batches_done == self._pass_steps:
            self._remaining = None
        if iterable is not None:
            iterable.notify("on_epoch_end")
