"""`Dataset`: a sequence of elements and its transformations, the core of tf.data."""

from __future__ import annotations

import glob
import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ..core.hints import no_attribute
from . import mixing, specs, stored, streams
from .base import AUTOTUNE, INFINITE_CARDINALITY, UNKNOWN_CARDINALITY
from .batching import Batching
from .elements import LazyRange, as_output, common_length, leaves, map_leaves, own_element, read_only
from .keeping import Keeping, _file_in
from .mapping import Mapping
from .selection import Selection
from .shuffling import Draws

__all__ = ["AUTOTUNE", "INFINITE_CARDINALITY", "UNKNOWN_CARDINALITY", "Dataset"]

# What tf.data has and this has not.
_MISSING = {
    "ragged_batch": "there are no ragged tensors; use padded_batch or bucket_by_sequence_length",
    "dense_to_ragged_batch": "there are no ragged tensors; use padded_batch or bucket_by_sequence_length",
    "sparse_batch": "there are no sparse elements; use padded_batch",
    "ignore_errors": "catch the error inside the function that is mapped, and drop the element with filter",
    "make_one_shot_iterator": "iterate over the dataset: for x in dataset, or iter(dataset)",
    "make_initializable_iterator": "iterate over the dataset: for x in dataset, or iter(dataset)",
    "fingerprint": "nothing here needs it",
}


