"""Losses, for models that compute one as an output. target and output are floating point numbers of the dtype of the output."""

from __future__ import annotations

import math

from ...core import settings
from .elementwise import log1p
from .encoding import one_hot_of
from .graph import Graph, T, exporter
from .shape import axis_of


def _pair(g: Graph, target: T, output: T) -> tuple[T, T]:
    output = g.wide(g.floating(output))
    return g.cast(target, output.dtype), output


def _mean(g: Graph, values: T) -> T:
    return g.reduce("ReduceMean", values, [-1])


def _square(g: Graph, x: T) -> T:
    return g.op("Mul", x, x)


@exporter("mean_squared_error")
def mean_squared_error(g: Graph, target: T, output: T) -> T:
    return _mean(g, _square(g, g.op("Sub", *_pair(g, target, output))))


@exporter("mean_absolute_error")
def mean_absolute_error(g: Graph, target: T, output: T) -> T:
    return _mean(g, g.op("Abs", g.op("Sub", *_pair(g, target, output))))


@exporter("mean_absolute_percentage_error")
def mean_absolute_percentage_error(g: Graph, target: T, output: T) -> T:
    t, y = _pair(g, target, output)
    size = g.binary("Max", g.op("Abs", t), settings.epsilon())
    return g.binary("Mul", _mean(g, g.op("Abs", g.op("Div", g.op("Sub", t, y), size))), 100.0)


@exporter("mean_squared_logarithmic_error")
def mean_squared_logarithmic_error(g: Graph, target: T, output: T) -> T:
    logs = [log1p(g, g.binary("Max", v, settings.epsilon())) for v in _pair(g, target, output)]
    return _mean(g, _square(g, g.op("Sub", *logs)))


@exporter("huber")
def huber(g: Graph, target: T, output: T, delta: float) -> T:
    t, y = _pair(g, target, output)
    error = g.op("Sub", y, t)
    near = g.binary("Min", g.binary("Max", error, -delta), delta)
    return _mean(g, g.op("Mul", near, g.op("Sub", error, g.binary("Mul", near, 0.5))))


@exporter("pseudo_huber")
def pseudo_huber(g: Graph, target: T, output: T, delta: float) -> T:
    t, y = _pair(g, target, output)
    error = g.op("Sub", y, t)
    root = g.op("Sqrt", g.binary("Add", _square(g, g.binary("Div", error, delta)), 1))
    return _mean(g, g.op("Div", _square(g, error), g.binary("Add", root, 1)))


@exporter("log_cosh")
def log_cosh(g: Graph, target: T, output: T) -> T:
    size = g.op("Abs", g.op("Sub", *_pair(g, target, output)))
    small = log1p(g, g.op("Exp", g.binary("Mul", size, -2.0)))
    return _mean(g, g.binary("Sub", g.op("Add", size, small), math.log(2)))


@exporter("poisson")
def poisson(g: Graph, target: T, output: T) -> T:
    t, y = _pair(g, target, output)
    return _mean(g, g.op("Sub", y, g.op("Mul", t, g.op("Log", g.binary("Add", y, settings.epsilon())))))


def _within(g: Graph, x: T, low: float, high: float) -> T:
    return g.binary("Min", g.binary("Max", x, low), high)


@exporter("kl_divergence")
def kl_divergence(g: Graph, target: T, output: T) -> T:
    t, y = (_within(g, v, settings.epsilon(), 1.0) for v in _pair(g, target, output))
    return g.reduce("ReduceSum", g.op("Mul", t, g.op("Log", g.op("Div", t, y))), [-1])


@exporter("cosine")
def cosine(g: Graph, target: T, output: T, axis: int) -> T:
    at = axis_of(output, axis)
    directions = []
    for v in _pair(g, target, output):
        length = g.op("Sqrt", g.reduce("ReduceSum", _square(g, v), [at], keepdims=True))
        directions.append(g.op("Div", v, g.binary("Max", length, settings.epsilon())))
    return g.reduce("ReduceSum", g.op("Mul", *directions), [at])


