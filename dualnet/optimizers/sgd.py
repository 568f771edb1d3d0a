"""Gradient descent, with momentum."""

from __future__ import annotations

from typing import Any

from dualnet_backends import Backend, Scalar

from ..core.tensor import Array
from .base import Optimizer


class SGD(Optimizer):
    """w -= lr g, or with momentum  m = mu m - lr g; w += m  (Nesterov: w += mu m - lr g).

    Args:
        learning_rate: 0.01 by default.
        momentum: mu, from 0 to 1.
        nesterov: look ahead along the momentum  (Sutskever et al., ICML 2013).
        kwargs: those of ``Optimizer``.
    """

    def __init__(self, learning_rate: Any = 0.01, momentum: float = 0.0, nesterov: bool = False, **kwargs: Any) -> None:
        super().__init__(learning_rate, **kwargs)
        if isinstance(momentum, bool) or not isinstance(momentum, (int, float)) or not 0 <= momentum <= 1:
            raise ValueError(f"`momentum` must be a float between [0, 1]. Received: momentum={momentum!r}")
        self.momentum, self.nesterov = momentum, nesterov

    @property
    def slot_names(self) -> tuple[str, ...]:  # type: ignore[override]
        return ("momentum",) if self.momentum else ()

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
        if self.momentum:
            backend.momentum(w, g, slots[0], lr, self.momentum, self.nesterov, decay)
        else:
            backend.sgd(w, g, lr, decay)
