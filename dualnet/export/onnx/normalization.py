"""Normalization: in float32 at least, as the ops are."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core import settings
from .activation import activated
from .graph import Graph, T, exporter
from .reduction import variance
from .shape import axes_of, axis_of


@exporter("_batch_normalization")
def batch_normalization(
    g: Graph,
    x: T,
    mean: T,
    variance: T,
    beta: T | None,
    gamma: T | None,
    axis: int,
    epsilon: float,
    activation: str | None,
) -> T:
    at, rank = axis_of(x, axis), x.rank
    count = mean.shape[0]
    x_ = g.wide(g.floating(x))
    dtype = x_.dtype
    scale = g.constant(np.ones(count, dtype)) if gamma is None else g.cast(gamma, dtype)
    shift = g.constant(np.zeros(count, dtype)) if beta is None else g.cast(beta, dtype)
    wide = T(x_.name, dtype, x.shape)
    # ONNX has the channels at axis 1.
    order = [0, at, *(a for a in range(1, rank) if a != at)] if at else None
    if rank == 1 or order is None:
        root = g.op("Sqrt", g.binary("Add", g.cast(variance, dtype), epsilon))
        column = [-1] + [1] * (rank - 1 - at)
        factor, centre, offset = (
            g.op("Reshape", v, g.ints(column)) for v in (g.op("Div", scale, root), g.cast(mean, dtype), shift)
        )
        return activated(g, g.op("Add", g.op("Mul", g.op("Sub", wide, centre), factor), offset), activation)
    y = g.op(
        "BatchNormalization",
        g.transpose(wide, order),
        scale,
        shift,
        g.cast(mean, dtype),
        g.cast(variance, dtype),
        epsilon=epsilon,
    )
    return g.transpose(activated(g, y, activation), [order.index(a) for a in range(rank)])


@exporter("_standardize")
def standardize(
    g: Graph, x: T, gamma: T | None, beta: T | None, axes: Any, epsilon: float, parameter_axes: Any, centred: bool
) -> T:
    reduced, rank = sorted(axes_of(x, axes)), x.rank
    of_parameters = reduced if parameter_axes is None else sorted(axes_of(x, parameter_axes))
    x_ = g.wide(g.floating(x))
    dtype = x_.dtype
    lengths = [x.shape[a] for a in of_parameters]
    trailing = reduced == list(range(reduced[0], rank)) and of_parameters == reduced
    if centred and trailing and all(isinstance(n, int) for n in lengths):
        ones = g.constant(np.ones(lengths, dtype))
        scale = ones if gamma is None else g.reshape(g.cast(gamma, dtype), lengths)
        shift = None if beta is None else g.reshape(g.cast(beta, dtype), lengths)
        return g.op("LayerNormalization", x_, scale, shift, axis=reduced[0], epsilon=epsilon)
    if centred:
        centre, spread = variance(g, x_, reduced, keepdims=True)
        x_ = g.op("Sub", x_, centre)
    else:
        spread = g.reduce("ReduceMean", g.op("Mul", x_, x_), reduced, keepdims=True)
    y = g.op("Div", x_, g.op("Sqrt", g.binary("Add", spread, epsilon)))
    column = [n if a in of_parameters else 1 for a, n in enumerate(x.shape)]
    if gamma is not None:
        y = g.op("Mul", y, g.op("Reshape", g.cast(gamma, dtype), g.shape(column)))
    if beta is not None:
        y = g.op("Add", y, g.op("Reshape", g.cast(beta, dtype), g.shape(column)))
    return y


@exporter("normalize")
def normalize(g: Graph, x: T, axis: Any, order: int, epsilon: float | None) -> T:
    least = settings.epsilon() if epsilon is None else epsilon
    x_ = g.floating(x) if x.rank else g.op("Reshape", g.floating(x), g.ints([1]))
    axes = axes_of(x, axis) if x.rank else [0]
    if order == 2:
        norm = g.op("Sqrt", g.reduce("ReduceSum", g.op("Mul", x_, x_), axes, keepdims=True))
    else:
        powers = g.binary("Pow", g.op("Abs", x_), float(order))
        norm = g.binary("Pow", g.reduce("ReduceSum", powers, axes, keepdims=True), 1 / order)
    return g.op("Mul", x_, g.op("Reciprocal", g.binary("Max", norm, least)))
