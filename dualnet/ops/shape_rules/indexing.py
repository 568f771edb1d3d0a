"""Shape rules of indexing, gathers and scatters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...core.dtypes import standardize_dtype
from ...graph.node import Spec
from .sizes import axis_of, broadcast, product, shape_of


def get_item(x: Any, key: Any) -> Spec:
    """Numbers, slices, None, ``...``, and tensors or lists of indices; a mask takes an unknown number of elements.

    NumPy says where the axes go: it indexes an array whose sizes number the axes of x and those of the index arrays.
    """
    shape, keys = shape_of(x), key if isinstance(key, tuple) else (key,)
    count = sum(_rank_of_key(k) for k in keys)
    if count > len(shape):
        raise IndexError(f"{count} indices for {len(shape)} axes")
    indices = broadcast((), *((_count(k),) if _is_mask(k) else shape_of(k) for k in keys if _is_index_array(k)))
    sizes: list[int | None] = [*shape, *indices]  # of the axis with number i + 2
    numbers = range(2, len(sizes) + 2)
    index_array = np.zeros(numbers[len(shape) :], int)
    full_keys: list[Any] = []
    axis = 0
    for k in keys:
        if _is_index_array(k):
            full_keys += [index_array] * _rank_of_key(k) or [True]
        elif isinstance(k, slice):
            sizes[axis] = _sliced(k, shape[axis])
            full_keys.append(slice(None))
        elif isinstance(k, int):
            n = shape[axis]
            if n is not None and not -n <= k < n:
                raise IndexError(f"index {k} is out of bounds for axis {axis} of size {n}")
            full_keys.append(0)
        else:
            full_keys.append(k)
        axis += len(shape) - count if k is Ellipsis else _rank_of_key(k)
    added = None if any(_is_mask(k) and not shape_of(k) for k in keys) else 1
    numbered = np.broadcast_to(0, numbers[: len(shape)])[tuple(full_keys)]
    return Spec(tuple(added if n == 1 else sizes[n - 2] for n in numbered.shape), x.dtype)


def _is_mask(k: Any) -> bool:
    while isinstance(k, list) and k:
        k = k[0]
    return isinstance(k, bool) or str(getattr(k, "dtype", "")) == "bool"


def _count(mask: Any) -> int | None:
    """How many elements of a mask are true; None for a tensor, whose values are not read here."""
    return int(np.count_nonzero(mask)) if isinstance(mask, (list, bool, np.ndarray)) else None


def _is_index_array(k: Any) -> bool:
    return isinstance(k, (list, bool)) or hasattr(k, "shape")


def _rank_of_key(k: Any) -> int:
    """The number of axes that a part of a key indexes."""
    if k is None or k is Ellipsis:
        return 0
    return len(shape_of(k)) if _is_mask(k) else 1


def _sliced(part: slice, n: int | None) -> int | None:
    step = 1 if part.step is None else part.step
    if n is not None:
        return len(range(*part.indices(n)))
    start, stop = (part.start, part.stop) if step > 0 else (part.stop, part.start)
    if isinstance(start, int) and isinstance(stop, int) and start >= stop and (start >= 0) == (stop >= 0) and step > 0:
        return 0
    return None


def take(x: Any, indices: Any, axis: int | None = None) -> Spec:
    shape, picked = shape_of(x), shape_of(indices)
    if axis is None:
        return Spec(picked, x.dtype)
    at = axis_of(axis, len(shape))
    return Spec((*shape[:at], *picked, *shape[at + 1 :]), x.dtype)


def take_along_axis(x: Any, indices: Any, axis: int | None = None) -> Spec:
    shape, picked = shape_of(x), shape_of(indices)
    if axis is None:
        return Spec((product(picked),), x.dtype)
    at = axis_of(axis, len(shape))
    rest = broadcast((*shape[:at], 1, *shape[at + 1 :]), picked)
    return Spec((*rest[:at], picked[at], *rest[at + 1 :]), x.dtype)


def one_hot(x: Any, num_classes: int, axis: int = -1, dtype: Any = None, sparse: bool = False) -> Spec:
    shape = shape_of(x)
    at = axis_of(axis, len(shape) + 1)
    return Spec((*shape[:at], num_classes, *shape[at:]), standardize_dtype(dtype))


def top_k(x: Any, k: int, sorted: bool = True) -> tuple[Spec, Spec]:
    *rest, n = shape_of(x)
    if n is not None and k > n:
        raise ValueError(f"there are no {k} of {n}")
    return Spec((*rest, k), x.dtype), Spec((*rest, k), "int32")


def embedding(table: Any, ids: Any) -> Spec:
    return Spec((*shape_of(ids), *shape_of(table)[1:]), table.dtype)


def scatter(indices: Any, values: Any, shape: Sequence[int]) -> Spec:
    return Spec(tuple(shape), values.dtype)
