"""Embedding: rows of a table, looked up by id."""

from __future__ import annotations

from typing import Any

from dualnet_backends import Backend

from ...core.op import primitive
from .. import shape_rules
from .._common import Array, Forward, class_ids


@primitive(in_place_grads=True, shape=shape_rules.embedding)
def embedding(backend: Backend, table: Array, ids: Array, /) -> Forward:
    """table[ids].  table: (n, size)  ids: any shape of numbers from 0 to n - 1 -> (*ids.shape, size)

    An id out of range raises ``IndexError`` on the CPU. On a GPU, which cannot raise, its row is NaN.
    """
    ids = class_ids(ids)
    try:
        y = backend.lookup(table, ids)
    except IndexError:
        raise IndexError(
            f"expected ids from 0 to {table.shape[0] - 1} (the table has {table.shape[0]} rows), "
            f"got ids from {ids.min()} to {ids.max()}"
        ) from None

    def backward(dy: Array, out: list[Any]) -> tuple[Any, None]:
        gradient = out[0]
        if gradient is False:
            return None, None
        if gradient is None or gradient.dtype != dy.dtype:
            gradient = backend.xp.zeros(table.shape, dtype=dy.dtype)
        else:
            gradient[...] = 0
        flat = ids.reshape(-1)
        backend.scatter_add(gradient, flat, dy.reshape(flat.shape[0], *table.shape[1:]))
        return gradient, None

    return y, backward
