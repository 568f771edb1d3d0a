"""Lamb: Adam in which every layer has a step of its own length."""

from __future__ import annotations

from typing import Any

from dualnet_backends import Backend

from ..core.tensor import Array
from ..legacy.methods import or_epsilon
from .adam import check_betas
from .base import Optimizer


class Lamb(Optimizer):
    """w -= lr r u: u is the step of Adam, and r = |w| / |u| makes it as long as the weights of the variable are, for
    large batches  (arXiv:1904.00962).

    r is 1 where either norm is 0. The other arguments are those of ``Optimizer``.
    """

    slot_names = ("momentum", "velocity")
    elementwise = False  # the norms are those of one variable

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float | None = 1e-7,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, **kwargs)
        check_betas(self, beta_1=beta_1, beta_2=beta_2)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, or_epsilon(epsilon)

    def update(self, backend: Backend, w: Array, g: Array, slots: tuple[Array, ...], lr: float, t: int) -> None:
        xp = backend.xp
        m, v = slots
        m += (g - m) * (1 - self.beta_1)
        v += (g * g - v) * (1 - self.beta_2)
        m_hat, v_hat = m / (1 - self.beta_1**t), v / (1 - self.beta_2**t)
        u = m_hat / (xp.sqrt(v_hat) + self.epsilon)
        w_norm, u_norm = xp.sqrt(xp.sum(w * w)), xp.sqrt(xp.sum(u * u))
        both = (w_norm > 0) & (u_norm > 0)
        r = xp.where(both, w_norm / xp.where(both, u_norm, 1), 1).astype(w.dtype)
        w -= lr * r * u

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}
