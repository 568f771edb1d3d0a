"""Datasets, generators and other iterables of batches, moved to the device one batch at a time; and the choice of an adapter."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import dualnet_backends as backends

from ... import tree
from ...capture.batches import IndexedBatch, Samples
from ...core.tensor import Tensor
from ...data import INFINITE_CARDINALITY, Dataset, py_dataset
from ...data.py_dataset import PyDataset
from ...data.streams import EpochKey
from .array_adapter import ArrayData, Batch, is_arrays, tensors_of
from .class_weights import ClassWeight
from .packing import pack_x_y_sample_weight
from .shuffling import shuffled


class IterableData:
    """A dataset, ``PyDataset``, generator or any iterable of batches: x, (x,), (x, y) or (x, y, sample_weight).

    One that can be iterated again (a dataset, a list, an object with ``__iter__`` or with ``__len__`` and
    ``__getitem__``) yields a pass per epoch; a generator continues where it stopped. Its length is asked for in every pass, since
    it may change between them. shuffle: whether a ``PyDataset`` yields
    its batches in random order. check: called with every batch, with its labels as they came, and with whether it is the first one.
    """

    def __init__(
        self,
        source: Any,
        backend: backends.Backend | None = None,
        shuffle: bool | str = False,
        class_weight: ClassWeight | None = None,
        text: bool = False,
        check: Callable[[ArrayData, Any, bool], None] | None = None,
    ) -> None:
        self.backend = backend or backends.current()
        self.text = text
        self.source = source
        self.class_weight = class_weight
        self.check = check
        self.shuffle = bool(shuffle) and isinstance(source, PyDataset)
        self.size: int | None = None
        self.is_generator = isinstance(source, Iterator) and not isinstance(
            source, PyDataset
        )  # which may have __next__ too
        self._iterator = iter(source) if self.is_generator else None  # continues from pass to pass
        self._begun: tuple[Any, Iterator[Any]] | None = None  # the first batch of a pass that was begun, and the others
        self._is_first = True

    @property
    def steps(self) -> int | None:
        """The number of batches in a pass that begins now; None if it is not known, or if there is no end."""
        if isinstance(self.source, PyDataset):
            return self.source.num_batches
        if isinstance(self.source, Dataset):
            size = int(self.source.cardinality())
            return size if size >= 0 else None
        return _length(self.source)

    @property
    def endless(self) -> bool:
        """Whether a pass has no end."""
        if isinstance(self.source, PyDataset):
            return self.source.num_batches is None
        return isinstance(self.source, Dataset) and int(self.source.cardinality()) == INFINITE_CARDINALITY

    def is_exhausted(self) -> bool:
        """Whether this is a generator that has no more batches."""
        if self._iterator is None:
            return False
        first = next(self._iterator, None)
        if first is None:
            return True
        self._iterator = itertools.chain([first], self._iterator)
        return False

    def first_batch(self) -> ArrayData | None:
        """The first batch of the first pass, which yields it too: nothing is asked for twice. None if there is none."""
        if self._iterator is not None:
            if self.is_exhausted():
                return None
            item = _own(next(self._iterator))
            self._iterator = itertools.chain([item], self._iterator)
        elif isinstance(self.source, PyDataset):  # whose workers begin with the pass
            numbers = py_dataset.batch_indices(self.source)
            first = next(iter(numbers), None)
            if first is None or self.shuffle:
                return None
            item = _own(self.source[first])
            self._begun = item, py_dataset.batches(self.source, itertools.islice(numbers, 1, None))
        else:
            rest = self._items(0, 0)
            item = next(rest, None)
            if item is None:
                return None
            item = _own(item)
            self._begun = item, rest
        return self._arrays(self._parts(item), self.backend, own=True)

    def batches(self, epoch: int = 0, step: int = 0) -> Iterator[Batch]:
        """The batches up to the end of the iterable. epoch, step: they determine the order when shuffling."""
        return self._made(self._batch, epoch, step)

    @property
    def can_be_indexed(self) -> bool:
        """Whether the device records steps, which then fetch batches from the host by themselves."""
        return self.backend.can_record and not self.text

    def indexed_batches(self, epoch: int = 0, step: int = 0) -> Iterator[Batch]:
        """The same, with an ``IndexedBatch`` in the place of x for a batch that is on the host."""
        return self._made(self._host_batch, epoch, step)

    def _made(self, make: Callable[[Any], Batch], epoch: int, step: int) -> Iterator[Batch]:
        if self._iterator is not None:
            yield from map(make, self._iterator)
            return
        items = self._items(epoch, step)
        try:
            yield from map(make, items)
        finally:
            if hasattr(items, "close"):  # threads may hang on it
                items.close()

    def _items(self, epoch: int, step: int) -> Iterator[Any]:
        if self._begun is not None:
            (first, rest), self._begun = self._begun, None
            return _continued(first, rest)
        if isinstance(self.source, Dataset):
            return self.source._elements(EpochKey(step << 32 | epoch))
        if isinstance(self.source, PyDataset):
            count = self.source.num_batches
            numbers = itertools.count() if count is None else range(count)
            if self.shuffle and count is not None:
                numbers = shuffled(count, epoch, step).tolist()
            return py_dataset.batches(self.source, numbers)
        if hasattr(self.source, "__iter__"):
            return iter(self.source)
        return (self.source[i] for i in range(len(self.source)))

    def _batch(self, item: Any) -> Batch:
        # The elements of a ``Dataset`` are its own already.
        move = self._arrays(self._parts(item), self.backend, own=not isinstance(self.source, Dataset))
        tensors = [tensors_of(d) for d in (move.x, move.y, move.weight)]
        return (*tensors, move.size)

    def _host_batch(self, item: Any) -> Batch:
        parts = self._parts(item)
        if any(_is_on_device(leaf) for leaf in tree.flatten(parts)):
            return self._batch(item)
        host = self._arrays(parts, backends.get("cpu"))
        packed = pack_x_y_sample_weight(host.x, host.y, host.weight)
        send = functools.partial(tree.map_structure, self._to_device, packed)
        return IndexedBatch(Samples(packed), None, 0, host.size, send), None, None, host.size

    def _to_device(self, array: Any) -> Any:
        return None if array is None else Tensor(self.backend.asarray(array))

    def _parts(self, item: Any) -> tuple[Any, Any, Any]:
        """(x, y, sample_weight) of what the iterable gives."""
        # A torch DataLoader turns the tuples of its data set into lists.
        if isinstance(item, list) and (isinstance(self.source, PyDataset) or _is_torch(self.source)):
            item = tuple(item)
        if isinstance(item, list):
            raise ValueError(
                f"a batch must be a tuple, (x, y) or (x, y, sample_weight), got a list of {len(item)}: write (x, y), "
                "or ([x1, x2],) for several inputs without labels"
            )
        if not isinstance(item, tuple):
            item = (item,)
        if len(item) > 3:
            raise ValueError(f"a batch must be x, (x, y) or (x, y, sample_weight), got a tuple of {len(item)}")
        return (*item, None, None)[:3]

    def _arrays(self, parts: tuple[Any, Any, Any], backend: backends.Backend, own: bool = False) -> ArrayData:
        """A batch as arrays of a backend. own: whether in memory that the source does not fill anew."""
        x, y, weight = parts
        arrays = ArrayData(
            x,
            y,
            weight,
            batch_size=1,
            class_weight=self.class_weight,
            backend=backend,
            text=self.text,
            own=own,
        )
        if self.check is not None:
            self.check(arrays, y, self._is_first)
        self._is_first = False
        return arrays

    def notify(self, hook: str) -> None:
        """Call ``on_epoch_begin`` or ``on_epoch_end`` of the source, if it has such a method."""
        if hasattr(self.source, hook):
            getattr(self.source, hook)()


def _own(item: Any) -> Any:
    """A batch that is kept, in memory that its source does not fill anew."""
    array_type = backends.get("cpu").array_type

    def own(leaf: Any) -> Any:
        is_array = isinstance(leaf, array_type)
        return leaf.copy() if is_array else leaf

    return tree.map_structure(own, item)


def _continued(first: Any, rest: Iterator[Any]) -> Iterator[Any]:
    try:
        yield first
        yield from rest
    finally:
        if hasattr(rest, "close"):  # threads may hang on it
            rest.close()


def _is_on_device(leaf: Any) -> bool:
    return isinstance(leaf, Tensor) or backends.by_type.get(type(leaf), backends.get("cpu")).device != "cpu"


Data = ArrayData | IterableData


def make_data(
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    batch_size: int | None = None,
    steps: int | None = None,
    **options: Any,
) -> Data:
    """The data of ``fit``, ``evaluate`` or ``predict``. options: ``shuffle``, ``class_weight``, ``backend``, ``text`` and ``check``."""
    if is_arrays(x):
        options.pop("check", None)  # of batches; arrays are checked as a whole
        return ArrayData(x, y, sample_weight, batch_size, steps, **options)
    if not (hasattr(x, "__iter__") or (hasattr(x, "__getitem__") and hasattr(x, "__len__"))):
        raise TypeError(f"x must be arrays, or an iterable of batches, got {type(x).__name__}")
    for name, value in (("y", y), ("sample_weight", sample_weight)):
        if value is not None:
            raise ValueError(f"x is a {type(x).__name__} of batches: {name} must be in the batches, not an argument")
    if batch_size is not None:
        raise ValueError(f"with a {type(x).__name__} of batches, batch_size is decided by the batches")
    return IterableData(x, **options)


def _length(source: Any) -> int | None:
    """The number of batches, if known. The ``__len__`` of a torch DataLoader may fail."""
    try:
        return len(source) if hasattr(source, "__len__") else None
    except TypeError:
        return None


def _is_torch(source: Any) -> bool:
    """Whether this is a DataLoader of torch, without importing torch."""
    return any(cls.__module__.split(".")[0] == "torch" for cls in type(source).__mro__)
