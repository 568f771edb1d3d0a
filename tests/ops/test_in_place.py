"""Gradients written straight into a buffer: right when a tensor is used twice, and skipped when nobody wants them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from dualnet_backends import Backend

from dualnet import ops, tree
from dualnet.core.autodiff import backward
from dualnet.core.tensor import Tensor
from dualnet.core.tracing import recording
from dualnet.ops.linalg import linear
from dualnet.ops.nn import crossentropy_loss as loss
from dualnet.ops.nn import regression_loss

from .cases import Row, Sample
from .harness import ROWS, tensors

TWICE: dict[str, Callable[[Any, Any], Any]] = {
    "matmul with itself": lambda w, x: ops.matmul(w, w),
    "matmul on either side": lambda w, x: ops.matmul(ops.matmul(w, x), w),
    "dense with itself": lambda w, x: linear.dense(w, w, None),
    "dense after dense": lambda w, x: linear.dense(linear.dense(x, w, None, "tanh"), w, None),
    "dense, then another op": lambda w, x: linear.dense(x, w, None) * w,
    "another op, then dense": lambda w, x: linear.dense(w * w, w, None),
    "one bias for two layers": lambda w, x: linear.dense(linear.dense(x, x, w[0]), x, w[0]),
    "mean squared error with itself": lambda w, x: regression_loss.mean_squared_error(w * 2.0, w),
    "weights and values": lambda w, x: loss.weighted_sum(w, w),
    "added to itself": lambda w, x: w + w + w,
}


def gradient(f: Callable[[Any, Any], Any], w: Tensor, x: Tensor, buffer: Any = None) -> Any:
    w.tracked = True
    with recording() as tape:
        y = f(w, x)
    return backward(tape, y, None, {} if buffer is None else {id(w): buffer})[id(w)]


@pytest.mark.parametrize("name", TWICE)
def test_used_twice(backend: Backend, name: str) -> None:
    random = np.random.default_rng(5)
    w, x = (Tensor(backend.asarray(random.normal(size=(3, 3)))) for _ in range(2))
    f = TWICE[name]
    buffer = backend.xp.full((3, 3), 7.0)
    grads = gradient(f, w, x, buffer)
    assert grads is buffer
    got = backend.to_numpy(buffer)
    np.testing.assert_allclose(got, backend.to_numpy(gradient(f, w, x)), rtol=1e-14)
    value = backend.to_numpy(w.data)
    expected = np.zeros((3, 3))
    for i in np.ndindex(3, 3):
        ends = []
        for h in (1e-6, -1e-6):
            moved = value.copy()
            moved[i] += h
            ends.append(backend.to_numpy(f(Tensor(backend.asarray(moved)), x).data).sum())
        expected[i] = (ends[0] - ends[1]) / 2e-6
    np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-7)


def first(op: Any, backend: Backend) -> Any:
    return backend if op.primitive.__code__.co_varnames[0] == "backend" else backend.xp


def call_primitive(op: Any, backend: Backend, sample: Sample, args: tuple[Any, ...]) -> tuple[Any, Any]:
    """(value, backward function) of a primitive called on plain arrays."""
    arrays = [x.data if isinstance(x, Tensor) else x for x in args]
    value, backward = op.primitive(first(op, backend), *arrays, **sample.options)
    return value, backward


@pytest.mark.parametrize("row", [r for r in ROWS if hasattr(r.op, "primitive")], ids=lambda row: row.name)
def test_any_choice_of_wanted_gradients(backend: Backend, row: Row) -> None:
    """out[i] is False, None or a buffer: what is wanted is right whatever is asked of the others."""
    sample, args = next(row.draws())
    inputs = tensors(backend, args)
    y, backward = call_primitive(row.op, backend, sample, inputs)
    if backward is None or row.gradient or not row.op.info.in_place_grads:
        return
    dys = [backend.asarray(np.cos(np.arange(v.size, dtype="float64")).reshape(v.shape)) for v in tree.flatten(y)]
    dy = tuple(dys) if type(y) is tuple else dys[0]
    given = [x for x in inputs if isinstance(x, Tensor)]  # options come after the tensors
    n = len(given)
    expected = [None if g is None else backend.to_numpy(g).copy() for g in backward(dy, [None] * n)]
    for choice in np.ndindex(*[3] * n):
        buffers = [backend.xp.full(x.shape, 7.0) for x in given]
        got = backward(dy, [(False, None, buffer)[c] for c, buffer in zip(choice, buffers)])
        for i, c in enumerate(choice):
            if c and expected[i] is not None:
                np.testing.assert_allclose(backend.to_numpy(got[i]), expected[i], rtol=1e-14, err_msg=f"{choice}")


def test_dense_writes_into_the_buffers_and_skips_what_is_not_wanted(backend: Backend) -> None:
    xp = backend.xp
    x, kernel, bias = xp.ones((5, 3)), xp.ones((3, 2)), xp.ones((2,))
    _, backward = linear.dense.primitive(backend, x, kernel, bias)
    dw, db = xp.zeros((3, 2)), xp.zeros((2,))
    grads = backward(xp.ones((5, 2)), [False, dw, db])
    assert grads[0] is None
    assert grads[1] is dw
    assert grads[2] is db
    np.testing.assert_array_equal(backend.to_numpy(dw), np.full((3, 2), 5.0))
    np.testing.assert_array_equal(backend.to_numpy(db), [5.0, 5.0])
