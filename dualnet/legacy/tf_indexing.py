"""TensorFlow's functions that read and write parts of tensors by index."""

from __future__ import annotations

import math
from typing import Any

from .. import ops
from ..ops.core.scatter import _flat_indices


def gather(
    params: Any,
    indices: Any,
    validate_indices: Any = None,
    axis: int | None = None,
    batch_dims: int = 0,
    name: Any = None,
) -> Any:
    """The slices at the indices, along an axis.

    params: (*batch, ...)  indices: (*batch, ...)
    -> params.shape[:axis] + indices.shape[batch_dims:] + params.shape[axis + 1:]

    Args:
        axis: by default the first one after the batch.
        batch_dims: how many first axes both have in common.
        validate_indices: without effect; indices are always checked on the CPU.
    """
    params, indices = ops.convert_to_tensor(params), ops.convert_to_tensor(indices)
    batch = batch_dims + indices.ndim if batch_dims < 0 else batch_dims
    axis = batch if axis is None else axis % params.ndim
    if not batch:
        return ops.take(params, indices, axis=axis)
    if axis < batch:
        raise ValueError(f"tf.gather: axis={axis} should not be below batch_dims={batch}")
    rows = gather_nd(ops.moveaxis(params, axis, batch), ops.expand_dims(indices, -1), batch_dims=batch)
    new = indices.ndim - batch
    return ops.moveaxis(rows, tuple(range(batch, batch + new)), tuple(range(axis, axis + new)))


def gather_nd(params: Any, indices: Any, batch_dims: int = 0, name: str | None = None) -> Any:
    """The slices at indices of the first k axes.  indices: (..., k) -> indices.shape[:-1] + params.shape[k:]

    batch_dims: how many first axes params and indices have in common; the k axes come after them.  Negative indices
    count from the end; indices out of bounds raise ``IndexError`` on the CPU, and wrap on a GPU, which cannot raise.
    """
    params, indices = ops.convert_to_tensor(params), ops.convert_to_tensor(indices)
    if indices.ndim == 0:
        raise ValueError("tf.gather_nd: indices should have a last axis, with a number for each axis of params")
    batch = params.shape[:batch_dims]
    if batch_dims < 0 or batch_dims >= indices.ndim or indices.shape[:batch_dims] != batch:
        raise ValueError(
            f"tf.gather_nd: params {params.shape} and indices {indices.shape} should agree in their first {batch_dims} axes"
        )
    for i, n in enumerate(batch):
        own = ops.reshape(ops.arange(n, dtype=str(indices.dtype)), [n if j == i else 1 for j in range(indices.ndim)])
        own = ops.broadcast_to(own, (*indices.shape[:-1], 1))
        indices = ops.concatenate([indices[..., :i], own, indices[..., i:]], axis=-1)
    k = indices.shape[-1]
    if not k:
        return ops.broadcast_to(params, (*indices.shape[:-1], *params.shape))
    count, rest = math.prod(params.shape[:k]), params.shape[k:]
    flat = _flat_indices(indices, shape=params.shape, name="tf.gather_nd")
    rows = ops.take(ops.reshape(params, (count, *rest)), flat, axis=0)
    return ops.reshape(rows, (*indices.shape[:-1], *rest))


def boolean_mask(tensor: Any, mask: Any, axis: int | None = None, name: str = "boolean_mask") -> Any:
    """The entries where the mask is true. Its shape depends on values, so it cannot run within a training step.

    axis: the axis of the tensor at which those of the mask begin, by default the first.
    """
    tensor, mask = ops.convert_to_tensor(tensor), ops.cast(mask, "bool")
    first = 0 if axis is None else axis % tensor.ndim
    if mask.ndim == 0:
        raise ValueError("tf.boolean_mask: the mask should have an axis")
    if tensor.shape[first : first + mask.ndim] != mask.shape:
        raise ValueError(
            f"tf.boolean_mask: the mask has the shape {mask.shape}, and the tensor, of shape {tensor.shape}, has "
            f"{tensor.shape[first : first + mask.ndim]} from axis {first} on"
        )
    return tensor[(*[slice(None)] * first, mask)]


