"""Special functions, and the windows of signal processing."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import dualnet_backends as backends
from dualnet_backends import Backend
from dualnet_backends.kernels import special

from ...core import settings
from ...core.tensor import Tensor
from .. import shape_rules
from .._common import Array, Forward, Xp, floating, refuse_gradient
from ..registry import export, op


@op("math", shape=shape_rules.unchanged)
def erf(backend: Backend, x: Array, /) -> Forward:
    """The error function, 2/sqrt(pi) times the integral of exp(-t^2) from 0 to x"""
    x = floating(x)
    return backend.erf(x), lambda dy: dy * (2 / math.sqrt(math.pi)) * backend.xp.exp(-x * x)


@op("math", shape=shape_rules.unchanged)
def erfc(xp: Xp, x: Array, /) -> Forward:
    """1 - erf(x), exact where the result is small"""
    x = floating(x)
    return special.erfc(xp, x), lambda dy: dy * (-2 / math.sqrt(math.pi)) * xp.exp(-x * x)


@op("math", shape=shape_rules.unchanged)
def erfinv(xp: Xp, x: Array, /) -> Forward:
    """The number whose error function is x, -1 < x < 1; infinite at the ends, NaN beyond"""
    y = special.erfinv(xp, floating(x))
    return y, lambda dy: dy * (math.sqrt(math.pi) / 2) * xp.exp(y * y)


@op("numpy", shape=shape_rules.unchanged)
def sinc(xp: Xp, x: Array, /) -> Forward:
    """sin(pi x) / (pi x), 1 at 0"""
    x = floating(x)
    z = x * math.pi
    zero = z == 0
    safe = xp.where(zero, xp.ones_like(z), z)
    y = xp.where(zero, xp.ones_like(z), xp.sin(safe) / safe)

    def backward(dy: Array) -> Array:
        # (z cos z - sin z) / z^2 cancels near 0: there the series, sum of (-1)^k 2k / (2k + 1)! z^(2k - 1).
        near = xp.abs(z) < 0.5
        q = xp.where(near, z * z, xp.zeros_like(z))
        series = xp.zeros_like(z)
        for k in range(7, 0, -1):
            series = series * q + (-1) ** k * 2 * k / math.factorial(2 * k + 1)
        wide = xp.where(near, xp.ones_like(z), z)
        slope = xp.where(near, series * z, (xp.cos(wide) - xp.sin(wide) / wide) / wide)
        return dy * slope * math.pi

    return y.astype(x.dtype, copy=False), backward


@op("numpy", shape=shape_rules.unchanged, in_place_grads=True)
def i0(xp: Xp, x: Array, /) -> Forward:
    """The modified Bessel function of the first kind and order 0.  Its gradient raises ``NotImplementedError``"""
    x = floating(x)

    def backward(dy: Array, out: Any) -> None:
        refuse_gradient("i0", out)  # neither NumPy nor CuPy has i1

    return xp.i0(x.astype("float64")).astype(x.dtype), backward


def _window(x: Any, formula: Callable[[Xp, Array], Array]) -> Tensor:
    """A window of ``int(x)`` numbers, computed in double precision; the host needs the length, so a tensor is read back.

    formula: ``formula(xp, t)``, of the positions t from -1 to 1. CuPy's windows compute some of their numbers in float32.
    """
    n, xp = int(x), backends.current().xp
    t = xp.arange(1 - n, n, 2, dtype="float64") / max(n - 1, 1)
    return Tensor(formula(xp, t).astype(settings.floatx()))


@export("numpy")
def bartlett(x: Any) -> Tensor:
    """Bartlett's window, a triangle that is 0 at both ends.  x: the length -> (x,)"""
    return _window(x, lambda xp, t: 1 - xp.abs(t))


@export("numpy")
def blackman(x: Any) -> Tensor:
    """Blackman's window, 0.42 - 0.5 cos(2 pi t) + 0.08 cos(4 pi t) for t from 0 to 1.  x: the length -> (x,)"""
    return _window(x, lambda xp, t: 0.42 + 0.5 * xp.cos(math.pi * t) + 0.08 * xp.cos(2 * math.pi * t))


@export("numpy")
def hamming(x: Any) -> Tensor:
    """Hamming's window, 0.54 - 0.46 cos(2 pi t) for t from 0 to 1.  x: the length -> (x,)"""
    return _window(x, lambda xp, t: 0.54 + 0.46 * xp.cos(math.pi * t))


@export("numpy")
def hanning(x: Any) -> Tensor:
    """Hann's window, 0.5 - 0.5 cos(2 pi t) for t from 0 to 1.  x: the length -> (x,)"""
    return _window(x, lambda xp, t: 0.5 + 0.5 * xp.cos(math.pi * t))


@export("numpy")
def kaiser(x: Any, beta: float) -> Tensor:
    """Kaiser's window, i0(beta sqrt(1 - (2 t - 1)^2)) / i0(beta) for t from 0 to 1.  x: the length -> (x,)"""
    beta = float(beta)
    return _window(x, lambda xp, t: xp.i0(beta * xp.sqrt(1 - t * t)) / xp.i0(xp.full((), beta, dtype="float64")))
