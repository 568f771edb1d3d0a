"""Activations. ``activated`` applies those that are fused with other ops."""

from __future__ import annotations

import math

from .elementwise import log1p
from .graph import Graph, T, exporter
from .shape import axis_of


def activated(g: Graph, x: T, activation: str | None) -> T:
    """x after an activation by its name: "linear" (or None), "relu", "relu6", "tanh" or "elu"."""
    if activation in (None, "linear"):
        return x
    if activation == "relu6":
        return g.binary("Min", g.op("Relu", x), 6.0)
    return g.op({"relu": "Relu", "tanh": "Tanh", "elu": "Elu"}[activation], x)


@exporter("relu")
def relu(g: Graph, x: T) -> T:
    return (
        g.binary("Max", g.cast(x, g.arithmetic(g.out_dtype)), 0)
        if x.dtype.startswith(("int", "uint"))
        else g.op("Relu", x)
    )


@exporter("relu6")
def relu6(g: Graph, x: T) -> T:
    return g.binary("Min", g.binary("Max", x, 0, g.arithmetic(x.dtype)), 6)


@exporter("_sigmoid_op")
def sigmoid(g: Graph, x: T) -> T:
    return g.op("Sigmoid", g.floating(x))


@exporter("elu")
def elu(g: Graph, x: T, alpha: float) -> T:
    return g.op("Elu", g.wide(g.floating(x)), alpha=float(alpha)) if x.dtype != "float64" else _elu(g, x, alpha)


def _elu(g: Graph, x: T, alpha: float) -> T:
    negative = g.binary("Mul", g.binary("Sub", g.op("Exp", g.binary("Min", x, 0)), 1), alpha)
    return g.where(g.compare("Greater", x, 0), x, negative)


@exporter("leaky_relu")
def leaky_relu(g: Graph, x: T, negative_slope: float) -> T:
    x = g.floating(x)
    return g.where(g.compare("Greater", x, 0), x, g.binary("Mul", x, negative_slope))


@exporter("selu")
def selu(g: Graph, x: T) -> T:
    return g.binary("Mul", _elu(g, g.floating(x), 1.6732632423543772), 1.0507009873554805)


@exporter("celu")
def celu(g: Graph, x: T, alpha: float) -> T:
    x = g.floating(x)
    negative = g.binary("Mul", g.binary("Sub", g.op("Exp", g.binary("Div", g.binary("Min", x, 0), alpha)), 1), alpha)
    return g.where(g.compare("Greater", x, 0), x, negative)


@exporter("gelu")
def gelu(g: Graph, x: T, approximate: bool) -> T:
    x = g.floating(x)
    if approximate:
        cubic = g.binary("Mul", g.op("Mul", g.op("Mul", x, x), x), 0.044715)
        gate = g.op("Tanh", g.binary("Mul", g.op("Add", x, cubic), math.sqrt(2 / math.pi)))
    else:
        gate = g.cast(g.op("Erf", g.cast(g.binary("Div", x, math.sqrt(2)), "float32")), x.dtype)
    return g.op("Mul", x, g.binary("Mul", g.binary("Add", gate, 1), 0.5))


@exporter("silu")
def silu(g: Graph, x: T) -> T:
    x = g.floating(x)
    return g.op("Mul", x, g.op("Sigmoid", x))


def _ramp(g: Graph, x: T) -> T:
    return g.binary("Min", g.binary("Max", g.binary("Add", g.binary("Div", x, 6), 0.5), 0), 1)


@exporter("hard_sigmoid")
def hard_sigmoid(g: Graph, x: T) -> T:
    return _ramp(g, g.floating(x))


@exporter("hard_silu")
def hard_silu(g: Graph, x: T) -> T:
    x = g.floating(x)
    return g.op("Mul", x, _ramp(g, x))


@exporter("hard_tanh")
def hard_tanh(g: Graph, x: T) -> T:
    return g.binary("Min", g.binary("Max", x, -1, g.arithmetic(x.dtype)), 1)


def _softplus(g: Graph, x: T) -> T:
    return g.op("Add", g.binary("Max", x, 0), log1p(g, g.op("Exp", g.op("Neg", g.op("Abs", x)))))


