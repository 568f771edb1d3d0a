"""`PyDataset`: batches that a class of the user's makes by number, with threads if wanted."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

from . import background


class PyDataset:
    """Batches by number. A subclass defines `__getitem__(index)`, which returns a whole batch, and `__len__`.

    A batch is `(x,)`, `(x, y)` or `(x, y, sample_weight)`. Instead of `__len__`, the property `num_batches` may say how
    many there are; None: without end. `on_epoch_begin` and `on_epoch_end` are called around every epoch.

    workers: with 2 or more, or with use_multiprocessing, so many threads make batches ahead while the model trains, in
    the order in which they are used. Threads also stand in for processes: NumPy and file reading let them run side by
    side. max_queue_size: how many batches may be ready and waiting.
    """

    # Defaults on the class, for subclasses that forget super().__init__().
    workers = 1
    use_multiprocessing = False
    max_queue_size = 10
    _initialised = False

    def __init__(self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10) -> None:
        self.workers = workers
        self.use_multiprocessing = use_multiprocessing
        self.max_queue_size = max_queue_size
        self._initialised = True

    def __getitem__(self, index: int) -> Any:
        """The batch with a number."""
        raise NotImplementedError(f"{type(self).__name__} must define __getitem__(index), which returns a batch")

    @property
    def num_batches(self) -> int | None:
        """How many batches there are; None: without end."""
        length = getattr(self, "__len__", None)
        if length is None:
            raise NotImplementedError(f"{type(self).__name__} must define __len__() or the property num_batches")
        return int(length())

    def __iter__(self) -> Iterator[Any]:
        for index in numbers(self):
            yield self[index]

    def on_epoch_begin(self) -> None:
        """Called before every epoch."""

    def on_epoch_end(self) -> None:
        """Called after every epoch, for example to shuffle."""


Sequence = PyDataset


def numbers(dataset: PyDataset) -> Iterable[int]:
    """The numbers of the batches, in their order."""
    count = dataset.num_batches
    return itertools.count() if count is None else range(count)


def batches(dataset: PyDataset, order: Iterable[int]) -> Iterator[Any]:
    """The batches with the numbers in `order`, made by threads if the dataset asks for them."""
    if not dataset._initialised:
        warnings.warn(
            f"{type(dataset).__name__}.__init__ should call super().__init__(**kwargs): workers and max_queue_size "
            "are left at their defaults",
            stacklevel=2,
        )
        dataset._initialised = True
    workers = int(dataset.workers)
    if workers > 1 or (workers > 0 and dataset.use_multiprocessing):
        return background.in_order(dataset.__getitem__, order, workers, dataset.max_queue_size)
    return (dataset[index] for index in order)
