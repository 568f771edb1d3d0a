"""Adadelta."""

from __future__ import annotations

from typing import Any

from dualnet_backends import Backend, Scalar

from ..core.tensor import Array
from ..legacy.methods import or_epsilon
from .base import Optimizer


class Adadelta(Optimizer):
    """Steps in the units of the weights: w += lr d, d = -g sqrt(D + epsilon) / sqrt(G + epsilon)  (arXiv:1212.5701).

    G and D are running averages of g^2 and d^2, of rate rho. A learning rate of 1 is that of the paper. The other
    arguments are those of ``Optimizer``.
    """

    slot_names = ("accumulated_grad", "accumulated_delta_var")

    def __init__(
        self, learning_rate: Any = 0.001, rho: float = 0.95, epsilon: float | None = 1e-7, **kwargs: Any
    ) -> None:
        super().__init__(learning_rate, **kwargs)
        self.rho, self.epsilon = rho, or_epsilon(epsilon)

    def scalars(self, lr: float, t: int) -> tuple[float, ...]:
        return (lr,)

    def update_rule(
        self,
        backend: Backend,
        w: Array,
        g: Array,
        slots: tuple[Array, ...],
        scalars: tuple[Scalar, ...],
        decay: Scalar | None = None,
    ) -> None:
        squares, deltas = slots
        (lr,) = scalars
        backend.adadelta(w, g, squares, deltas, lr, self.rho, self.epsilon, decay)
