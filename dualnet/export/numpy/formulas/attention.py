"""Attention: every query takes a weighted mean of the values, weighted by how well their keys match it."""

import numpy as np

from .activations import softmax


def attention(query, key, value, scale, mask=None, bias=None, soft_cap=None):
    """softmax(query key^T scale) value, for each head

    query: (batch, queries, heads, depth)  key: (batch, keys, heads, depth)  value: (batch, keys, heads, size)
    mask: (batch, heads, queries, keys), where axes may be 1
    bias: the same
    soft_cap: limits the scores smoothly

    -> (batch, queries, heads, size)
    """
    group = query.shape[2] // key.shape[2]  # of queries that share a head of keys and values
    if group > 1:
        key, value = np.repeat(key, group, axis=2), np.repeat(value, group, axis=2)
    scores = scale * np.einsum("bqhd,bkhd->bhqk", query, key, optimize=True)
    if bias is not None:
        scores = scores + bias
    if soft_cap is not None:
        scores = soft_cap * np.tanh(scores / soft_cap)
    if mask is not None:  # a query that sees no key takes the mean of all values
        scores = np.where(mask, scores, 0.7 * np.finfo(scores.dtype).min)
    return np.einsum("bhqk,bkhd->bqhd", softmax(scores), value, optimize=True)


def sees_nothing(mask):
    """Which query sees no key, as it broadcasts against the output.  mask: (batch, heads, queries, keys), or its last axes"""
    blind = ~mask.reshape((1,) * (4 - mask.ndim) + mask.shape).any(axis=-1)
    return np.moveaxis(blind, 1, 2)[..., None]


def band(queries, keys, is_causal=False, window=None, offset=0):
    """Which query sees which key by their positions.  -> (queries, keys), of bool

    is_causal: none after its own.
    window: none that is window or more steps away.
    offset: the position of the first query.
    """
    ahead = np.arange(keys) - np.arange(queries)[:, None] - offset
    visible = np.ones_like(ahead, dtype=bool)
    if is_causal:
        visible &= ahead <= 0
    if window is not None:
        visible &= np.abs(ahead) < window
    return visible
