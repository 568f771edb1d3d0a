"""The op table: activations with exact zeros, gates and squareplus."""

from __future__ import annotations

from typing import Any

import numpy as np

from dualnet.ops.nn import shrinkage

from .cases import F, Row, call, other, unary


def ramp(x: Any) -> Any:
    return np.where(x <= -1, 0, np.where(x >= 1, 1, (x + 1) / 2))


def sparsemax(x: Any, axis: int = -1) -> Any:
    """tau by bisection: the sum of max(x - tau, 0) falls with it."""
    low, high = x.min(axis=axis, keepdims=True) - 1, x.max(axis=axis, keepdims=True)
    for _ in range(80):
        middle = (low + high) / 2
        large = np.maximum(x - middle, 0).sum(axis=axis, keepdims=True) > 1
        low, high = np.where(large, middle, low), np.where(large, high, middle)
    return np.maximum(x - low, 0)


def glu(x: Any, axis: int = -1) -> Any:
    a, b = np.split(x, 2, axis=axis)
    return a / (1 + np.exp(-b))


ROWS: list[Row] = [
    unary(shrinkage.hard_shrink, lambda x, threshold=0.5: np.where(np.abs(x) > threshold, x, 0), calls=[{}, {"threshold": 1.0}]),
    unary(shrinkage.soft_shrink, lambda x, threshold=0.5: np.sign(x) * np.maximum(np.abs(x) - threshold, 0),
          calls=[{}, {"threshold": 1.0}]),
    unary(shrinkage.tanh_shrink, lambda x: x - np.tanh(x)),
    unary(shrinkage.sparse_plus, lambda x: np.where(x >= 1, x, ramp(x) ** 2)),
    unary(shrinkage.sparse_sigmoid, ramp),
    unary(shrinkage.squareplus, lambda x, b=4: (x + np.sqrt(x * x + b)) / 2, calls=[{}, {"b": 0.1}]),
    other(shrinkage.threshold, lambda x, threshold, value: np.where(x > threshold, x, value),
          call(F((3, 4)), 0.3, -1.0), call(F((5,)), -0.5, 2), call(F(()), 0.5, -1)),
    other(shrinkage.sparsemax, sparsemax, call(F((3, 4))), call(F((3, 4)), axis=0), call(F((2, 5, 3), -0.5, 0.5), axis=1),
          call(F((2, 3, 6), -0.1, 0.1), axis=-2), call(F((1,)))),
    other(shrinkage.glu, glu, call(F((3, 4))), call(F((4, 3)), axis=0), call(F((2, 6, 3)), axis=-2)),
]  # fmt: skip
