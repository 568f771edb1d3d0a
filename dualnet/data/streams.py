"""The iterators behind `Dataset`: each closes its source iterators when it ends, even early."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from . import background
from .elements import (
    as_element,
    describe,
    generated_element,
    leaves,
    map_leaves,
    own_element,
    read_only,
    returned_element,
    stack,
)
from .specs import TensorSpec


class EpochKey(NamedTuple):
    """Identifies a pass over the data inside `fit`, and so determines the order of shuffled data."""

    epoch: int
    nested: int = 0

    def fold_in(self, i: int) -> EpochKey:
        """The key of the i-th pass over a nested dataset within this pass."""
        return EpochKey(self.epoch, (self.nested * 1_000_003 + i) % 2**64) if i else self


Stream = Callable[[EpochKey | None], Iterator[Any]]


def closing(
    items: Iterator[Any], function: Callable[[Iterator[Any]], Iterator[Any]] = iter
) -> Generator[Any, None, None]:
    """`function(items)`; at the end the iterator `items` is closed, which stops its threads."""
    try:
        yield from function(items)
    finally:
        background.close(items)


def sliced(items: Iterator[Any], start: int, stop: int | None = None, step: int = 1) -> Iterator[Any]:
    """The elements `start:stop:step`."""
    if stop == 0:
        background.close(items)
        return iter(())
    return closing(items, lambda items: itertools.islice(items, start, stop, step))


def from_generator(generator: Callable[..., Any], args: Sequence[Any], signature: Any) -> Iterator[Any]:
    """The elements of a user's generator function, cast to the dtypes of `signature` if there is one."""
    for item in closing(iter(generator(*args))):
        if signature is None:
            yield generated_element(item)
        else:
            # A list may represent a tuple here, if the signature is one.
            parts = tuple(item) if isinstance(signature, tuple) and isinstance(item, list) else item
            yield map_leaves(_conform, signature, parts)


def rows(indices: Iterator[int], arrays: Any) -> Iterator[Any]:
    """The rows of arrays with these indices."""
    for i in closing(indices):
        yield map_leaves(lambda array: array[i], arrays)  # noqa: B023 (used at once)


def zipped(streams: list[Iterator[Any]], structure: Any) -> Iterator[Any]:
    """One element of each stream at a time, in the structure of `structure`, until one ends."""
    try:
        for items in zip(*streams):
            following = iter(items)
            yield map_leaves(lambda _: next(following), structure)  # noqa: B023 (used at once)
    finally:
        for stream in streams:
            background.close(stream)


def repeated(stream: Stream, key: EpochKey | None, times: int | None) -> Iterator[Any]:
    """A stream repeated `times` times; indefinitely if that is None, unless the stream is empty."""
    for i in itertools.count() if times is None else range(times):
        empty = True
        for item in closing(stream(key and key.fold_in(i))):
            empty = False
            yield item
        if empty:
            return


def mapped(elements: Iterator[Any], map_func: Callable[..., Any], workers: int | None) -> Iterator[Any]:
    """`map_func(*element)` for every element, by threads if `workers` is above 1."""

    def function(element: Any) -> Any:
        return returned_element(call(map_func, element))

    if workers is not None and workers > 1:
        return background.parallel_map(function, elements, workers, 2 * workers)
    return closing(elements, lambda items: map(function, items))


def filtered(elements: Iterator[Any], predicate: Callable[..., Any]) -> Iterator[Any]:
    for element in closing(elements):
        if bool(np.asarray(as_element(call(predicate, element)))):
            yield element


def taken_while(elements: Iterator[Any], predicate: Callable[..., Any]) -> Iterator[Any]:
    """The elements before the first for which the predicate is false."""
    for element in closing(elements):
        if not bool(np.asarray(as_element(call(predicate, element)))):
            return
        yield element


def distinct(elements: Iterator[Any]) -> Iterator[Any]:
    """Every element once."""
    seen = set()
    for element in closing(elements):
        value = np.asarray(element, object if isinstance(element, (str, bytes)) else None)
        if isinstance(element, (tuple, dict)) or value.dtype.kind not in "iuO":
            raise TypeError(f"unique: expected whole numbers or texts as elements, got {describe(element)}")
        key = (value.shape, *value.reshape(-1).tolist())
        if key not in seen:
            seen.add(key)
            yield element


def scanned(elements: Iterator[Any], state: Any, function: Callable[[Any, Any], Any]) -> Iterator[Any]:
    """The outputs of `state, output = function(state, element)`."""
    for element in closing(elements):
        result = function(state, element)
        if not isinstance(result, (tuple, list)) or len(result) != 2:
            raise TypeError(f"scan: the function must return (state, output), it returned {result!r:.100}")
        following = returned_element(result[0]) if isinstance(state, tuple) else own_element(result[0])
        map_leaves(lambda *_: None, state, following)  # the same structure, or an error that says what came
        state = following
        yield returned_element(result[1])


def enumerated(elements: Iterator[Any], start: int) -> Iterator[Any]:
    for i, element in enumerate(closing(elements), start):
        yield np.int64(i), element


def batched(items: Iterator[Any], size: int, drop_remainder: bool, arrays: Any) -> Iterator[Any]:
    """Batches of `size` elements; with `arrays`, the items are indices of their rows."""
    items = closing(items)
    try:
        while chunk := list(itertools.islice(items, size)):
            if len(chunk) < size and drop_remainder:
                return
            if arrays is None:
                yield stack(chunk)
            else:
                index = np.array(chunk)
                yield map_leaves(lambda array: array[index], arrays)  # noqa: B023 (used at once)
    finally:
        background.close(items)


