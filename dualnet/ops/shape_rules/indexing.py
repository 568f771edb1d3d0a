"""Shape rules of indexing, gathers and scatters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...core.dtypes import standardize_dtype
from ...graph.node import Spec
from .sizes import Shape, axis_of, broadcast, product, shape_of


def get_item(x: Any, key: Any) -> Spec:
    """Numbers, slices, None, ``...``, and tensors or lists of indices; a mask takes an unknown number of elements."""
    shape, keys = shape_of(x), key if isinstance(key, tuple) else (key,)
    count = sum(_rank_of_key(k) for k in keys)
    if count > len(shape):
        raise IndexError(f"{count} indices for {len(shape)} axes")
    if not any(k is Ellipsis for k in keys):
        keys = (*keys, Ellipsis)
    out: list[int | None] = []
    arrays: list[Shape] = []
    where, apart, at = 0, False, 0
    last_was_array = False
    for k in keys:
        is_array = not (k is None or k is Ellipsis or isinstance(k, slice))
        plain = isinstance(k, int) and not isinstance(k, bool)
        if is_array and (not plain or any(_is_index_array(other) for other in keys)):
            if not arrays:
                where = len(out)
            elif not last_was_array:
                apart = True
            arrays.append((None,) if _is_mask(k) else shape_of(k))
            at += _rank_of_key(k)
        elif plain:
            n = shape[at]
            if n is not None and not -n <= k < n:
                raise IndexError(f"index {k} is out of bounds for axis {at} of size {n}")
            at += 1
        elif k is None:
            out.append(1)
        elif k is Ellipsis:
            stop = at + len(shape) - count
            out += shape[at:stop]
            at = stop
        else:
            out.append(_sliced(k, shape[at]))
            at += 1
        last_was_array = is_array
    if arrays:
        where = 0 if apart else where
        out[where:where] = broadcast(*arrays)
    return Spec(tuple(out), x.dtype)


def _is_mask(k: Any) -> bool:
    return (
        isinstance(k, bool)
        or str(getattr(k, "dtype", "")) == "bool"
        or (isinstance(k, list) and k[:1] in ([True], [False]))
    )


def _is_index_array(k: Any) -> bool:
    return isinstance(k, list) or hasattr(k, "shape")


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
