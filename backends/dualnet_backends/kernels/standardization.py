"""Standardization along axes, as in layer, group and RMS normalization, and its gradients: the reference kernels.

    normal = (x - mean) inv,  inv = 1 / sqrt(mean((x - mean)^2) + epsilon),  y = gamma normal + beta

The means are taken over ``axes``. gamma and beta have as many axes as x, of length 1 except for those that they belong to.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

Array = Any
Ints = tuple[int, ...]


class Standardization:
    """The standardization kernels of ``Backend``."""

    xp: Any

    def standardize(
        self, x: Array, gamma: Array | None, beta: Array | None, axes: Ints, epsilon: float, centred: bool = True
    ) -> tuple[Array, Array, Array]:
        """(y, normal, inv); normal is y itself without gamma and beta.  x: any shape -> those of x, x, and x with ones for ``axes``

        centred: False takes 0 for the mean.
        """
        xp, n = self.xp, max(prod(x.shape[a] for a in axes), 1)
        normal = x - xp.sum(x, axis=axes, keepdims=True) / n if centred else x
        inv = 1 / xp.sqrt(xp.sum(normal * normal, axis=axes, keepdims=True) / n + epsilon)
        normal = xp.multiply(normal, inv, out=normal if centred else None)
        y = normal * gamma if gamma is not None else normal
        if beta is not None:
            y = y + beta if gamma is None else xp.add(y, beta, out=y)
        return y, normal, inv

    def standardize_gradients(
        self,
        dy: Array,
        normal: Array,
        inv: Array,
        gamma: Array | None,
        axes: Ints,
        parameter_axes: Ints,
        centred: bool = True,
        out: Sequence[Any] = (None, None, None),
    ) -> tuple[Array | None, Array | None, Array | None]:
        """(dx, dgamma, dbeta) from what ``standardize`` returned.

        parameter_axes: those of gamma and beta, whose gradients have these axes alone.
        out: for each, False when it is not requested, an array to write into, or None to allocate one.
        """
        xp, n = self.xp, max(prod(dy.shape[a] for a in axes), 1)
        others = tuple(a for a in range(dy.ndim) if a not in parameter_axes)
        dx = dgamma = dbeta = None
        if out[2] is not False:
            dbeta = xp.sum(dy, axis=others, out=out[2])
        products = dy * normal
        if out[1] is not False:
            dgamma = xp.sum(products, axis=others, out=out[1])
        if out[0] is not False:
            # dx = inv (d - mean(d) - normal mean(d normal)), where d = gamma dy
            if gamma is not None:
                products *= gamma
            slope = xp.sum(products, axis=axes, keepdims=True) / n
            dx = xp.multiply(normal, -slope, out=products if out[0] is None else out[0])
            d = dy if gamma is None else dy * gamma
            dx += d
            if centred:
                dx -= xp.sum(d, axis=axes, keepdims=True) / n
            dx *= inv
        return dx, dgamma, dbeta
