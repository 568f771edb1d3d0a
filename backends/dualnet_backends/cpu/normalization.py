"""Batch normalization on the CPU for few channels on the last axis, as after a convolution.

Few channels make short rows, on which NumPy spends more time on loop overhead than on arithmetic. So a block of rows is
treated as one long vector, with the mean and the scale repeated for every row in it. A block fits in the cache, and its sums,
one per element of the vector and folded in halves at the end, have a smaller rounding error than one long sum.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import repeat
from typing import TYPE_CHECKING, Any

import numpy as np

from ..kernels.normalization import Array, Normalization, scale_and_shift, update_moving_average

BLOCK = 16_384  # elements, at most
CHANNEL_LIMIT = 64  # channels below which it measured faster
PLAIN_SIZE = 4_096  # elements up to which the reference kernel, which makes fewer calls, is faster
LONG = 131_072  # elements from which blocks are worth it for any number of channels, and threads share them


class NumpyNormalization(Normalization):
    """Overrides for few channels on the last axis, and for inference with many."""

    xp: Any = np

    if TYPE_CHECKING:  # defined by Backend

        def split(self, n: int, function: Callable[[slice], Any], size: int | None = None) -> None: ...

    def batch_norm(
        self,
        x: Array,
        gamma: Array | None,
        beta: Array | None,
        axis: int,
        epsilon: float,
        moving_mean: Array | None = None,
        moving_variance: Array | None = None,
        momentum: float = 0.99,
    ) -> tuple[Array, Array, Array]:
        if not _is_blocked(x, axis):
            return super().batch_norm(x, gamma, beta, axis, epsilon, moving_mean, moving_variance, momentum)
        rows, y = _Blocks(x), np.empty(x.shape, dtype=x.dtype)
        xs, ys = rows.blocks(x), rows.blocks(y)
        mean = rows.sum(xs)
        mean /= rows.n
        deviations = rows.subtract(xs, rows.repeat(mean), ys)
        variance = rows.sum(np.multiply(yi, yi, out=rows.scratch[: yi.size]) for yi in deviations)
        variance /= rows.n
        inv = 1 / np.sqrt(variance + epsilon)
        rows.scale(ys, inv, gamma, beta)
        update_moving_average(moving_mean, mean, momentum)
        update_moving_average(moving_variance, variance, momentum)
        return y, mean, inv

    def batch_norm_inference(
        self,
        x: Array,
        mean: Array,
        inv: Array,
        gamma: Array | None,
        beta: Array | None,
        axis: int,
        activation: str | None = None,
    ) -> Array:
        if not (_is_blocked(x, axis) or (axis == x.ndim - 1 and x.size >= LONG and x.dtype.char in "fd")):
            return super().batch_norm_inference(x, mean, inv, gamma, beta, axis, activation)
        rows, y = _Blocks(x), np.empty(x.shape, dtype=x.dtype)
        xs, ys = rows.blocks(x), rows.blocks(y)
        scale, shift = map(rows.repeat, scale_and_shift(mean, inv, gamma, beta))
        zeros = np.zeros_like(scale)

        def normalize(part: slice) -> None:
            for xi, yi in zip(xs[part], ys[part]):
                np.multiply(xi, scale[: xi.size], out=yi)
                yi += shift[: xi.size]
                if activation == "relu":
                    np.maximum(yi, zeros[: xi.size], out=yi)
                elif activation is not None:
                    np.clip(yi, 0, 6, out=yi)

        self.split(len(xs), normalize, x.size)
        return y

    def batch_norm_gradients(
        self,
        dy: Array,
        x: Array,
        gamma: Array | None,
        axis: int,
        mean: Array,
        inv: Array,
        needs_dx: bool = True,
        dgamma: Array | None = None,
        dbeta: Array | None = None,
    ) -> tuple[Array | None, Array, Array]:
        if not _is_blocked(x, axis):
            return super().batch_norm_gradients(dy, x, gamma, axis, mean, inv, needs_dx, dgamma, dbeta)
        rows = _Blocks(x)
        xs, grads, means = rows.blocks(x), rows.blocks(dy), rows.repeat(mean)
        deviations = rows.subtract(xs, means, repeat(rows.scratch))
        products = (np.multiply(t, dyi, out=t) for t, dyi in zip(deviations, grads))
        dbeta = np.positive(rows.sum(grads), out=dbeta)
        dgamma = np.multiply(rows.sum(products), inv, out=dgamma)
        if not needs_dx:
            return None, dgamma, dbeta
        # dx = gamma inv (dy - dbeta / n - (x - mean) inv dgamma / n)
        scale = rows.repeat(inv if gamma is None else inv * gamma)
        slope, shift = rows.repeat(dgamma * inv / -rows.n), rows.repeat(dbeta / rows.n)
        dx = np.empty(x.shape, dtype=x.dtype)
        for dxi, dyi in zip(rows.subtract(xs, means, rows.blocks(dx)), grads):
            dxi *= slope[: dxi.size]
            dxi += dyi
            dxi -= shift[: dxi.size]
            dxi *= scale[: dxi.size]
        return dx, dgamma, dbeta


def _is_blocked(x: Array, axis: int) -> bool:
    # Not in float16: the sums here would overflow, while the reference kernel sums normalized values.
    return bool(axis == x.ndim - 1 and 1 < x.shape[-1] < CHANNEL_LIMIT and x.size > PLAIN_SIZE and x.dtype.char in "fd")


class _Blocks:
    """Splits arrays of shape (..., c) into long vectors of whole rows."""

    def __init__(self, x: Array) -> None:
        self.c = x.shape[-1]
        self.n = x.size // self.c
        self.size = self.c
        while 2 * self.size <= BLOCK:  # a power of two rows, for ``sum`` to fold
            self.size *= 2
        self.scratch = np.empty(self.size, dtype=x.dtype)

    def blocks(self, x: Array) -> list[Array]:
        flat = np.ascontiguousarray(x).reshape(-1)
        return [flat[i : i + self.size] for i in range(0, flat.size, self.size)]

    def repeat(self, v: Array) -> Array:
        """(c,) -> one value for each element of a vector"""
        return np.tile(v, self.size // self.c)

    def subtract(self, xs: list[Array], means: Array, outs: Iterable[Array]) -> Iterator[Array]:
        """x - mean, each block when it is asked for, while it is in the cache."""
        for xi, out in zip(xs, outs):
            yield np.subtract(xi, means[: xi.size], out=out[: xi.size])

    def scale(self, ys: Iterable[Array], inv: Array, gamma: Array | None, beta: Array | None) -> None:
        """y = gamma inv y + beta, in place."""
        scale = self.repeat(inv if gamma is None else inv * gamma)
        shift = None if beta is None else self.repeat(beta)
        for yi in ys:
            yi *= scale[: yi.size]
            if shift is not None:
                yi += shift[: yi.size]

    def sum(self, blocks: Iterable[Array]) -> Array:
        """The sum of all rows, (c,)."""
        total = np.zeros_like(self.scratch)
        for block in blocks:
            total[: block.size] += block
        while total.size > self.c:
            half = total.size // 2
            total = total[:half] + total[half:]
        return total
