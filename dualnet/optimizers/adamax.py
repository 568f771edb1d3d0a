"""Adamax: Adam with the maximum norm."""

from __future__ import annotations

from typing import Any

from dualnet_backends import Backend

from ..core.tensor import Array
from ..legacy.methods import or_epsilon
from .adam import check_betas
from .base import Optimizer


class Adamax(Optimizer):
    """w -= lr m / ((1 - beta_1^t) (u + epsilon)), m += (1 - beta_1)(g - m), u = max(beta_2 u, |g|)  (section 7.1 of
    arXiv:1412.6980).

    The other arguments are those of ``Optimizer``.
    """

    slot_names = ("momentum", "norm")

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
        m, u = slots
        m += (g - m) * (1 - self.beta_1)
        xp.maximum(u * self.beta_2, xp.abs(g), out=u)
        w -= lr * m / ((1 - self.beta_1**t) * (u + self.epsilon))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}
