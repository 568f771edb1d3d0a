"""Lamb: Adam in which every layer has a step of its own length."""

from __future__ import annotations

from dualnet_backends import Backend, Scalar

from ..core.tensor import Array
from .adam import MomentsOptimizer


class Lamb(MomentsOptimizer):
    """w -= lr r u: u is the step of Adam, and r = |w| / |u| makes it as long as the weights of the variable are, for
    large batches  (arXiv:1904.00962).

    r is 1 where either norm is 0. The other arguments are those of ``Optimizer``.
    """

    elementwise = False  # the norms are those of one variable

    def scalars(self, lr: float, t: int) -> tuple[float, ...]:
        return lr, 1 - self.beta_1**t, 1 - self.beta_2**t

    def update_rule(
        self, backend: Backend, w: Array, g: Array, slots: tuple[Array, ...], scalars: tuple[Scalar, ...]
    ) -> None:
        lr, correction_1, correction_2 = scalars
        xp = backend.xp
        m, v = slots
        m += (g - m) * (1 - self.beta_1)
        v += (g * g - v) * (1 - self.beta_2)
        m_hat, v_hat = m / correction_1, v / correction_2
        u = m_hat / (xp.sqrt(v_hat) + self.epsilon)
        w_norm, u_norm = xp.sqrt(xp.sum(w * w)), xp.sqrt(xp.sum(u * u))
        both = (w_norm > 0) & (u_norm > 0)
        r = xp.where(both, w_norm / xp.where(both, u_norm, 1), 1).astype(w.dtype)
        w -= lr * r * u
