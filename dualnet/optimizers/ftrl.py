"""Ftrl: follow the regularized leader."""

from __future__ import annotations

from typing import Any

from dualnet_backends import Backend, Scalar

from ..core.tensor import Array
from .base import Optimizer


class Ftrl(Optimizer):
    """For sparse linear models: many weights become exactly zero  (McMahan et al., KDD 2013).

    n' = n + g^2; z += g' - (n'^p - n^p) / lr w; w = (clip(z, -l1, l1) - z) / (n'^p / lr + 2 (l2 + beta / (2 lr))).
    p is -learning_rate_power (0 keeps the rate), g' = g + 2 l2_shrinkage w, and n starts with
    initial_accumulator_value; l1, l2 and l2_shrinkage are the regularization strengths, none of them negative. The
    other arguments are those of ``Optimizer``.
    """

    slot_names = ("accumulator", "linear")
    build_arguments = (*Optimizer.build_arguments, "initial_accumulator_value")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        l2_shrinkage_regularization_strength: float = 0.0,
        beta: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, **kwargs)
        if learning_rate_power > 0:
            raise ValueError(
                "`learning_rate_power` needs to be negative or zero. "
                f"Received: learning_rate_power={learning_rate_power}."
            )
        self.learning_rate_power = learning_rate_power
        self.initial_accumulator_value = initial_accumulator_value
        self.l1_regularization_strength = l1_regularization_strength
        self.l2_regularization_strength = l2_regularization_strength
        self.l2_shrinkage_regularization_strength = l2_shrinkage_regularization_strength
        self.beta = beta
        for name in (
            "initial_accumulator_value",
            "l1_regularization_strength",
            "l2_regularization_strength",
            "l2_shrinkage_regularization_strength",
        ):
            if not getattr(self, name) >= 0:
                value = getattr(self, name)
                raise ValueError(f"`{name}` needs to be positive or zero. Received: {name}={value}.")

    def initial_slot(self, name: str, values: Array) -> Array:
        slot = super().initial_slot(name, values)
        if name == "accumulator":
            slot.fill(self.initial_accumulator_value)
        return slot

    def scalars(self, lr: float, t: int) -> tuple[float, ...]:
        if lr == 0:
            raise ValueError("Ftrl divides by the learning rate, which is 0 now: let it start above 0")
        return lr, 2 * (self.l2_regularization_strength + self.beta / (2 * lr))

    def update_rule(
        self,
        backend: Backend,
        w: Array,
        g: Array,
        slots: tuple[Array, ...],
        scalars: tuple[Scalar, ...],
        decay: Scalar | None = None,
    ) -> None:
        n, z = slots
        lr, l2 = scalars
        power, l1 = -self.learning_rate_power, self.l1_regularization_strength
        backend.ftrl(w, g, n, z, lr, l2, power, l1, self.l2_shrinkage_regularization_strength, decay)
