"""Nadam: Adam with Nesterov's momentum."""

from __future__ import annotations

from collections.abc import Iterable

import dualnet_backends as backends
from dualnet_backends import Backend

from ..core.tensor import Array
from ..core.variables import Variable
from .adam import MomentsOptimizer


class Nadam(MomentsOptimizer):
    """Adam whose momentum looks one step ahead  (Dozat, ICLR workshop 2016).

    mu_t = beta_1 (1 - 0.96^t / 2); m and v as in Adam; the step goes along mu_(t+1) m / (1 - mu_1 ... mu_(t+1)) +
    (1 - mu_t) g / (1 - mu_1 ... mu_t). The other arguments are those of ``Optimizer``.
    """

    _u_product: Variable | None = None

    def build(self, variables: Iterable[Variable]) -> None:
        variables = list(variables)
        super().build(variables)
        if self._u_product is None or self._u_product not in self._added:
            # The product of all mu so far; on the host, as the step count is.
            self._u_product = self.add_variable(
                (), "ones", variables[0].dtype if variables else None, name="u_product", backend=backends.get("cpu")
            )

    def begin_update(self, t: int) -> None:
        assert self._u_product is not None
        self._u_product.data *= self._mu(t)

    def _mu(self, t: int) -> float:
        return self.beta_1 * (1 - 0.5 * 0.96**t)

    def update(self, backend: Backend, w: Array, g: Array, slots: tuple[Array, ...], lr: float, t: int) -> None:
        assert self._u_product is not None
        m, v = slots
        mu, mu_next, product = self._mu(t), self._mu(t + 1), float(self._u_product.data)
        m += (g - m) * (1 - self.beta_1)
        v += (g * g - v) * (1 - self.beta_2)
        m_hat = mu_next / (1 - product * mu_next) * m + (1 - mu) / (1 - product) * g
        v_hat = v / (1 - self.beta_2**t)
        w -= lr * m_hat / (backend.xp.sqrt(v_hat) + self.epsilon)
