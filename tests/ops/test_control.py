"""Branches, loops and scans: what is called, what is read back, gradients through them, symbolic tensors, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from dualnet_backends import Backend

import dualnet
from dualnet import ops
from dualnet.core.autodiff import backward
from dualnet.core.tracing import recording


def tracked(*values: float) -> Any:
    x = ops.convert_to_tensor(np.array(values))
    x.tracked = True
    return x


def slope(f: Any, x: Any) -> list[float]:
    with recording() as tape:
        y = f(x)
    return dualnet.Tensor(backward(tape, y)[id(x)]).tolist()


def test_a_python_predicate_calls_one_function() -> None:
    called: list[str] = []
    assert ops.cond(True, lambda: called.append("true") or 1, lambda: called.append("false") or 2) == 1
    assert ops.cond(0, lambda: called.append("true") or 1, lambda: called.append("false") or 2) == 2
    assert called == ["true", "false"]
    assert ops.cond(False, lambda: None, lambda: None) is None


def test_a_tensor_predicate_chooses_on_the_device(backend: Backend) -> None:
    for truth in (True, False):
        pred = ops.greater(ops.convert_to_tensor(1.0 if truth else -1.0), 0.0)
        y = ops.cond(pred, lambda: {"a": ops.ones((2,)), "b": (1,)}, lambda: {"a": ops.zeros((2,)), "b": (2,)})
        assert y["a"].tolist() == [float(truth)] * 2
        assert int(y["b"][0]) == (1 if truth else 2)


def test_gradients_flow_through_the_chosen_branch(backend: Backend) -> None:
    x = tracked(1.0, 2.0)
    for truth, expected in ((True, [2.0, 4.0]), (False, [3.0, 3.0])):
        pred = ops.convert_to_tensor(truth)
        assert slope(lambda x, pred=pred: ops.cond(pred, lambda: x * x, lambda: 3.0 * x), x) == expected
    for index, expected in ((0, [2.0, 4.0]), (1, [3.0, 3.0]), (9, [-1.0, -1.0])):
        at = ops.convert_to_tensor(index)
        branches = [lambda v: v * v, lambda v: 3.0 * v, lambda v: -v]
        assert slope(lambda x, at=at, b=branches: ops.switch(at, b, x), x) == expected


def test_branches_that_do_not_fit() -> None:
    pred = ops.convert_to_tensor(True)
    with pytest.raises(ValueError, match="same shapes"):
        ops.cond(pred, lambda: ops.ones((3,)), lambda: ops.zeros((4,)))
    with pytest.raises(ValueError, match="same shapes"):
        ops.cond(pred, lambda: None, lambda: ops.zeros((4,)))
    with pytest.raises(TypeError, match="callable"):
        ops.cond(pred, 1, 2)
    with pytest.raises(ValueError, match="at least one branch"):
        ops.switch(0, [])


def test_a_model_with_a_condition() -> None:
    """Symbolic tensors in the branches, and one that the choice goes by."""
    x = dualnet.Input((3,))
    positive = ops.sum(x) > 0.0
    model = dualnet.Model(x, ops.cond(positive, lambda: x * 2.0, lambda: -x))
    assert model(np.ones((2, 3))).tolist() == np.full((2, 3), 2.0).tolist()
    assert model(-np.ones((2, 3))).tolist() == np.ones((2, 3)).tolist()


def test_scans_and_maps_of_structures(backend: Backend) -> None:
    def step(carry: Any, x: Any) -> Any:
        total = carry["sum"] + x[0] * x[1]
        return {"sum": total}, (total, x[1])

    carry, (totals, seconds) = ops.scan(step, {"sum": 0.0}, (ops.arange(4.0), ops.ones((4,))))
    assert float(carry["sum"]) == 6.0
    assert totals.tolist() == [0.0, 1.0, 3.0, 6.0]
    assert seconds.tolist() == [1.0] * 4
    y = ops.map(lambda v: {"sum": v[0] + v[1]}, (ops.arange(3.0), ops.ones((3,))))
    assert y["sum"].tolist() == [1.0, 2.0, 3.0]
    pair = ops.associative_scan(lambda a, b: (a[0] + b[0], a[1] * b[1]), (ops.ones((5,)), ops.full((5,), 2.0)))
    assert pair[0].tolist() == [1, 2, 3, 4, 5]
    assert pair[1].tolist() == [2, 4, 8, 16, 32]


def test_order_of_an_associative_function_that_does_not_commute(backend: Backend) -> None:
    random = np.random.default_rng(0).normal(size=(5, 2, 2))
    result = ops.associative_scan(ops.matmul, random).numpy()
    expected = [random[0]]
    for m in random[1:]:
        expected.append(expected[-1] @ m)
    np.testing.assert_allclose(result, expected, rtol=1e-12)


def test_errors_of_scans() -> None:
    with pytest.raises(TypeError, match="should be a callable"):
        ops.scan(1, 0.0, np.ones(3))
    with pytest.raises(ValueError, match="positive integer or boolean"):
        ops.scan(lambda c, x: (c, x), 0.0, np.ones(3), unroll=0)
    with pytest.raises(ValueError, match="to scan over and"):
        ops.scan(lambda c, x: (c, x), 0.0)
    with pytest.raises(ValueError, match="length is 2, but xs has 3"):
        ops.scan(lambda c, x: (c, x), 0.0, np.ones(3), length=2)
    with pytest.raises(ValueError, match="first dimension"):
        ops.associative_scan(lambda a, b: a, (np.ones(3), np.ones(2)))
    with pytest.raises(ValueError, match="first dimension"):
        ops.map(lambda v: v[0], (np.ones(3), np.ones(2)))


def test_while_loops(backend: Backend) -> None:
    assert int(ops.while_loop(lambda i: i < 10, lambda i: (i + 1,), (0,))[0]) == 10
    assert int(ops.while_loop(lambda i: i < 10, lambda i: i + 1, 0, maximum_iterations=3)) == 3
    i, values = ops.while_loop(lambda i, v: i < 2, lambda i, v: [i + 1, {"a": v["a"] * 2}], [0, {"a": np.ones(2)}])
    assert int(i) == 2
    assert values["a"].tolist() == [4.0, 4.0]
    x = dualnet.KerasTensor((None, 3))
    assert ops.while_loop(lambda v: True, lambda v: v, x).shape == (None, 3)


def test_symbolic(backend: Backend) -> None:
    x = dualnet.KerasTensor((None, 4))
    carry, y = ops.scan(lambda c, v: (c + v, c), dualnet.KerasTensor((4,)), x)
    assert (carry.shape, y.shape) == ((4,), (None, 4))
    assert ops.map(lambda v: v * 2.0, x).shape == (None, 4)
    assert ops.fori_loop(0, 3, lambda i, v: v + 1.0, x).shape == (None, 4)
    assert ops.associative_scan(ops.add, x, axis=1).shape == (None, 4)


def test_a_gradient_of_ones_own(backend: Backend) -> None:
    @ops.custom_gradient
    def log1pexp(x: Any) -> Any:
        e = ops.exp(x)
        return ops.log(1 + e), lambda dy: dy * (1.0 - 1.0 / (1 + e))

    x = tracked(100.0, 0.0)
    assert slope(log1pexp, x) == [1.0, 0.5]

    @ops.custom_gradient
    def both(x: Any, y: Any) -> Any:
        return (x * y, y), lambda dys: (dys[0] * 10.0, None)

    y = tracked(2.0, 3.0)
    with recording() as tape:
        z = both(x, y)[0]
    grads = backward(tape, z)
    assert dualnet.Tensor(grads[id(x)]).tolist() == [10.0, 10.0]
    assert id(y) not in grads

    @ops.custom_gradient
    def short(x: Any, y: Any) -> Any:
        return x * y, lambda dy: dy

    with pytest.raises(ValueError, match="has 2 arguments, its gradient returned 1"):
        slope(lambda x: short(x, y), x)


def test_vectorize(backend: Backend) -> None:
    dot = ops.vectorize(lambda a, b: ops.sum(a * b), signature="(n),(n)->()")
    assert dot(np.ones((2, 3)), np.arange(3.0)).tolist() == [3.0, 3.0]
    scaled = ops.vectorize(lambda v, by: v * by, excluded={"by"})
    assert scaled(np.arange(3.0), by=2.0).tolist() == [0.0, 2.0, 4.0]
    parts = ops.vectorize(lambda v: (v, -v))(np.arange(2.0))
    assert [p.tolist() for p in parts] == [[0.0, 1.0], [0.0, -1.0]]
    with pytest.raises(ValueError, match="expected a signature"):
        ops.vectorize(lambda v: v, signature="n->n")(np.ones(2))
    with pytest.raises(ValueError, match="is for 2 arguments, got 1"):
        dot(np.ones(3))
