"""How often each class is taken for each other one."""

from __future__ import annotations

from dualnet_backends import Backend

from ..core.tensor import Array


def add_to_matrix(
    backend: Backend,
    total: Array,
    labels: Array,
    predictions: Array,
    weight: Array | None = None,
    ignore_class: int | None = None,
) -> None:
    """total[label, prediction] += weight, in place, for every pair.

    total: (classes, classes)  labels, predictions: classes, of one shape  weight: that shape or what broadcasts to it, None for
    1. A pair with a class outside [0, classes), or with the label ``ignore_class``, does not count.
    """
    xp, classes = backend.xp, total.shape[0]
    # 64 bits: a fraction is cut off, and no label wraps around.
    true, pred = (x.astype("int64", copy=False) for x in (labels, predictions))
    valid = (true >= 0) & (true < classes) & (pred >= 0) & (pred < classes)
    if ignore_class is not None:
        valid = valid & (true != ignore_class)
    indices = xp.where(valid, true * classes + pred, xp.zeros_like(true))
    counts = valid.astype(total.dtype)
    if weight is not None:
        counts = counts * weight.astype(total.dtype, copy=False)
    flat = xp.zeros((classes * classes,), dtype=total.dtype)
    backend.scatter_add(flat, indices.reshape(-1), counts.reshape(-1))
    total += flat.reshape(total.shape)
