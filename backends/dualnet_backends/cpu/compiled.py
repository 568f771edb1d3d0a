"""``NumbaBackend``: the CPU with Numba (extra ``fast``), which compiles each optimizer update to one loop, bit for bit.

NumPy passes over the weights a dozen times for one Adam update; a compiled loop passes over them once. It performs the
operations of the reference kernel in the same order and with the same rounding (no fused multiply-add), so that a model
trains to the same bits with and without Numba. Importing Numba and loading a kernel takes half a second, which a short run
avoids.
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
from .backend import NumpyBackend

ENVIRONMENT = "DUALNET_NUMBA"  # "0": do not use Numba even if it is installed
WARMUP = 1 << 26  # elements that NumPy updates, some 80 ms for Adam, before Numba is imported


def is_enabled() -> bool:
    """Whether Numba is installed and not switched off. Does not import it."""
    return os.environ.get(ENVIRONMENT, "1") != "0" and importlib.util.find_spec("numba") is not None


def version_string() -> str:
    """Name and version, as in "Numba 0.60". Does not import it."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"Numba {version('numba')}"
    except PackageNotFoundError:  # just a folder of that name
        return "Numba"


@functools.cache
def _compile(kernel: Callable[..., None]) -> Callable[..., None] | None:
    """The loop as machine code; None where Numba does not work (built for another NumPy, for example)."""
    try:
        numba: Any = importlib.import_module("numba")
        # NumPy's semantics of a division by zero; Python's would prevent vectorization.
        compiler = functools.partial(numba.njit, nogil=True, error_model="numpy")
    except Exception:
        return None
    try:
        return compiler(cache=True)(kernel)
    except RuntimeError:  # no writable folder to cache the machine code in
        return compiler()(kernel)


class NumbaBackend(NumpyBackend):
    """NumPy, with compiled optimizer updates."""

    def __init__(self, warmup: int = WARMUP) -> None:
        self._warmup_left: float = warmup

    def _try_compiled(self, kernel: Callable[..., None], arrays: tuple[Array, ...], numbers: tuple[Any, ...]) -> bool:
        """Run a loop over flat arrays, with the numbers cast to their dtype; return whether it was run."""
        w = arrays[0]
        if self._warmup_left > 0:
            self._warmup_left -= w.size
            return False
        if w.dtype.char not in "fd" or w.ndim != 1:
            return False
        # The loop does no bounds checks.
        if any(a.dtype != w.dtype or a.shape != w.shape or not a.flags.c_contiguous for a in arrays):
            return False
        # NumPy computes in double precision with a numpy.float64, which an optimizer may have received.
        if any(isinstance(x, np.generic) for x in numbers):
            return False
        compiled = _compile(kernel)
        if compiled is None:
            return False
        scalar = w.dtype.type
        try:
            compiled(*arrays, *[scalar(x) for x in numbers])
        except Exception:  # a compilation error: the loop itself raises nothing
            self._warmup_left = math.inf
            return False
        return True

    # Without decay the loops multiply by 1, which changes nothing.

    def sgd(self, w: Array, g: Array, lr: Scalar, decay: Scalar | None = None) -> None:
        if not self._try_compiled(_sgd, (w, g), (lr, 1.0 if decay is None else decay)):
            super().sgd(w, g, lr, decay)

    def momentum(
        self, w: Array, g: Array, m: Array, lr: Scalar, mu: float, nesterov: bool, decay: Scalar | None = None
    ) -> None:
        numbers = (lr, mu, 1.0 if decay is None else decay)
        if not self._try_compiled(_nesterov if nesterov else _momentum, (w, g, m), numbers):
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
        numbers = (alpha, 1.0 - beta1, 1.0 - beta2, epsilon, 1.0 if decay is None else decay)
        if v_hat is not None or not self._try_compiled(_adam, (w, g, m, v), numbers):
            super().adam(w, g, m, v, alpha, beta1, beta2, epsilon, v_hat, decay)


def _sgd(w: Any, g: Any, lr: Any, decay: Any) -> None:
    for i in range(w.size):
        w[i] = w[i] * decay - lr * g[i]


def _momentum(w: Any, g: Any, m: Any, lr: Any, mu: Any, decay: Any) -> None:
    for i in range(w.size):
        m[i] = m[i] * mu - lr * g[i]
        w[i] = w[i] * decay + m[i]


def _nesterov(w: Any, g: Any, m: Any, lr: Any, mu: Any, decay: Any) -> None:
    for i in range(w.size):
        step = lr * g[i]
        m[i] = m[i] * mu - step
        w[i] = w[i] * decay + (mu * m[i] - step)


def _adam(w: Any, g: Any, m: Any, v: Any, alpha: Any, rate1: Any, rate2: Any, epsilon: Any, decay: Any) -> None:
    for i in range(w.size):
        gi = g[i]
        mi = m[i] + (gi - m[i]) * rate1
        vi = v[i] + (gi * gi - v[i]) * rate2
        m[i] = mi
        v[i] = vi
        w[i] = w[i] * decay - mi * alpha / (np.sqrt(vi) + epsilon)
