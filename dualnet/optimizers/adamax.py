"""Adamax: Adam with the maximum norm."""

from __future__ import annotations

from dualnet_backends import Backend, Scalar

from ..core.tensor import Array
from .adam import MomentsOptimizer


class Adamax(MomentsOptimizer):
    """w -= lr m / ((1 - beta_1^t) (u + epsilon)), m += (1 - beta_1)(g - m), u = max(beta_2 u, |g|)  (section 7.1 of
    arXiv:1412.6980).

    The other arguments are those of ``Optimizer``.
    """

    slot_names = ("momentum", "norm")

    def scalars(self, lr: float, t: int) -> tuple[float, ...]:
        return lr, 1 - self.beta_1**t

    def update_rule(
        self,
        backend: Backend,
        w: Array,
        g: Array,
        slots: tuple[Array, ...],
        scalars: tuple[Scalar, ...],
        decay: Scalar | None = None,
    ) -> None:
        m, u = slots
        lr, correction = scalars
        backend.adamax(w, g, m, u, lr, correction, self.beta_1, self.beta_2, self.epsilon, decay)
