"""Softmax, its logarithm, and the cross-entropies with them: the reference kernels.  x: any shape -> the same shape"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Array = Any


class Softmax:
    """The kernels of ``Backend`` that go along an axis of classes."""

    xp: Any
    valid_ids: Callable[..., Array]
    take: Callable[..., Array]
    one_hot: Callable[..., Array]

    def softmax(self, x: Array, axis: int = -1) -> Array:
        """exp(x) / sum(exp(x)) along ``axis``, shifted by the maximum so that it never overflows."""
        e = self.xp.exp(x - x.max(axis=axis, keepdims=True))
        e /= e.sum(axis=axis, keepdims=True)
        return e

    def softmax_gradient(self, y: Array, dy: Array, axis: int = -1) -> Array:
        """The gradient of x, from y = softmax(x)."""
        return y * (dy - self.xp.sum(dy * y, axis=axis, keepdims=True))

    def log_softmax(self, x: Array, axis: int = -1) -> Array:
        """log(softmax(x)), without taking the logarithm of a small number."""
        xp = self.xp
        shifted = x - x.max(axis=axis, keepdims=True)
        shifted -= xp.log(xp.exp(shifted).sum(axis=axis, keepdims=True))
        return shifted

    def log_softmax_gradient(self, y: Array, dy: Array, axis: int = -1) -> Array:
        """The gradient of x, from y = log_softmax(x)."""
        xp = self.xp
        return dy - xp.exp(y) * xp.sum(dy, axis=axis, keepdims=True)

    def cross_entropy(self, target: Array, z: Array, axis: int = -1) -> tuple[Array, Array]:
        """(-sum(target log softmax(z)) along ``axis``, log softmax(z)).  target, z: one shape -> it without that axis, it"""
        log_p = self.log_softmax(z, axis)
        return -(target * log_p).sum(axis=axis), log_p

    def cross_entropy_gradient(self, target: Array, log_p: Array, dy: Array, axis: int = -1) -> Array:
        """The gradient of the logits, from the second result of ``cross_entropy``.  dy: of the shape of the first"""
        xp = self.xp
        dz = xp.exp(log_p)
        # The probabilities of a target need not sum to one (label weights, soft labels).
        dz *= target.sum(axis=axis, keepdims=True)
        dz -= target
        dz *= dy[..., None] if axis == -1 else xp.expand_dims(dy, axis)
        return dz

    def sparse_cross_entropy(self, z: Array, labels: Array) -> tuple[Array, Array]:
        """(-log softmax(z) at the labels, softmax(z)).  z: (n, classes)  labels: (n,) integers -> (n,), (n, classes)

        labels: int32 or int64 in [0, classes). One outside raises ``IndexError``; on a device that cannot raise, both results
        are NaN for it (see ``valid_ids``).
        """
        xp, (n, classes) = self.xp, z.shape
        valid = self.valid_ids(labels, classes, "labels")
        log_p = z - z.max(axis=1, keepdims=True)
        log_p -= xp.where(valid[:, None], xp.log(xp.exp(log_p).sum(axis=1, keepdims=True)), xp.nan)
        # A flat index: one of rows and columns takes a GPU three times as many kernels.
        at_labels = self.take(log_p.reshape(-1), xp.arange(0, n * classes, classes) + xp.where(valid, labels, 0))
        return -at_labels, xp.exp(log_p)

    def sparse_cross_entropy_gradient(self, p: Array, labels: Array, dy: Array) -> Array:
        """The gradient of the logits, from the second result of ``sparse_cross_entropy``.

        p: (n, classes)  labels: (n,)  dy: (n,) -> (n, classes)
        """
        return (p - self.one_hot(labels, p.shape[1], p.dtype)) * dy[:, None]
