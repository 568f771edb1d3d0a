"""The op table: normalization, by the formulas of the papers with NumPy's mean and variance."""

from __future__ import annotations

from typing import Any

import numpy as np

from dualnet.ops.nn import normalization as norm

from .cases import F, Row, call, other


def against(x: Any, v: Any, axes: tuple[int, ...]) -> Any:
    """A gamma or beta with entries along ``axes``, in a shape that broadcasts against x."""
    parameter_axes = {a % x.ndim for a in axes}
    return v if np.isscalar(v) else v.reshape([n if i in parameter_axes else 1 for i, n in enumerate(x.shape)])


def normalized(
    x: Any, gamma: Any, beta: Any, axes: tuple[int, ...], epsilon: float, parameter_axes: Any, centred: bool = True
) -> Any:
    gamma, beta = 1.0 if gamma is None else gamma, 0.0 if beta is None else beta
    if x.size == 0:
        return x
    mean = x.mean(axis=axes, keepdims=True) if centred else 0.0
    deviation = np.sqrt(((x - mean) ** 2).mean(axis=axes, keepdims=True) + epsilon)
    return against(x, gamma, parameter_axes) * (x - mean) / deviation + against(x, beta, parameter_axes)


def batch(x: Any, gamma: Any = None, beta: Any = None, axis: int = -1, epsilon: float = 1e-3) -> Any:
    others = tuple(i for i in range(x.ndim) if i != axis % x.ndim)
    return normalized(x, gamma, beta, others, epsilon, (axis,))


def batch_with(
    x: Any, mean: Any, variance: Any, beta: Any = None, gamma: Any = None, axis: int = -1, epsilon: float = 1e-3
) -> Any:
    mean, variance = against(x, mean, (axis,)), against(x, variance, (axis,))
    scale = 1.0 if gamma is None else against(x, gamma, (axis,))
    return scale * (x - mean) / np.sqrt(variance + epsilon) + (0.0 if beta is None else against(x, beta, (axis,)))


def standardize(
    x: Any,
    gamma: Any = None,
    beta: Any = None,
    axes: Any = (-1,),
    epsilon: float = 1e-3,
    parameter_axes: Any = None,
    centred: bool = True,
) -> Any:
    return normalized(x, gamma, beta, tuple(axes), epsilon, tuple(parameter_axes or axes), centred)


def several(axis: Any) -> tuple[int, ...]:
    return (axis,) if isinstance(axis, int) else tuple(axis)


def layer(
    x: Any, gamma: Any = None, beta: Any = None, axis: Any = -1, epsilon: float = 1e-7, rms_scaling: bool = False
) -> Any:
    if rms_scaling:
        y = x / np.sqrt(x.var(axis=several(axis), keepdims=True) + epsilon)
        return y if gamma is None else y * against(x, gamma, several(axis))
    return normalized(x, gamma, beta, several(axis), epsilon, several(axis))


def rms(x: Any, scale: Any = None, axis: Any = -1, epsilon: float = 1e-7) -> Any:
    return normalized(x, scale, None, several(axis), epsilon, several(axis), centred=False)


def group(x: Any, groups: int, gamma: Any = None, beta: Any = None, axis: int = -1, epsilon: float = 1e-3) -> Any:
    """One group of one sample at a time."""
    x_last = np.moveaxis(x, axis, -1)
    y = np.empty_like(x_last)
    size = x_last.shape[-1] // groups
    for n in range(len(x_last)):
        for g in range(0, x_last.shape[-1], size):
            part = x_last[n, ..., g : g + size]
            y[n, ..., g : g + size] = (part - part.mean()) / np.sqrt(part.var() + epsilon)
    y = y * (1.0 if gamma is None else gamma) + (0.0 if beta is None else beta)
    return np.moveaxis(y, -1, axis)


def moments(x: Any, axes: Any, keepdims: bool = False) -> Any:
    return x.mean(axis=several(axes), keepdims=keepdims), x.var(axis=several(axes), keepdims=keepdims)


