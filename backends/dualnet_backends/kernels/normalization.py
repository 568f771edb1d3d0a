"""Batch normalization and its gradients, for channels at any axis: the reference kernels.

x: any shape with c entries along ``axis``; mean, inv, gamma, beta: (c,).  Over all other axes, which have n entries:

    mean = sum(x) / n      variance = sum((x - mean)^2) / n      inv = 1 / sqrt(variance + epsilon)
    y = gamma (x - mean) inv + beta
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

Array = Any


class Normalization:
    """The normalization kernels of ``Backend``."""

    xp: Any
    sum_rows: Callable[..., Array]
    relu: Callable[..., Array]
    clip: Callable[..., Array]

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
        """(y, mean, inv) of a batch; y is newly allocated.

        moving_mean, moving_variance: updated in place, ``moving = momentum moving + (1 - momentum) batch``, unless the
        batch is empty.
        """
        n, shape = broadcast_shape(x, axis)
        mean = self._sums(x, axis) / max(n, 1)
        y = x - mean.reshape(shape)
        variance = self._sums(y * y, axis) / max(n, 1)
        inv = 1 / self.xp.sqrt(variance + epsilon)
        y *= (inv if gamma is None else inv * gamma).reshape(shape)
        if beta is not None:
            y += beta.reshape(shape)
        if n:
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
        """y from the moving statistics, newly allocated, as gamma inv x + (beta - gamma inv mean).

        activation: "relu" or "relu6", which is then applied to y; None for neither.
        """
        shape = broadcast_shape(x, axis)[1]
        scale, shift = (v.reshape(shape) for v in for_inference(mean, inv, gamma, beta))
        return self.scale_and_shift(x, scale, shift, activation)

    def scale_and_shift(
        self, x: Array, scale: Array, shift: Array, activation: str | None = None, out: Array | None = None
    ) -> Array:
        """scale x + shift, and then "relu" or "relu6".  scale, shift: shapes that broadcast against x

        out: an array to write into, which may be x itself.
        """
        y = self.xp.multiply(x, scale, out=out)
        y += shift
        if activation == "relu":
            return self.relu(y, out=y)
        if activation is not None:
            y[...] = self.clip(y, 0, 6)
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
        """(dx, dgamma, dbeta), from the mean and inv that ``batch_norm`` returned; dx is None unless ``needs_dx``.

        dgamma, dbeta: arrays to write those gradients into.
        """
        n, shape = broadcast_shape(x, axis)
        dx = x - mean.reshape(shape)
        dx *= inv.reshape(shape)  # before the sum, which could be too large for 16 bits
        dbeta = self._sums(dy, axis, dbeta)
        dgamma = self._sums(dx * dy, axis, dgamma)
        if not needs_dx:
            return None, dgamma, dbeta
        # dx = gamma inv (dy - dbeta / n - (x - mean) inv dgamma / n): the batch moves its own mean and variance.
        dx *= (dgamma / -max(n, 1)).reshape(shape)
        dx += dy
        dx -= (dbeta / max(n, 1)).reshape(shape)
        dx *= (inv if gamma is None else inv * gamma).reshape(shape)
        return dx, dgamma, dbeta

    def _sums(self, x: Array, axis: int, out: Array | None = None) -> Array:
        """The sums over all axes but one, (c,)."""
        if axis == x.ndim - 1:
            return self.sum_rows(x, out)
        return self.xp.sum(x, axis=tuple(i for i in range(x.ndim) if i != axis), out=out)


def broadcast_shape(x: Array, axis: int) -> tuple[int, tuple[int, ...]]:
    """(n, the shape in which a (c,) array broadcasts against x)"""
    shape = tuple(size if i == axis else 1 for i, size in enumerate(x.shape))
    return prod(x.shape[:axis] + x.shape[axis + 1 :]), shape


def for_inference(mean: Array, inv: Array, gamma: Array | None, beta: Array | None) -> tuple[Array, Array]:
    """(scale, shift) of ``y = scale x + shift`` for fixed statistics, each (c,)"""
    scale = inv if gamma is None else inv * gamma
    shift = -mean * scale
    return scale, shift if beta is None else shift + beta


def update_moving_average(average: Array | None, value: Array, momentum: float) -> None:
    """``average = momentum average + (1 - momentum) value``, in place."""
    if average is not None:
        average *= momentum
        average += value * (1.0 - momentum)
