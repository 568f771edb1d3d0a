"""The op table: activations."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from dualnet.ops.nn import activation as act

from .cases import F, Row, call, erf, other, unary


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def softplus(x: Any) -> Any:
    return np.log1p(np.exp(x))


def expm1_below(x: Any) -> Any:
    return np.expm1(np.minimum(x, 0))


ALPHA, SCALE = 1.6732632423543772, 1.0507009873554805
WIDE = (-4.0, 8.0)
SIMPLE: dict[Any, Any] = {
    act.linear: lambda x: x,
    act.relu: lambda x: np.maximum(x, 0),
    act._sigmoid_op: sigmoid,
    act.sigmoid: sigmoid,
    act.tanh: np.tanh,
    act.relu6: lambda x: np.clip(x, 0, 6),
    act.selu: lambda x: SCALE * np.where(x > 0, x, ALPHA * expm1_below(x)),
    act.silu: lambda x: x * sigmoid(x),
    act.hard_sigmoid: lambda x: np.clip(x + 3, 0, 6) / 6,
    act.hard_silu: lambda x: x * np.clip(x + 3, 0, 6) / 6,
    act.hard_tanh: lambda x: np.clip(x, -1, 1),
    act.softplus: softplus,
    act.log_sigmoid: lambda x: -softplus(-x),
    act.softsign: lambda x: x / (1 + np.abs(x)),
    act.mish: lambda x: x * np.tanh(softplus(x)),
}


def softmax(x: Any, axis: Any = -1) -> Any:
    e = np.exp(x)
    return e / e.sum(axis=axis, keepdims=True)


def gelu(x: Any, approximate: bool = True) -> Any:
    if approximate:
        return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    return 0.5 * x * (1 + erf(x / math.sqrt(2)))


ALONG = [
    call(F((3, 4))),
    call(F((3, 4)), axis=0),
    call(F((2, 3, 4)), axis=1),
    call(F((2, 3, 4)), axis=-2),
    call(F((5,))),
]
ACROSS = [*ALONG, call(F((2, 3, 4)), axis=(0, 2)), call(F((2, 3, 4)), axis=(-1, 1))]
ROWS: list[Row] = [
    *(unary(op, reference, *WIDE) for op, reference in SIMPLE.items()),
    unary(
        act.elu,
        lambda x, alpha=1.0: np.where(x > 0, x, alpha * expm1_below(x)),
        calls=[{}, {"alpha": 0.3}],
    ),
    unary(
        act.leaky_relu,
        lambda x, negative_slope=0.2: np.where(x > 0, x, negative_slope * x),
        calls=[{}, {"negative_slope": 0.01}],
    ),
    unary(
        act.celu,
        lambda x, alpha=1.0: np.where(x > 0, x, alpha * expm1_below(x / alpha)),
        calls=[{}, {"alpha": 0.3}],
    ),
    unary(act.gelu, gelu, *WIDE, calls=[{}, {"approximate": False}]),
    other(act._softmax, softmax, *ALONG),
    other(act.softmax, softmax, *ACROSS),
    other(act._log_softmax, lambda x, axis=-1: np.log(softmax(x, axis)), *ALONG),
    other(act.log_softmax, lambda x, axis=-1: np.log(softmax(x, axis)), *ACROSS),
]
