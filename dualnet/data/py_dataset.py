"""`PyDataset`: batches by index, computed by a user's subclass, optionally in threads."""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from .. import tree
from ..core.warning import warn
from . import background


class PyDataset:
    """Batches by index. A subclass defines `__getitem__(index)`, which returns a whole batch, and `__len__`.

    A batch is `(x,)`, `(x, y)` or `(x, y, sample_weight)`. Instead of `__len__`, a subclass may define the property
    `num_batches`; None: infinite. `on_epoch_begin` and `on_epoch_end` are called around every epoch.

    Args:
        workers: with 2 or more, or with use_multiprocessing, that many threads prepare batches while the model trains,
            in order. Threads are used instead of processes: NumPy and file reading release the GIL. Since several batches are
            made at the same time, each needs arrays of its own: `__getitem__` that fills one buffer again and again is for
            workers=1, and raises ValueError with more.
        max_queue_size: the maximum number of prepared batches.
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
        """The batch with this index."""
        raise NotImplementedError(f"{type(self).__name__} must define __getitem__(index), which returns a batch")

    @property
    def num_batches(self) -> int | None:
        """The number of batches; None: infinite."""
        length = getattr(self, "__len__", None)
        if length is None:
            raise NotImplementedError(f"{type(self).__name__} must define __len__() or the property num_batches")
        return int(length())

    def __iter__(self) -> Iterator[Any]:
        for index in batch_indices(self):
            yield self[index]

    def on_epoch_begin(self) -> None:
        """Called before every epoch."""

    def on_epoch_end(self) -> None:
        """Called after every epoch, for example to shuffle."""


Sequence = PyDataset


def batch_indices(dataset: PyDataset) -> Iterable[int]:
    """The indices of the batches, in order."""
    count = dataset.num_batches
    return itertools.count() if count is None else range(count)


def batches(dataset: PyDataset, order: Iterable[int]) -> Iterator[Any]:
    """The batches with the indices `order`, computed by threads if the dataset requests them."""
    if not dataset._initialised:
        warn(
            f"{type(dataset).__name__}.__init__ should call super().__init__(**kwargs): workers and max_queue_size "
            "are left at their defaults"
        )
        dataset._initialised = True
    workers = int(dataset.workers)
    if workers > 1 or (workers > 0 and dataset.use_multiprocessing):
        return background.parallel_map(_OwnBatches(dataset, 2 * workers), order, workers, dataset.max_queue_size)
    return (dataset[index] for index in order)


class _OwnBatches:
    """Batches by index in arrays of their own, for several threads: a buffer that is filled anew is copied, or refused.

    window: how many of the last batches to compare with. Their arrays live for that long, so that no other has their address.
    """

    def __init__(self, dataset: PyDataset, window: int) -> None:
        self.dataset = dataset
        self.returned: deque[list[tuple[Any, Any, Any]]] = deque(maxlen=window)  # address, array, values it had
        self.lock = threading.Lock()

    def __call__(self, index: int) -> Any:
        arrays: list[tuple[Any, Any, Any]] = []

        def own(leaf: Any) -> Any:
            if not isinstance(leaf, np.ndarray) or leaf.dtype.kind == "O":
                return leaf
            arrays.append((leaf.__array_interface__["data"][0], leaf, leaf.copy()))
            return arrays[-1][2]

        batch = tree.map_structure(own, self.dataset[index])
        with self.lock:
            for others in self.returned:
                if any(a[0] == b[0] and _differ(a[2], b[2]) for a, b in itertools.product(arrays, others)):
                    raise ValueError(
                        f"{type(self.dataset).__name__}.__getitem__ filled one array with the values of two batches. With workers="
                        f"{self.dataset.workers} batches are made at the same time: return new arrays, or use workers=1"
                    )
            self.returned.append(arrays)
        return batch


def _differ(a: Any, b: Any) -> bool:
    return a.shape == b.shape and not np.array_equal(a, b, equal_nan=a.dtype.kind == "f" == b.dtype.kind)
