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

from ..kernels.normalization import Array, Normalization, update_moving_average

BLOCK = 16_384  # elements, at most
CHANNEL_LIMIT = 64  # channels below which it measured faster
PLAIN_SIZE = 4_096  # elements up to which the reference kernel, which makes fewer calls, is faster
LONG_ROW = 1_024  # elements of the rows that several short ones are joined to
AT_ONCE = 32_768  # elements of a block of such rows
LONG = 131_072  # elements from which blocks are worth it for rows of any length, and threads share them


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

    def scale_and_shift(
        self, x: Array, scale: Array, shift: Array, activation: str | None = None, out: Array | None = None
    ) -> Array:
        if scale.size != x.shape[-1] or not is_worth_blocks(x) or (out is not None and not out.flags.c_contiguous):
            return super().scale_and_shift(x, scale, shift, activation, out)
        y = np.empty(x.shape, dtype=x.dtype) if out is None else out
        apply = RowOperation(scale, shift, activation)
        xs, ys = (np.ascontiguousarray(a).reshape(-1) for a in (x, y))
        self.split(x.size // apply.c, lambda part: apply(xs[apply.elements(part)], ys[apply.elements(part)]), x.size)
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


def is_worth_blocks(x: Array) -> bool:
    """Whether the rows of x are so short, or so many, that they are better treated as longer ones."""
    short = 1 < x.shape[-1] < CHANNEL_LIMIT and x.size > PLAIN_SIZE
    return bool((short or x.size >= LONG) and x.dtype.char in "fd")


class RowOperation:
    """activation(scale x + shift) for rows (c,), block by block, each of which stays in the cache from the first pass to the last.

    scale, shift: c elements. Several rows are treated as one, on which NumPy's loops have less to start.
    """

    def __init__(self, scale: Array, shift: Array, activation: str | None) -> None:
        self.c = scale.size
        self.width = self.c * max(1, LONG_ROW // self.c)
        self.scale, self.shift = (np.tile(v.reshape(-1), self.width // self.c) for v in (scale, shift))
        self.activation = activation
        self.zeros = np.zeros_like(self.scale)

    def elements(self, rows: slice) -> slice:
        return slice(rows.start * self.c, rows.stop * self.c)

    def __call__(self, x: Array, y: Array) -> None:
        """Write to y, which may be x.  x, y: flat, a whole number of rows"""
        step = self.width * max(1, AT_ONCE // self.width)
        whole = x.size - x.size % self.width
        for i in range(0, whole, step):
            part = slice(i, min(i + step, whole))
            self._apply(x[part].reshape(-1, self.width), y[part].reshape(-1, self.width), slice(None))
        if whole < x.size:
            self._apply(x[whole:], y[whole:], slice(x.size - whole))

    def _apply(self, x: Array, y: Array, part: slice) -> None:
        np.multiply(x, self.scale[part], out=y)
        y += self.shift[part]
        if self.activation == "relu":
            np.maximum(y, self.zeros[part], out=y)
        elif self.activation is not None:
            np.clip(y, 0, 6, out=y)


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