class Dataset(Selection, Mapping, Batching, Keeping):
    """A sequence of elements: NumPy arrays or numbers, or tuples and dictionaries of them.

    Every method returns a new dataset and leaves this one unchanged. Evaluation is lazy: nothing is computed before
    iteration. `fit`, `evaluate` and `predict` accept a dataset of batches: `(x, y)`, or `(x, y, sample_weight)`.

    Iteration yields arrays with a `.numpy()` method; `as_numpy_iterator` yields plain ones. All work is done on the
    host; `fit` moves each batch to the device of the model.
    """

    # Here, since Python's error for missing arguments names the class that defines it.
    def __init__(
        self, stream: streams.Stream, size: int, rows: Any = None, spec: Callable[[], Any] | None = None
    ) -> None:
        self._stream, self._size, self._rows, self._spec = stream, size, rows, spec

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

    @staticmethod
    def counter(start: int = 0, step: int = 1, dtype: Any = "int64", name: str | None = None) -> Dataset:
        """Integers from `start`, without end."""
        number = np.dtype(dtype).type
        spec = specs.TensorSpec((), dtype)
        return Dataset(lambda key: map(number, itertools.count(start, step)), INFINITE_CARDINALITY, spec=lambda: spec)

    @staticmethod
    def random(
        seed: int | None = None, rerandomize_each_iteration: bool | None = None, name: str | None = None
    ) -> Dataset:
        """Random integers (int64) from 0 to 2^32 - 1, without end.

        Args:
            seed: None for the global one.
            rerandomize_each_iteration: draw other ones in every pass; by default all passes are the same.
        """
        draws, spec = Draws("dataset_random", seed, bool(rerandomize_each_iteration)), specs.TensorSpec((), "int64")
        return Dataset(
            lambda key: (np.int64(word >> 32) for word in draws.words(key)), INFINITE_CARDINALITY, spec=lambda: spec
        )

    @staticmethod
    def list_files(
        file_pattern: Any, shuffle: bool | None = None, seed: int | None = None, name: str | None = None
    ) -> Dataset:
        """The names of the files that match a pattern (`*`, `?`, `[a-z]`), or one of several.

        Args:
            shuffle: in random order, another in every pass; True by default. False: sorted.

        Raises:
            FileNotFoundError: no file matches.
        """
        patterns = [file_pattern] if isinstance(file_pattern, (str, os.PathLike)) else list(file_pattern)
        files = sorted({file for pattern in patterns for file in glob.glob(os.fspath(pattern))})
        if not files:
            raise FileNotFoundError(
                f"list_files: no file matches {file_pattern!r}, in {os.getcwd()!r} if it is no whole path"
            )
        dataset = Dataset.from_tensor_slices(files)
        return dataset if shuffle is False else dataset.shuffle(len(files), seed)

    @staticmethod
    def load(
        path: str | os.PathLike[str],
        element_spec: Any = None,
        compression: str | None = None,
        reader_func: Any = None,
        wait: bool = False,
    ) -> Dataset:
        """The elements that `save` wrote into the folder `path`. Their arrays are read-only.

        Args:
            element_spec: of no effect, like compression: the file says what is in it.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the file is damaged; or reader_func was given, or wait.
        """
        if reader_func is not None or wait:
            raise ValueError("load reads one file that is complete: leave out reader_func and wait")
        file = _file_in(path)
        if not os.path.exists(file):
            raise FileNotFoundError(f"load: there is no {file!r}, which Dataset.save would have written")
        return Dataset(lambda key: stored.read(file), stored.count(file))

    @staticmethod
    def sample_from_datasets(
        datasets: Sequence[Dataset],
        weights: Any = None,
        seed: int | None = None,
        stop_on_empty_dataset: bool = False,
        rerandomize_each_iteration: bool | None = None,
    ) -> Dataset:
        """Each element from one of the datasets, drawn by chance; each dataset keeps its order.

        Args:
            weights: how often to draw from each, in proportion; a list of numbers, or a dataset with such a list for
                every draw. None: equally often. One with the weight 0 is left out.
            seed: None for the global one.
            stop_on_empty_dataset: end when a dataset is drawn that has ended; otherwise go on with the others.
            rerandomize_each_iteration: make other draws in every pass; by default all passes make the same.
        """
        sources = _datasets("sample_from_datasets", datasets)
        draws = Draws("dataset_sample", seed, bool(rerandomize_each_iteration))
        fixed = None if isinstance(weights, Dataset) else [1.0] * len(sources)
        if fixed is not None and weights is not None:
            fixed = mixing.check_weights(weights, len(sources))
            sources = [source for source, weight in zip(sources, fixed) if weight]
            fixed = [weight for weight in fixed if weight]

        def rows(key: streams.EpochKey | None) -> Iterator[Any]:
            if fixed is not None:
                return itertools.repeat(fixed)
            return (mixing.check_weights(row, len(sources)) for row in weights._elements(key))

        def stream(key: streams.EpochKey | None) -> Iterator[Any]:
            passes = [source._elements(key and key.fold_in(i)) for i, source in enumerate(sources)]
            return mixing.sampled(passes, rows(key), draws.words(key), stop_on_empty_dataset)

        sizes = [source._size for source in sources]
        size = INFINITE_CARDINALITY if INFINITE_CARDINALITY in sizes else UNKNOWN_CARDINALITY
        if fixed is None or stop_on_empty_dataset:
            size = UNKNOWN_CARDINALITY
        elif min(sizes) >= 0:
            size = sum(sizes)
        return Dataset(stream, size, spec=lambda: _common_spec(sources))

    @staticmethod
    def choose_from_datasets(
        datasets: Sequence[Dataset], choice_dataset: Dataset, stop_on_empty_dataset: bool = True
    ) -> Dataset:
        """Each element from the dataset that an element of `choice_dataset`, an index, names.

        Args:
            stop_on_empty_dataset: end when a dataset is chosen that has ended; otherwise pass over that choice.
        """
        sources = _datasets("choose_from_datasets", datasets)
        if not isinstance(choice_dataset, Dataset):
            raise TypeError(f"choose_from_datasets: expected a dataset of choices, got {type(choice_dataset).__name__}")

        def stream(key: streams.EpochKey | None) -> Iterator[Any]:
            passes = [source._elements(key and key.fold_in(i + 1)) for i, source in enumerate(sources)]
            return mixing.chosen(passes, choice_dataset._elements(key), stop_on_empty_dataset)

        return Dataset(stream, UNKNOWN_CARDINALITY, spec=lambda: _common_spec(sources))

    def get_single_element(self, name: str | None = None) -> Any:
        """The only element.

        Raises ValueError unless there is exactly one.
        """
        found = list(streams.sliced(self._elements(), 0, 2))
        if len(found) != 1:
            raise ValueError(
                f"get_single_element: the dataset has {'more than one element' if found else 'no element'}"
            )
        return as_output(found[0])

    def _new(
        self, stream: streams.Stream, size: int, rows: Any = None, spec: Callable[[], Any] | None = None
    ) -> Dataset:
        dataset = Dataset(stream, size, rows, spec)
        dataset._options = self._options
        return dataset

    def __getattr__(self, name: str) -> Any:
        raise no_attribute("dualnet.data.Dataset", name, dir(type(self)), _MISSING.get(name))


def _datasets(name: str, datasets: Any) -> list[Dataset]:
    """The datasets of a list, at least one."""
    sources = list(datasets)
    if not sources or not all(isinstance(source, Dataset) for source in sources):
        raise TypeError(f"{name} takes a list of datasets, at least one, got {datasets!r:.100}")
    return sources


def _common_spec(sources: list[Dataset]) -> Any:
    """The specs of which the elements of all datasets are examples."""
    spec = sources[0].element_spec
    for source in sources[1:]:
        spec = specs.common_specs(spec, source.element_spec)
    return spec