@exporter("softplus")
def softplus(g: Graph, x: T) -> T:
    return _softplus(g, g.floating(x))


@exporter("log_sigmoid")
def log_sigmoid(g: Graph, x: T) -> T:
    return g.op("Neg", _softplus(g, g.op("Neg", g.floating(x))))


@exporter("softsign")
def softsign(g: Graph, x: T) -> T:
    x = g.floating(x)
    return g.op("Div", x, g.binary("Add", g.op("Abs", x), 1))


@exporter("mish")
def mish(g: Graph, x: T) -> T:
    x = g.floating(x)
    return g.op("Mul", x, g.op("Tanh", _softplus(g, x)))


@exporter("_softmax")
def softmax(g: Graph, x: T, axis: int) -> T:
    return g.op("Softmax", g.floating(x), axis=axis)


@exporter("_log_softmax")
def log_softmax(g: Graph, x: T, axis: int) -> T:
    return g.op("LogSoftmax", g.floating(x), axis=axis)


@exporter("hard_shrink")
def hard_shrink(g: Graph, x: T, threshold: float) -> T:
    x = g.floating(x)
    return g.where(g.compare("Greater", g.op("Abs", x), threshold), x, 0.0)


@exporter("soft_shrink")
def soft_shrink(g: Graph, x: T, threshold: float) -> T:
    x = g.floating(x)
    return g.op("Sub", x, g.binary("Min", g.binary("Max", x, -threshold), threshold))


@exporter("tanh_shrink")
def tanh_shrink(g: Graph, x: T) -> T:
    x = g.floating(x)
    return g.op("Sub", x, g.op("Tanh", x))


@exporter("threshold")
def threshold_(g: Graph, x: T, threshold: float, default_value: float) -> T:
    x = g.cast(x, g.out_dtype)
    return g.where(g.compare("Greater", g.cast(x, g.arithmetic(x.dtype)), threshold), x, default_value)


@exporter("squareplus")
def squareplus(g: Graph, x: T, b: float) -> T:
    x = g.floating(x)
    root = g.op("Sqrt", g.binary("Add", g.op("Mul", x, x), b))
    return g.binary("Mul", g.op("Add", x, root), 0.5)


def _half_ramp(g: Graph, x: T) -> T:
    return g.binary("Min", g.binary("Max", g.binary("Mul", g.binary("Add", x, 1), 0.5), 0), 1)


@exporter("sparse_plus")
def sparse_plus(g: Graph, x: T) -> T:
    x = g.floating(x)
    s = _half_ramp(g, x)
    return g.where(g.compare("GreaterOrEqual", x, 1), x, g.op("Mul", s, s))


@exporter("sparse_sigmoid")
def sparse_sigmoid(g: Graph, x: T) -> T:
    return _half_ramp(g, g.floating(x))


@exporter("sparsemax")
def sparsemax(g: Graph, x: T, axis: int) -> T:
    z, shape, at = g.floating(x), x.shape, axis_of(x, axis)
    n = g.size(shape[at])
    largest, _ = g.ops("TopK", z, n, dtypes=(None, "int64"), axis=at)
    over = g.binary("Sub", g.op("CumSum", largest, g.constant(at, "int64")), 1)
    rank = g.reshape(g.binary("Add", g.range(shape[at], z.dtype), 1), [-1] + [1] * (len(shape) - 1 - at))
    inside = g.cast(g.compare("Greater", g.op("Mul", rank, largest), over), "int64")
    size = g.binary("Max", g.reduce("ReduceSum", inside, [at], keepdims=True), 1)
    tau = g.op("Div", g.op("GatherElements", over, g.binary("Sub", size, 1), axis=at), g.cast(size, z.dtype))
    return g.binary("Max", g.op("Sub", z, tau), 0)


@exporter("glu")
def glu(g: Graph, x: T, axis: int) -> T:
    a, b = g.ops("Split", g.floating(x), dtypes=(None, None), axis=axis, num_outputs=2)
    return g.op("Mul", a, g.op("Sigmoid", b))
