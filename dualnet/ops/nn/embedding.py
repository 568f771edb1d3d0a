"""Embedding: rows of a table, looked up by id."""

from __future__ import annotations

from typing import Any

from dualnet_backends import Backend

from ...core.op import primitive
from .. import shape_rules
from .._common import Array, Forward, class_ids, range_error


@primitive(in_place_grads=True, shape=shape_rules.embedding)
def embedding(backend: Backend, table: Array, ids: Array, /) -> Forward:
    """table[ids].  table: (n, size)  ids: any shape of numbers from 0 to n - 1 -> (*ids.shape, size)

    An id that is out of range or no whole number raises ``IndexError`` on the CPU. On a GPU, which cannot raise, its row is NaN.
    """
    given, ids = ids, class_ids(backend.xp, ids)
    try:
        y = backend.lookup(table, ids)
    except IndexError:
        n = table.shape[0]
        raise range_error("ids", given, n, f"the table has {n} rows") from None

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
