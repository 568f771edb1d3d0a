"""ScheduleFreeAdamW: AdamW without a schedule."""

from __future__ import annotations

from typing import Any

from dualnet_backends import Backend, Scalar

from ..core.tensor import Array
from .adam import MomentsOptimizer


class ScheduleFreeAdamW(MomentsOptimizer):
    """AdamW that needs no decay of the learning rate, because the weights are averages  (arXiv:2405.15682).

    z -= lr g / (sqrt(v_hat) + epsilon); x += (z - x) / t; the gradient is taken at w = (1 - beta_1) z + beta_1 x. The
    other arguments are those of ``Optimizer``. The weights of the model are w; x, the average, is what the paper
    evaluates.

    Args:
        warmup_steps: the learning rate rises to its value over so many updates.
    """

    def __init__(
        self,
        learning_rate: Any = 0.0025,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float | None = 1e-8,
        warmup_steps: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **kwargs)
        if not beta_1 > 0:
            raise ValueError("ScheduleFreeAdamW divides by beta_1: it must be above 0")
        self.warmup_steps = warmup_steps

    def initial_slot(self, name: str, values: Array) -> Array:
        # The slot of z has the name that Keras's files give it.
        return values.copy() if name == "momentum" else super().initial_slot(name, values)

    def scalars(self, lr: float, t: int) -> tuple[float, ...]:
        if self.warmup_steps > 0:
            lr *= min(t / self.warmup_steps, 1)
        return lr, 1 - self.beta_2**t, float(t)

    def update_rule(
        self,
        backend: Backend,
        w: Array,
        g: Array,
        slots: tuple[Array, ...],
        scalars: tuple[Scalar, ...],
        decay: Scalar | None = None,
    ) -> None:
        z, v = slots
        lr, correction, count = scalars
        b1, b2 = self.beta_1, self.beta_2
        backend.schedule_free(w, g, z, v, lr, correction, count, b1, b2, self.epsilon, decay)
