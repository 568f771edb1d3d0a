"""Adam."""

from __future__ import annotations

import math
from typing import Any

from dualnet_backends import Backend

from ..tensor import Array
from .base import Optimizer


class Adam(Optimizer):
    """Steps scaled by running averages of the gradient (m) and its square (v)  (arXiv:1412.6980).

    m += (1 - beta_1)(g - m); v += (1 - beta_2)(g^2 - v); w -= alpha m / (sqrt(v) + epsilon), where alpha is the
    learning rate with the bias correction in it (the form at the end of the paper's section 2). amsgrad: divide by
    the largest v so far  (arXiv:1904.09237). The other arguments are those of ``Optimizer``.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, **kwargs)
        for name, beta in (("beta_1", beta_1), ("beta_2", beta_2)):
            if not 0 <= beta < 1:
                raise ValueError(f"Adam: {name} must be from 0 to below 1, got {beta!r}")
        self.beta_1, self.beta_2, self.epsilon, self.amsgrad = beta_1, beta_2, epsilon, amsgrad
        self.slot_names = ("momentum", "velocity", "velocity_hat") if amsgrad else ("momentum", "velocity")

    def update(self, backend: Backend, w: Array, g: Array, slots: tuple[Array, ...], lr: float, t: int) -> None:
        alpha = lr * math.sqrt(1 - self.beta_2**t) / (1 - self.beta_1**t)
        m, v, *v_hat = slots
        backend.adam(w, g, m, v, alpha, self.beta_1, self.beta_2, self.epsilon, *v_hat)

    @property
    def variables(self) -> list[Any]:
        found = super().variables
        if not self.amsgrad or not self.built:
            return found
        # Keras appends all velocity_hat behind the interleaved pairs.
        head, slots = found[: -3 * len(self._variables)], found[-3 * len(self._variables) :]
        return head + [v for i, v in enumerate(slots) if i % 3 < 2] + slots[2::3]

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
            "amsgrad": self.amsgrad,
        }
