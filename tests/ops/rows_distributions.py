"""The op table: random numbers of other distributions, drawn one after the other with NumPy's generator."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from dualnet_backends.kernels.random import counter

from dualnet.ops.nn import distributions

from .cases import F, I, Row, call, other
from .rows_noise import KEY, normal

DRAWN = "what is drawn has none"


def uniform(shape: Any, key: Any, step: int, part: int = 0) -> Any:
    philox = np.random.Philox(key=key[0] | key[1] << 64, counter=counter(step + (part << 64)))
    return np.random.Generator(philox).random(shape)


def log_gamma(alpha: Any, key: Any, step: int, part: int) -> Any:
    """Marsaglia and Tsang: the first round that accepts."""
    rounds = range(part, part + 20, 2)
    xs = [normal(alpha.shape, key, step + (i << 64)) for i in rounds]
    us = [1 - uniform(alpha.shape, key, step, i + 1) for i in rounds]
    last = 1 - uniform(alpha.shape, key, step, part + 20)
    y = np.zeros(alpha.shape)
    for at, a in np.ndenumerate(alpha):
        d = (a + 1 if a < 1 else a) - 1 / 3
        for x, u in zip(xs, us):
            v = (1 + x[at] / math.sqrt(9 * d)) ** 3
            if v > 0 and math.log(u[at]) < x[at] ** 2 / 2 + d - d * v + d * math.log(v):
                break
        y[at] = math.log(d * v) + (math.log(last[at]) / a if a < 1 else 0)
    return y


def gamma(alpha: Any, shape: Any, key: Any, step: int, dtype: Any = None) -> Any:
    return np.exp(log_gamma(np.broadcast_to(alpha, shape), key, step, 0))


def beta(alpha: Any, beta: Any, shape: Any, key: Any, step: int, dtype: Any = None) -> Any:
    a = np.exp(log_gamma(np.broadcast_to(alpha, shape), key, step, 0))
    b = np.exp(log_gamma(np.broadcast_to(beta, shape), key, step, 21))
    return a / (a + b)


def log_mass(n: float, p: float, k: float) -> float:
    """log of the probability of k successes, but for what does not depend on k."""
    return k * math.log(p / (1 - p)) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def rejected(n: float, p: float, at: Any, shape: Any, key: Any, step: int) -> float:
    sd = math.sqrt(n * p * (1 - p))
    b = 1.15 + 2.53 * sd
    a = -0.0873 + 0.0248 * b + 0.01 * p
    mode = math.floor((n + 1) * p)
    for i in range(32):
        u = uniform(shape, key, step, 2 * i + 1)[at] - 0.5
        v = 1 - uniform(shape, key, step, 2 * i + 2)[at]
        us = 0.5 - abs(u)
        k = math.floor((2 * a / us + b) * u + n * p + 0.5)
        if us >= 0.07 and v <= 0.92 - 4.2 / b:
            return k
        v *= (2.83 + 5.1 / b) * sd / (a / us**2 + b)
        if 0 <= k <= n and math.log(v) <= log_mass(n, p, k) - log_mass(n, p, mode):
            return k
    return mode


def binomial(counts: Any, probabilities: Any, shape: Any, key: Any, step: int, dtype: Any = None) -> Any:
    y = np.zeros(shape)
    counts, probabilities = np.broadcast_to(counts, shape), np.broadcast_to(probabilities, shape)
    for at in np.ndindex(*shape):
        n, p = float(counts[at]), float(probabilities[at])
        q = min(p, 1 - p)
        if n * q < 10:
            mass = [math.comb(int(n), j) * q**j * (1 - q) ** (n - j) for j in range(min(int(n), 60) + 1)]
            k = float(np.sum(uniform(shape, key, step)[at] >= np.cumsum(mass)[: int(n)]))
        else:
            k = rejected(n, q, at, shape, key, step)
        y[at] = k if p <= 0.5 else n - k
    return y


def categorical(logits: Any, num_samples: int, key: Any, step: int, dtype: Any = None) -> Any:
    u = uniform((len(logits), num_samples), key, step)
    p = np.exp(logits)
    sums = np.cumsum(p, axis=1) / p.sum(axis=1, keepdims=True)
    return np.array([[np.searchsorted(s, x, side="right") for x in row] for s, row in zip(sums, u)]).reshape(u.shape)


def uniform_between(like: Any, shape: Any, low: float, high: float, key: Any, step: int) -> Any:
    philox = np.random.Philox(key=key[0] | key[1] << 64, counter=counter(step))
    u = np.random.Generator(philox).random(shape, dtype="float32")
    return u * np.float32(high - low) + np.float32(low)


S = "float64"
ROWS: list[Row] = [
    other(distributions.uniform, uniform_between, call(F((2,)), (3, 4), -1.0, 3.0, KEY, 3), call(F((0,)), (5,), 0.5, 0.5, KEY, 0),
          gradient=DRAWN),
    other(distributions.gamma, gamma, call(F((4,), 0.1, 5.0), (3, 4), KEY, 3, dtype=S), call(F((2, 1), 0.01, 0.9), (2, 30), KEY, 0, dtype=S),
          call(F((), 20.0, 30.0), (40,), KEY, 2**40, dtype=S), gradient=DRAWN),
    other(distributions.beta, beta, call(F((4,), 0.1, 5.0), F((2, 1), 0.1, 5.0), (2, 4), KEY, 3, dtype=S),
          call(F((), 0.2, 0.4), F((), 1, 2), (50,), KEY, 1, dtype=S), gradient=DRAWN),
    other(distributions.binomial, binomial, call(I((4,), 20), F((2, 1), 0.0, 1.0), (2, 4), KEY, 3, dtype=S),
          call(I((50,), 2000, 100), F((50,), 0.0, 1.0), (50,), KEY, 1, dtype=S),
          call(I((), 900, 500), F((2, 1), 0.4, 0.9), (2, 60), KEY, 0, dtype=S), gradient=DRAWN),
    other(distributions.categorical, categorical, call(F((4, 5)), 7, KEY, 3), call(F((3, 2)), 1, KEY, 0), call(F((40, 3), -9, 9), 6, KEY, 5),
          gradient=DRAWN),
]  # fmt: skip
