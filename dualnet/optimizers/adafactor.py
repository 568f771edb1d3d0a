"""Adafactor: Adam's scaling from the averages of rows and columns only."""

from __future__ import annotations

import math
from typing import Any

import dualnet_backends as backends
from dualnet_backends import Backend, Scalar

from ..core.tensor import Array
from ..core.variables import Variable
from .base import Optimizer


class Adafactor(Optimizer):
    """Steps scaled by an estimate of the mean square gradient, and as long as the weights are  (arXiv:1804.04235).

    A weight of two or more axes keeps the averages r and c of g^2 over its last axis and its last but one; v is their
    product over the mean of r. epsilon_1 is added to g^2; epsilon_2 is the least length that weights count with.
    relative_step is accepted as in Keras: the rate is never above 1 / sqrt(t). The other arguments are those of
    ``Optimizer``.

    Args:
        beta_2_decay: the averages have rate 1 - t^beta_2_decay.
        clip_threshold: the root mean square that a step is cut to.
    """

    elementwise = False  # rows, columns and lengths are those of one variable

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_2_decay: float = -0.8,
        epsilon_1: float = 1e-30,
        epsilon_2: float = 1e-3,
        clip_threshold: float = 1.0,
        relative_step: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, **kwargs)
        self.beta_2_decay, self.epsilon_1, self.epsilon_2 = beta_2_decay, epsilon_1, epsilon_2
        self.clip_threshold, self.relative_step = clip_threshold, relative_step

    def make_slots(self, variable: Variable) -> dict[str, Array]:
        w = variable.data
        xp = backends.of(w).xp
        if w.ndim < 2:  # nothing to factor; Keras's files have a number there
            r, c = xp.zeros((), dtype="int32"), xp.zeros((), dtype="int32")
        else:
            r, c = xp.zeros(w.shape[:-1], dtype=w.dtype), xp.zeros((*w.shape[:-2], w.shape[-1]), dtype=w.dtype)
        return {"r": r, "c": c, "velocity": xp.zeros_like(w)}

    def scalars(self, lr: float, t: int) -> tuple[float, ...]:
        keep = 1 - t**self.beta_2_decay
        return min(lr, 1 / math.sqrt(t)), keep, 1 - keep

    def update_rule(
        self,
        backend: Backend,
        w: Array,
        g: Array,
        slots: tuple[Array, ...],
        scalars: tuple[Scalar, ...],
        decay: Scalar | None = None,
    ) -> None:
        r, c, v = slots
        rho, keep, rate = scalars
        least, threshold = self.epsilon_2, self.clip_threshold
        backend.adafactor(w, g, r, c, v, rho, keep, rate, self.epsilon_1, least, threshold, decay)
