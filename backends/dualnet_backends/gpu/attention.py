"""Attention on the GPU: one launch, and two for the gradients, however long the sequences are.

A block keeps the running maximum and sum of its queries while it goes through the keys, and the scores of a tile never leave it. What
the kernels do not take, wide heads and more masks than attention has, and the gradient of a bias, is computed as by the reference.
"""

from __future__ import annotations

import functools
from typing import Any

import cupy as cp
import numpy as np

from ..base import Array, Backend
from ..kernels.attention import MASKED, Attended, Weighted
from .modules import address, contiguous, kernel, shared_memory

TILE = 32  # queries and keys
THREADS = 64
MASKS = 3


class CupyAttention(Backend):
    """Overrides of ``kernels/attention.py``. The weights are never kept: computing them again reads less than they would take."""

    def attention(self, a: Attended) -> Weighted:
        a, _ = _with_number(a)
        batch, t, _, heads, group = a.sizes
        size = a.v.shape[3]
        if not _is_usual(a, size):
            return super().attention(a)
        y = cp.empty((batch, t, heads, group, size), a.q.dtype)
        shift, inv = (cp.empty((batch, heads, group, 1, t), a.q.dtype) for _ in range(2))
        a, of_a = _structure(a)
        _launch("attention", a, batch * heads * group * -(-t // TILE), size, of_a, y, shift, inv)
        return Weighted(y, shift, inv, None)

    def attention_gradients(
        self, a: Attended, result: Weighted, dy: Array, needs_bias: bool
    ) -> tuple[Array, Array, Array, Array | None]:
        a, scale = _with_number(a)
        batch, t, s, heads, group = a.sizes
        depth, size = a.k.shape[3], a.v.shape[3]
        if (needs_bias and a.bias is not None) or not _is_usual(a, depth + size):
            dq, dk, dv, dbias = super().attention_gradients(a, result, dy, needs_bias)
            return dq if scale is None else dq * scale, dk, dv, dbias
        y, shift, inv, dy = (contiguous(x) for x in (result.y, result.shift, result.inv, dy))
        dq, dk, dv = (cp.empty(x.shape, x.dtype) for x in (a.q, a.k, a.v))
        mean = cp.empty_like(inv)
        a, of_a = _structure(a)
        _launch(
            "attention_of_queries", a, batch * heads * group * -(-t // TILE), depth, of_a, y, shift, inv, dy, mean, dq
        )
        _launch("attention_of_keys", a, batch * heads * -(-s // TILE), depth + size, of_a, shift, inv, dy, mean, dk, dv)
        return dq if scale is None else dq * scale, dk, dv, None

    def _row_products(self, x: Array, y: Array) -> Array:
        # CuPy's einsum makes a product of cuBLAS of it, which it refuses to record.
        return (x * cp.transpose(y, (0, 2, 3, 1, 4))).sum(axis=-1)


def _with_number(a: Attended) -> tuple[Attended, Any]:
    """``a`` with a number as its scale; where that is an array, the queries take it up, and it is returned."""
    if not isinstance(a.scale, cp.ndarray):
        return a, None
    return a._replace(q=a.q * a.scale, scale=1.0), a.scale


def _is_usual(a: Attended, width: int) -> bool:
    """Whether the kernels can do it, with results that are so wide."""
    usual = (
        a.q.size
        and a.k.size
        and a.v.size
        and a.q.dtype.char in "fd"
        and len(a.masks) <= MASKS
        and not isinstance(a.cap, cp.ndarray)
    )
    return bool(usual) and _shared_bytes(a, width) <= shared_memory()


def _shared_bytes(a: Attended, width: int) -> int:
    return int((3 * TILE * (TILE + 1) + TILE * width) * a.q.itemsize)


def _launch(name: str, a: Attended, blocks: int, width: int, *arguments: Any) -> None:
    function, shared = kernel("attention", name, a.q.dtype.char), _shared_bytes(a, width)
    if shared > function.max_dynamic_shared_size_bytes:
        function.max_dynamic_shared_size_bytes = shared
    function((blocks,), (THREADS,), arguments, shared_mem=shared)


@functools.cache
def _dtype(char: str) -> Any:
    sizes = ["batch", "queries", "keys", "heads", "group", "depth", "size", "causal", "window", "offset", "blind"]
    fields: list[Any] = [(name, "q") for name in sizes]
    fields += [(name, char) for name in ("scale", "cap", "masked")]
    fields += [(name, np.uint64) for name in ("q", "k", "v", "bias")]
    arrays = [("masks", np.uint64, (MASKS,)), ("bias_strides", "q", (5,)), ("mask_strides", "q", (MASKS, 5))]
    return np.dtype([*fields, *arrays], align=True)


def _structure(a: Attended) -> tuple[Attended, Any]:
    """``a`` with arrays as the kernels take them, and the argument that has their addresses."""
    a = a._replace(q=contiguous(a.q), k=contiguous(a.k), v=contiguous(a.v))
    out = np.zeros((), dtype=_dtype(a.q.dtype.char))
    out["batch"], out["queries"], out["keys"], out["heads"], out["group"] = a.sizes
    out["depth"], out["size"] = a.k.shape[3], a.v.shape[3]
    out["causal"], out["window"], out["offset"], out["blind"] = a.causal, a.window or 0, a.offset, a.may_see_nothing
    out["scale"], out["cap"], out["masked"] = a.scale, a.cap or 0, MASKED[str(a.q.dtype)]
    out["q"], out["k"], out["v"], out["bias"] = map(address, (a.q, a.k, a.v, a.bias))
    if a.bias is not None:
        out["bias_strides"] = _strides(a.bias)
    for i, mask in enumerate(a.masks):
        out["masks"][i], out["mask_strides"][i] = address(mask), _strides(mask)
    return a, out


def _strides(x: Array) -> list[int]:
    """In elements, 0 for an axis of 1, which broadcasts."""
    return [0 if n == 1 else stride // x.itemsize for n, stride in zip(x.shape, x.strides)]