def unbatched(elements: Iterator[Any]) -> Iterator[Any]:
    for element in closing(elements):
        lengths = {len(leaf) if np.ndim(leaf) else -1 for leaf in leaves(element)}
        if len(lengths) != 1 or -1 in lengths:
            raise ValueError("unbatch: all parts of an element must have a first axis of the same length")
        yield from rows(iter(range(lengths.pop())), element)


def rebatched(elements: Iterator[Any], sizes: Sequence[int], drop_remainder: bool) -> Iterator[Any]:
    """The rows of batches in batches of these sizes, which take turns."""
    items = closing(unbatched(elements))
    for size in itertools.cycle(sizes):
        chunk = list(itertools.islice(items, size))
        if not chunk or (len(chunk) < size and drop_remainder):
            items.close()
            return
        yield stack(chunk)


def windows(items: Iterator[Any], size: int, shift: int, stride: int, drop_remainder: bool) -> Iterator[list[Any]]:
    """The windows as lists of elements; the last ones may be shorter, unless they are dropped."""
    items = closing(items)
    buffer: list[Any] = []
    while True:
        buffer += itertools.islice(items, (size - 1) * stride + 1 - len(buffer))
        window = buffer[::stride]
        if not window or (drop_remainder and len(window) < size):
            items.close()
            return
        yield window
        skipped = shift - len(buffer)
        buffer = buffer[shift:]
        if skipped > 0:
            next(itertools.islice(items, skipped - 1, None), None)


def window_count(length: int, size: int, shift: int, stride: int, drop_remainder: bool) -> int:
    """The number of windows over `length` elements."""
    available = length - (size - 1) * stride if drop_remainder else length
    return max(-(-available // shift), 0)


def flattened(elements: Iterator[Any], function: Callable[..., Any], key: EpochKey | None) -> Iterator[Any]:
    """The elements of `function(element)`, a dataset, for every element."""
    for number, element in enumerate(closing(elements)):
        yield from nested("flat_map", call(function, element), key and key.fold_in(number))


def interleaved(
    elements: Iterator[Any], function: Callable[..., Any], cycle_length: int, block_length: int, key: EpochKey | None
) -> Iterator[Any]:
    """`block_length` elements at a time of `cycle_length` datasets `function(element)` in turns. The dataset of the next element
    takes over from one that ends.
    """
    elements = closing(elements)
    streams: list[Any] = [None] * cycle_length
    made, is_exhausted, turn = 0, False, 0
    try:
        while not is_exhausted or any(p is not None for p in streams):
            if streams[turn] is None and not is_exhausted:
                try:
                    element = next(elements)
                except StopIteration:
                    is_exhausted = True
                else:
                    streams[turn] = nested("interleave", call(function, element), key and key.fold_in(made))
                    made += 1
            if (source := streams[turn]) is not None:
                block = list(itertools.islice(source, block_length))
                yield from block
                if len(block) < block_length:
                    streams[turn] = None
            turn = (turn + 1) % cycle_length
    finally:
        for source in (elements, *streams):
            if source is not None:
                background.close(source)


def nested(name: str, dataset: Any, key: EpochKey | None) -> Iterator[Any]:
    """The elements of what a user's function returned, a dataset."""
    if not hasattr(dataset, "_elements"):
        raise TypeError(f"{name}: the function must return a Dataset, it returned {type(dataset).__name__}")
    elements: Iterator[Any] = dataset._elements(key)
    return elements


def cached(elements: Iterator[Any], cache: list[list[Any]]) -> Iterator[Any]:
    """The elements, stored in `cache` once all have been consumed."""
    consumed = []
    for element in closing(elements):
        consumed.append(read_only(element))
        yield consumed[-1]
    cache[:] = [consumed]


def call(function: Callable[..., Any], element: Any) -> Any:
    """Call a function on an element; a tuple is unpacked into arguments, as in tf.data."""
    return function(*element) if isinstance(element, tuple) else function(element)


def signature(signature: Any, types: Any, shapes: Any) -> Any:
    """The argument output_signature of `Dataset.from_generator`, or the same from output_types and output_shapes."""
    if types is not None and signature is not None:
        raise ValueError("from_generator: give output_signature or output_types, not both")
    return signature if types is None else specs(types, shapes)


def specs(types: Any, shapes: Any) -> Any:
    """`TensorSpec`s from output_types and output_shapes; the structure is that of the types, since a shape is a tuple."""
    if isinstance(types, dict):
        return {key: specs(types[key], shapes and shapes[key]) for key in types}
    if isinstance(types, tuple):
        return tuple(specs(*pair) for pair in zip(types, shapes or itertools.repeat(None)))
    return TensorSpec(shapes, types)


def _conform(spec: TensorSpec, value: Any) -> Any:
    array = np.asarray(own_element(value))
    if spec.shape is not None:
        matches = len(spec.shape) == array.ndim and all(n in (None, m) for n, m in zip(spec.shape, array.shape))
        if not matches:
            raise ValueError(
                f"from_generator: expected an array of shape {spec.shape}, the generator yielded one of {array.shape}"
            )
    if spec.dtype.kind not in "OSU":
        array = array.astype(spec.dtype, copy=False)
    return array[()] if array.ndim == 0 else array