@exporter("hinge", "squared_hinge")
def hinge(g: Graph, target: T, output: T) -> T:
    t, y = _pair(g, target, output)
    either = g.op("Or", g.compare("Equal", t, 0), g.compare("Equal", t, 1))
    binary = g.cast(g.reduce("ReduceMin", g.cast(either, "int32"), None), "bool")
    signs = g.where(binary, g.binary("Sub", g.binary("Mul", t, 2), 1), t)
    margin = g.binary("Max", g.binary("Sub", 1, g.op("Mul", signs, y)), 0)
    return _mean(g, _square(g, margin) if g.call.name == "squared_hinge" else margin)


@exporter("categorical_hinge")
def categorical_hinge(g: Graph, target: T, output: T) -> T:
    t, y = _pair(g, target, output)
    worst = g.reduce("ReduceMax", g.op("Mul", g.binary("Sub", 1, t), y), [-1])
    right = g.reduce("ReduceSum", g.op("Mul", t, y), [-1])
    return g.binary("Max", g.binary("Add", g.op("Sub", worst, right), 1), 0)


@exporter("_softmax_cross_entropy")
def softmax_cross_entropy(g: Graph, target: T, logits: T, axis: int) -> T:
    t, z = _pair(g, target, logits)
    return g.op("Neg", g.reduce("ReduceSum", g.op("Mul", t, g.op("LogSoftmax", z, axis=axis)), [axis_of(logits, axis)]))


@exporter("_sparse_softmax_cross_entropy")
def sparse_softmax_cross_entropy(g: Graph, target: T, logits: T, axis: int) -> T:
    at = axis_of(logits, axis)
    log_p = g.op("LogSoftmax", g.wide(g.floating(logits)), axis=at)
    ids = g.unsqueeze(g.cast(target, "int64"), at)
    return g.op("Neg", g.squeeze(g.op("GatherElements", log_p, ids, axis=at), at))


@exporter("_cross_entropy")
def cross_entropy(g: Graph, target: T, output: T, axis: int) -> T:
    t, y = _pair(g, target, output)
    at = axis_of(output, axis)
    p = g.op("Div", y, g.reduce("ReduceSum", y, [at], keepdims=True))
    p = _within(g, p, settings.epsilon(), 1 - settings.epsilon())
    return g.op("Neg", g.reduce("ReduceSum", g.op("Mul", t, g.op("Log", p)), [at]))


@exporter("generalized_cross_entropy")
def generalized_cross_entropy(g: Graph, target: T, output: T, q: float) -> T:
    y = g.wide(g.floating(output))
    hot = one_hot_of(g, g.cast(target, "int64"), output.shape[-1], y.dtype)
    p = g.reduce("ReduceSum", g.op("Mul", hot, y), [axis_of(output, -1)])
    return g.binary("Div", g.binary("Sub", 1, g.binary("Pow", p, q)), q)


@exporter("_one_if_valid")
def one_if_valid(g: Graph, target: T, output: T, classes: int) -> T:
    ids = g.cast(target, "int64")
    valid = g.op("And", g.compare("GreaterOrEqual", ids, 0), g.compare("Less", ids, classes))
    return g.where(valid, g.cast(T("", "", (), 1.0), g.out_dtype), math.nan)


@exporter("_sigmoid_cross_entropy")
def sigmoid_cross_entropy(g: Graph, target: T, logits: T) -> T:
    t, z = _pair(g, target, logits)
    e = g.op("Exp", g.op("Neg", g.op("Abs", z)))
    return g.op("Add", g.op("Sub", g.binary("Max", z, 0), g.op("Mul", z, t)), log1p(g, e))


@exporter("_binary_cross_entropy")
def binary_cross_entropy(g: Graph, target: T, output: T) -> T:
    t, y = _pair(g, target, output)
    p = _within(g, y, settings.epsilon(), 1 - settings.epsilon())
    first = g.op("Mul", t, g.op("Log", p))
    second = g.op("Mul", g.binary("Sub", 1, t), g.op("Log", g.binary("Sub", 1, p)))
    return g.op("Neg", g.op("Add", first, second))


@exporter("weighted_sum")
def weighted_sum(g: Graph, values: T, weights: T | None, divisor: float) -> T:
    x = g.wide(g.floating(values))
    if weights is not None:
        x = g.op("Mul", x, g.cast(weights, x.dtype))
    return g.binary("Div", g.reduce("ReduceSum", x, None), divisor)
