"""Nadam: Adam with Nesterov's momentum."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import dualnet_backends as backends
from dualnet_backends import Backend, Scalar

from ..core.tensor import Array
from ..core.tracing import before_write, live_tapes, live_views
from ..core.variables import Variable
from .adam import MomentsOptimizer


class Nadam(MomentsOptimizer):
    """Adam whose momentum looks one step ahead  (Dozat, ICLR workshop 2016).

    mu_t = beta_1 (1 - 0.96^(s t) / 2); m and v as in Adam; the step goes along mu_(t+1) m / (1 - mu_1 ... mu_(t+1)) +
    (1 - mu_t) g / (1 - mu_1 ... mu_t). The other arguments are those of ``Optimizer``.

    Args:
        schedule_decay: s, how fast the momentum rises. Keras 1 and 2 had 0.004.
    """

    _u_product: Variable | None = None

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float | None = 1e-7,
        *,
        schedule_decay: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **kwargs)
        if not schedule_decay >= 0:
            raise ValueError(f"Nadam: schedule_decay must not be negative, got {schedule_decay!r}")
        self.schedule_decay = schedule_decay

    def build(self, variables: Iterable[Variable]) -> None:
        variables = list(variables)
        super().build(variables)
        if self._u_product is None or self._u_product not in self._added:
            # The product of all mu so far; on the host, as the step count is.
            self._u_product = self.add_variable(
                (), "ones", variables[0].dtype if variables else None, name="u_product", backend=backends.get("cpu")
            )

    def _product(self, t: int) -> Any:
        """The product of mu_1 to mu_t, from that of mu_1 to mu_(t-1)."""
        assert self._u_product is not None
        return self._u_product.data * self._mu(t)

    def complete_state(self, missing: set[str]) -> set[str]:
        if "u_product" in missing and self._u_product is not None:  # tf.keras does not save it
            t = self._update_count()
            first = min(t, 1_000_000)  # after which mu no longer changes
            product = math.prod(self._mu(i) for i in range(1, first + 1))
            self._u_product.assign(product * self._mu(t) ** (t - first))
        return missing - {"u_product"}

    def advance(self) -> None:
        if self._is_due():
            assert self._u_product is not None
            if live_tapes or live_views:
                before_write(self._u_product.data)
            self._u_product.data[()] = self._product(self._update_count() + 1)
        super().advance()

    def _mu(self, t: int) -> float:
        return self.beta_1 * (1 - 0.5 * 0.96 ** (self.schedule_decay * t))

    def scalars(self, lr: float, t: int) -> tuple[float, ...]:
        """(lr, factor of m, factor of g, correction of v)"""
        mu, mu_next, product = self._mu(t), self._mu(t + 1), float(self._product(t))
        return lr, mu_next / (1 - product * mu_next), (1 - mu) / (1 - product), 1 - self.beta_2**t

    def update_rule(
        self,
        backend: Backend,
        w: Array,
        g: Array,
        slots: tuple[Array, ...],
        scalars: tuple[Scalar, ...],
        decay: Scalar | None = None,
    ) -> None:
        m, v = slots
        lr, ahead, now, correction = scalars
        b1, b2 = self.beta_1, self.beta_2
        backend.nadam(w, g, m, v, lr, ahead, now, correction, b1, b2, self.epsilon, decay)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        if self.schedule_decay == 1:  # Keras 3 does not know the argument
            del config["schedule_decay"]
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        config = dict(config)
        if "decay" in config:  # the name in configs of tf.keras
            config["schedule_decay"] = config.pop("decay")
        return super().from_config(config, custom_objects)
