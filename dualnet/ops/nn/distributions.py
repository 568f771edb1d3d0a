"""Random numbers of other distributions, in a fixed number of rounds: no loop here waits for a value.

What is drawn is a function of ``key`` (see ``dualnet_backends.stream_key``) and ``step`` alone. Uniform and normal numbers are
the same bits on every device; what is computed from them goes through the logarithm of the device, and agrees to rounding.
All is computed in float64, then rounded to ``dtype``.

Where a method rejects, it is tried so often that all tries fail with a probability that is stated, and never seen; the result
is then the middle of the distribution. A draw of its own within a step is a number in word 3 of the counter.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dualnet_backends import Backend

from ...core.dtypes import standardize_dtype
from ...core.op import primitive
from .._common import Array, Forward, NoGrad, Xp, refuse_gradient

GAMMA_ROUNDS = 10  # each accepts with a probability of at least 0.95: below 1e-13 that none does
BINOMIAL_ROUNDS = 32  # each accepts with a probability of about 0.7 or more (0.71 seen at n p = 10): below 1e-15
BINOMIAL_TERMS = 48  # of a sum where the mean is below 10: below 4e-18 that more are needed


@primitive
def uniform(
    backend: Backend, like: Array, /, shape: Sequence[int], low: float, high: float, key: tuple[int, int], step: int
) -> NoGrad:
    """Uniform float32 numbers in [low, high), on the device of ``like``, the same bits on every device"""
    return backend.random_uniform(tuple(shape), key, step, "float32", low, high), None


def _unknown(name: str) -> Any:
    """The gradient of numbers drawn by rejection, with respect to the parameters of their distribution."""

    def backward(dy: Array, out: Any) -> tuple[None, ...]:
        refuse_gradient(f"random.{name} with respect to its parameters", out)
        return (None,) * len(out)

    return backward


@primitive(in_place_grads=True)
def gamma(
    backend: Backend, alpha: Array, /, shape: Sequence[int], key: tuple[int, int], step: int, dtype: Any = None
) -> Forward:
    """Gamma numbers of shape parameter ``alpha`` > 0 and scale 1: mean alpha, variance alpha

    alpha: any shape that broadcasts to ``shape``. By Marsaglia and Tsang (ACM TOMS 26, 2000) in ten rounds, with U^(1 / alpha)
    times the number for alpha + 1 where alpha is below 1; fewer than one in 1e13 needs more, and is alpha - 1/3.
    """
    y = backend.xp.exp(_log_gamma(backend, _broadcast(backend.xp, alpha, shape), key, step, 0))
    return y.astype(standardize_dtype(dtype), copy=False), _unknown("gamma")


@primitive(in_place_grads=True)
def beta(
    backend: Backend,
    alpha: Array,
    beta: Array,
    /,
    shape: Sequence[int],
    key: tuple[int, int],
    step: int,
    dtype: Any = None,
) -> Forward:
    """Beta numbers in [0, 1]: the part of the first of two gamma numbers, of ``alpha`` and ``beta``, in their sum

    alpha, beta: above 0, of any shapes that broadcast to ``shape``. Of their logarithms, as both may be too small for a float.
    """
    xp = backend.xp
    first = _log_gamma(backend, _broadcast(xp, alpha, shape), key, step, 0)
    second = _log_gamma(backend, _broadcast(xp, beta, shape), key, step, 2 * GAMMA_ROUNDS + 1)
    e = xp.exp(-xp.abs(first - second))
    return (xp.where(first > second, xp.ones_like(e), e) / (1 + e)).astype(
        standardize_dtype(dtype), copy=False
    ), _unknown("beta")


@primitive
def binomial(
    backend: Backend,
    counts: Array,
    probabilities: Array,
    /,
    shape: Sequence[int],
    key: tuple[int, int],
    step: int,
    dtype: Any = None,
) -> NoGrad:
    """How many of ``counts`` trials succeed, each with its probability

    counts, probabilities: of any shapes that broadcast to ``shape``; NaN for a probability outside of 0 to 1. Where the mean n p
    of the rarer outcome is below 10, one uniform number is looked up in the distribution function, of which 48 terms are summed;
    elsewhere the transformed rejection of Hormann (J. Stat. Comput. Simul. 46, 1993) in 32 rounds, where fewer than one in 1e15
    needs more, and is the mode.
    """
    xp = backend.xp
    n, p = _broadcast(xp, counts, shape), _broadcast(xp, probabilities, shape)
    rarer = xp.minimum(p, 1 - p)
    few = n * rarer < 10
    u = backend.random_uniform(tuple(shape), key, step, "float64")
    low = _inverse_cdf(xp, n, xp.where(few, rarer, xp.zeros_like(rarer)), u)
    # Where the other method holds, this one gets n and p that it can do.
    high = _by_rejection(
        backend, xp.where(few, xp.full_like(n, 40.0), n), xp.where(few, xp.full_like(n, 0.5), rarer), key, step
    )
    k = xp.where(rarer >= 0, xp.where(few, low, high), xp.full_like(n, float("nan")))
    return xp.where(p > 0.5, n - k, k).astype(standardize_dtype(dtype), copy=False), None


@primitive
def categorical(
    backend: Backend, logits: Array, /, num_samples: int, key: tuple[int, int], step: int, dtype: Any = "int32"
) -> NoGrad:
    """Classes by their logits.  logits: (batch, classes) -> (batch, num_samples) of integers

    A uniform number for each, looked up in the running sum of the probabilities.
    """
    if logits.ndim != 2 or not logits.shape[1]:
        raise ValueError(f"categorical: logits must be of shape (batch, classes), got shape {logits.shape}")
    xp, (batch, classes) = backend.xp, logits.shape
    sums = xp.cumsum(backend.softmax(logits.astype("float64"), -1), axis=-1)
    sums = sums / sums[:, -1:]
    u = backend.random_uniform((batch, num_samples), key, step, "float64")
    # The rows one behind the other, each lifted by its number, are one sorted list.
    row = xp.arange(batch, dtype="float64")[:, None]
    at = xp.searchsorted((sums + row).reshape(-1), (u + row).reshape(-1), side="right").reshape((batch, num_samples))
    return xp.clip(at - xp.arange(batch)[:, None] * classes, 0, classes - 1).astype(standardize_dtype(dtype)), None


def _broadcast(xp: Xp, x: Array, shape: Sequence[int]) -> Array:
    return xp.broadcast_to(xp.asarray(x, dtype="float64"), tuple(shape))  # beside an array, a number is still one here


def _substep(step: Any, i: int) -> Any:
    """The step of another, independent draw."""
    return step + (i << 64) if isinstance(step, int) else (step, i)


def _log_gamma(backend: Backend, alpha: Array, key: tuple[int, int], step: int, part: int) -> Array:
    """Logarithms of gamma numbers. It takes 2 * GAMMA_ROUNDS + 1 draws from ``part`` on."""
    xp = backend.xp
    small = alpha < 1
    d = xp.where(small, alpha + 1, alpha) - 1 / 3
    c = 1 / xp.sqrt(9 * d)
    log_v, pending = xp.zeros_like(d), xp.ones(d.shape, dtype="bool")
    for i in range(part, part + 2 * GAMMA_ROUNDS, 2):
        x = backend.random_normal(d.shape, key, _substep(step, i), "float64")
        u = 1 - backend.random_uniform(d.shape, key, _substep(step, i + 1), "float64")
        root = 1 + c * x
        log_w = 3 * xp.log(xp.maximum(root, 1e-300))
        accepted = xp.logical_and(root > 0, xp.log(u) < 0.5 * x * x + d * (1 - root**3 + log_w))
        log_v = xp.where(xp.logical_and(pending, accepted), log_w, log_v)
        pending = xp.logical_and(pending, xp.logical_not(accepted))
    u = 1 - backend.random_uniform(d.shape, key, _substep(step, part + 2 * GAMMA_ROUNDS), "float64")
    return xp.log(d) + log_v + xp.where(small, xp.log(u) / alpha, xp.zeros_like(d))


def _inverse_cdf(xp: Xp, n: Array, p: Array, u: Array) -> Array:
    """The quantile ``u`` of the binomial distribution: the least k whose distribution function exceeds it."""
    odds = p / (1 - p)
    term = xp.exp(n * xp.log1p(-p))
    below, k = term, xp.zeros_like(u)
    for j in range(BINOMIAL_TERMS):
        k = k + (u >= below)
        term = term * odds * xp.maximum(n - j, 0) / (j + 1)
        below = below + term
    return xp.minimum(k, n)


def _by_rejection(backend: Backend, n: Array, p: Array, key: tuple[int, int], step: int) -> Array:
    """Binomial numbers by transformed rejection, for p up to 1/2 and n p of at least 10, in the symbols of the paper."""
    xp = backend.xp
    sd = xp.sqrt(n * p * (1 - p))
    b = 1.15 + 2.53 * sd
    a = -0.0873 + 0.0248 * b + 0.01 * p
    alpha = (2.83 + 5.1 / b) * sd
    v_r = 0.92 - 4.2 / b
    r = p / (1 - p)
    m = xp.floor((n + 1) * p)
    at_mode = (m + 0.5) * xp.log((m + 1) / (r * (n - m + 1))) + _stirling(xp, m + 1) + _stirling(xp, n - m + 1)
    drawn, pending = m, xp.ones(n.shape, dtype="bool")
    for i in range(BINOMIAL_ROUNDS):
        u = backend.random_uniform(n.shape, key, _substep(step, 2 * i + 1), "float64") - 0.5
        v = 1 - backend.random_uniform(n.shape, key, _substep(step, 2 * i + 2), "float64")
        us = xp.maximum(0.5 - xp.abs(u), 1e-300)
        k = xp.floor((2 * a / us + b) * u + n * p + 0.5)
        inside = xp.logical_and(k >= 0, k <= n)
        k = xp.clip(k, 0, n)
        bound = (
            at_mode
            + (n + 1) * xp.log((n - m + 1) / (n - k + 1))
            + (k + 0.5) * xp.log(r * (n - k + 1) / (k + 1))
            - _stirling(xp, k + 1)
            - _stirling(xp, n - k + 1)
        )
        squeezed = xp.logical_and(us >= 0.07, v <= v_r)
        below = xp.log(v * alpha / (a / (us * us) + b)) <= bound
        accepted = xp.logical_and(xp.logical_or(squeezed, below), inside)
        drawn = xp.where(xp.logical_and(pending, accepted), k, drawn)
        pending = xp.logical_and(pending, xp.logical_not(accepted))
    return drawn


def _stirling(xp: Xp, z: Array) -> Array:
    """log(gamma(z)) less Stirling's formula for it, to 1e-8 for z of at least 1."""
    total = xp.zeros_like(z)
    for _ in range(4):
        total = total + (z + 0.5) * xp.log1p(1 / z) - 1
        z = z + 1
    s = 1 / (z * z)
    return total + (1 / 12 - (1 / 360 - s / 1260) * s) / z
