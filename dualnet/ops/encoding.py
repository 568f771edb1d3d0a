"""Numbers as categories: which bin a value is in, which of several ids are there, how often each."""

from __future__ import annotations

from typing import Any

from dualnet_backends import Backend

from ..autodiff import primitive
from ._common import Array, Const, Xp


@primitive
def digitize(xp: Xp, x: Array, bins: Array) -> Const:
    """The number of bins that begin at or before x.  x: any shape  bins: (n,) rising -> int32 from 0 to n"""
    return xp.searchsorted(bins, x.reshape(-1), side="right").astype("int32").reshape(x.shape), None


@primitive
def _multi_hot(backend: Backend, ids: Array, num_classes: int, axis: int = 1, dtype: str = "float32") -> Const:
    """1 for every id that is there along ``axis``, 0 for the others.  (..., n, ...) -> the other axes + (num_classes,)"""
    return backend.xp.max(backend.one_hot(ids, num_classes, dtype), axis=axis), None


@primitive
def _count_ids(
    backend: Backend,
    ids: Array,
    weights: Array | None = None,
    num_classes: int = 1,
    axis: int = 1,
    dtype: str = "float32",
) -> Const:
    """How often each id is there along ``axis``, or the sum of its weights.  (..., n, ...) -> others + (num_classes,)"""
    hot = backend.one_hot(ids, num_classes, dtype)
    if weights is not None:
        hot = hot * weights[..., None].astype(dtype)
    return backend.xp.sum(hot, axis=axis), None


def encode(ids: Any, mode: str, num_classes: int, dtype: str, weights: Any = None) -> Any:
    """Ids as "int", "one_hot", "multi_hot" or "count" over the axis behind the batch (or the only one).

    One hot of (..., 1) has ``num_classes`` in the place of the 1. An id outside 0 to num_classes - 1 counts for nothing.
    """
    from .elementwise import cast
    from .shape import one_hot, reshape

    if mode == "int":
        return cast(ids, dtype)
    ids = cast(ids, "int32") if str(ids.dtype) not in ("int32", "int64") else ids
    if not ids.shape:
        ids = reshape(ids, (1,))
    if mode == "one_hot":
        single = len(ids.shape) > 1 and ids.shape[-1] == 1
        return one_hot(reshape(ids, ids.shape[:-1]) if single else ids, num_classes, dtype=dtype)
    axis = 1 if len(ids.shape) > 1 else 0
    return (
        _multi_hot(ids, num_classes, axis, dtype)
        if mode == "multi_hot"
        else _count_ids(ids, weights, num_classes, axis, dtype)
    )


def encoded_shape(shape: Any, mode: str, num_classes: int | None) -> tuple[int | None, ...]:
    """The shape that ``encode`` gives."""
    shape = tuple(shape)
    if mode == "int":
        return shape
    if mode == "one_hot":
        return (*(shape[:-1] if len(shape) > 1 and shape[-1] == 1 else shape), num_classes)
    return (*shape[:1], *shape[2:], num_classes) if len(shape) > 1 else (num_classes,)
