"""Batches of elements of different shapes: `Dataset.padded_batch`."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from . import background
from .elements import describe, leaves, map_leaves
from .specs import TensorSpec
from .streams import closing


def padded(items: Iterator[Any], size: int, shapes: Any, values: Any, drop_remainder: bool) -> Iterator[Any]:
    """Batches of `size` elements, each part padded at the end of its axes.

    shapes, values: those of `Dataset.padded_batch`.
    """
    items = closing(items)
    try:
        while chunk := list(itertools.islice(items, size)):
            if len(chunk) < size and drop_remainder:
                return
            aligned = match(shapes, chunk[0], "padded_shapes"), match(values, chunk[0], "padding_values")
            yield map_leaves(lambda shape, value, *parts: _pad(parts, shape.get(), value.get()), *aligned, *chunk)
    finally:
        background.close(items)


class _Leaf:
    """A shape or a value as a leaf of a structure, which a tuple would not be."""

    def __init__(self, content: Any) -> None:
        self.content = content

    def get(self) -> Any:
        return self.content


def match(argument: Any, element: Any, name: str) -> Any:
    """A shape or value (in a `_Leaf`) for each part of an element, from one for each part, one for all, or None."""
    if not isinstance(element, (tuple, dict)):
        return _Leaf(argument)
    if argument is None or (name == "padding_values" and not isinstance(argument, (tuple, list, dict))):
        return map_leaves(lambda _: _Leaf(argument), element)
    if isinstance(element, dict):
        if isinstance(argument, dict) and argument.keys() == element.keys():
            return {key: match(argument[key], element[key], name) for key in element}
    elif isinstance(argument, (tuple, list)) and len(argument) == len(element):
        return tuple(match(*pair, name) for pair in zip(argument, element))
    raise ValueError(
        f"padded_batch: {name} must have the structure of the elements, {describe(element)}, got {argument!r}"
    )


def padded_specs(spec: Any, size: int | None, shapes: Any) -> Any:
    """The specs of the batches. spec: those of the elements."""

    def batch(leaf: Any, part: TensorSpec) -> TensorSpec:
        shape = leaf.get()
        known = None if part.shape is None else (None,) * len(part.shape)
        fixed = known if shape is None else tuple(None if n in (None, -1) else int(n) for n in shape)
        return TensorSpec(None if fixed is None else (size, *fixed), part.dtype)

    return map_leaves(batch, match(shapes, spec, "padded_shapes"), spec)


def varying_shapes(spec: Any) -> Any:
    """`padded_shapes` in which the axes that vary are None. spec: that of the elements, or None if it is not known."""
    if spec is None or any(not isinstance(part, TensorSpec) or part.shape is None for part in leaves(spec)):
        raise ValueError(
            "bucket_by_sequence_length(pad_to_bucket_boundary=True): which axes vary is not known before functions and "
            "generators run: give padded_shapes, with None for them"
        )
    return map_leaves(lambda part: list(part.shape), spec)


def filled(shapes: Any, length: int) -> Any:
    """`padded_shapes` with `length` in place of None and -1."""
    if isinstance(shapes, dict):
        return {key: filled(part, length) for key, part in shapes.items()}
    if all(n is None or hasattr(n, "__index__") for n in shapes):
        return [length if n in (None, -1) else n for n in shapes]
    return tuple(filled(part, length) for part in shapes)


def _pad(parts: tuple[Any, ...], shape: Any, value: Any) -> Any:
    """The parts stacked, each padded to `shape`, in which None or -1 is the largest of the batch."""
    arrays = [np.asarray(part, object if isinstance(part, (str, bytes)) else None) for part in parts]
    rank = arrays[0].ndim if shape is None else len(shape)
    if any(a.ndim != rank for a in arrays):
        wrong = next(a.shape for a in arrays if a.ndim != rank)
        raise ValueError(f"padded_batch: expected elements with {rank} axes, got one of shape {wrong}")
    largest = [max(a.shape[axis] for a in arrays) for axis in range(rank)]
    sizes = largest if shape is None else [m if n in (None, -1) else int(n) for n, m in zip(shape, largest)]
    if any(m > n for m, n in zip(largest, sizes)):
        raise ValueError(
            f"padded_batch: an element of shape {tuple(largest)} does not fit into padded_shapes={tuple(sizes)}: use None for "
            "the largest of the batch, or cut elements with map"
        )
    batch = np.full((len(arrays), *sizes), _value(value, arrays[0]), arrays[0].dtype)
    for i, a in enumerate(arrays):
        batch[i, ...][tuple(slice(n) for n in a.shape)] = a
    return batch


def _value(value: Any, like: Any) -> Any:
    """What to pad with, by default 0, or an empty text. It must be a value of the dtype."""
    if like.dtype.kind == "O":
        first = next(iter(like.flat), "")
        return type(first)() if value is None else value
    if value is None:
        return 0
    fitting = np.asarray(value).astype(like.dtype)
    if fitting.shape or (like.dtype.kind != "f" and fitting != value):
        raise ValueError(f"padded_batch: expected one value of dtype {like.dtype} in padding_values, got {value!r}")
    return fitting
