"""Sorting, top-k, and search in sorted values."""

from __future__ import annotations

from typing import Any

from dualnet_backends import Backend

from ...core.op import primitive
from ...core.tensor import Tensor
from .. import shape_rules
from .._common import Array, Forward, NoGrad, Xp, along_axis, as_array, promote, whole_numbers
from ..registry import op


def _put(xp: Xp, shape: tuple[int, ...], order: Array, dy: Array, axis: int) -> Array:
    """dy at the distinct indices ``order`` along an axis, 0 elsewhere: the gradient of taking them."""
    dx = xp.zeros(shape, dtype=dy.dtype)
    xp.put_along_axis(dx, order, dy, axis)
    return dx


@op("numpy", shape=shape_rules.along_last)
def sort(xp: Xp, x: Array, /, axis: int | None = -1) -> Forward:
    """The elements along an axis in ascending order, NaN last (axis=None: of the flattened tensor)"""
    row, at = along_axis(x, axis)
    y = xp.sort(row, axis=at)
    return y, lambda dy: _put(xp, row.shape, xp.argsort(row, axis=at, kind="stable"), dy, at).reshape(x.shape)


@op("numpy", shape=shape_rules.along_last)
def argsort(xp: Xp, x: Array, /, axis: int | None = -1) -> NoGrad:
    """The indices (int32) that sort the elements along an axis; stable"""
    row, at = along_axis(x, axis)
    return xp.argsort(row, axis=at, kind="stable").astype("int32"), None


@op("numpy")
def argpartition(xp: Xp, x: Array, /, kth: int, axis: int | None = -1) -> NoGrad:
    """Indices (int32) that bring the ``kth`` smallest to position ``kth``, none larger before it and none smaller after"""
    row, at = along_axis(x, axis)
    n = row.shape[at]
    if not -n <= kth < n:
        raise ValueError(f"argpartition: expected kth from {-n} to {n - 1} (the axis has {n} elements), got {kth}")
    return xp.argpartition(row, kth, axis=at).astype("int32"), None


@primitive
def _take_distinct(xp: Xp, x: Array, indices: Array, /) -> Forward:
    """Elements of each row.  x: (..., n)  indices: (..., k), distinct within a row -> (..., k)"""
    return xp.take_along_axis(x, indices, axis=-1), lambda dy: (_put(xp, x.shape, indices, dy, -1), None)


@primitive
def _top_indices(xp: Xp, x: Array, /, k: int) -> NoGrad:
    """The indices of the k largest of each row, in descending order; the first of equals first.  (..., n) -> (..., k)"""
    if x.ndim == 0:
        raise ValueError("top_k: expected at least one axis, got a tensor without axes")
    n = x.shape[-1]
    if not 0 <= k <= n:
        raise ValueError(f"top_k: expected k from 0 to {n}, the length of the last axis, got {k}")
    # Reversed twice, so that the stable sort puts the first of equals first.
    order = xp.argsort(x[..., ::-1], axis=-1, kind="stable")[..., ::-1]
    return (n - 1 - order[..., :k]).astype("int32"), None


@op("math", shape=shape_rules.top_k)
def top_k(x: Any, /, k: int, sorted: bool = True) -> tuple[Tensor, Tensor]:
    """The k largest elements along the last axis and their indices (int32).  x: (..., n) -> (..., k), (..., k)

    They are in descending order whatever ``sorted`` is; NaN counts as largest, the first of equals is taken.
    """
    indices = _top_indices(x, k)
    return _take_distinct(x, indices), indices


@op("math", shape=shape_rules.unchanged)
def in_top_k(backend: Backend, targets: Array, predictions: Array, /, k: int) -> NoGrad:
    """Whether fewer than k predictions are larger than that of the target.

    targets: (batch,) of class numbers  predictions: (batch, classes) -> (batch,) of bool. A class out of range,
    or with a prediction of NaN or infinity, is not among the top k.
    """
    xp = backend.xp
    if predictions.ndim != 2 or targets.ndim != 1:
        raise ValueError(
            "in_top_k: expected targets of shape (batch,) and predictions of shape (batch, classes), "
            f"got {targets.shape} and {predictions.shape}"
        )
    targets = whole_numbers(backend, targets, "in_top_k", "targets").astype("int64")
    known = xp.logical_and(targets >= 0, targets < predictions.shape[1])
    classes = xp.where(known, targets, xp.zeros_like(targets))[:, None]
    own = xp.take_along_axis(predictions, classes, axis=1)
    rank = xp.sum(predictions > own, axis=1)
    return xp.logical_and(xp.logical_and(known, xp.isfinite(own[:, 0])), rank < k), None


@op("numpy", class_name="SearchSorted", shape=shape_rules.of_second)
def searchsorted(xp: Xp, sorted_sequence: Array, values: Array, /, side: str = "left") -> NoGrad:
    """The insertion index of each value, as int32.  sorted_sequence: (n,) ascending  values: any shape -> that shape, from 0 to n

    Args:
        side: "left" (before equals) or "right" (after them).
    """
    if sorted_sequence.ndim != 1:
        raise ValueError(f"searchsorted: expected a sequence of shape (n,), got {sorted_sequence.shape}")
    if side not in ("left", "right"):
        raise ValueError(f'searchsorted: expected side "left" or "right", got {side!r}')
    sequence, v = promote(sorted_sequence, values)
    return xp.searchsorted(sequence, as_array(xp, v, sequence), side=side).astype("int32"), None


@op("numpy", class_name="IsIn", shape=shape_rules.unchanged)
def isin(xp: Xp, x1: Array, x2: Array, /, assume_unique: bool = False, invert: bool = False) -> NoGrad:
    """Whether each element of x1 is among those of x2 (is not, with ``invert``). NaN is equal to nothing"""
    x, y = promote(x1, x2)
    y = as_array(xp, y, x).reshape(-1)
    if y.size == 0:
        return xp.full(x.shape, bool(invert)), None
    if x.dtype == "bool":
        x, y = x.astype("uint8"), y.astype("uint8")
    y = xp.sort(y)
    matches = y[xp.minimum(xp.searchsorted(y, x), y.size - 1)] == x
    return (xp.logical_not(matches) if invert else matches), None
