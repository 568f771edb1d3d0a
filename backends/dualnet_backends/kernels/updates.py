"""Optimizer updates, in place: the reference kernels.

The arrays of a rule are flat and of one length: the weights w, their gradients g and the slots of the optimizer. ``decay`` is a factor
that the weights are multiplied by first. It and the numbers that depend on the learning rate or on the count of updates may be
0-d arrays of the dtype of the weights. Every element has its own result, so that a rule may be applied part by part, and the result is
the same to the bit on every device: the operations are those of IEEE 754, in the order in which they stand here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Array = Any
Scalar = Any


class Updates:
    """Kernels of a backend."""

    xp: Any

    def sgd(self, w: Array, g: Array, lr: Scalar, decay: Scalar | None = None) -> None:
        """w -= lr g"""
        _decay(w, decay)
        w -= lr * g

    def momentum(
        self, w: Array, g: Array, m: Array, lr: Scalar, mu: float, nesterov: bool, decay: Scalar | None = None
    ) -> None:
        """m = mu m - lr g; w += m, or with Nesterov w += mu m - lr g"""
        _decay(w, decay)
        step = lr * g
        m *= mu
        m -= step
        w += mu * m - step if nesterov else m

    def adam(
        self,
        w: Array,
        g: Array,
        m: Array,
        v: Array,
        alpha: Scalar,
        beta1: float,
        beta2: float,
        epsilon: float,
        v_hat: Array | None = None,
        decay: Scalar | None = None,
    ) -> None:
        """m += (1 - beta1)(g - m); v += (1 - beta2)(g^2 - v); w -= alpha m / (sqrt(v) + epsilon)

        ``alpha`` carries the bias correction. With ``v_hat`` (AMSGrad) the largest v so far divides.
        """
        xp = self.xp
        _decay(w, decay)
        m += (g - m) * (1.0 - beta1)
        v += (g * g - v) * (1.0 - beta2)
        if v_hat is not None:
            xp.maximum(v_hat, v, out=v_hat)
            v = v_hat
        w -= m * alpha / (xp.sqrt(v) + epsilon)

    def adamax(
        self,
        w: Array,
        g: Array,
        m: Array,
        u: Array,
        lr: Scalar,
        correction: Scalar,
        beta1: float,
        beta2: float,
        epsilon: float,
        decay: Scalar | None = None,
    ) -> None:
        """m += (1 - beta1)(g - m); u = max(beta2 u, |g|); w -= lr m / (correction (u + epsilon))"""
        xp = self.xp
        _decay(w, decay)
        m += (g - m) * (1 - beta1)
        xp.maximum(u * beta2, xp.abs(g), out=u)
        w -= lr * m / (correction * (u + epsilon))

    def nadam(
        self,
        w: Array,
        g: Array,
        m: Array,
        v: Array,
        lr: Scalar,
        ahead: Scalar,
        now: Scalar,
        correction: Scalar,
        beta1: float,
        beta2: float,
        epsilon: float,
        decay: Scalar | None = None,
    ) -> None:
        """m and v as in ``adam``; w -= lr (ahead m + now g) / (sqrt(v / correction) + epsilon)"""
        _decay(w, decay)
        m += (g - m) * (1 - beta1)
        v += (g * g - v) * (1 - beta2)
        m_hat = ahead * m + now * g
        w -= lr * m_hat / (self.xp.sqrt(v / correction) + epsilon)

    def rmsprop(
        self,
        w: Array,
        g: Array,
        v: Array,
        lr: Scalar,
        rho: float,
        epsilon: float,
        mu: float = 0.0,
        m: Array | None = None,
        average: Array | None = None,
        decay: Scalar | None = None,
    ) -> None:
        """v = rho v + (1 - rho) g^2; w -= lr g / sqrt(v + epsilon)

        With ``m`` the step is its momentum of rate mu; with ``average``, that of g, its square is taken away from v (centered).
        """
        _decay(w, decay)
        v *= rho
        v += (1 - rho) * g * g
        spread = v
        if average is not None:
            average *= rho
            average += (1 - rho) * g
            spread = v - average * average
        step = lr * g / self.xp.sqrt(spread + epsilon)
        if m is not None:
            m *= mu
            m += step
            step = m
        w -= step

    def adagrad(self, w: Array, g: Array, a: Array, lr: Scalar, epsilon: float, decay: Scalar | None = None) -> None:
        """a += g^2; w -= lr g / sqrt(a + epsilon)"""
        _decay(w, decay)
        a += g * g
        w -= lr * g / self.xp.sqrt(a + epsilon)

    def adadelta(
        self,
        w: Array,
        g: Array,
        squares: Array,
        deltas: Array,
        lr: Scalar,
        rho: float,
        epsilon: float,
        decay: Scalar | None = None,
    ) -> None:
        """w += lr d, d = -g sqrt(deltas + epsilon) / sqrt(squares + epsilon), with running averages of g^2 and d^2 of rate rho."""
        xp = self.xp
        _decay(w, decay)
        squares *= rho
        squares += (1 - rho) * g * g
        d = -g * xp.sqrt(deltas + epsilon) / xp.sqrt(squares + epsilon)
        deltas *= rho
        deltas += (1 - rho) * d * d
        w += lr * d

    def ftrl(
        self,
        w: Array,
        g: Array,
        n: Array,
        z: Array,
        lr: Scalar,
        l2: Scalar,
        power: float,
        l1: float,
        shrinkage: float,
        decay: Scalar | None = None,
    ) -> None:
        """n' = n + g^2; z += g + 2 shrinkage w - (n'^p - n^p) / lr w; w = (clip(z, -l1, l1) - z) / (n'^p / lr + l2)

        p is ``power``. The last bits of a power depend on the device.
        """
        xp = self.xp
        _decay(w, decay)
        n_new = n + g * g
        n_p = xp.power(n_new, power)
        z += g + 2 * shrinkage * w
        z -= (n_p - xp.power(n, power)) / lr * w
        w[...] = (xp.clip(z, -l1, l1) - z) / (n_p / lr + l2)
        n[...] = n_new

    def lion(
        self, w: Array, g: Array, m: Array, lr: Scalar, beta1: float, beta2: float, decay: Scalar | None = None
    ) -> None:
        """w -= lr sign(beta1 m + (1 - beta1) g); m = beta2 m + (1 - beta2) g"""
        _decay(w, decay)
        w -= lr * self.xp.sign(beta1 * m + (1 - beta1) * g)
        m *= beta2
        m += (1 - beta2) * g

    def schedule_free(
        self,
        w: Array,
        g: Array,
        z: Array,
        v: Array,
        lr: Scalar,
        correction: Scalar,
        count: Scalar,
        beta1: float,
        beta2: float,
        epsilon: float,
        decay: Scalar | None = None,
    ) -> None:
        """v as in ``adam``; z -= lr g / (sqrt(v / correction) + epsilon); x += (z - x) / count; w = (1 - beta1) z + beta1 x"""
        _decay(w, decay)
        x = (w - (1 - beta1) * z) / beta1
        v += (g * g - v) * (1 - beta2)
        z -= lr * g / (self.xp.sqrt(v / correction) + epsilon)
        x += (z - x) / count
        w[...] = (1 - beta1) * z + beta1 * x

    def lamb(
        self,
        w: Array,
        g: Array,
        m: Array,
        v: Array,
        lr: Scalar,
        correction1: Scalar,
        correction2: Scalar,
        beta1: float,
        beta2: float,
        epsilon: float,
        decay: Scalar | None = None,
    ) -> None:
        """m and v as in ``adam``; w -= lr r u, u = (m / correction1) / (sqrt(v / correction2) + epsilon), r = |w| / |u|

        The arrays are those of one variable, in its shape. r is 1 where either norm is 0.
        """
        xp = self.xp
        _decay(w, decay)
        m += (g - m) * (1 - beta1)
        v += (g * g - v) * (1 - beta2)
        u = (m / correction1) / (xp.sqrt(v / correction2) + epsilon)
        w_norm, u_norm = xp.sqrt(xp.sum(w * w)), xp.sqrt(xp.sum(u * u))
        both = (w_norm > 0) & (u_norm > 0)
        r = xp.where(both, w_norm / xp.where(both, u_norm, 1), 1).astype(w.dtype)
        w -= lr * r * u

    def adafactor(
        self,
        w: Array,
        g: Array,
        r: Array,
        c: Array,
        v: Array,
        rho: Scalar,
        keep: Scalar,
        rate: Scalar,
        epsilon1: float,
        epsilon2: float,
        threshold: float,
        decay: Scalar | None = None,
    ) -> None:
        """w -= alpha u: u = g / sqrt(v), cut to a root mean square of threshold, and alpha is rho times that of w, at least epsilon2

        The arrays are those of one variable. With two axes and more, r and c are running averages of g^2 + epsilon1 over the last axis
        and the last but one, of the factors keep and rate, and v is their product over the mean of r; with fewer, v is such an average.
        w, g, v: (..., m, n)  r: (..., m)  c: (..., n)
        """
        xp = self.xp
        _decay(w, decay)
        alpha = rho * xp.maximum(xp.sqrt(xp.mean(w * w)), epsilon2)
        square = g * g + epsilon1
        if w.ndim >= 2:
            r *= keep
            r += rate * xp.mean(square, axis=-1)
            c *= keep
            c += rate * xp.mean(square, axis=-2)
            xp.multiply((r / xp.mean(r, axis=-1, keepdims=True))[..., None], c[..., None, :], out=v)
        else:
            v *= keep
            v += rate * square
        u = g / xp.sqrt(v)
        u /= xp.maximum(xp.sqrt(xp.mean(u * u)) / threshold, 1)
        w -= alpha * u

    def moving_average(self, average: Array, w: Array, momentum: Scalar, rate: Scalar) -> None:
        """average = momentum average + rate w"""
        average *= momentum
        average += rate * w

    # -- gradients of one step, in place: arrays of one dtype ----------------------------------------------------

    def clip_norms(self, grads: Sequence[Array], limit: float) -> None:
        """No array with a norm beyond the limit."""
        xp = self.xp
        for g in grads:
            g *= limit / xp.maximum(xp.sqrt(xp.sum(g * g)), limit)

    def clip_global_norm(self, grads: Sequence[Array], limit: float) -> None:
        """All of them shrunk alike, so that their common norm is not beyond the limit.

        A NaN or infinite norm makes every gradient NaN, so that it is seen and not hidden.
        """
        xp = self.xp
        total: Any = 0.0
        for g in grads:
            total = total + xp.sum(g * g)
        norm = xp.sqrt(total)
        scale = limit / xp.maximum(norm, limit) + (norm - norm)
        for g in grads:
            g *= scale

    def all_finite(self, grads: Sequence[Array]) -> Array:
        """Whether no element is NaN or infinite, as a 0-d array."""
        finite: Any = self.xp.ones((), dtype=bool)
        for g in grads:
            finite = self.xp.isfinite(g).all() & finite
        return self.xp.asarray(finite)


def _decay(w: Array, decay: Scalar | None) -> None:
    if decay is not None:
        w *= decay
