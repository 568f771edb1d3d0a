"""What every part of `Dataset` builds on: one pass over the elements, their number and their specs."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from . import specs, streams
from .elements import Element, as_output

if TYPE_CHECKING:
    from .dataset import Dataset

AUTOTUNE = -1
INFINITE_CARDINALITY = -1
UNKNOWN_CARDINALITY = -2


class DatasetIterator:
    """One pass over a dataset, as `iter(dataset)` makes it."""

    def __init__(self, elements: Generator[Any, None, None]) -> None:
        self._elements = elements

    def __iter__(self) -> DatasetIterator:
        return self

    def __next__(self) -> Any:
        return next(self._elements)

    def get_next(self) -> Any:
        """The next element, as `next(iterator)`; `StopIteration` at the end, which is `tf.errors.OutOfRangeError` here."""
        return next(self._elements)

    def close(self) -> None:
        """End the pass, and the threads that work for it."""
        self._elements.close()


class DatasetBase:
    """A stream of elements that can be started again and again; the classes built on it have the transformations."""

    class_names: list[str] | None  # set, with file_paths, by the loaders of directories
    file_paths: list[str]
    _batch_size: int | None = None  # set by batch()

    _stream: streams.Stream
    _size: int
    _rows: Any  # arrays of all samples: the stream yields row indices, and `batch` gathers its rows at once
    _spec: Callable[[], Any] | None  # computes `element_spec`; None: it is that of the first element

    def _new(
        self, stream: streams.Stream, size: int, rows: Any = None, spec: Callable[[], Any] | None = None
    ) -> Dataset:
        """Another dataset."""
        raise NotImplementedError

    def _with_stream(self, stream: streams.Stream, size: int) -> Dataset:
        """A dataset with a selection of the elements of this one."""
        return self._new(stream, size, self._rows, self._known_spec)

    @property
    def element_spec(self) -> Any:
        """A `TensorSpec` for each part of an element, in its structure; a length that may vary is None.

        What a function or a generator without a signature returns is not known before it runs: the first element is
        computed, and its shapes are taken for those of all.
        """
        if self._spec is not None:
            return self._spec()
        if self._rows is not None:
            return specs.row_specs(self._rows)
        specs.may_compute()
        for element in streams.closing(self._elements(streams.EpochKey(0))):
            return specs.spec_of(element)
        raise ValueError("element_spec: the dataset is empty, so there is no element that would show its shapes")

    def _known_spec(self) -> Any:
        return self.element_spec

    def _elements(self, key: streams.EpochKey | None = None) -> Iterator[Any]:
        """One pass, as plain arrays."""
        return self._stream(key) if self._rows is None else streams.rows(self._stream(key), self._rows)

    def __iter__(self) -> DatasetIterator:
        return DatasetIterator(streams.closing(self._elements(), lambda items: map(as_output, items)))

    def as_numpy_iterator(self) -> Iterator[Any]:
        """One pass, as plain NumPy arrays and scalars."""
        return self._elements()

    def cardinality(self) -> Element:
        """The number of elements, `INFINITE_CARDINALITY` or `UNKNOWN_CARDINALITY`."""
        return np.asarray(self._size, np.int64).view(Element)

    def __len__(self) -> int:
        if self._size < 0:
            why = "without end" if self._size == INFINITE_CARDINALITY else "of unknown length"
            raise TypeError(f"a dataset {why} has no len(): see cardinality()")
        return self._size

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        known = {INFINITE_CARDINALITY: "infinite", UNKNOWN_CARDINALITY: "unknown"}
        return f"<Dataset, number of elements: {known.get(self._size, self._size)}>"


def filtered_size(size: int) -> int:
    """The number of elements that are left of `size`, where only their values tell."""
    return 0 if size == 0 else UNKNOWN_CARDINALITY
