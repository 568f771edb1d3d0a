"""Several elements as one: the batching part of `Dataset`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from . import grouping, padding, specs, streams
from .base import UNKNOWN_CARDINALITY, DatasetBase, filtered_size
from .elements import map_leaves, positive, read_only

if TYPE_CHECKING:
    from .dataset import Dataset


class Batching(DatasetBase):
    """Methods that join elements to batches and windows, and take them apart."""

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
        size = _batches(self._size, batch_size, drop_remainder)
        batches = self._new(
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
            padded_shapes: a shape for each part of an element; None or -1 in it is the largest of the batch. Without it
                all axes are. An element that is larger raises ValueError.
            padding_values: one value, or one for each part; by default 0, and for text an empty one.
            drop_remainder: omit a smaller last batch.
        """
        positive("batch_size", batch_size)
        size = _batches(self._size, batch_size, drop_remainder)
        batches = self._new(
            lambda key: padding.padded(self._elements(key), batch_size, padded_shapes, padding_values, drop_remainder),
            size,
            spec=lambda: padding.padded_specs(self.element_spec, batch_size if drop_remainder else None, padded_shapes),
        )
        batches._batch_size = batch_size
        return batches

    def unbatch(self, name: str | None = None) -> Dataset:
        """The rows of every element, one by one."""
        size = self._size if self._size <= 0 else UNKNOWN_CARDINALITY
        return self._new(
            lambda key: streams.unbatched(self._elements(key)),
            size,
            spec=lambda: specs.unbatched_specs(self.element_spec),
        )

    def rebatch(
        self, batch_size: int | Sequence[int], drop_remainder: bool = False, name: str | None = None
    ) -> Dataset:
        """Batches of another size, of the same rows in the same order.

        Args:
            batch_size: the number of rows in each batch; several numbers take turns.
            drop_remainder: omit a last batch that is smaller.
        """
        sizes: list[int] = list(batch_size) if isinstance(batch_size, (list, tuple)) else [batch_size]  # type: ignore[list-item]
        for size in sizes or [0]:
            positive("batch_size", size)
        rows = sizes[0] if drop_remainder and len(set(sizes)) == 1 else None
        batches = self._new(
            lambda key: streams.rebatched(self._elements(key), sizes, drop_remainder),
            filtered_size(self._size),
            spec=lambda: specs.batched_specs(specs.unbatched_specs(self.element_spec), rows),
        )
        batches._batch_size = sizes[0]
        return batches

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

        def stream(key: streams.EpochKey | None) -> Iterator[Any]:
            windows = streams.windows(self._elements(key), size, shift, stride, drop_remainder)
            return (map_leaves(self._of, *window) for window in windows)

        length = self._size
        return self._new(
            stream, streams.window_count(length, size, shift, stride, drop_remainder) if length >= 0 else length
        )

    def _of(self, *elements: Any) -> Dataset:
        """A dataset of these elements, which others may have, too."""
        shared = [read_only(element) for element in elements]
        return self._new(lambda key: iter(shared), len(shared))

    def group_by_window(
        self,
        key_func: Callable[..., Any],
        reduce_func: Callable[[Any, Dataset], Dataset],
        window_size: int | None = None,
        window_size_func: Callable[[Any], Any] | None = None,
        name: str | None = None,
    ) -> Dataset:
        """The elements of `reduce_func(key, window)` for each window of elements with one key, as it becomes full.

        What is left at the end comes in the order of the keys.

        Args:
            key_func: `key_func(*element)` is a whole number.
            reduce_func: gets a key and a dataset of up to `window_size` elements that have it, and returns a dataset.
            window_size: the number of elements in a window; or window_size_func, which gets the key and returns it.
        """
        if (window_size is None) == (window_size_func is None):
            raise ValueError("group_by_window: give window_size or window_size_func, one of the two")
        if window_size is not None:
            positive("window_size", window_size)
        size_of = (lambda key: window_size) if window_size_func is None else window_size_func

        def reduce(key: Any, window: list[Any]) -> Dataset:
            return reduce_func(key, self._of(*window))

        return self._new(
            lambda key: grouping.grouped(self._elements(key), key_func, reduce, size_of, key), filtered_size(self._size)
        )

    def bucket_by_sequence_length(
        self,
        element_length_func: Callable[..., Any],
        bucket_boundaries: Sequence[int],
        bucket_batch_sizes: Sequence[int],
        padded_shapes: Any = None,
        padding_values: Any = None,
        pad_to_bucket_boundary: bool = False,
        no_padding: bool = False,
        drop_remainder: bool = False,
        name: str | None = None,
    ) -> Dataset:
        """Batches of elements of similar length, which need little padding.

        Bucket i has the lengths from `bucket_boundaries[i - 1]` to `bucket_boundaries[i] - 1`, the last those above. A
        batch comes when its bucket is full; the incomplete ones come at the end, unless they are dropped.

        Args:
            element_length_func: `element_length_func(*element)` is the length of an element.
            bucket_batch_sizes: a batch size for each bucket, one more than there are boundaries.
            padded_shapes, padding_values: those of `padded_batch`.
            pad_to_bucket_boundary: pad the axes that vary (None in `padded_shapes`, or in `element_spec`) to the
                largest length of the bucket instead of the largest in the batch. An element of the last bucket has
                none, and raises ValueError.
            no_padding: `batch` instead of `padded_batch`.
        """
        buckets = grouping.Buckets(element_length_func, bucket_boundaries, bucket_batch_sizes)
        if pad_to_bucket_boundary and padded_shapes is None and not no_padding:
            padded_shapes = padding.varying_shapes(specs.declared(self._known_spec))

        def batch(bucket: Any, window: Dataset) -> Dataset:
            size = buckets.batch_sizes[bucket]
            if no_padding:
                return window.batch(size, drop_remainder)
            shapes = padding.filled(padded_shapes, buckets.longest(bucket)) if pad_to_bucket_boundary else padded_shapes
            return window.padded_batch(size, shapes, padding_values, drop_remainder)

        return self.group_by_window(buckets.of, batch, window_size_func=lambda bucket: buckets.batch_sizes[bucket])


def _batches(size: int, batch_size: int, drop_remainder: bool) -> int:
    """The number of batches of `size` elements."""
    return size if size < 0 else size // batch_size if drop_remainder else -(-size // batch_size)
