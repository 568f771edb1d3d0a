"""Muon: momentum made orthogonal, for matrices."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import dualnet_backends as backends
from dualnet_backends import Backend, Scalar

from ..core.tensor import Array, Tensor
from ..core.variables import Variable
from ..legacy.methods import or_epsilon
from .adam import check_betas
from .base import Optimizer, UpdatePlan
from .scalars import UpdateScalars


class Muon(Optimizer):
    """Matrices are changed along their momentum with all singular values made about 1, the rest by AdamW
    (arXiv:2502.16982).

    Args:
        momentum, nesterov: of the step of matrices, which ns_steps Newton-Schulz iterations x = a x + (b x x' + c (x
            x')^2) x make orthogonal; muon_a, muon_b and muon_c are a, b and c.
        rms_rate: the step is multiplied by it and by the root of the longer side, so that Adam's learning rates fit
            (None: not).
        exclude_layers: regular expressions; a matrix whose path matches one is left to AdamW, and so are embeddings
            with exclude_embeddings.
        adam_beta_1, adam_beta_2, epsilon, adam_weight_decay: those of AdamW.
        adam_lr_ratio: its learning rate is so many times that of Muon.
        kwargs: those of ``Optimizer``.
    """

    elementwise = False  # a matrix as a whole is made orthogonal
    build_arguments = (*Optimizer.build_arguments, "exclude_layers", "exclude_embeddings")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        adam_beta_1: float = 0.9,
        adam_beta_2: float = 0.999,
        adam_weight_decay: float | None = 0.004,
        epsilon: float | None = 1e-7,
        weight_decay: float | None = 0.004,
        *,
        exclude_layers: Sequence[str] | None = None,
        exclude_embeddings: bool = True,
        muon_a: float = 3.4445,
        muon_b: float = -4.775,
        muon_c: float = 2.0315,
        adam_lr_ratio: float = 1,
        momentum: float = 0.95,
        ns_steps: int = 5,
        nesterov: bool = True,
        rms_rate: float | None = 0.2,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, weight_decay=weight_decay, **kwargs)
        check_betas(self, adam_beta_1=adam_beta_1, adam_beta_2=adam_beta_2)
        self.adam_beta_1, self.adam_beta_2, self.epsilon = adam_beta_1, adam_beta_2, or_epsilon(epsilon)
        self.adam_weight_decay, self.adam_lr_ratio = adam_weight_decay, adam_lr_ratio
        self.exclude_layers, self.exclude_embeddings = list(exclude_layers or []), exclude_embeddings
        self.muon_a, self.muon_b, self.muon_c = muon_a, muon_b, muon_c
        self.momentum, self.ns_steps, self.nesterov, self.rms_rate = momentum, ns_steps, nesterov, rms_rate

    def _should_use_adamw(self, variable: Variable) -> bool:
        if len(variable.shape) != 2 or (self.exclude_embeddings and "embedding" in variable.path.lower()):
            return True
        return any(re.search(pattern, variable.path) for pattern in self.exclude_layers)

    def make_slots(self, variable: Variable) -> dict[str, Array]:
        names = ("momentum", "velocity") if self._should_use_adamw(variable) else ("momentum",)
        return {name: self.initial_slot(name, variable.data) for name in names}

    def scalars(self, lr: float, t: int) -> tuple[float, ...]:
        b1, b2 = self.adam_beta_1, self.adam_beta_2
        return lr, self.adam_lr_ratio * lr * math.sqrt(1 - b2**t) / (1 - b1**t)

    def _decay_factors(self, lr: float) -> tuple[float, ...]:
        return tuple(1 - lr * (rate or 0.0) for rate in (self.weight_decay, self.adam_weight_decay))

    def update_rule(
        self, backend: Backend, w: Array, g: Array, slots: tuple[Array, ...], scalars: tuple[Scalar, ...]
    ) -> None:
        lr, alpha = scalars
        m = slots[0]
        if len(slots) == 2:  # a velocity: this one is for AdamW
            b1, b2 = self.adam_beta_1, self.adam_beta_2
            flat = [a.reshape(-1) for a in (w, g, m, slots[1])]
            backend.adam(flat[0], flat[1], flat[2], flat[3], alpha, b1, b2, self.epsilon)
            return
        m *= self.momentum
        m += g
        ahead = g + self.momentum * m if self.nesterov else m
        w -= self.lr_adjust(lr * self.zeropower_via_newtonschulz5(ahead, self.ns_steps))

    def zeropower_via_newtonschulz5(self, x: Any, steps: int) -> Any:
        """About U V' of the singular value decomposition U S V' of a matrix.  x: (..., m, n) -> (..., m, n)"""
        if isinstance(x, Tensor):
            return Tensor(self.zeropower_via_newtonschulz5(x.data, steps))
        if x.ndim < 2:
            raise ValueError(f"only a matrix can be made orthogonal, got the shape {x.shape}")
        backend = backends.of(x)
        xp, matmul = backend.xp, backend.matmul
        tall = x.shape[-2] > x.shape[-1]
        if tall:
            x = xp.swapaxes(x, -2, -1)
        # No singular value is above 1 then.
        x = x / (xp.sqrt(xp.sum(x * x, axis=(-2, -1), keepdims=True)) + 1e-7)
        for _ in range(steps):
            square = matmul(x, xp.swapaxes(x, -2, -1))
            x = self.muon_a * x + matmul(self.muon_b * square + matmul(self.muon_c * square, square), x)
        return xp.swapaxes(x, -2, -1) if tall else x

    def lr_adjust(self, x: Any) -> Any:
        """A step of the length that a step of Adam has.  x: (m, n) -> (m, n)"""
        if self.rms_rate is None:
            return x
        return x * (math.sqrt(max(x.shape[0], x.shape[1])) * self.rms_rate)

    def _decay(self, plan: UpdatePlan, scalars: UpdateScalars) -> None:
        rates = (self.weight_decay, self.adam_weight_decay)
        for v in plan.variables:
            which = int(self._should_use_adamw(v))
            if rates[which] and not self._is_excluded(v):
                v.data *= scalars.decay[which]
