"""Optimizer updates on the GPU: one launch for a rule, over all weights of a flat buffer."""

from __future__ import annotations

from typing import Any

import cupy as cp

from ..base import Array, Backend, Scalar
from .modules import NO_ADDRESS, at_or_value, is_contiguous, kernel, launch


class CupyUpdates(Backend):
    """Overrides with the bits of the reference kernels: half in float with every result rounded, no fused multiply-add."""

    def sgd(self, w: Array, g: Array, lr: Scalar, decay: Scalar | None = None) -> None:
        if not _update("sgd", (w, g), (lr, decay)):
            super().sgd(w, g, lr, decay)

    def momentum(
        self, w: Array, g: Array, m: Array, lr: Scalar, mu: float, nesterov: bool, decay: Scalar | None = None
    ) -> None:
        if not _update("momentum", (w, g, m), (lr, decay), (mu,), (cp.bool_(nesterov),)):
            super().momentum(w, g, m, lr, mu, nesterov, decay)

    def adam(
        self,
        w: Array,
        g: Array,
        m: Array,
        v: Array,
        alpha: Scalar,
        beta1: float,
        beta2: float,
        epsilon: float,
        v_hat: Array | None = None,
        decay: Scalar | None = None,
    ) -> None:
        if not _update("adam", (w, g, m, v, v_hat), (alpha, decay), (1 - beta1, 1 - beta2, epsilon)):
            super().adam(w, g, m, v, alpha, beta1, beta2, epsilon, v_hat, decay)

    def adamax(
        self,
        w: Array,
        g: Array,
        m: Array,
        u: Array,
        lr: Scalar,
        correction: Scalar,
        beta1: float,
        beta2: float,
        epsilon: float,
        decay: Scalar | None = None,
    ) -> None:
        if not _update("adamax", (w, g, m, u), (lr, correction, decay), (1 - beta1, beta2, epsilon)):
            super().adamax(w, g, m, u, lr, correction, beta1, beta2, epsilon, decay)

    def nadam(
        self,
        w: Array,
        g: Array,
        m: Array,
        v: Array,
        lr: Scalar,
        ahead: Scalar,
        now: Scalar,
        correction: Scalar,
        beta1: float,
        beta2: float,
        epsilon: float,
        decay: Scalar | None = None,
    ) -> None:
        scalars = (lr, ahead, now, correction, decay)
        if not _update("nadam", (w, g, m, v), scalars, (1 - beta1, 1 - beta2, epsilon)):
            super().nadam(w, g, m, v, lr, ahead, now, correction, beta1, beta2, epsilon, decay)

    def rmsprop(
        self,
        w: Array,
        g: Array,
        v: Array,
        lr: Scalar,
        rho: float,
        epsilon: float,
        mu: float = 0.0,
        m: Array | None = None,
        average: Array | None = None,
        decay: Scalar | None = None,
    ) -> None:
        if not _update("rmsprop", (w, g, v, m, average), (lr, decay), (rho, 1 - rho, epsilon, mu)):
            super().rmsprop(w, g, v, lr, rho, epsilon, mu, m, average, decay)

    def adagrad(self, w: Array, g: Array, a: Array, lr: Scalar, epsilon: float, decay: Scalar | None = None) -> None:
        if not _update("adagrad", (w, g, a), (lr, decay), (epsilon,)):
            super().adagrad(w, g, a, lr, epsilon, decay)

    def adadelta(
        self,
        w: Array,
        g: Array,
        squares: Array,
        deltas: Array,
        lr: Scalar,
        rho: float,
        epsilon: float,
        decay: Scalar | None = None,
    ) -> None:
        if not _update("adadelta", (w, g, squares, deltas), (lr, decay), (rho, 1 - rho, epsilon)):
            super().adadelta(w, g, squares, deltas, lr, rho, epsilon, decay)

    def ftrl(
        self,
        w: Array,
        g: Array,
        n: Array,
        z: Array,
        lr: Scalar,
        l2: Scalar,
        power: float,
        l1: float,
        shrinkage: float,
        decay: Scalar | None = None,
    ) -> None:
        if not _update("ftrl", (w, g, n, z), (lr, l2, decay), (power, l1, 2 * shrinkage)):
            super().ftrl(w, g, n, z, lr, l2, power, l1, shrinkage, decay)

    def lion(
        self, w: Array, g: Array, m: Array, lr: Scalar, beta1: float, beta2: float, decay: Scalar | None = None
    ) -> None:
        if not _update("lion", (w, g, m), (lr, decay), (beta1, 1 - beta1, beta2, 1 - beta2)):
            super().lion(w, g, m, lr, beta1, beta2, decay)

    def schedule_free(
        self,
        w: Array,
        g: Array,
        z: Array,
        v: Array,
        lr: Scalar,
        correction: Scalar,
        count: Scalar,
        beta1: float,
        beta2: float,
        epsilon: float,
        decay: Scalar | None = None,
    ) -> None:
        scalars = (lr, correction, count, decay)
        if not _update("schedule_free", (w, g, z, v), scalars, (beta1, 1 - beta1, 1 - beta2, epsilon)):
            super().schedule_free(w, g, z, v, lr, correction, count, beta1, beta2, epsilon, decay)

    def moving_average(self, average: Array, w: Array, momentum: Scalar, rate: Scalar) -> None:
        if not _update("moving_average", (average, w), (momentum, rate)):
            super().moving_average(average, w, momentum, rate)


def _update(
    name: str,
    arrays: tuple[Any, ...],
    scalars: tuple[Any, ...],
    fixed: tuple[float, ...] = (),
    rest: tuple[Any, ...] = (),
) -> bool:
    """Run a rule if its kernel takes such arrays; whether it does. scalars: None stands for a factor of 1."""
    if not suit(*arrays):
        return False
    w = arrays[0]
    numbers = [n for x in scalars for n in scalar(x, w.dtype)]
    numbers += [constant(x, w.dtype) for x in fixed]
    pointers = [NO_ADDRESS if a is None else a for a in arrays]
    launch(kernel("updates", name, w.dtype.char), w.size, *pointers, *numbers, *rest, cp.int64(w.size))
    return True


def suit(*arrays: Array | None) -> bool:
    """Whether kernels of updates take these arrays: floating point of one dtype and size, without gaps. None is left out."""
    present = [a for a in arrays if a is not None]
    dtype, size = present[0].dtype, present[0].size
    return dtype.char in "efd" and all(a.dtype == dtype and a.size == size for a in present) and is_contiguous(*present)


def scalar(x: Any, dtype: Any) -> tuple[Any, Any]:
    """The two arguments for a number, or for a 0-d array with it. A number is rounded to the dtype of the weights, as NumPy does."""
    if isinstance(x, cp.ndarray):
        x = x.astype(dtype, copy=False)
        return x, constant(0.0, dtype)
    return at_or_value(constant(1.0 if x is None else x, dtype), constant_type(dtype))


def constant(x: float, dtype: Any) -> Any:
    """A number that stays what it is, rounded to the dtype of the weights, in the dtype that kernels compute in."""
    return dtype.type(x).astype(constant_type(dtype))


def constant_type(dtype: Any) -> Any:
    """The dtype in which kernels compute."""
    return cp.float64 if dtype.char == "d" else cp.float32
