"""Ids of categories, bins and vocabularies as vectors."""

from __future__ import annotations

from typing import Any

import dualnet_backends as backends

from .... import ops
from ....core.symbolic import KerasTensor
from ....core.tensor import Tensor
from ....ops.nn.encoding import _count_ids, _multi_hot


def encode(ids: Any, mode: str, num_classes: int, dtype: str, weights: Any = None) -> Any:
    """Ids as "int", "one_hot", "multi_hot" or "count" over the axis behind the batch (or the only one).

    ids: a tensor, or an array of the host, which is counted there. dtype: of the result. weights: for "count", of the ids.
    One hot of (..., 1) has the shape (..., num_classes). Ids outside 0 to num_classes - 1 are not counted.
    """
    if not isinstance(ids, (Tensor, KerasTensor)):
        if mode in ("multi_hot", "count") and weights is None and ids.ndim < 3:
            return ops.cast(ops.convert_to_tensor(counted(ids, num_classes, mode)), dtype)
        ids = ops.convert_to_tensor(ids)
    if mode == "int":
        return ops.cast(ids, dtype)
    ids = ops.cast(ids, "int32") if str(ids.dtype) not in ("int32", "int64") else ids
    if not ids.shape:
        ids = ops.reshape(ids, (1,))
    if mode == "one_hot":
        single = len(ids.shape) > 1 and ids.shape[-1] == 1
        return ops.one_hot(ops.reshape(ids, ids.shape[:-1]) if single else ids, num_classes, dtype=dtype)
    axis = 1 if len(ids.shape) > 1 else 0
    if mode == "multi_hot":
        return _multi_hot(ids, num_classes, axis, dtype)
    return _count_ids(ids, weights, num_classes, axis, dtype)


def encoded_shape(shape: Any, mode: str, num_classes: int | None) -> tuple[int | None, ...]:
    """The shape of the result of ``encode``."""
    shape = tuple(shape)
    if mode == "int":
        return shape
    if mode == "one_hot":
        return (*(shape[:-1] if len(shape) > 1 and shape[-1] == 1 else shape), num_classes)
    return (*shape[:1], *shape[2:], num_classes) if len(shape) > 1 else (num_classes,)


def counted(ids: Any, depth: int, mode: str) -> Any:
    """How often ("count") or whether ("multi_hot") every id from 0 to depth - 1 occurs in each row.

    ids: (), (n,) or (batch, n), an array of the host -> (depth,) or (batch, depth)
    """
    xp = backends.of(ids).xp
    rows = ids.reshape(1, -1) if ids.ndim < 2 else ids
    positions = xp.where((rows >= 0) & (rows < depth), rows + depth * xp.arange(len(rows))[:, None], -1).reshape(-1)
    counts = xp.bincount(positions[positions >= 0], minlength=depth * len(rows)).reshape(len(rows), depth)
    counts = xp.minimum(counts, 1) if mode == "multi_hot" else counts
    return counts[0] if ids.ndim < 2 else counts
