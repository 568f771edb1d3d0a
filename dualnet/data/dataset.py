"""`Dataset`: elements that come one after the other, and what can be done to them on the way. The small tf.data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ..core.naming import auto_name
from . import background, streams, windows
from .elements import Element, Steps, as_element, as_output, leaves, map_leaves, read_only
from .shuffling import Shuffle
from .streams import Turn

AUTOTUNE = -1
INFINITE_CARDINALITY = -1
UNKNOWN_CARDINALITY = -2

_AHEAD = 2  # elements that prefetch(AUTOTUNE) keeps ready

Stream = Callable[[Turn | None], Iterator[Any]]


class Dataset:
    """A sequence of elements: NumPy arrays or numbers, or tuples and dictionaries of them.

    Made by `from_tensor_slices`, `from_tensors`, `from_generator` or `range`; every method gives a new dataset and
    leaves this one as it is. Nothing is computed before the dataset is iterated over. `fit`, `evaluate` and `predict`
    take a dataset of batches: `(x, y)`, or `(x, y, sample_weight)`.

    Iterating gives arrays that also answer to `.numpy()`; `as_numpy_iterator` gives plain ones. All work is done on
    the host; `fit` moves each batch to the device of the model.
    """

    class_names: list[str] | None  # of a dataset made from a directory, with file_paths
    file_paths: list[str]
    _batch_size: int | None = None  # of a dataset that batch() made

    def __init__(self, stream: Stream, size: int, rows: Any = None) -> None:
        # With `rows` (arrays of all samples), the stream is one of row numbers. What only picks and orders elements
        # then handles numbers, and `batch` takes its rows out of the arrays at once.
        self._stream, self._size, self._rows = stream, size, rows

    # -- sources -----------------------------------------------------------------------------------------------------

    @staticmethod
    def from_tensor_slices(tensors: Any, name: str | None = None) -> Dataset:
        """The rows of arrays: an element per entry of their first axis.

        tensors: an array, list or data frame, or a tuple or dictionary of them, all of the same length. They are not
        copied: leave them as they are while the dataset is in use.
        """
        rows = read_only(as_element(tensors))
        lengths = []
        for leaf in leaves(rows):
            if np.ndim(leaf) == 0:
                raise ValueError(f"from_tensor_slices slices along the first axis, and {leaf!r:.60} has none")
            lengths.append(len(leaf))
        if len(set(lengths)) != 1:
            raise ValueError(f"from_tensor_slices: the arrays must be of one length, got {lengths}")
        return Dataset(lambda turn: iter(range(lengths[0])), lengths[0], rows)

    @staticmethod
    def from_tensors(tensors: Any, name: str | None = None) -> Dataset:
        """One element: what is given."""
        element = read_only(as_element(tensors))
        return Dataset(lambda turn: iter((element,)), 1)

    @staticmethod
    def from_generator(
        generator: Callable[..., Any],
        output_types: Any = None,
        output_shapes: Any = None,
        args: Sequence[Any] | None = None,
        output_signature: Any = None,
        name: str | None = None,
    ) -> Dataset:
        """What an iterable yields that `generator(*args)` returns; it is called anew for every pass.

        output_types: a dtype, or a tuple or dictionary of them, that the elements are turned into. output_signature:
        the same as `TensorSpec`s, whose shapes are checked. output_shapes: shapes to check, beside output_types.
        """
        if not callable(generator):
            raise TypeError(f"from_generator takes a function that returns a generator, got {type(generator).__name__}")
        if output_types is not None and output_signature is not None:
            raise ValueError("from_generator: give output_signature or output_types, not both")
        signature = output_signature if output_types is None else streams.specs(output_types, output_shapes)
        return Dataset(lambda turn: streams.generated(generator, args or (), signature), UNKNOWN_CARDINALITY)

    @staticmethod
    def range(*args: int, output_type: Any = "int64", name: str | None = None) -> Dataset:
        """Whole numbers, by the arguments of Python's `range`."""
        numbers = range(*args)
        return Dataset(lambda turn: iter(range(len(numbers))), len(numbers), Steps(numbers, output_type))

    @staticmethod
    def zip(*args: Any, datasets: Any = None, name: str | None = None) -> Dataset:
        """Elements side by side: of datasets in a tuple or dictionary, or given one by one. The shortest ends it."""
        given = datasets if datasets is not None else (args[0] if len(args) == 1 else args)
        parts = leaves(given)
        if not parts or not all(isinstance(part, Dataset) for part in parts):
            raise TypeError("Dataset.zip takes datasets, one by one or in a tuple or dictionary")
        finite = [part._size for part in parts if part._size != INFINITE_CARDINALITY]
        return Dataset(
            lambda turn: streams.zipped([part._elements(turn) for part in parts], given),
            min(finite) if finite else INFINITE_CARDINALITY,
        )

    # -- picking and ordering ----------------------------------------------------------------------------------------

    def _picking(self, stream: Stream, size: int) -> Dataset:
        """A dataset with some elements of this one, in some order."""
        return Dataset(stream, size, self._rows)

    def shuffle(
        self,
        buffer_size: int,
        seed: int | None = None,
        reshuffle_each_iteration: bool = True,
        name: str | None = None,
    ) -> Dataset:
        """The elements in random order: each is drawn from the next `buffer_size` ones.

        For a perfect shuffle, `buffer_size` is the number of elements or more. With `seed`, or after
        `set_random_seed`, the orders come again in the next run; `fit` gets the order of an epoch also when it is
        resumed there. reshuffle_each_iteration: another order in every pass.
        """
        _positive("buffer_size", buffer_size)
        order = Shuffle(buffer_size, seed, reshuffle_each_iteration, auto_name("dataset_shuffle"))
        return self._picking(lambda turn: order.apply(self._stream(turn), turn), self._size)

    def take(self, count: int, name: str | None = None) -> Dataset:
        """The first `count` elements; all when -1."""
        if count < 0:
            return self
        size = count if self._size == INFINITE_CARDINALITY else min(count, self._size)
        return self._picking(lambda turn: streams.between(self._stream(turn), 0, count), size if count else 0)

    def skip(self, count: int, name: str | None = None) -> Dataset:
        """All but the first `count` elements; none when -1."""
        if count < 0:
            return self.take(0)
        size = max(self._size - count, 0) if self._size >= 0 else self._size
        return self._picking(lambda turn: streams.between(self._stream(turn), count), size)

    def repeat(self, count: int | None = None, name: str | None = None) -> Dataset:
        """The elements again and again, `count` times; without end when None or -1."""
        times = None if count is None or count < 0 else count
        if self._size == 0 or times == 0:
            size = 0
        elif times is None or self._size == INFINITE_CARDINALITY:
            size = INFINITE_CARDINALITY
        else:
            size = self._size * times if self._size >= 0 else UNKNOWN_CARDINALITY
        return self._picking(lambda turn: streams.repeated(self._stream, turn, times), size)

    def shard(self, num_shards: int, index: int, name: str | None = None) -> Dataset:
        """Every `num_shards`-th element, beginning with number `index`."""
        if not 0 <= index < num_shards:
            raise ValueError(f"shard: index must be at least 0 and below num_shards={num_shards}, got {index}")
        size = max(-((index - self._size) // num_shards), 0) if self._size >= 0 else self._size
        return self._picking(lambda turn: streams.between(self._stream(turn), index, None, num_shards), size)

    def concatenate(self, dataset: Dataset, name: str | None = None) -> Dataset:
        """The elements of this dataset, then those of another."""

        def stream(turn: Turn | None) -> Iterator[Any]:
            yield from self._elements(turn)
            yield from dataset._elements(turn and turn.part(1))

        sizes = (self._size, dataset._size)
        size = INFINITE_CARDINALITY if INFINITE_CARDINALITY in sizes else UNKNOWN_CARDINALITY
        return Dataset(stream, sum(sizes) if min(sizes) >= 0 else size)

    def filter(self, predicate: Callable[..., Any], name: str | None = None) -> Dataset:
        """The elements for which `predicate(*element)` is true."""
        size = 0 if self._size == 0 else UNKNOWN_CARDINALITY
        return Dataset(lambda turn: streams.filtered(self._elements(turn), predicate), size)

    # -- making new elements -----------------------------------------------------------------------------------------

    def map(
        self,
        map_func: Callable[..., Any],
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
        name: str | None = None,
    ) -> Dataset:
        """`map_func(*element)` in the place of every element; a dictionary is passed as one argument.

        The function gets NumPy arrays and may use NumPy, ops or layers; tensors it returns become arrays.
        num_parallel_calls: with 2 or more, so many threads work at once, which helps where the function waits for files
        or lets other threads run; `AUTOTUNE` and None: one after the other. The order stays, whatever `deterministic`
        says.
        """

        def function(element: Any) -> Any:
            return as_element(streams.call(map_func, element))

        def stream(turn: Turn | None) -> Iterator[Any]:
            items = self._elements(turn)
            if num_parallel_calls is not None and num_parallel_calls > 1:
                return background.in_order(function, items, num_parallel_calls, 2 * num_parallel_calls)
            return streams.closing(items, lambda items: map(function, items))

        return Dataset(stream, self._size)

    def enumerate(self, start: int = 0, name: str | None = None) -> Dataset:
        """`(number, element)`, counted from `start`."""
        return Dataset(lambda turn: streams.numbered(self._elements(turn), start), self._size)

    def batch(
        self,
        batch_size: int,
        drop_remainder: bool = False,
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
        name: str | None = None,
    ) -> Dataset:
        """`batch_size` elements at a time, stacked along a new first axis. drop_remainder: leave out a short last one."""
        _positive("batch_size", batch_size)
        size = self._size
        if size >= 0:
            size = size // batch_size if drop_remainder else -(-size // batch_size)
        made = Dataset(lambda turn: streams.batched(self._stream(turn), batch_size, drop_remainder, self._rows), size)
        made._batch_size = batch_size
        return made

    def unbatch(self, name: str | None = None) -> Dataset:
        """The rows of every element, one by one."""
        size = self._size if self._size <= 0 else UNKNOWN_CARDINALITY
        return Dataset(lambda turn: streams.unbatched(self._elements(turn)), size)

    def window(
        self,
        size: int,
        shift: int | None = None,
        stride: int = 1,
        drop_remainder: bool = False,
        name: str | None = None,
    ) -> Dataset:
        """Datasets of `size` elements: every `stride`-th one, each window beginning `shift` (by default `size`) later.

        An element that is a tuple or dictionary becomes one of datasets. drop_remainder: leave out windows that the
        end cuts short. `flat_map(lambda window: window.batch(size))` makes arrays of the windows.
        """
        shift = size if shift is None else shift
        for what, value in (("size", size), ("shift", shift), ("stride", stride)):
            _positive(what, value)

        def within(*values: Any) -> Dataset:
            return Dataset(lambda turn: iter(values), len(values))

        def stream(turn: Turn | None) -> Iterator[Any]:
            found = windows.windows(self._elements(turn), size, shift, stride, drop_remainder)
            return (map_leaves(within, *window) for window in found)

        length = self._size
        return Dataset(stream, windows.count(length, size, shift, stride, drop_remainder) if length >= 0 else length)

    def flat_map(self, map_func: Callable[..., Dataset], name: str | None = None) -> Dataset:
        """The elements of the dataset `map_func(*element)`, of one element after the other."""
        return Dataset(
            lambda turn: windows.flattened(self._elements(turn), map_func, turn),
            self._size if self._size == 0 else UNKNOWN_CARDINALITY,
        )

    def reduce(self, initial_state: Any, reduce_func: Callable[[Any, Any], Any], name: str | None = None) -> Any:
        """`state = reduce_func(state, element)` over all elements; the last state."""
        state = as_element(initial_state)
        for element in streams.closing(self._elements()):
            state = as_element(reduce_func(state, element))
        return as_output(state)

    def apply(self, transformation_func: Callable[[Dataset], Dataset]) -> Dataset:
        """What a function of a dataset makes of this one."""
        made = transformation_func(self)
        if not isinstance(made, Dataset):
            raise TypeError(f"apply: the function must return a Dataset, it returned {type(made).__name__}")
        return made

    # -- keeping and making ready ------------------------------------------------------------------------------------

    def cache(self, filename: str = "", name: str | None = None) -> Dataset:
        """The same elements, kept in memory from the first complete pass on: what is before this runs once.

        Raises ValueError for a file name: nothing is written to disk.
        """
        if filename:
            raise ValueError("cache keeps elements in memory only: call it without a file name")
        kept: list[list[Any]] = []
        return Dataset(lambda turn: iter(kept[0]) if kept else streams.keeping(self._elements(turn), kept), self._size)

    def prefetch(self, buffer_size: int, name: str | None = None) -> Dataset:
        """The same elements, made in a background thread up to `buffer_size` ahead (`AUTOTUNE`: 2)."""
        size = _AHEAD if buffer_size == AUTOTUNE else buffer_size
        if size == 0:
            return self
        _positive("buffer_size", size)
        return Dataset(lambda turn: background.ahead(lambda: self._elements(turn), size), self._size)

    # -- looking at it -----------------------------------------------------------------------------------------------

    def _elements(self, turn: Turn | None = None) -> Iterator[Any]:
        """One pass, as plain arrays."""
        if self._rows is None:
            return self._stream(turn)
        return streams.rows(self._stream(turn), self._rows)

    def __iter__(self) -> Iterator[Any]:
        return streams.closing(self._elements(), lambda items: map(as_output, items))

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


def _positive(name: str, value: Any) -> None:
    if isinstance(value, bool) or not hasattr(value, "__index__") or value < 1:
        raise ValueError(f"{name} must be a positive whole number, got {value!r}")
