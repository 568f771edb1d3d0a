"""The iterators behind `Dataset`: each takes those it draws from, and closes them when it ends, early or not."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from . import background
from .elements import TensorSpec, as_element, leaves, map_leaves, read_only, stack


class Turn(NamedTuple):
    """Which pass over the data this is, when `fit` says so. It decides the order of shuffled data."""

    number: int
    lap: int = 0

    def part(self, i: int) -> Turn:
        """The i-th time that something is run through within this pass."""
        return Turn(self.number, (self.lap * 1_000_003 + i) % 2**64) if i else self


def closing(
    items: Iterator[Any], function: Callable[[Iterator[Any]], Iterator[Any]] = iter
) -> Generator[Any, None, None]:
    """What a function makes of an iterator, which is closed at the end: threads may hang on it."""
    try:
        yield from function(items)
    finally:
        background.close(items)


def between(items: Iterator[Any], start: int, stop: int | None = None, step: int = 1) -> Iterator[Any]:
    """Elements by number, as a slice has them."""
    if stop == 0:
        background.close(items)
        return iter(())
    return closing(items, lambda items: itertools.islice(items, start, stop, step))


def generated(generator: Callable[..., Any], args: Sequence[Any], signature: Any) -> Iterator[Any]:
    """What a user's generator function yields, turned into the types of `signature` if there is one."""
    for item in closing(iter(generator(*args))):
        if signature is None:
            yield as_element(item)
        else:
            # A list may stand for a tuple here: the signature says which it is.
            parts = tuple(item) if isinstance(signature, tuple) and isinstance(item, list) else item
            yield map_leaves(_conform, signature, parts)


def rows(numbers: Iterator[int], arrays: Any) -> Iterator[Any]:
    """The rows of arrays with these numbers."""
    for i in closing(numbers):
        yield map_leaves(lambda array: array[i], arrays)  # noqa: B023 (used at once)


def zipped(streams: list[Iterator[Any]], structure: Any) -> Iterator[Any]:
    """One element of each stream at a time, in the form of `structure`, until one ends."""
    try:
        for items in zip(*streams):
            following = iter(items)
            yield map_leaves(lambda _: next(following), structure)  # noqa: B023 (used at once)
    finally:
        for stream in streams:
            background.close(stream)


def repeated(stream: Callable[[Turn | None], Iterator[Any]], turn: Turn | None, times: int | None) -> Iterator[Any]:
    """A stream again and again; without end when `times` is None, unless it is empty."""
    for i in itertools.count() if times is None else range(times):
        empty = True
        for item in closing(stream(turn and turn.part(i))):
            empty = False
            yield item
        if empty:
            return


def filtered(elements: Iterator[Any], predicate: Callable[..., Any]) -> Iterator[Any]:
    for element in closing(elements):
        if bool(np.asarray(as_element(call(predicate, element)))):
            yield element


def numbered(elements: Iterator[Any], start: int) -> Iterator[Any]:
    for i, element in enumerate(closing(elements), start):
        yield np.int64(i), element


def batched(items: Iterator[Any], size: int, drop_remainder: bool, arrays: Any) -> Iterator[Any]:
    """`size` elements at a time; with `arrays`, the items are numbers of their rows."""
    items = closing(items)
    try:
        while chunk := list(itertools.islice(items, size)):
            if len(chunk) < size and drop_remainder:
                return
            if arrays is None:
                yield stack(chunk)
            else:
                wanted = np.array(chunk)
                yield map_leaves(lambda array: array[wanted], arrays)  # noqa: B023 (used at once)
    finally:
        background.close(items)


def unbatched(elements: Iterator[Any]) -> Iterator[Any]:
    for element in closing(elements):
        lengths = {len(leaf) if np.ndim(leaf) else -1 for leaf in leaves(element)}
        if len(lengths) != 1 or -1 in lengths:
            raise ValueError("unbatch: all parts of an element must have a first axis of the same length")
        yield from rows(iter(range(lengths.pop())), element)


def keeping(elements: Iterator[Any], kept: list[list[Any]]) -> Iterator[Any]:
    """The elements, put into `kept` when all have been taken."""
    seen = []
    for element in closing(elements):
        seen.append(read_only(element))
        yield seen[-1]
    kept[:] = [seen]


def call(function: Callable[..., Any], element: Any) -> Any:
    """A function of an element: a tuple gives several arguments, as in tf.data."""
    return function(*element) if isinstance(element, tuple) else function(element)


def specs(types: Any, shapes: Any) -> Any:
    """output_types with output_shapes. A shape is a tuple too, so only the structure of the types counts."""
    if isinstance(types, dict):
        return {key: specs(types[key], shapes and shapes[key]) for key in types}
    if isinstance(types, tuple):
        return tuple(specs(*pair) for pair in zip(types, shapes or itertools.repeat(None)))
    return TensorSpec(shapes, types)


def _conform(spec: TensorSpec, value: Any) -> Any:
    array = np.asarray(as_element(value))
    if spec.shape is not None:
        fits = len(spec.shape) == array.ndim and all(n in (None, m) for n, m in zip(spec.shape, array.shape))
        if not fits:
            raise ValueError(
                f"from_generator: expected an array of shape {spec.shape}, the generator yielded one of {array.shape}"
            )
    if spec.dtype.kind not in "OSU":
        array = array.astype(spec.dtype)
    return array[()] if array.ndim == 0 else array
