"""`Dataset`: a sequence of elements and its transformations, the core of tf.data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from . import background, padding, specs, streams
from .elements import (
    Element,
    LazyRange,
    as_output,
    common_length,
    leaves,
    map_leaves,
    own_element,
    positive,
    read_only,
    returned_element,
)
from .shuffling import Shuffle

AUTOTUNE = -1
INFINITE_CARDINALITY = -1
UNKNOWN_CARDINALITY = -2


class Dataset:
    """A sequence of elements: NumPy arrays or numbers, or tuples and dictionaries of them.

    Every method returns a new dataset and leaves this one unchanged. Evaluation is lazy: nothing is computed before
    iteration. `fit`, `evaluate` and `predict` accept a dataset of batches: `(x, y)`, or `(x, y, sample_weight)`.

    Iteration yields arrays with a `.numpy()` method; `as_numpy_iterator` yields plain ones. All work is done on the
    host; `fit` moves each batch to the device of the model.
    """

    class_names: list[str] | None  # set, with file_paths, by the loaders of directories
    file_paths: list[str]
    _batch_size: int | None = None  # set by batch()

    def __init__(
        self, stream: streams.Stream, size: int, rows: Any = None, spec: Callable[[], Any] | None = None
    ) -> None:
        # With `rows`, arrays of all samples, the stream yields row indices, and `batch` gathers its rows at once.
        self._stream, self._size, self._rows = stream, size, rows
        self._spec = spec  # computes `element_spec`; None: it is that of the first element

    @staticmethod
    def from_tensor_slices(tensors: Any, name: str | None = None) -> Dataset:
        """The rows of arrays: one element per entry of their first axis.

        Args:
            tensors: an array, list or data frame, or a tuple or dictionary of them, all of the same length. They are
                copied, except for a `numpy.memmap`, which stays on disk.
        """
        rows = read_only(own_element(tensors))
        length = common_length(rows)
        return Dataset(lambda key: iter(range(length)), length, rows)

    @staticmethod
    def from_tensors(tensors: Any, name: str | None = None) -> Dataset:
        """A dataset with one element."""
        element = read_only(own_element(tensors))
        return Dataset(lambda key: iter((element,)), 1)

    @staticmethod
    def from_generator(
        generator: Callable[..., Any],
        output_types: Any = None,
        output_shapes: Any = None,
        args: Sequence[Any] | None = None,
        output_signature: Any = None,
        name: str | None = None,
    ) -> Dataset:
        """The elements of the iterable `generator(*args)`, which is called for every pass.

        Elements are copied: the generator may fill one buffer again and again. Without a signature, a list is an array
        if it holds numbers; one that holds arrays could also stand for a tuple, and is refused.

        Args:
            output_types: a dtype, or a tuple or dictionary of them, to which the elements are cast.
            output_signature: the same as `TensorSpec`s, whose shapes are checked.
            output_shapes: shapes to check, together with output_types.
        """
        if not callable(generator):
            raise TypeError(f"from_generator takes a function that returns a generator, got {type(generator).__name__}")
        signature = streams.signature(output_signature, output_types, output_shapes)
        return Dataset(
            lambda key: streams.from_generator(generator, args or (), signature),
            UNKNOWN_CARDINALITY,
            spec=None if signature is None else lambda: signature,
        )

    @staticmethod
    def range(*args: int, output_type: Any = "int64", name: str | None = None) -> Dataset:
        """Integers, with the arguments of Python's `range`."""
        numbers = range(*args)
        return Dataset(lambda key: iter(range(len(numbers))), len(numbers), LazyRange(numbers, output_type))

    @staticmethod
    def zip(*args: Any, datasets: Any = None, name: str | None = None) -> Dataset:
        """Elements of several datasets (arguments, a tuple or a dictionary) combined, up to the end of the shortest."""
        structure = datasets if datasets is not None else (args[0] if len(args) == 1 else args)
        parts = leaves(structure)
        if not parts or not all(isinstance(part, Dataset) for part in parts):
            raise TypeError("Dataset.zip takes datasets, one by one or in a tuple or dictionary")
        finite = [part._size for part in parts if part._size != INFINITE_CARDINALITY]
        size = min(finite, default=INFINITE_CARDINALITY)
        return Dataset(
            lambda key: streams.zipped([part._elements(key) for part in parts], structure),
            size,
            spec=lambda: map_leaves(lambda part: part.element_spec, structure),
        )

    def _with_stream(self, stream: streams.Stream, size: int) -> Dataset:
        """A dataset with a selection of the elements of this one."""
        return Dataset(stream, size, self._rows, self._known_spec)

    def shuffle(
        self, buffer_size: int, seed: int | None = None, reshuffle_each_iteration: bool = True, name: str | None = None
    ) -> Dataset:
        """The elements in random order: each is drawn from a buffer of the next `buffer_size` ones.

        For a uniform shuffle, `buffer_size` must be at least the number of elements. With `seed`, or after
        `set_random_seed`, the orders are reproducible; a resumed `fit` gets the same order for an epoch.

        Args:
            reshuffle_each_iteration: use a new order in every pass.
        """
        positive("buffer_size", buffer_size)
        order = Shuffle(buffer_size, seed, reshuffle_each_iteration)
        return self._with_stream(lambda key: order.apply(self._stream(key), key), self._size)

    def take(self, count: int, name: str | None = None) -> Dataset:
        """The first `count` elements; all if it is -1."""
        if count < 0:
            return self
        size = count if self._size == INFINITE_CARDINALITY else min(count, self._size)
        return self._with_stream(lambda key: streams.sliced(self._stream(key), 0, count), size if count else 0)

    def skip(self, count: int, name: str | None = None) -> Dataset:
        """All but the first `count` elements; none if it is -1."""
        if count < 0:
            return self.take(0)
        size = max(self._size - count, 0) if self._size >= 0 else self._size
        return self._with_stream(lambda key: streams.sliced(self._stream(key), count), size)

    def repeat(self, count: int | None = None, name: str | None = None) -> Dataset:
        """The elements repeated `count` times; indefinitely if it is None or -1."""
        times = None if count is None or count < 0 else count
        size = 0 if times == 0 else self._size
        if size != 0 and times is None:
            size = INFINITE_CARDINALITY
        elif size > 0 and times is not None:
            size *= times
        return self._with_stream(lambda key: streams.repeated(self._stream, key, times), size)

    def shard(self, num_shards: int, index: int, name: str | None = None) -> Dataset:
        """Every `num_shards`-th element, starting at `index`."""
        if not 0 <= index < num_shards:
            raise ValueError(f"shard: index must be at least 0 and below num_shards={num_shards}, got {index}")
        size = max(-((index - self._size) // num_shards), 0) if self._size >= 0 else self._size
        return self._with_stream(lambda key: streams.sliced(self._stream(key), index, None, num_shards), size)

    def concatenate(self, dataset: Dataset, name: str | None = None) -> Dataset:
        """The elements of this dataset, followed by those of another."""

        def stream(key: streams.EpochKey | None) -> Iterator[Any]:
            yield from self._elements(key)
            yield from dataset._elements(key and key.fold_in(1))

        sizes = (self._size, dataset._size)
        size = INFINITE_CARDINALITY if INFINITE_CARDINALITY in sizes else UNKNOWN_CARDINALITY
        return Dataset(
            stream,
            sum(sizes) if min(sizes) >= 0 else size,
            spec=lambda: specs.common_specs(self.element_spec, dataset.element_spec),
        )

    def filter(self, predicate: Callable[..., Any], name: str | None = None) -> Dataset:
        """The elements for which `predicate(*element)` is true."""
        size = 0 if self._size == 0 else UNKNOWN_CARDINALITY
        return Dataset(lambda key: streams.filtered(self._elements(key), predicate), size, spec=self._known_spec)

    def map(
        self,
        map_func: Callable[..., Any],
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
        name: str | None = None,
    ) -> Dataset:
        """`map_func(*element)` for every element; a dictionary is passed as one argument.

        The function receives NumPy arrays and may use NumPy, ops or layers; tensors it returns become arrays. What it
        returns is copied. A list is a tuple of parts, such as x and y, and not an array; a list inside a tuple or
        dictionary is an array.

        Args:
            num_parallel_calls: the number of threads, which helps where the function waits for files or releases the
                GIL; `AUTOTUNE` and None: sequential. The order is always preserved, whatever `deterministic` says; which element
                gets which random numbers of a layer depends on the threads.
        """

        return Dataset(lambda key: streams.mapped(self._elements(key), map_func, num_parallel_calls), self._size)

    def enumerate(self, start: int = 0, name: str | None = None) -> Dataset:
        """`(index, element)`, counted from `start`."""
        return Dataset(
            lambda key: streams.enumerated(self._elements(key), start),
            self._size,
            spec=lambda: (specs.TensorSpec((), "int64"), self.element_spec),
        )

    def batch(
        self,
        batch_size: int,
        drop_remainder: bool = False,
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
        name: str | None = None,
    ) -> Dataset:
        """`batch_size` elements at a time, stacked along a new first axis. drop_remainder: omit a smaller last batch."""
        positive("batch_size", batch_size)
        size = self._size
        if size >= 0:
            size = size // batch_size if drop_remainder else -(-size // batch_size)
        batches = Dataset(
            lambda key: streams.batched(self._stream(key), batch_size, drop_remainder, self._rows),
            size,
            spec=lambda: specs.batched_specs(self.element_spec, batch_size if drop_remainder else None),
        )
        batches._batch_size = batch_size
        return batches

    def padded_batch(
        self,
        batch_size: int,
        padded_shapes: Any = None,
        padding_values: Any = None,
        drop_remainder: bool = False,
        name: str | None = None,
    ) -> Dataset:
        """`batch`, with the parts of elements padded at the end of each axis to one shape.

        Args:
            padded_shapes: a shape for each part of an element; None or -1 in it is the largest of the batch. Without it all
                axes are. An element that is larger raises ValueError.
            padding_values: one value, or one for each part; by default 0, and for text an empty one.
            drop_remainder: omit a smaller last batch.
        """
        positive("batch_size", batch_size)
        size = self._size
        if size >= 0:
            size = size // batch_size if drop_remainder else -(-size // batch_size)
        batches = Dataset(
            lambda key: padding.padded(self._elements(key), batch_size, padded_shapes, padding_values, drop_remainder),
            size,
            spec=lambda: padding.padded_specs(self.element_spec, batch_size if drop_remainder else None, padded_shapes),
        )
        batches._batch_size = batch_size
        return batches

    def unbatch(self, name: str | None = None) -> Dataset:
        """The rows of every element, one by one."""
        size = self._size if self._size <= 0 else UNKNOWN_CARDINALITY
        return Dataset(
            lambda key: streams.unbatched(self._elements(key)),
            size,
            spec=lambda: specs.unbatched_specs(self.element_spec),
        )

    def window(
        self,
        size: int,
        shift: int | None = None,
        stride: int = 1,
        drop_remainder: bool = False,
        name: str | None = None,
    ) -> Dataset:
        """Windows as datasets of `size` elements, `stride` apart; each window starts `shift` (by default `size`) later.

        Tuples and dictionaries of arrays become tuples and dictionaries of datasets.
        `flat_map(lambda window: window.batch(size))` turns the windows into arrays.

        Args:
            drop_remainder: omit incomplete windows at the end.
        """
        shift = size if shift is None else shift
        for argument, value in (("size", size), ("shift", shift), ("stride", stride)):
            positive(argument, value)

        def as_dataset(*values: Any) -> Dataset:
            # An element may be in several windows.
            shared = [read_only(value) for value in values]
            return Dataset(lambda key: iter(shared), len(shared))

        def stream(key: streams.EpochKey | None) -> Iterator[Any]:
            windows = streams.windows(self._elements(key), size, shift, stride, drop_remainder)
            return (map_leaves(as_dataset, *window) for window in windows)

        length = self._size
        return Dataset(
            stream, streams.window_count(length, size, shift, stride, drop_remainder) if length >= 0 else length
        )

    def flat_map(self, map_func: Callable[..., Dataset], name: str | None = None) -> Dataset:
        """The elements of the datasets `map_func(*element)`, concatenated."""
        size = 0 if self._size == 0 else UNKNOWN_CARDINALITY
        return Dataset(lambda key: streams.flattened(self._elements(key), map_func, key), size)

    def interleave(
        self,
        map_func: Callable[..., Dataset],
        cycle_length: int | None = None,
        block_length: int | None = None,
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
        name: str | None = None,
    ) -> Dataset:
        """The elements of several datasets `map_func(*element)` in turns; where one ends, the next element's takes its place.

        Args:
            cycle_length: how many datasets take turns; 16 by default, on every machine (tf.data goes by the number of its cores).
            block_length: how many elements each gives at its turn, 1 by default.
            num_parallel_calls, deterministic: of no effect: the order is always the same.
        """
        cycle = 16 if cycle_length in (None, AUTOTUNE) else cycle_length
        block = 1 if block_length is None else block_length
        positive("cycle_length", cycle)
        positive("block_length", block)
        size = 0 if self._size == 0 else UNKNOWN_CARDINALITY
        return Dataset(lambda key: streams.interleaved(self._elements(key), map_func, cycle, block, key), size)

    def reduce(self, initial_state: Any, reduce_func: Callable[[Any, Any], Any], name: str | None = None) -> Any:
        """The final state of `state = reduce_func(state, element)` over all elements."""
        state = own_element(initial_state)
        for element in streams.closing(self._elements()):
            convert = returned_element if isinstance(state, tuple) else own_element
            state = convert(reduce_func(state, element))
        return as_output(state)

    def apply(self, transformation_func: Callable[[Dataset], Dataset]) -> Dataset:
        """`transformation_func(self)`, which must be a dataset."""
        dataset = transformation_func(self)
        if not isinstance(dataset, Dataset):
            raise TypeError(f"apply: the function must return a Dataset, it returned {type(dataset).__name__}")
        return dataset

    def cache(self, filename: str = "", name: str | None = None) -> Dataset:
        """The same elements, cached in memory by the first complete pass.

        Raises ValueError for a file name: caching on disk is not supported.
        """
        if filename:
            raise ValueError("cache works in memory only: call it without a file name")
        cache: list[list[Any]] = []
        return Dataset(
            lambda key: iter(cache[0]) if cache else streams.cached(self._elements(key), cache),
            self._size,
            spec=self._known_spec,
        )

    def prefetch(self, buffer_size: int, name: str | None = None) -> Dataset:
        """The same elements, computed by a background thread up to `buffer_size` ahead (`AUTOTUNE`: 2)."""
        size = 2 if buffer_size == AUTOTUNE else buffer_size
        if size == 0:
            return self
        positive("buffer_size", size)
        return Dataset(
            lambda key: background.prefetch(lambda: self._elements(key), size), self._size, spec=self._known_spec
        )

    @property
    def element_spec(self) -> Any:
        """A `TensorSpec` for each part of an element, in its structure; a length that may vary is None.

        What a function or a generator without a signature returns is not known before it runs: the first element is computed, and
        its shapes are taken for those of all.
        """
        if self._spec is not None:
            return self._spec()
        if self._rows is not None:
            return specs.row_specs(self._rows)
        for element in streams.closing(self._elements(streams.EpochKey(0))):
            return specs.spec_of(element)
        raise ValueError("element_spec: the dataset is empty, so there is no element that would show its shapes")

    def _known_spec(self) -> Any:
        return self.element_spec

    def _elements(self, key: streams.EpochKey | None = None) -> Iterator[Any]:
        """One pass, as plain arrays."""
        return self._stream(key) if self._rows is None else streams.rows(self._stream(key), self._rows)

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
