"""Batch normalization and its gradients, for channels at any axis: the plain bodies.

x: any shape with c entries along ``axis``; mean, inv, gamma, beta: (c,).  Over all other axes, which have n entries:

    mean = sum(x) / n      variance = sum((x - mean)^2) / n      inv = 1 / sqrt(variance + epsilon)
    y = gamma (x - mean) inv + beta
"""

from __future__ import annotations

from typing import Any

Array = Any


class Normalization:
    """The kernels of ``Backend`` that normalize."""

    xp: Any

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
        """(y, mean, inv) of a batch; y is fresh memory.

        moving_mean, moving_variance: move a little towards those of the batch, in place:
        ``moving = momentum moving + (1 - momentum) batch``. An empty batch leaves them as they are.
        """
        xp, (n, axes, shape) = self.xp, channels(x, axis)
        mean = xp.sum(x, axis=axes) / max(n, 1)
        y = x - mean.reshape(shape)
        variance = xp.sum(y * y, axis=axes) / max(n, 1)
        inv = 1 / xp.sqrt(variance + epsilon)
        y *= (inv if gamma is None else inv * gamma).reshape(shape)
        if beta is not None:
            y += beta.reshape(shape)
        if n:
            move(moving_mean, mean, momentum)
            move(moving_variance, variance, momentum)
        return y, mean, inv

    def batch_norm_with(
        self, x: Array, mean: Array, inv: Array, gamma: Array | None, beta: Array | None, axis: int
    ) -> Array:
        """y for a mean and an inv that are given, as in inference; fresh memory."""
        shape = channels(x, axis)[2]
        y = x - mean.reshape(shape)
        y *= (inv if gamma is None else inv * gamma).reshape(shape)
        if beta is not None:
            y += beta.reshape(shape)
        return y

    def batch_norm_gradients(
        self,
        dy: Array,
        x: Array,
        gamma: Array | None,
        axis: int,
        mean: Array,
        inv: Array,
        wants_dx: bool = True,
        dgamma: Array | None = None,
        dbeta: Array | None = None,
    ) -> tuple[Array | None, Array, Array]:
        """(dx, dgamma, dbeta) for what ``batch_norm`` returned; dx is None unless wanted.

        dgamma, dbeta: arrays to write those gradients into.
        """
        xp, (n, axes, shape) = self.xp, channels(x, axis)
        normal = x - mean.reshape(shape)
        normal *= inv.reshape(shape)
        dbeta = xp.sum(dy, axis=axes, out=dbeta)
        dgamma = xp.sum(dy * normal, axis=axes, out=dgamma)
        if not wants_dx:
            return None, dgamma, dbeta
        # dx = gamma inv (dy - mean(dy) - normal mean(dy normal)): the batch moves its own mean and variance.
        normal *= (dgamma / max(n, 1)).reshape(shape)
        normal += (dbeta / max(n, 1)).reshape(shape)
        dx = dy - normal
        dx *= (inv if gamma is None else inv * gamma).reshape(shape)
        return dx, dgamma, dbeta


def channels(x: Array, axis: int) -> tuple[int, tuple[int, ...], tuple[int, ...]]:
    """(n, the other axes, the shape with which a (c,) array broadcasts against x)"""
    shape = tuple(size if i == axis else 1 for i, size in enumerate(x.shape))
    n = 1
    for i, size in enumerate(x.shape):
        n *= 1 if i == axis else size
    return n, tuple(i for i in range(x.ndim) if i != axis), shape


def move(state: Array | None, batch: Array, momentum: float) -> None:
    """A moving average, towards the value of a batch."""
    if state is not None:
        state *= momentum
        state += batch * (1.0 - momentum)
