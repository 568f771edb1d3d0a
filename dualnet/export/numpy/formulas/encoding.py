"""Whole numbers as vectors, and as rows of a table."""

import numpy as np


def embedding(table, ids):
    """The rows of a table.  table: (n, size)  ids: whole numbers from 0 to n - 1 -> (*ids.shape, size)"""
    rows = ids.astype(np.int64)
    if ids.size and (np.any(rows != ids) or rows.min() < 0 or rows.max() >= len(table)):
        raise ValueError(f"expected whole numbers from 0 to {len(table) - 1}, got {ids.min()} to {ids.max()}")
    return table[rows]


def tokens_below(ids, num_tokens):
    """The ids as integers, which are from 0 to num_tokens - 1"""
    tokens = ids.astype(np.int64)
    if ids.size and (np.any(tokens != ids) or tokens.min() < 0 or tokens.max() >= num_tokens):
        raise ValueError(f"expected whole numbers from 0 to {num_tokens - 1}, got {ids.min()} to {ids.max()}")
    return tokens


def one_hot(x, num_classes, dtype="float32", axis=-1):
    """1 at the position of each id, 0 elsewhere; an id that is no position has zeros only"""
    hot = (x[..., None] == np.arange(num_classes)).astype(dtype)
    return np.moveaxis(hot, -1, axis)


def multi_hot(ids, num_classes, axis=1, dtype="float32"):
    """1 for every id that occurs along axis, 0 for the others"""
    return one_hot(ids, num_classes, dtype).max(axis=axis)


def count_ids(ids, weights=None, num_classes=1, axis=1, dtype="float32"):
    """How often each id occurs along axis, or the sum of its weights"""
    hot = one_hot(ids, num_classes, dtype)
    return hot.sum(axis=axis) if weights is None else (hot * weights[..., None]).sum(axis=axis)


def index_of(x, keys, values):
    """The value of the key that equals x, -2 where none does.  keys: in rising order"""
    at = np.minimum(np.searchsorted(keys, x), len(keys) - 1)
    return np.where(keys[at] == x, values[at], -2).astype(values.dtype)
