"""The op table: arithmetic, functions of one operand, activations."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from dualnet.ops.math import arithmetic as ar
from dualnet.ops.math import elementwise as el
from dualnet.ops.nn import activation as act

from .cases import B, F, I, Row, binary, call, erf, other, unary

STEPS = "constant between its jumps"
TRUTH = "true or false"


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def softplus(x: Any) -> Any:
    return np.log1p(np.exp(x))


def expm1_below(x: Any) -> Any:
    return np.expm1(np.minimum(x, 0))


def divided(x: Any, y: Any) -> Any:
    y = np.asarray(y)
    return np.where(y == 0, 0, x / np.where(y == 0, 1, y))


POSITIVE = (0.3, 3.0)
ARITHMETIC = [
    binary(ar.add, np.add),
    binary(ar.subtract, np.subtract),
    binary(ar.multiply, np.multiply),
    binary(ar.divide, np.divide, second=POSITIVE),
    binary(ar.divide_no_nan, divided, second=POSITIVE),
    binary(ar.power, np.power, first=POSITIVE),
    binary(ar.mod, np.mod, second=POSITIVE),
    binary(ar.maximum, np.maximum),
    binary(ar.minimum, np.minimum),
    binary(ar.floor_divide, np.floor_divide, second=POSITIVE, gradient=STEPS),
    *(
        binary(getattr(ar, name), getattr(np, name), gradient=TRUTH)
        for name in ("equal", "not_equal", "greater", "greater_equal", "less", "less_equal")
    ),
    *(
        other(
            getattr(ar, name),
            getattr(np, name),
            call(B((3, 4)), B((4,))),
            call(I((3, 4), 2), B((3, 1))),
            gradient=TRUTH,
        )
        for name in ("logical_and", "logical_or", "logical_xor")
    ),
    other(
        ar.where,
        np.where,
        call(B((3, 4)), F((3, 4)), F((3, 4))),
        call(B((3, 1)), F((4,)), F((3, 4))),
        call(B((3, 4)), F(()), F((1, 4))),
        call(B((3, 4)), F((3, 4)), 0.5),
        call(B((3, 4)), 0.5, F((4,))),
        scalar=True,
    ),
]

ELEMENTWISE = [
    unary(el.negative, np.negative),
    unary(el.absolute, np.abs),
    unary(el.sign, np.sign, gradient=STEPS),
    unary(el.square, np.square),
    unary(el.sqrt, np.sqrt, *POSITIVE),
    unary(el.rsqrt, lambda x: 1 / np.sqrt(x), *POSITIVE),
    unary(el.reciprocal, np.reciprocal, *POSITIVE),
    unary(el.exp, np.exp),
    unary(el.expm1, np.expm1),
    unary(el.log, np.log, *POSITIVE),
    unary(el.log1p, np.log1p, -0.5),
    unary(el.log2, np.log2, *POSITIVE),
    unary(el.log10, np.log10, *POSITIVE),
    unary(el.sin, np.sin),
    unary(el.cos, np.cos),
    unary(el.tan, np.tan, -1.2, 1.2),
    unary(el.arcsin, np.arcsin, -0.9, 0.9),
    unary(el.arccos, np.arccos, -0.9, 0.9),
    unary(el.arctan, np.arctan),
    unary(el.sinh, np.sinh),
    unary(el.cosh, np.cosh),
    unary(el.erf, erf, -7.0, 7.0),
    other(
        el.clip,
        np.clip,
        call(F((3, 4)), -0.5, 1.2),
        call(F((3, 4)), F((4,), -2, 0), F((3, 1), 0, 2)),
        call(F((1, 4)), F((3, 1), -2, 0), 1.0),
        argnums=(0,),
        scalar=True,
    ),
    unary(el.floor, np.floor, gradient=STEPS),
    unary(el.ceil, np.ceil, gradient=STEPS),
    unary(el.round, np.round, gradient=STEPS, calls=[{}, {"decimals": 1}, {"decimals": -1}]),
    unary(el.isnan, np.isnan, gradient=TRUTH),
    unary(el.isinf, np.isinf, gradient=TRUTH),
    unary(el.isfinite, np.isfinite, gradient=TRUTH),
    other(el.logical_not, np.logical_not, call(B((3, 4))), call(I((3, 4), 2)), gradient=TRUTH),
    unary(el.cast, lambda x, dtype: x, calls=[{"dtype": "float64"}]),
    unary(el.stop_gradient, lambda x: x, gradient="that is its purpose"),
    unary(el.copy, np.copy),
]

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
ACTIVATION = [
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

ROWS: list[Row] = ARITHMETIC + ELEMENTWISE + ACTIVATION
