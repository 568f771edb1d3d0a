"""Adagrad."""

from __future__ import annotations

from typing import Any

from dualnet_backends import Backend, Scalar

from ..core.tensor import Array
from ..legacy.methods import or_epsilon
from .base import Optimizer


class Adagrad(Optimizer):
    """w -= lr g / sqrt(a + epsilon), a += g^2: steps get shorter where gradients were large  (Duchi, Hazan and
    Singer, JMLR 2011).

    Args:
        initial_accumulator_value: what a starts with, not negative.
        kwargs: those of ``Optimizer``.
    """

    slot_names = ("accumulator",)
    build_arguments = (*Optimizer.build_arguments, "initial_accumulator_value")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float | None = 1e-7,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, **kwargs)
        if not initial_accumulator_value >= 0:
            raise ValueError(
                f"Adagrad: initial_accumulator_value must not be negative, got {initial_accumulator_value!r}"
            )
        self.initial_accumulator_value, self.epsilon = initial_accumulator_value, or_epsilon(epsilon)

    def initial_slot(self, name: str, values: Array) -> Array:
        a = super().initial_slot(name, values)
        a.fill(self.initial_accumulator_value)
        return a

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
        (a,), (lr,) = slots, scalars
        backend.adagrad(w, g, a, lr, self.epsilon, decay)
