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
        self,
        backend: Backend,
        w: Array,
        g: Array,
        slots: tuple[Array, ...],
        scalars: tuple[Scalar, ...],
        decay: Scalar | None = None,
    ) -> None:
        m, v = slots
        lr, correction1, correction2 = scalars
        b1, b2 = self.beta_1, self.beta_2
        backend.lamb(w, g, m, v, lr, correction1, correction2, b1, b2, self.epsilon, decay)
