"""Elements collected by a key: `Dataset.group_by_window` and `bucket_by_sequence_length`."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from .elements import as_element, positive
from .streams import EpochKey, call, closing, nested


def grouped(
    elements: Iterator[Any],
    key_func: Callable[..., Any],
    reduce_func: Callable[[Any, list[Any]], Any],
    size_of: Callable[[Any], Any],
    epoch: EpochKey | None,
) -> Iterator[Any]:
    """The elements of `reduce_func(key, window)`, a dataset, for each window of `size_of(key)` elements with one key."""
    windows: dict[int, list[Any]] = {}
    sizes: dict[int, int] = {}
    made = 0

    def reduced(key: int) -> Iterator[Any]:
        nonlocal made
        made += 1
        dataset = reduce_func(np.int64(key), windows.pop(key))
        return nested("group_by_window", dataset, epoch and epoch.fold_in(made - 1))

    for element in closing(elements):
        key = whole_number(call(key_func, element), "group_by_window: key_func")
        if key not in sizes:
            sizes[key] = whole_number(size_of(np.int64(key)), "group_by_window: window_size_func")
            positive("window_size", sizes[key])
        windows.setdefault(key, []).append(element)
        if len(windows[key]) >= sizes[key]:
            yield from reduced(key)
    for key in sorted(windows):
        yield from reduced(key)


def whole_number(value: Any, what: str) -> int:
    """What a user's function returned, as a whole number."""
    number = np.asarray(as_element(value))
    if number.size != 1 or number.dtype.kind not in "iu":
        raise TypeError(f"{what} should return one whole number, it returned {value!r:.100}")
    return int(number.reshape(()))


class Buckets:
    """Which lengths go together, and how many of them into a batch."""

    def __init__(self, length_func: Callable[..., Any], boundaries: Sequence[int], batch_sizes: Sequence[int]) -> None:
        self.length_func = length_func
        self.boundaries, self.batch_sizes = [int(n) for n in boundaries], list(batch_sizes)
        if len(self.batch_sizes) != len(self.boundaries) + 1:
            raise ValueError(
                f"bucket_by_sequence_length: {len(self.boundaries)} boundaries make {len(self.boundaries) + 1} buckets, got "
                f"{len(self.batch_sizes)} bucket_batch_sizes"
            )
        if any(m >= n for m, n in zip(self.boundaries, self.boundaries[1:])):
            raise ValueError(f"bucket_by_sequence_length: bucket_boundaries must increase, got {self.boundaries}")
        for size in self.batch_sizes:
            positive("bucket_batch_sizes", size)

    def of(self, *element: Any) -> int:
        """The bucket of an element."""
        length = whole_number(self.length_func(*element), "bucket_by_sequence_length: element_length_func")
        return bisect.bisect_right(self.boundaries, length)

    def longest(self, bucket: int) -> int:
        """The largest length of a bucket."""
        if bucket == len(self.boundaries):
            raise ValueError(
                "bucket_by_sequence_length: with pad_to_bucket_boundary=True every element must be shorter than the last "
                f"of bucket_boundaries, {self.boundaries[-1] if self.boundaries else 'none'}: add a boundary, or drop "
                "longer elements with filter"
            )
        return self.boundaries[bucket] - 1
