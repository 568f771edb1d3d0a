"""Numbers as categories: which bin a value is in, which of several ids are there, how often each."""

from __future__ import annotations

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
