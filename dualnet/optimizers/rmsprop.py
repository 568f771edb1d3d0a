"""RMSprop."""

from __future__ import annotations

from typing import Any

from dualnet_backends import Backend, Scalar

from ..core.tensor import Array
from ..legacy.methods import or_epsilon
from .base import Optimizer


class RMSprop(Optimizer):
    """w -= lr g / sqrt(v + epsilon), v = rho v + (1 - rho) g^2  (Tieleman and Hinton, lecture 6.5 of "Neural
    Networks", 2012).

    Args:
        momentum: of the scaled step.
        centered: subtract the square of the average gradient from v.
        kwargs: those of ``Optimizer``.
    """

    slots_by_variable = False

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float | None = 1e-7,
        centered: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, **kwargs)
        self.rho, self.momentum, self.epsilon, self.centered = rho, momentum, or_epsilon(epsilon), centered

    @property
    def slot_names(self) -> tuple[str, ...]:  # type: ignore[override]
        return (
            "velocity",
            *(("momentum",) if self.momentum > 0 else ()),
            *(("average_gradient",) if self.centered else ()),
        )

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
        (lr,) = scalars
        m = slots[1] if self.momentum > 0 else None
        average = slots[-1] if self.centered else None
        backend.rmsprop(w, g, slots[0], lr, self.rho, self.epsilon, self.momentum, m, average, decay)
