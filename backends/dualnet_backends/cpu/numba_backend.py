"""The CPU with Numba (extra ``fast``): the updates of weights as one compiled loop each, with the same bits.

NumPy goes over the weights a dozen times for one update of Adam; a compiled loop goes over them once. Each operation is the
plain body's, in its order and rounded as there (no fused multiply-add, no reordering), so that a model trains to the same
bits with and without Numba. Importing Numba and loading a kernel takes half a second: a short run does without.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import math
import os
from collections.abc import Callable
from typing import Any

import numpy as np

from ..base import Array, Scalar
from .numpy_backend import NumpyBackend

ENVIRONMENT = "DUALNET_NUMBA"  # "0": leave Numba out, though it is installed
PAYS = 1 << 26  # elements updated by NumPy, some 80 ms for Adam, before Numba is imported


def wanted() -> bool:
    """Whether Numba is installed, and not switched off. It is not imported here."""
    return os.environ.get(ENVIRONMENT, "1") != "0" and importlib.util.find_spec("numba") is not None


def described() -> str:
    """Name and version, without importing it."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"Numba {version('numba')}"
    except PackageNotFoundError:  # a folder of that name
        return "Numba"


@functools.cache
def _compiled(loop: Callable[..., None]) -> Callable[..., None] | None:
    """The loop as machine code; None where Numba cannot be used (made for another NumPy, for example)."""
    try:
        numba: Any = importlib.import_module("numba")
        # NumPy's rules for a division by zero; anything else keeps the loop from being made of vector instructions.
        compiler = functools.partial(numba.njit, nogil=True, error_model="numpy")
    except Exception:
        return None
    try:
        return compiler(cache=True)(loop)
    except RuntimeError:  # no place to keep the machine code for the next time
        return compiler()(loop)


class NumbaBackend(NumpyBackend):
    """NumPy, with compiled updates."""

    def __init__(self, pays: int = PAYS) -> None:
        self._until: float = pays

    def _run(self, loop: Callable[..., None], arrays: tuple[Array, ...], numbers: tuple[Any, ...]) -> bool:
        """Run a loop over flat arrays, with numbers in their dtype; whether it was run."""
        w = arrays[0]
        if self._until > 0:
            self._until -= w.size
            return False
        if w.dtype.char not in "fd" or w.ndim != 1:
            return False
        # The loop does not look whether it is still inside an array.
        if any(a.dtype != w.dtype or a.shape != w.shape or not a.flags.c_contiguous for a in arrays):
            return False
        # NumPy calculates in double precision with a numpy.float64, which an optimizer may have been given.
        if any(isinstance(x, np.generic) for x in numbers):
            return False
        compiled = _compiled(loop)
        if compiled is None:
            return False
        kind = w.dtype.type
        try:
            compiled(*arrays, *[kind(x) for x in numbers])
        except Exception:  # while compiling: the loop itself raises nothing
            self._until = math.inf
            return False
        return True

    def sgd(self, w: Array, g: Array, lr: Scalar) -> None:
        if not self._run(_sgd, (w, g), (lr,)):
            super().sgd(w, g, lr)

    def momentum(self, w: Array, g: Array, m: Array, lr: Scalar, mu: float, nesterov: bool) -> None:
        if not self._run(_nesterov if nesterov else _momentum, (w, g, m), (lr, mu)):
            super().momentum(w, g, m, lr, mu, nesterov)

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
    ) -> None:
        numbers = (alpha, 1.0 - beta1, 1.0 - beta2, epsilon)
        if v_hat is not None or not self._run(_adam, (w, g, m, v), numbers):
            super().adam(w, g, m, v, alpha, beta1, beta2, epsilon, v_hat)


def _sgd(w: Any, g: Any, lr: Any) -> None:
    for i in range(w.size):
        w[i] -= lr * g[i]


def _momentum(w: Any, g: Any, m: Any, lr: Any, mu: Any) -> None:
    for i in range(w.size):
        m[i] = m[i] * mu - lr * g[i]
        w[i] += m[i]


def _nesterov(w: Any, g: Any, m: Any, lr: Any, mu: Any) -> None:
    for i in range(w.size):
        step = lr * g[i]
        m[i] = m[i] * mu - step
        w[i] += mu * m[i] - step


def _adam(w: Any, g: Any, m: Any, v: Any, alpha: Any, rate1: Any, rate2: Any, epsilon: Any) -> None:
    for i in range(w.size):
        gi = g[i]
        mi = m[i] + (gi - m[i]) * rate1
        vi = v[i] + (gi * gi - v[i]) * rate2
        m[i] = mi
        v[i] = vi
        w[i] -= mi * alpha / (np.sqrt(vi) + epsilon)
