"""Which elements, and in which order: the selecting part of `Dataset`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from . import specs, streams
from .base import INFINITE_CARDINALITY, UNKNOWN_CARDINALITY, DatasetBase, filtered_size
from .elements import positive
from .mixing import Resampling
from .shuffling import Shuffle

if TYPE_CHECKING:
    from .dataset import Dataset


class Selection(DatasetBase):
    """Methods that leave elements as they are and yield some of them, or all in another order."""

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
            return self  # type: ignore[return-value]
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
        return self._new(
            stream,
            sum(sizes) if min(sizes) >= 0 else size,
            spec=lambda: specs.common_specs(self.element_spec, dataset.element_spec),
        )

    def filter(self, predicate: Callable[..., Any], name: str | None = None) -> Dataset:
        """The elements for which `predicate(*element)` is true."""
        size = filtered_size(self._size)
        return self._new(lambda key: streams.filtered(self._elements(key), predicate), size, spec=self._known_spec)

    def take_while(self, predicate: Callable[..., Any], name: str | None = None) -> Dataset:
        """The elements up to the first for which `predicate(*element)` is false."""
        size = filtered_size(self._size)
        return self._new(lambda key: streams.taken_while(self._elements(key), predicate), size, spec=self._known_spec)

    def unique(self, name: str | None = None) -> Dataset:
        """Every element once, where it occurs first. Elements are whole numbers or texts, or arrays of them."""
        size = filtered_size(self._size)
        return self._new(lambda key: streams.distinct(self._elements(key)), size, spec=self._known_spec)

    def rejection_resample(
        self,
        class_func: Callable[..., Any],
        target_dist: Sequence[float],
        initial_dist: Sequence[float] | None = None,
        seed: int | None = None,
        name: str | None = None,
    ) -> Dataset:
        """`(class, element)` for elements drawn so that the classes have the frequencies `target_dist`.

        An element of class c is kept with a probability in proportion to `target_dist[c] / initial_dist[c]`, 1 for the
        largest.

        Args:
            class_func: `class_func(*element)` is the class of an element, from 0 to classes - 1.
            target_dist: the frequency of each class, wanted.
            initial_dist: its frequency in this dataset; None: that among the elements seen so far, and one more of
                each.
            seed: None for the global one.
        """
        resampling = Resampling(class_func, target_dist, initial_dist, seed)
        return self._new(
            lambda key: resampling.apply(self._elements(key), key),
            filtered_size(self._size),
            spec=lambda: (specs.TensorSpec((), "int32"), self.element_spec),
        )
