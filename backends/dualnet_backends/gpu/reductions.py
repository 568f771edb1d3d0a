"""Sums, gradients of biases, and what metrics count, on the GPU: one kernel each, two for many elements.

How many blocks add up is a function of the shape alone, and they are added in one order, so that results are the same every time.
"""

from __future__ import annotations

from math import prod
from typing import Any

import cupy as cp

from ..base import Array, Backend
from .modules import NO_ADDRESS, THREADS, contiguous, is_contiguous, kernel, lanes_for, launch, launch_rows

FEW = 8_192  # elements that one block adds up
BLOCKS = 512  # that share many
SLOPES = {"relu": "relu", "tanh": "from_tanh", "elu": "from_elu"}  # structs of cuda/activations.cuh


class CupyReductions(Backend):
    """Overrides for floats of 16 to 64 bits."""

    def sum_rows(self, x: Array, out: Array | None = None) -> Array:
        rows = x.size // x.shape[-1] if x.ndim and x.shape[-1] else 0
        if x.dtype.char not in "efd" or not rows or not _takes(out, x.dtype):
            return super().sum_rows(x, out)
        x = contiguous(x)
        y = cp.empty(x.shape[-1:], dtype=x.dtype) if out is None else out
        sum_columns("bias_gradients", "sums", (x,), y, x.shape[-1], 1, rows)
        return y

    def activation_gradients(
        self, activation: Any, y: Array, dy: Array, bias: str | None = "sum_rows", out: Array | None = None
    ) -> tuple[Array, Array | None]:
        name = SLOPES.get(activation.name, "")
        fits = y.dtype.char in "efd" and y.dtype == dy.dtype and y.shape == dy.shape and y.size and _takes(out, y.dtype)
        if not (name and bias and fits):
            return super().activation_gradients(activation, y, dy, bias, out)
        y, dy = contiguous(y), contiguous(dy)
        dz, channels = cp.empty(y.shape, dtype=y.dtype), y.shape[-1]
        db = cp.empty(channels, dtype=y.dtype) if out is None else out
        sum_columns("bias_gradients", "gradients", (y, dy, dz), db, channels, 1, y.size // channels, name)
        return dz, db

    def total(self, x: Array, divisor: float = 1, weights: Array | None = None) -> Array:
        if not _can_add(x, weights):
            return super().total(x, divisor, weights)
        y = cp.empty((), dtype=x.dtype)
        _add_up("total", x, weights, y, _number(x, divisor))
        return y

    def total_gradient(self, dy: Array, divisor: float, x: Array, weights: Array | None = None) -> Array:
        if not _can_add(x, weights) or dy.dtype != x.dtype:
            return super().total_gradient(dy, divisor, x, weights)
        dx = cp.empty(x.shape, dtype=x.dtype)
        weight = NO_ADDRESS if weights is None else contiguous(weights)
        function = kernel("reductions", "total_gradient", x.dtype.char)
        launch(function, x.size, dy, weight, _each(x, weights), dx, _number(x, divisor), cp.int64(x.size))
        return dx

    def add_to_mean(self, total: Array, count: Array, value: Array, weight: int) -> None:
        is_here = isinstance(value, cp.ndarray)  # not a number on the host
        if not is_here or total.dtype.char not in "efd" or not total.dtype == count.dtype == value.dtype:
            super().add_to_mean(total, count, value, weight)
            return
        function = kernel("reductions", "add_value", total.dtype.char)
        function((1,), (1,), (total, count, value, _number(total, weight)))

    def add_values_to_mean(self, total: Array, count: Array, values: Array, weights: Array | None = None) -> None:
        if not _can_add(values, weights) or not total.dtype == count.dtype == values.dtype:
            super().add_values_to_mean(total, count, values, weights)
            return
        samples = values.shape[0] if values.ndim else 1
        numbers = values.size // samples, samples, 0 if weights is None else samples / weights.size
        _add_up("add_values", values, weights, total, count, *(_number(total, v) for v in numbers))

    def add_largest(self, total: Array, count: Array, scores: Array, targets: Array) -> None:
        is_one_hot = targets.ndim == scores.ndim
        is_known = targets.dtype.kind in "biu" or (is_one_hot and targets.dtype.char in "efd")
        fits = targets.shape == (scores.shape if is_one_hot else scores.shape[:-1])
        if scores.size > 8 * FEW or not (is_known and fits) or not _can_compare(scores, total.dtype) or scores.ndim < 2:
            super().add_largest(total, count, scores, targets)
            return
        n = scores.shape[-1]
        rows = scores.size // n
        function = kernel("accuracy", "add_largest", scores.dtype.char, L=targets.dtype.char, R=total.dtype.char)
        numbers = cp.int32(is_one_hot), cp.float32(rows // len(scores)), cp.float32(len(scores))
        sizes = cp.int64(rows), cp.int64(n), cp.int32(lanes_for(n))
        arrays = contiguous(scores), contiguous(targets), total, count
        function((1,), (THREADS,), (*arrays, *numbers, *sizes))

    def is_largest(self, scores: Array, labels: Array, dtype: Any) -> Array:
        if labels.dtype.kind not in "biu" or not _can_compare(scores, dtype) or labels.shape != scores.shape[:-1]:
            return super().is_largest(scores, labels, dtype)
        return _compare_rows("is_label_largest", scores, labels, dtype)

    def has_same_largest(self, scores: Array, targets: Array, dtype: Any) -> Array:
        is_known = targets.dtype.kind in "biu" or targets.dtype.char in "efd"
        if not is_known or not _can_compare(scores, dtype) or targets.shape != scores.shape:
            return super().has_same_largest(scores, targets, dtype)
        return _compare_rows("is_same_largest", scores, targets, dtype)

    def is_right_side(self, scores: Array, targets: Array, threshold: float, dtype: Any) -> Array:
        is_known = targets.dtype.kind in "biu" or targets.dtype.char in "efd"
        is_number = isinstance(threshold, (int, float))
        if not is_known or not is_number or not _can_compare(scores, dtype) or targets.shape != scores.shape:
            return super().is_right_side(scores, targets, threshold, dtype)
        out = cp.empty(scores.shape, dtype=dtype)
        function = _comparison("is_above", scores, targets, out)
        number = _number(scores, scores.dtype.type(threshold))  # in the dtype of the scores, as NumPy compares
        launch(
            function,
            out.size,
            contiguous(scores),
            contiguous(targets),
            out,
            number,
            cp.int64(out.size),
        )
        return out


def sum_columns(
    topic: str,
    name: str,
    arrays: tuple[Any, ...],
    out: Array,
    channels: int,
    inner: int,
    n: int,
    function: str = "relu",
) -> None:
    """Run a kernel that adds up the n elements of each channel (``cuda/columns.cuh``) into ``out``."""
    blocks, chunks, lanes = columns_grid(channels, inner, n)
    char = out.dtype.char
    partial = NO_ADDRESS if chunks == 1 else cp.empty((chunks, channels), dtype="d" if char == "d" else "f")
    sizes = (cp.int64(channels), cp.int64(inner), cp.int64(n), cp.int64(lanes))
    kernel(topic, name, char, function)((blocks, chunks), (THREADS,), (*arrays, out, partial, *sizes))
    if chunks > 1:
        launch(
            kernel(topic, "add_chunks", char, function), channels, partial, out, cp.int64(chunks), cp.int64(channels)
        )


def columns_grid(channels: int, inner: int, n: int) -> tuple[int, int, int]:
    """(blocks side by side, chunks, channels of a block): a thread adds up to 128 elements, and more where there would be too many chunks."""
    lanes = min(32, 1 << (channels - 1).bit_length()) if inner == 1 else 1
    blocks = -(-channels // lanes)
    chunks = min(-(-n * lanes // (128 * THREADS)), max(1_024 // blocks, 1))
    return blocks, chunks, lanes


def _takes(out: Array | None, dtype: Any) -> bool:
    return out is None or (out.dtype == dtype and is_contiguous(out))


def _number(x: Array, value: Any) -> Any:
    """A number in the dtype that a kernel computes in."""
    return cp.float64(value) if x.dtype.char == "d" else cp.float32(value)


def _can_add(x: Array, weights: Array | None) -> bool:
    """Whether the kernels know the dtype, and the weights are as many as the first axes have elements."""
    if x.dtype.char not in "efd" or not x.size:
        return False
    if weights is None:
        return True
    axes = x.ndim
    while axes and weights.ndim == x.ndim and weights.shape[axes - 1] == 1:
        axes -= 1
    return weights.dtype == x.dtype and weights.ndim == x.ndim and weights.shape[:axes] == x.shape[:axes]


def _each(x: Array, weights: Array | None) -> Any:
    """How many neighbours share a weight."""
    return cp.int64(1 if weights is None else x.size // weights.size)


def _add_up(name: str, x: Array, weights: Array | None, *outputs: Any) -> None:
    """Run a kernel that finishes sums, after one that prepares them where there are many elements."""
    x, weight, each = contiguous(x), NO_ADDRESS, _each(x, weights)
    if weights is not None:
        weight = contiguous(weights)
    partial, blocks, char = NO_ADDRESS, 0, x.dtype.char
    if x.size > FEW:
        blocks = min(-(-x.size // (FEW // 2)), BLOCKS)
        partial = cp.empty((blocks, 2), dtype="d" if char == "d" else "f")
        kernel("reductions", "sums", char)((blocks,), (THREADS,), (x, weight, each, partial, cp.int64(x.size)))
    arguments = (x, weight, each, partial, cp.int64(blocks), *outputs, cp.int64(x.size))
    kernel("reductions", name, char)((1,), (THREADS,), arguments)


def _can_compare(scores: Array, dtype: Any) -> bool:
    return (
        scores.dtype.char in "efd"
        and scores.ndim > 0
        and scores.size > 0
        and str(dtype) in ("float16", "float32", "float64")
    )


def _comparison(name: str, scores: Array, targets: Array, out: Array) -> Any:
    return kernel("accuracy", name, scores.dtype.char, L=targets.dtype.char, R=out.dtype.char)


def _compare_rows(name: str, scores: Array, targets: Array, dtype: Any) -> Array:
    out = cp.empty(scores.shape[:-1], dtype=dtype)
    function, n = _comparison(name, scores, targets, out), scores.shape[-1]
    launch_rows(function, prod(out.shape), n, contiguous(scores), contiguous(targets), out)
    return out
