"""Categorical encodings: bins of values, multi-hot vectors and counts of ids, lookup of keys."""

from __future__ import annotations

from typing import Any

from dualnet_backends import Backend

from ...core.op import primitive
from ...core.tensor import Tensor
from .. import shape_rules
from .._common import Array, Forward, NoGrad, Spec, Xp, class_ids, range_error
from ..core.indexing import one_hot
from ..core.shape import ndim
from ..math.reduce import max
from ..registry import op


@op("numpy", shape=shape_rules.unchanged)
def digitize(xp: Xp, x: Array, bins: Array, /) -> NoGrad:
    """The number of bins that begin at or before x.  x: any shape  bins: (n,) rising -> int32 from 0 to n"""
    return xp.searchsorted(bins, x.reshape(-1), side="right").astype("int32").reshape(x.shape), None


@primitive
def _multi_hot(backend: Backend, ids: Array, /, num_classes: int, axis: int = 1, dtype: str = "float32") -> NoGrad:
    """1 for every id that occurs along ``axis``, 0 for the others.  (..., n, ...) -> the other axes + (num_classes,)"""
    return backend.xp.max(backend.one_hot(ids, num_classes, dtype), axis=axis), None


@primitive
def _count_ids(
    backend: Backend,
    ids: Array,
    weights: Array | None = None,
    /,
    num_classes: int = 1,
    axis: int = 1,
    dtype: str = "float32",
) -> Forward | NoGrad:
    """How often each id occurs along ``axis``, or the sum of its weights.  (..., n, ...) -> others + (num_classes,)"""
    hot = backend.one_hot(ids, num_classes, dtype)
    if weights is None:
        return backend.xp.sum(hot, axis=axis), None
    xp, last = backend.xp, weights.ndim

    def backward(dy: Array) -> tuple[None, Array]:
        return None, xp.sum(xp.expand_dims(dy, axis % last) * hot, axis=-1)

    return xp.sum(hot * weights[..., None].astype(dtype), axis=axis), backward


@primitive(shape=lambda ids, num_tokens: Spec(ids.shape, "int64" if str(ids.dtype) in ("int64", "uint64") else "int32"))
def tokens_below(backend: Backend, ids: Array, /, num_tokens: int) -> NoGrad:
    """The ids as integers. One that is not from 0 to num_tokens - 1, or no whole number, raises ``IndexError`` on the CPU; on a GPU
    it is outside afterwards too.
    """
    given, ids = ids, class_ids(backend.xp, ids)
    try:
        backend.valid_ids(ids, num_tokens, "ids")
    except IndexError:
        hint = "make num_tokens one more than the largest number there is"
        raise range_error("numbers", given, num_tokens, hint) from None
    return ids, None


@primitive
def index_of(xp: Xp, x: Array, keys: Array, values: Array, /) -> NoGrad:
    """The value of the key that equals x, -2 where none does.  x: any shape  keys, values: (n,), keys rising -> that of x"""
    if keys.shape[0] == 0:
        return xp.full(x.shape, -2, dtype=values.dtype), None
    positions = xp.minimum(xp.searchsorted(keys, x.reshape(-1)), keys.shape[0] - 1)
    return xp.where(keys[positions] == x.reshape(-1), values[positions], -2).astype(values.dtype).reshape(x.shape), None


@op("nn")
def multi_hot(
    inputs: Any,
    /,
    num_classes: int | None = None,
    axis: int = -1,
    dtype: str | None = None,
    sparse: bool = False,
    **kwargs: Any,
) -> Tensor:
    """1 for every id that occurs, 0 for the others.  inputs: (n,) or (batch, n, ...) -> (num_classes,) or (batch, ..., num_classes)

    An id outside of 0 to num_classes - 1 is ignored. ``num_tokens`` is an older name of ``num_classes``.

    Args:
        axis: of the classes, counted before the axis of the n ids is removed.
    """
    num_classes = kwargs.pop("num_tokens", None) if num_classes is None else num_classes
    if kwargs:
        raise TypeError(f"multi_hot: unknown arguments {', '.join(sorted(kwargs))}")
    if num_classes is None:
        raise ValueError("multi_hot: num_classes is missing, the number of ids there are")
    if sparse:
        raise ValueError("multi_hot: sparse tensors are not supported; leave sparse=False")
    hot = one_hot(inputs, num_classes, axis=axis, dtype=dtype)
    return max(hot, axis=1 if ndim(inputs) > 1 else 0) if ndim(inputs) else hot
