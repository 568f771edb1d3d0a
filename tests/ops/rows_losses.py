"""The op table: losses of values, of margins, and of sequences."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from dualnet import config
from dualnet.ops.nn import ctc
from dualnet.ops.nn import hinge as margin
from dualnet.ops.nn import regression_loss as error

from .cases import F, I, Row, Sample, call, other

EPS = config.epsilon()
P = (0.05, 0.95)


def mean(function: Any) -> Any:
    return lambda t, p, **o: np.mean(function(t, p, **o), axis=-1)


def huber(t: Any, p: Any, delta: float = 1.0) -> Any:
    e = np.abs(p - t)
    return np.where(e <= delta, 0.5 * e**2, delta * e - 0.5 * delta**2)


def msle(t: Any, p: Any) -> Any:
    return (np.log(np.maximum(t, EPS) + 1) - np.log(np.maximum(p, EPS) + 1)) ** 2


def cosine(t: Any, p: Any, axis: int = -1) -> Any:
    unit = [x / np.maximum(np.linalg.norm(x, axis=axis, keepdims=True), EPS) for x in (t, p)]
    return np.sum(unit[0] * unit[1], axis=axis)


def kl(t: Any, p: Any) -> Any:
    t, p = np.clip(t, EPS, 1), np.clip(p, EPS, 1)
    return np.sum(t * np.log(t / p), axis=-1)


def hinge(t: Any, p: Any) -> Any:
    return np.maximum(1 - (2 * t - 1 if np.isin(t, (0, 1)).all() else t) * p, 0)


def categorical_hinge(t: Any, p: Any) -> Any:
    return np.maximum(np.max((1 - t) * p, axis=-1) - np.sum(t * p, axis=-1) + 1, 0)


def generalized(t: Any, p: Any, q: float = 0.5) -> Any:
    return (1 - np.take_along_axis(p, t[..., None], -1)[..., 0] ** q) / q


def read(path: tuple[int, ...], blank: int) -> list[int]:
    """The labels that a path of one class per time stands for."""
    return [c for c, _ in itertools.groupby(path) if c != blank]


def ctc_by_all_paths(target: Any, output: Any, target_length: Any, output_length: Any, mask_index: int = 0) -> Any:
    p = np.exp(output) / np.exp(output).sum(-1, keepdims=True)
    losses = []
    for labels, probabilities, n, times in zip(target, p, target_length, output_length):
        paths = itertools.product(range(output.shape[-1]), repeat=int(times))
        matching = [path for path in paths if read(path, mask_index) == list(labels[:n])]
        total = sum(np.prod([probabilities[t, c] for t, c in enumerate(path)]) for path in matching)
        losses.append(np.inf if total == 0 else -np.log(total))
    return np.array(losses, dtype=float)


def pairs(*more: Sample, low: float = -2.0, high: float = 2.0) -> list[Sample]:
    """Target and output of one shape, of several ranks, and with one column."""
    return [call(F(s, low, high), F(s, low, high)) for s in ((3, 4), (3, 1), (2, 3, 4))] + list(more)


DELTA = call(F((3, 4)), F((3, 4)), delta=0.4)
CTC = [
    call(I((2, 2), 3, 1), F((2, 4, 3)), np.array([2, 1]), np.array([4, 4])),
    call(np.array([[1, 1], [2, 1]]), F((2, 5, 3)), np.array([2, 2]), np.array([5, 3])),
    call(np.array([[0, 2, 0]]), F((1, 4, 3)), np.array([2]), np.array([4]), mask_index=1),
    call(np.array([[1], [1]]), F((2, 1, 3)), np.array([1, 0]), np.array([1, 1])),
]

ROWS: list[Row] = [
    other(error.huber, mean(huber), *pairs(DELTA)),
    other(error.pseudo_huber, mean(lambda t, p, delta=1.0: delta**2 * (np.sqrt(1 + ((p - t) / delta) ** 2) - 1)), *pairs(DELTA)),
    other(error.log_cosh, mean(lambda t, p: np.log(np.cosh(p - t))), *pairs()),
    other(
        error.mean_absolute_percentage_error,
        mean(lambda t, p: 100 * np.abs(t - p) / np.maximum(np.abs(t), EPS)),
        *pairs(),
        call(F((3, 4), -2.0, -0.5), F((3, 4))),
    ),
    other(error.mean_squared_logarithmic_error, mean(msle), *pairs(low=0.1), call(F((3, 4)), F((3, 4)))),
    other(error.poisson, mean(lambda t, p: p - t * np.log(p + EPS)), *pairs(low=0.1)),
    other(error.kl_divergence, kl, *pairs(low=0.1, high=0.9), call(F((3, 4), 0.5, 1.5), F((3, 4), 0.5, 1.5))),
    other(
        error.cosine,
        cosine,
        *pairs(),
        call(F((2, 3, 4)), F((2, 3, 4)), axis=1),
        call(F((5,)), F((5,))),
        call(F((3, 4), 0.0, 0.0), F((3, 4), 0.0, 0.0)),
    ),
    other(margin.hinge, mean(hinge), *pairs(), call(I((3, 4), 2), F((3, 4)))),
    other(margin.squared_hinge, mean(lambda t, p: hinge(t, p) ** 2), *pairs(), call(I((3, 4), 2), F((3, 4)))),
    other(margin.categorical_hinge, categorical_hinge, call(F((3, 4), *P), F((3, 4))), call(np.eye(4)[[2, 0, 0]], F((3, 4)))),
    other(
        margin.generalized_cross_entropy, generalized, call(I((3,), 4), F((3, 4), *P)), call(I((2, 3), 4), F((2, 3, 4), *P), q=0.9)
    ),
    other(ctc.ctc_loss, ctc_by_all_paths, *CTC),
]  # fmt: skip