def scatter_nd(indices: Any, updates: Any, shape: Any, name: str | None = None) -> Any:
    """A tensor of zeros with updates at the indices; those at equal indices add up.

    indices: (..., k) of integers, of the first k axes  updates: indices.shape[:-1] + shape[k:] -> shape
    """
    shape = tuple(int(n) for n in ops.convert_to_numpy(shape))
    return ops.scatter(*_checked("tf.scatter_nd", indices, updates, shape), shape=shape)


def tensor_scatter_nd_update(tensor: Any, indices: Any, updates: Any, name: str | None = None) -> Any:
    """The tensor with the values at indices replaced by updates; the last of equal indices wins.

    indices: (..., k) of integers, of the first k axes  updates: indices.shape[:-1] + tensor.shape[k:]
    """
    return _updated("tf.tensor_scatter_nd_update", tensor, indices, updates, None)


def tensor_scatter_nd_add(tensor: Any, indices: Any, updates: Any, name: str | None = None) -> Any:
    """The tensor with updates added at the indices (see ``tensor_scatter_nd_update``)."""
    return _updated("tf.tensor_scatter_nd_add", tensor, indices, updates, "add")


def tensor_scatter_nd_sub(tensor: Any, indices: Any, updates: Any, name: str | None = None) -> Any:
    """The tensor with updates subtracted at the indices (see ``tensor_scatter_nd_update``)."""
    return _updated("tf.tensor_scatter_nd_sub", tensor, indices, ops.negative(updates), "add")


def tensor_scatter_nd_max(tensor: Any, indices: Any, updates: Any, name: str | None = None) -> Any:
    """The tensor with the larger of value and update at the indices (see ``tensor_scatter_nd_update``)."""
    return _updated("tf.tensor_scatter_nd_max", tensor, indices, updates, "max")


def tensor_scatter_nd_min(tensor: Any, indices: Any, updates: Any, name: str | None = None) -> Any:
    """The tensor with the smaller of value and update at the indices (see ``tensor_scatter_nd_update``)."""
    return _updated("tf.tensor_scatter_nd_min", tensor, indices, updates, "min")


def _updated(name: str, tensor: Any, indices: Any, updates: Any, reduction: str | None) -> Any:
    indices, updates = _checked(name, indices, updates, ops.shape(tensor))
    return ops.scatter_update(tensor, indices, updates, reduction=reduction)


def _checked(name: str, indices: Any, updates: Any, shape: Any) -> tuple[Any, Any]:
    """Indices and updates, of shapes that belong together."""
    indices, updates = ops.convert_to_tensor(indices), ops.convert_to_tensor(updates)
    if indices.ndim == 0 or indices.shape[-1] > len(shape):
        raise ValueError(f"{name}: expected indices (..., k) of up to {len(shape)} axes, got shape {indices.shape}")
    expected = (*indices.shape[:-1], *shape[indices.shape[-1] :])
    if updates.shape != expected:
        raise ValueError(
            f"{name}: indices of shape {indices.shape} into {tuple(shape)} take updates of shape {expected}, got {updates.shape}"
        )
    return indices, updates


def sequence_mask(lengths: Any, maxlen: int | None = None, dtype: Any = "bool", name: str | None = None) -> Any:
    """True for the first ``lengths`` entries of each row.  lengths: any shape -> lengths.shape + (maxlen,)

    maxlen: by default the largest length, which is read on the host.
    """
    lengths = ops.convert_to_tensor(lengths)
    count = int(ops.max(lengths)) if maxlen is None else int(maxlen)
    return ops.cast(ops.arange(count, dtype=str(lengths.dtype)) < ops.expand_dims(lengths, -1), dtype)