def normalize(x: Any, axis: Any = -1, order: int = 2, epsilon: float = 1e-7) -> Any:
    axis = tuple(axis) if isinstance(axis, list) else axis
    length = (np.abs(x) ** order).sum(axis=axis, keepdims=True) ** (1 / order)
    return x / np.maximum(length, epsilon)


P = (0.3, 1.5)
ROWS: list[Row] = [
    other(
        norm.batch_norm,
        batch,
        call(F((3, 4)), F((4,)), F((4,))),
        call(F((3, 4)), None, F((4,))),
        call(F((5, 4)), F((4,))),
        call(F((2, 3, 4)), F((3,)), F((3,)), axis=1, epsilon=0.1),
        call(F((2, 3, 2, 2)), F((2,)), F((2,)), axis=-1),
        call(F((900, 5)), F((5,)), F((5,))),
    ),
    other(
        norm._batch_normalization,
        batch_with,
        call(F((3, 4)), F((4,)), F((4,), *P), F((4,)), F((4,))),
        call(F((2, 3, 4)), F((3,)), F((3,), *P), None, F((3,)), axis=1, epsilon=0.2),
        call(F((3, 4)), F((4,)), F((4,), *P), F((4,))),
    ),
    other(
        norm.batch_normalization,
        lambda x, mean, variance, axis, offset=None, scale=None, epsilon=1e-3: batch_with(
            x, mean, variance, offset, scale, axis, epsilon
        ),
        call(F((3, 4)), F((4,)), F((4,), *P), -1, F((4,)), F((4,))),
        call(F((2, 3, 4)), F((3,)), F((3,), *P), 1, epsilon=0.2),
    ),
    other(
        norm._standardize,
        standardize,
        call(F((3, 4)), F((4,)), F((4,))),
        call(F((2, 3, 4)), F((3, 4)), F((3, 4)), (1, 2)),
        call(F((2, 3, 4)), F((3,)), None, (0, 2), 0.1, (1,)),
        call(F((2, 3, 1)), F((3, 1)), None, (-2, -1), centred=False),
        call(F((3, 4)), None, F((4,)), epsilon=0.2, centred=False),
    ),
    other(
        norm.layer_normalization,
        layer,
        call(F((3, 4)), F((4,)), F((4,))),
        call(F((3, 4)), epsilon=1e-3),
        call(F((2, 3, 4)), F((2, 4)), F((2, 4)), axis=(2, 0), epsilon=1e-3),
        call(F((2, 3, 4)), F((3,)), axis=[1], epsilon=1e-3),
        call(F((2, 3, 4)), F((3,)), axis=1, epsilon=1e-3, rms_scaling=True),
        call(F((3, 4)), rms_scaling=True, epsilon=1e-3),
    ),
    other(
        norm.rms_normalization,
        rms,
        call(F((3, 4)), F((4,))),
        call(F((3, 4))),
        call(F((2, 3, 4)), F((3, 4)), axis=(1, -1), epsilon=1e-3),
    ),
    other(
        norm.group_normalization,
        group,
        call(F((3, 4)), 2, F((4,)), F((4,))),
        call(F((2, 5, 6)), 3, F((6,)), None),
        call(F((2, 6, 3)), 2, F((6,)), F((6,)), axis=1, epsilon=0.1),
        call(F((2, 3, 2, 4)), 1),
    ),
    other(
        norm.moments,
        moments,
        call(F((3, 4)), -1),
        call(F((2, 3, 4)), (0, 2)),
        call(F((2, 3, 4)), [1], keepdims=True),
    ),
    other(
        norm.normalize,
        normalize,
        call(F((3, 4))),
        call(F((3, 4)), axis=0, epsilon=0.5),
        call(F((3, 4)), epsilon=9.0),
        call(F((2, 3, 4)), axis=(0, -1)),
        call(F((2, 3, 4)), axis=[1, 2], order=3),
        call(F((3, 4)), axis=None),
        call(F((3, 4)), order=1),
        call(F((5,)), order=4, epsilon=1e-3),
    ),
]  # fmt: skip
