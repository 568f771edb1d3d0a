"""Lion."""

from __future__ import annotations

from typing import Any

from dualnet_backends import Backend, Scalar

from ..core.tensor import Array
from .base import Optimizer


class Lion(Optimizer):
    """w -= lr sign(beta_1 m + (1 - beta_1) g), m = beta_2 m + (1 - beta_2) g  (arXiv:2302.06675).

    Every step has the same length, so the learning rate should be 3 to 10 times smaller than for Adam, and the weight
    decay as many times larger. The other arguments are those of ``Optimizer``.
    """

    slot_names = ("momentum",)

    def __init__(self, learning_rate: Any = 0.001, beta_1: float = 0.9, beta_2: float = 0.99, **kwargs: Any) -> None:
        super().__init__(learning_rate, **kwargs)
        if not 0 < beta_1 <= 1:
            raise ValueError(
                "Argument `beta_1` must be in the [0, 1] range. Otherwise, the optimizer degenerates to SignSGD. "
                f"Received: beta_1={beta_1}."
            )
        self.beta_1, self.beta_2 = beta_1, beta_2

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
        (m,), (lr,) = slots, scalars
        backend.lion(w, g, m, lr, self.beta_1, self.beta_2, decay)
