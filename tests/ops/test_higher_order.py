"""Gradients of gradients: each op's is right (against finite differences of its gradient), or raises."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from dualnet_backends import Backend

from dualnet import GradientTape, tree
from dualnet.core.tensor import Tensor

from .cases import Row
from .harness import GRADIENT_ROWS, floating, tensors

# Ops whose gradient cannot be differentiated: asking for it raises NotImplementedError.
FIRST_ORDER_ONLY = set("_fft _fft2 _ifft2 _irfft rfft fft fft2 ifft2 irfft stft istft correlate".split())

# Ops with a sample where the second derivative is infinite: a standard deviation of 0.
SINGULAR = {"cosine", "std"}


def _weights(y: Any, n: int) -> np.ndarray:
    return np.cos(np.arange(y.size, dtype="float64") * 1.3 + n).reshape(y.shape)


def _inner(backend: Backend, row: Row, sample: Any, args: tuple[Any, ...], chosen: list[int], seeds: Any) -> Any:
    """(outputs, sum of the gradients of the chosen arguments times fixed weights)"""
    for i in chosen:
        args[i].tracked = True
    with GradientTape(persistent=True) as tape:
        outputs = [y for y in tree.flatten(row(*args, **sample.options)) if y.tracked and y.data.dtype.kind == "f"]
    if seeds is None:
        seeds = [Tensor(backend.asarray(_weights(y, n).astype(str(y.dtype)))) for n, y in enumerate(outputs)]
        for seed in seeds:
            seed.tracked = True
    grads = tape.gradient(outputs, [args[i] for i in chosen], seeds, unconnected_gradients="zero")
    total: Any = 0.0
    for n, g in enumerate(grads):
        total = total + (g * backend.asarray(_weights(g, n + 7))).reshape((-1,)) @ backend.xp.ones(g.size)
    return outputs, seeds, grads, total


def _difference(
    backend: Backend, row: Row, sample: Any, args: Any, chosen: list[int], values: list[Any], directions: list[Any]
) -> float:
    """The derivative of the total along one direction of all arguments and seeds at once, by a central difference."""
    totals = []
    for step in (1e-5, -1e-5):
        leaves = [Tensor(backend.asarray(v + step * d)) for v, d in zip(values, directions)]
        moved = list(args)
        for i, x in zip(chosen, leaves):
            moved[i] = x
        totals.append(float(_inner(backend, row, sample, tuple(moved), chosen, leaves[len(chosen) :])[3]))
    return (totals[0] - totals[1]) / 2e-5


@pytest.mark.parametrize("row", GRADIENT_ROWS, ids=lambda row: row.name)
def test_gradient_of_the_gradient(backend: Backend, row: Row) -> None:
    failed = None
    for sample, args in row.draws():
        inputs = tensors(backend, args)
        chosen = [i for i in floating(inputs) if row.argnums is None or i in row.argnums]
        if not chosen:
            continue
        with np.errstate(all="ignore"):
            for i in chosen:
                inputs[i].tracked = True
            with GradientTape() as outer:
                outputs, seeds, grads, total = _inner(backend, row, sample, inputs, chosen, None)
            if not outputs:
                continue
            _, _, plain, _ = _inner(backend, row, sample, inputs, chosen, seeds)
            for a, b in zip(grads, plain):
                np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-9, atol=1e-9, err_msg=f"{sample}: gradient")
            leaves = [inputs[i] for i in chosen] + seeds
            try:
                second = outer.gradient(total, leaves, unconnected_gradients="zero")
            except NotImplementedError as error:
                failed = str(error)
                continue
            directions = [np.sin(np.arange(x.size) * 2.1 + k).reshape(x.shape) for k, x in enumerate(leaves)]
            expected = _difference(backend, row, sample, inputs, chosen, [x.numpy() for x in leaves], directions)
            got = sum(float((s.numpy() * d).sum()) for s, d in zip(second, directions))
            scale = max(1.0, abs(expected), max((abs(s.numpy()).max() for s in second if s.size), default=0.0))
            if row.name in SINGULAR and not np.isfinite(got):
                continue
            assert abs(got - expected) < 2e-4 * scale, f"{sample}: got {got}, expected {expected}"
    if row.name in FIRST_ORDER_ONLY:
        assert failed is not None, f"{row.name} has a second derivative now: take it off the list"
    else:
        assert failed is None, failed
