"""check_grads finds what is wrong with a gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from dualnet_backends import Backend

from dualnet import ops, primitive, testing


def test_finds_a_wrong_gradient(backend: Backend) -> None:
    @primitive
    def wrong(xp, x):  # type: ignore[no-untyped-def]
        return xp.sin(x), lambda dy: dy * xp.cos(x) * 1.001

    message = r"wrong: argument 0 of shapes \[\(3,\)\].*expected .*got .*relative error .*, allowed 1e-06"
    with pytest.raises(AssertionError, match=message):
        testing.check_grads(wrong, np.ones(3))
    assert 0 < testing.check_grads(wrong, np.ones(3), tolerance=1e-2) < 1.1e-3


@pytest.mark.parametrize(
    ("f", "x", "kinks"),
    [
        (ops.relu, [0.0, 1.0, -2.0, 1e-6], 2),
        (ops.abs, [0.0, 3.0], 1),
        (lambda x: ops.max(x, axis=1), [[1.0, 1.0], [2.0, 3.0]], 1),
        (lambda x: ops.floor(x) * 0 + ops.floor(x), [1.0, 1.5], 1),
        (ops.sign, [0.0, 2.0], 1),
    ],
)
def test_steps_aside_from_kinks(backend: Backend, f: Any, x: Any, kinks: int) -> None:
    with pytest.warns(UserWarning, match=rf"{kinks} of \d outputs lie at a kink and were left out"):
        assert testing.check_grads(f, np.array(x)) < 1e-6


@pytest.mark.parametrize("f", [ops.square, ops.tanh, lambda x: x**3, lambda x: ops.sum(x**4), ops.exp, ops.norm])
def test_what_bends_has_no_kink(backend: Backend, f: Any) -> None:
    testing.check_grads(f, np.array([[1e-3, 50.0], [-2.0, 3.0]]))  # a warning would be an error


def test_finds_a_wrong_gradient_beside_kinks(backend: Backend) -> None:
    @primitive
    def wrong(xp, x):  # type: ignore[no-untyped-def]
        return xp.maximum(x, 0), lambda dy: dy * (x > 0) * 1.001

    with (
        pytest.warns(UserWarning, match="1 of 3 outputs"),
        pytest.raises(AssertionError, match="relative error"),
    ):
        testing.check_grads(wrong, np.array([0.0, 1.0, -1.0]))


def test_nothing_but_kinks(backend: Backend) -> None:
    with pytest.raises(AssertionError, match="every output lies at a kink"):
        testing.check_grads(ops.relu, np.zeros(3))


def test_finds_a_forgotten_gradient(backend: Backend) -> None:
    @primitive
    def forgotten(xp, x, y):  # type: ignore[no-untyped-def]
        return x * y, lambda dy: (dy * y, None)

    testing.check_grads(forgotten, np.ones(3), np.ones(3), argnums=0)
    with pytest.raises(AssertionError, match="argument 1"):
        testing.check_grads(forgotten, np.ones(3), np.ones(3))


def test_finds_a_wrong_shape(backend: Backend) -> None:
    @primitive
    def unsummed(xp, x, y):  # type: ignore[no-untyped-def]
        return x + y, lambda dy: (dy, dy)

    with pytest.raises(AssertionError, match=r"gradient has shape \(2, 3\)"):
        testing.check_grads(unsummed, np.ones((2, 3)), np.ones(3))


def test_finds_changed_arguments(backend: Backend) -> None:
    @primitive
    def careless(xp, x):  # type: ignore[no-untyped-def]
        def backward(dy: Any) -> Any:
            x[...] = 0
            return dy

        return x * 1, backward

    with pytest.raises(AssertionError, match="was changed"):
        testing.check_grads(careless, np.ones(3))

    @primitive
    def greedy(xp, x):  # type: ignore[no-untyped-def]
        def backward(dy: Any) -> Any:
            dy *= 2
            return dy / 2

        return x * 1, backward

    with pytest.raises(AssertionError, match="output"):
        testing.check_grads(greedy, np.ones(3))


def test_finds_what_is_not_finite(backend: Backend) -> None:
    @primitive
    def broken(xp, x):  # type: ignore[no-untyped-def]
        return x * 1, lambda dy: dy * np.nan

    with pytest.raises(AssertionError, match="got nan"):
        testing.check_grads(broken, np.ones(3))


def test_integers_pass_through(backend: Backend) -> None:
    testing.check_grads(ops.take, np.random.rand(4, 2), np.array([0, 3, 3]), axis=0)
    with pytest.raises(ValueError, match="nothing to differentiate"):
        testing.check_grads(ops.abs, np.array([1, 2]))
    with pytest.raises(ValueError, match="argnums are"):
        testing.check_grads(ops.take, np.random.rand(4), np.array([0, 3]), argnums=1)
