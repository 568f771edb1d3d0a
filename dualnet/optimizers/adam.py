"""Adam."""

from __future__ import annotations

import math
from typing import Any

from dualnet_backends import Backend, Scalar

from ..core.tensor import Array
from ..core.variables import Variable
from ..legacy.methods import or_epsilon
from .base import Optimizer
from .optimizer_state import FlatState


class MomentsOptimizer(Optimizer):
    """Base of the optimizers with running averages of rate beta_1 and beta_2."""

    slot_names: tuple[str, ...] = ("momentum", "velocity")

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


class Adam(MomentsOptimizer):
    """Steps scaled by running averages of the gradient (m) and its square (v)  (arXiv:1412.6980).

    m += (1 - beta_1)(g - m); v += (1 - beta_2)(g^2 - v); w -= alpha m / (sqrt(v) + epsilon), where alpha is the
    learning rate with the bias correction in it (the form at the end of the paper's section 2). The other arguments are
    those of ``Optimizer``.

    Args:
        amsgrad: divide by the largest v so far  (arXiv:1904.09237).
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float | None = 1e-7,
        amsgrad: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **kwargs)
        self.amsgrad = amsgrad

    @property
    def slot_names(self) -> tuple[str, ...]:  # type: ignore[override]
        return ("momentum", "velocity", "velocity_hat") if self.amsgrad else ("momentum", "velocity")

    def scalars(self, lr: float, t: int) -> tuple[float, ...]:
        return (lr * math.sqrt(1 - self.beta_2**t) / (1 - self.beta_1**t),)

    def update_rule(
        self,
        backend: Backend,
        w: Array,
        g: Array,
        slots: tuple[Array, ...],
        scalars: tuple[Scalar, ...],
        decay: Scalar | None = None,
    ) -> None:
        (alpha,) = scalars
        m, v, *rest = slots
        v_hat = rest[0] if rest else None
        backend.adam(w, g, m, v, alpha, self.beta_1, self.beta_2, self.epsilon, v_hat, decay)

    def _slot_variables(self) -> list[Variable]:
        if not self.amsgrad or not isinstance(self._state, FlatState):
            return super()._slot_variables()
        # Keras appends all velocity_hat behind the interleaved pairs.
        m, v, v_hat = (s.views for s in self._state.slots)
        return [slot for pair in zip(m, v) for slot in pair] + v_hat


def check_betas(optimizer: Optimizer, **betas: float) -> None:
    """Raise ``ValueError`` for the rate of a running average that is not from 0 to below 1."""
    for name, beta in betas.items():
        if not 0 <= beta < 1:
            raise ValueError(f"{type(optimizer).__name__}: {name} must be from 0 to below 1, got {beta!r}")
