"""The op table: noise, by its definition with NumPy's generator, and embedding."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from dualnet_backends.kernels.random import counter

from dualnet.ops.nn import embedding, noise

from .cases import F, I, Row, call, other

KEY = (7, 2**63 + 5)


def normal(shape: tuple[int, ...], key: tuple[int, int], step: int) -> Any:
    """By the transform of Box and Muller, one number after the other."""
    size = math.prod(shape)
    z = []
    for word in np.random.Philox(key=key[0] | key[1] << 64, counter=counter(step)).random_raw((size + 1) // 2).tolist():
        radius = math.sqrt(-2 * math.log(((word >> 32) + 0.5) / 2**32))
        angle = (word % 2**30 + 0.5) / 2**30 * math.pi / 2
        z += [(-1) ** (word >> 31 & 1) * radius * math.cos(angle), (-1) ** (word >> 30 & 1) * radius * math.sin(angle)]
    return np.array(z[:size]).reshape(shape)


def gaussian_noise(x: Any, stddev: float, key: tuple[int, int], step: int) -> Any:
    return x + stddev * normal(x.shape, key, step)


def gaussian_dropout(x: Any, rate: float, key: tuple[int, int], step: int) -> Any:
    return x * (1 + math.sqrt(rate / (1 - rate)) * normal(x.shape, key, step))


def alpha_dropout(x: Any, rate: float, key: tuple[int, int], step: int, noise_shape: Any = None) -> Any:
    shape = tuple(n if d is None else d for d, n in zip(noise_shape or x.shape, x.shape))
    generator = np.random.Generator(np.random.Philox(key=key[0] | key[1] << 64, counter=counter(step)))
    dropped = generator.random(shape, dtype="float32") < rate
    low = -1.7580993408473766
    a = 1 / math.sqrt((1 - rate) * (1 + rate * low**2))
    return a * np.where(dropped, low, x) - a * low * rate


ROWS: list[Row] = [
    other(noise.gaussian_noise, gaussian_noise, call(F((3, 4)), 0.5, KEY, 3), call(F((2, 3, 3)), 0.1, KEY, 0), call(F((7,)), 0.0, KEY, 2)),
    other(noise.gaussian_dropout, gaussian_dropout, call(F((3, 4)), 0.5, KEY, 3), call(F((5,)), 0.1, KEY, 2**70)),
    other(noise.alpha_dropout, alpha_dropout, call(F((3, 4)), 0.5, KEY, 3), call(F((3, 4)), 0.25, KEY, 1, noise_shape=(None, 1)),
          call(F((65,)), 0.1, KEY, 0)),
    other(embedding.embedding, lambda table, ids: table[ids.astype(int)], call(F((5, 4)), I((3, 2), 5)), call(F((3, 4)), I((), 3)),
          call(F((4, 2)), I((6,), 4)), call(F((9, 1)), I((2, 3, 4), 2)), call(F((5, 2)), I((4,), 3))),
]  # fmt: skip
