"""Indexing: elements and slices by position, and one-hot encoding."""

from __future__ import annotations

from typing import Any

from dualnet_backends import Backend

from ...core.conversion import to_array
from ...core.dtypes import standardize_dtype
from ...core.tensor import Tensor
from .. import shape_rules
from .._common import Array, Forward, NoGrad, Xp, sum_to, whole_numbers
from ..registry import op

Key = Any  # anything that x[...] accepts


@op("numpy", call=("x", "key"), shape=shape_rules.get_item)
def get_item(backend: Backend, x: Array, /, key: Key) -> Forward:
    """x[key]: numbers, slices, None, Ellipsis, index or mask tensors.  Gradients of repeated elements add up"""
    key = _plain_key(key, backend)

    def backward(dy: Array) -> Array:
        dx = backend.xp.zeros(x.shape, dtype=x.dtype)
        if _has_arrays(key):
            backend.add_at(dx, key, dy)
        else:
            dx[key] = dy
        return dx

    return x[key], backward


def _slice_axis(x: Any, axis: int, start: int | None, stop: int | None) -> Tensor:
    """The elements along an axis from start to stop."""
    return get_item(x, (slice(None),) * (axis % len(x.shape)) + (slice(start, stop),))


def _plain_key(key: Any, backend: Backend) -> Any:
    if isinstance(key, tuple):
        return tuple(_plain_key(k, backend) for k in key)
    if isinstance(key, Tensor):
        return key.data
    return to_array(key, backend) if isinstance(key, list) or (hasattr(key, "ndim") and key.ndim) else key


def _has_arrays(key: Any) -> bool:
    return any(hasattr(k, "shape") and k.ndim > 0 for k in (key if isinstance(key, tuple) else (key,)))


@op("numpy", shape=shape_rules.take)
def take(backend: Backend, x: Array, indices: Array, /, axis: int | None = None) -> Forward:
    """Elements (slices along ``axis``) by index.

    Negative indices count from the end. An index out of bounds raises ``IndexError`` on the CPU and wraps on
    a GPU, which cannot raise.

    Args:
        x: (..., n, ...).
        indices: any shape of integers.
    """
    xp = backend.xp
    source = x.reshape(-1) if axis is None else xp.moveaxis(x, axis, 0)
    n, before = source.shape[0], 0 if axis is None else axis % x.ndim
    indices = xp.asarray(indices)
    if indices.dtype.kind not in "iub":
        raise TypeError(f"take: expected integers as indices, got dtype {indices.dtype}")

    def backward(dy: Array) -> tuple[Array, None]:
        ids = indices.reshape(-1)
        rest = source.shape[1:]
        front = xp.moveaxis(dy, tuple(range(before, before + indices.ndim)), tuple(range(indices.ndim)))
        dx = xp.zeros(source.shape, dtype=dy.dtype)
        backend.scatter_add(dx, xp.where(ids < 0, ids + n, ids), front.reshape((ids.shape[0], *rest)))
        return (dx.reshape(x.shape) if axis is None else xp.moveaxis(dx, 0, before)), None

    return xp.take(x, indices, axis=before) if before else backend.take(source, indices), backward


@op("numpy", shape=shape_rules.take_along_axis)
def take_along_axis(xp: Xp, x: Array, indices: Array, /, axis: int | None = None) -> Forward:
    """One element of each row.  x: (..., n, ...)  indices: integers of the same rank -> the shape of indices

    Args:
        axis: None takes from all elements in one row, with indices of any shape -> (size of indices,).
    """
    shape = x.shape
    if axis is None:
        x, indices, axis = x.reshape(-1), indices.reshape(-1), 0
    if not -x.ndim <= axis < x.ndim:
        raise ValueError(f"take_along_axis: axis {axis} is out of bounds for a tensor with {x.ndim} axes")

    def backward(dy: Array) -> tuple[Array, None]:
        at = axis % x.ndim
        # One-hot along the axis instead of a scatter, so that repeated indices add up on any device.
        hot = xp.expand_dims(indices % x.shape[at], at + 1) == xp.arange(x.shape[at]).reshape(
            (1,) * at + (1, -1) + (1,) * (x.ndim - at - 1)
        )
        dx = xp.sum(xp.expand_dims(dy, at + 1) * hot, axis=at)
        return sum_to(xp, dx, x).reshape(shape), None

    return xp.take_along_axis(x, indices, axis=axis), backward


@op("nn", shape=shape_rules.one_hot)
def one_hot(
    backend: Backend, x: Array, /, num_classes: int, axis: int = -1, dtype: str | None = None, sparse: bool = False
) -> NoGrad:
    """1 at the index of each id, 0 elsewhere.  x: integers -> that shape with ``num_classes`` at ``axis``

    As in Keras, an id outside of 0 to num_classes - 1 has zeros only. A float that is no whole number raises ``ValueError``.
    """
    if sparse:
        raise ValueError("one_hot: sparse tensors are not supported; leave sparse=False")
    y = backend.one_hot(whole_numbers(backend, x, "one_hot"), num_classes, standardize_dtype(dtype))
    return (y if axis in (-1, x.ndim) else backend.xp.moveaxis(y, -1, axis)), None
