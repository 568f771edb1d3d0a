"""TensorFlow's branches, loops and custom gradients; expected values are those of TensorFlow 2.21."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dualnet
import dualnet as tf
from dualnet import ops, testing

C = tf.constant
RNG = np.random.default_rng(0)


def plain(x: Any) -> Any:
    return dualnet.tree.map_structure(lambda t: t.numpy().tolist() if isinstance(t, tf.Tensor) else t, x)


VALUES: dict[str, tuple[Any, Any]] = {
    "while_loop": (lambda: tf.while_loop(lambda i, x: i < 3, lambda i, x: (i + 1, x * 2), (C(0), C(1.0))), (3, 8.0)),
    "while_loop of a list": (lambda: tf.while_loop(lambda i: i < 10, lambda i: i + 3, [C(0)]), [12]),
    "while_loop of dictionaries": (
        lambda: tf.while_loop(lambda d: d["i"] < 4, lambda d: [{"i": d["i"] + 3}], [{"i": C(0)}]), [{"i": 6}]),
    "while_loop, at most": (
        lambda: tf.while_loop(lambda i: True, lambda i: [i + 1], [C(0)], maximum_iterations=C(4)), [4]),
    "cond": (lambda: tf.cond(C(True), lambda: C(1), lambda: C(2)), 1),
    "cond of one element": (lambda: tf.cond(C([False]), lambda: C(1), lambda: C(2)), 2),
    "cond of structures": (lambda: tf.cond(C(1.0) > 2, lambda: [C(1)], lambda: [C(2)]), [2]),
    "cond of a boolean": (lambda: tf.cond(True, lambda: 5, lambda: 6), 5),
    "case": (lambda: tf.case([(C(False), lambda: C(1)), (C(True), lambda: C(2))], default=lambda: C(3)), 2),
    "case, default": (lambda: tf.case([(C(False), lambda: C(1))], default=lambda: C(3)), 3),
    "case of lists": (lambda: tf.case([(C(True), lambda: [C(1)])]), 1),
    "case of lists, strict": (lambda: tf.case([(C(True), lambda: [C(1)])], strict=True), [1]),
    "case, exclusive": (
        lambda: tf.case({C(False): lambda: C(1), C(True): lambda: C(2)}, exclusive=True), 2),
    "switch_case": (
        lambda: [tf.switch_case(C(i), [lambda: C(10), lambda: C(20)]) for i in (-1, 0, 1, 5)], [20, 10, 20, 20]),
    "switch_case, default": (
        lambda: [tf.switch_case(C(i), {1: lambda: C(20), 0: lambda: C(10)}, default=lambda: C(-7)) for i in (-1, 0, 1, 5)],
        [-7, 10, 20, -7]),
    "switch_case of pairs": (lambda: tf.switch_case(1, [(1, lambda: C(20)), (0, lambda: C(10))]), 20),
    "map_fn": (lambda: tf.map_fn(lambda x: x * x, C([1, 2, 3])), [1, 4, 9]),
    "map_fn of a tuple": (
        lambda: tf.map_fn(lambda x: (x[0] * x[1], x[0]), (C([1, 2, 3]), C([4, 5, 6]))), ([4, 10, 18], [1, 2, 3])),
    "map_fn of a tuple to one": (
        lambda: tf.map_fn(lambda x: x[0] * x[1], (C([1, 2]), C([4, 5])), fn_output_signature=tf.int32), [4, 10]),
    "map_fn to a spec": (
        lambda: tf.map_fn(lambda x: x[0] * x[1], (C([1, 2]), C([4, 5])), fn_output_signature=tf.TensorSpec([], tf.int32)),
        [4, 10]),
    "map_fn to two": (lambda: tf.map_fn(lambda x: (x, -x), C([1, 2]), dtype=(tf.int32, tf.int32)), ([1, 2], [-1, -2])),
    "map_fn of dictionaries": (
        lambda: tf.map_fn(lambda d: {"b": d["a"]}, {"a": C([1, 2])}, fn_output_signature={"b": tf.int32}), {"b": [1, 2]}),
    "scan": (lambda: tf.scan(lambda a, x: a + x, C([1, 2, 3])), [1, 3, 6]),
    "scan of one": (lambda: tf.scan(lambda a, x: a + x, C([5])), [5]),
    "scan from a value": (lambda: tf.scan(lambda a, x: a + x, C([1, 2, 3]), C(10)), [11, 13, 16]),
    "scan from the end": (lambda: tf.scan(lambda a, x: a * 10 + x, C([1, 2, 3]), reverse=True), [321, 32, 3]),
    "scan from the end and a value": (
        lambda: tf.scan(lambda a, x: a * 10 + x, C([1, 2, 3]), C(0), reverse=True), [321, 32, 3]),
    "scan with a state": (
        lambda: tf.scan(lambda a, x: (a[0] + x, a[1] * 2), C([1, 2, 3]), (C(0), C(1))), ([1, 3, 6], [2, 4, 8])),
    "scan of tuples": (
        lambda: tf.scan(lambda a, x: (a[0] + x[0], a[1] * x[1]), (C([1, 2, 3]), C([1, 1, 2]))), ([1, 3, 6], [1, 1, 2])),
    "scan of tuples to one": (
        lambda: tf.scan(lambda a, x: a + x[0] * x[1], (C([1, 2, 3]), C([1, 1, 2])), C(0)), [1, 3, 9]),
    "foldl": (lambda: tf.foldl(lambda a, x: a * 10 + x, C([1, 2, 3])), 123),
    "foldl from a value": (lambda: tf.foldl(lambda a, x: a * 10 + x, C([1, 2, 3]), C(9)), 9123),
    "foldl of nothing": (lambda: tf.foldl(lambda a, x: a * 10 + x, tf.zeros([0]), C(1.0)), 1.0),
    "foldr": (lambda: tf.foldr(lambda a, x: a * 10 + x, C([1, 2, 3])), 321),
    "foldr from a value": (lambda: tf.foldr(lambda a, x: a * 10 + x, C([1, 2, 3]), C(9)), 9321),
    "vectorized_map": (lambda: tf.vectorized_map(lambda x: x[0] + x[1], (C([1, 2]), C([3, 4]))), [4, 6]),
}  # fmt: skip


@pytest.mark.parametrize("what", VALUES)
def test_values(what: str) -> None:
    function, expected = VALUES[what]
    assert plain(function()) == expected


X = RNG.normal(size=(4, 3))
GRADIENTS: dict[str, tuple[Any, ...]] = {
    "while_loop": (
        lambda x, y: tf.while_loop(lambda i, a: i < 3, lambda i, a: (i + 1, ops.tanh(a) * y + x), (C(0), x))[1], X, X[0]),
    "cond": (lambda x: tf.cond(ops.sum(x) > 0, lambda: x**2, lambda: ops.exp(x)), X),
    "case": (lambda x: tf.case([(ops.sum(x) > 1e9, lambda: x), (ops.sum(x) < 1e9, lambda: x**3)]), X),
    "switch_case": (lambda x: tf.switch_case(C(1), [lambda: x, lambda: ops.sin(x)]), X),
    "map_fn": (lambda x, y: tf.map_fn(lambda p: ops.exp(p[0]) @ p[1], (x, y), dtype=tf.float64), X, X + 1),
    "scan": (lambda x: tf.scan(lambda a, b: ops.tanh(a) * b, x), X),
    "scan from a value": (lambda x, y: tf.scan(lambda a, b: ops.tanh(a) * b + a, x, y, reverse=True), X, X[0]),
    "foldl": (lambda x: tf.foldl(lambda a, b: ops.tanh(a) * b, x), X),
    "foldr": (lambda x, y: tf.foldr(lambda a, b: ops.tanh(a) * b, x, y), X, X[0]),
    "vectorized_map": (lambda x: tf.vectorized_map(lambda b: ops.sum(b**3), x), X),
}  # fmt: skip


@pytest.mark.parametrize("what", GRADIENTS)
def test_gradients(what: str, backend: Any) -> None:
    function, *arguments = GRADIENTS[what]
    testing.check_grads(function, *arguments)
    # And the gradients of the gradients, as the gradient of a function that has them in it.
    sums = tuple(range(len(arguments)))

    def slopes(*x: Any) -> Any:
        return dualnet.grad(lambda *x: ops.sum(ops.square(function(*x))), argnums=sums)(*x)

    testing.check_grads(slopes, *arguments, tolerance=1e-5)


def test_one_branch_runs() -> None:
    called: list[str] = []
    counter = tf.Variable(0)

    def branch(name: str, by: int) -> Any:
        def run() -> Any:
            called.append(name)
            return counter.assign_add(by) + 0

        return run

    assert int(tf.cond(C(True), branch("a", 1), branch("b", 100))) == 1
    assert int(tf.case([(C(False), branch("a", 1)), (C(True), branch("b", 2))])) == 3
    assert int(tf.switch_case(C(0), [branch("a", 1), branch("b", 100)])) == 4
    assert called == ["a", "b", "a"]
    # The branch that is not taken has no gradient, so it can make none NaN.
    x = C(0.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.cond(x > 0, lambda: ops.log(x), lambda: x * 3.0)
    assert float(tape.gradient(y, x)) == 3.0


def test_what_is_returned_is_no_variable() -> None:
    v = tf.Variable(1.0)
    for y in (tf.cond(C(True), lambda: v, lambda: v), tf.switch_case(0, [lambda: v]), tf.case([(True, lambda: v)])):
        v.assign(1.0)
        v.assign_add(1.0)
        assert not isinstance(y, tf.Variable)
        assert float(y) == 1.0


def test_symbolic_branches() -> None:
    x = dualnet.Input((3,))
    total = ops.sum(x)
    y = tf.cond(total > 0, lambda: x * 2.0, lambda: -x)
    index = ops.cast(total, "int32")
    z = tf.switch_case(index, [lambda: x, lambda: x * 10.0], default=lambda: x * 0.0)
    model = dualnet.Model(x, [y, z])
    for row, expected in (
        ([1.0, 0, 0], [2, 10]),
        ([-1.0, 0, 0], [1, 0]),
        ([0.2, 0, 0], [0.4, 0.2]),
        ([7.0, 0, 0], [14, 0]),
    ):
        got = model(np.array([row], "float32"))
        np.testing.assert_allclose([float(part[0, 0]) for part in got], expected, rtol=1e-6)


def test_back_prop_off() -> None:
    x = C([1.0, 2.0])
    for function in (
        lambda: tf.while_loop(lambda i: ops.sum(i) < 9, lambda i: i * 2.0, [x], back_prop=False)[0],
        lambda: tf.map_fn(lambda a: a * 2.0, x, back_prop=False),
        lambda: tf.scan(lambda a, b: a * b, x, back_prop=False),
        lambda: tf.foldl(lambda a, b: a * b, x, back_prop=False),
    ):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = function()
        assert tape.gradient(y, x) is None


@pytest.mark.parametrize(
    ("function", "match"),
    [
        (
            lambda: tf.while_loop(lambda i, j: i < 9, lambda i, j: (i + 3,), [C(0), C(1)]),
            "should return its 2 arguments",
        ),
        (lambda: tf.cond(C([True, False]), lambda: 1, lambda: 2), r"should be one boolean, got shape \(2,\)"),
        (lambda: tf.case([(C(False), lambda: C(1))]), "none of the predicates holds"),
        (lambda: tf.case([(C(True), lambda: 1), (C(True), lambda: 2)], exclusive=True), "several predicates hold"),
        (lambda: tf.case([]), "pairs of a predicate and a function"),
        (lambda: tf.switch_case(C(5), {0: lambda: 1, 5: lambda: 2}), r"functions for 0 to 1, got \[0, 5\]"),
        (lambda: tf.switch_case(0, [(0, lambda: 1), (0, lambda: 2)]), "an index has two functions"),
        (lambda: tf.map_fn(lambda x: ops.cast(x, "float32"), C([1])), "returned float32 in the place of int32"),
        (lambda: tf.map_fn(lambda x: (x, x), C([1])), "the structure of elems: give what it returns as fn_output"),
        (lambda: tf.map_fn(lambda x: x, C(1.0)), "should have a first axis"),
        (lambda: tf.map_fn(lambda x: x, [1.0, 2.0]), r"use tf\.constant"),
        (lambda: tf.scan(lambda a, x: (a, a), C([1, 2])), "the structure of its first argument"),
        (lambda: tf.scan(lambda a, x: a, tf.zeros([0]), C(0.0)), "at least one slice"),
    ],
)
def test_errors(function: Any, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        function()


# tf.custom_gradient


def gradient(f: Any, *xs: Any) -> Any:
    with tf.GradientTape() as tape:
        tape.watch(xs)
        y = f(*xs)
    return [None if g is None else float(g) for g in tape.gradient(y, list(xs))]


def test_a_custom_gradient_of_several() -> None:
    @tf.custom_gradient
    def f(a: Any, b: Any) -> Any:
        return (a * 2, b * 3), lambda da, db: (da * 10, db * 100)

    assert gradient(lambda a, b: sum(f(a, b)), C(1.0), C(2.0)) == [10, 100]
    assert plain(f(C(1.0), C(2.0))) == (2, 6)

    @tf.custom_gradient()
    def cube(x: Any) -> Any:
        return x**3, lambda dy: dy * 3 * x**2

    testing.check_grads(cube, X)
    assert float(dualnet.grad(dualnet.grad(cube))(2.0)) == 12.0
    z = dualnet.Input((3,))
    np.testing.assert_allclose(dualnet.Model(z, cube(z))(X), X.astype("float32") ** 3, rtol=1e-6)


def test_a_custom_gradient_that_reads_a_variable() -> None:
    v, frozen = tf.Variable(3.0, name="v"), tf.Variable(5.0, trainable=False)

    @tf.custom_gradient
    def f(a: Any) -> Any:
        def grad(dy: Any, variables: Any = None) -> Any:
            assert variables == [v] or [x is v for x in variables] == [True]
            return dy * 10, [dy * 7 for _ in variables]

        return a * v * frozen, grad

    a = C(2.0)
    with tf.GradientTape() as tape:
        tape.watch(a)
        y = f(a)
    assert float(y) == 30
    assert [float(g) for g in tape.gradient(y, [a, v])] == [10, 7]

    @tf.custom_gradient
    def without(a: Any) -> Any:
        return a * v, lambda dy: dy

    with pytest.raises(TypeError, match=r"reads the variables \['v'\], so the gradient function .* variables=None"):
        without(a)

    @tf.custom_gradient
    def argument(a: Any, w: Any) -> Any:
        return a * w, lambda dy: (dy * 2, dy * 3)

    with tf.GradientTape() as tape:
        y = argument(C(1.0), v)
    assert float(tape.gradient(y, v)) == 3


def test_training_with_a_custom_gradient_and_loops() -> None:
    """A captured step does what an eager one does."""

    @tf.custom_gradient
    def reversed_gradient(x: Any) -> Any:
        return ops.copy(x), lambda dy: -dy

    class Loop(dualnet.layers.Layer):
        def build(self, input_shape: Any) -> None:
            self.w = self.add_weight((3, 3), name="w")

        def call(self, x: Any) -> Any:
            x = tf.foldl(lambda a, b: ops.tanh(a) @ self.w + b, ops.stack([x, x * 0.5, x]))
            x = tf.scan(lambda a, b: a * 0.5 + b, ops.transpose(x), ops.zeros_like(x[:, 0]))
            return tf.reduce_sum(reversed_gradient(ops.transpose(x)) * 0.1 + ops.transpose(x), axis=1, keepdims=True)

    x, y = RNG.normal(size=(24, 3)).astype("float32"), RNG.normal(size=(24, 1)).astype("float32")
    weights = []
    for eager in (True, False):
        dualnet.utils.set_random_seed(1)
        model = dualnet.Sequential([dualnet.Input((3,)), Loop()])
        model.compile("sgd", "mse", run_eagerly=eager)
        model.fit(x, y, epochs=3, batch_size=8, verbose=0)
        weights.append(model.get_weights()[0])
    np.testing.assert_array_equal(*weights)


# Jacobians, of which the shapes are TensorFlow's


def test_jacobians() -> None:
    x = C([[1.0, 2.0], [3.0, 4.0]])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y, s = x @ x, tf.reduce_sum(x)
        z = tf.map_fn(lambda row: ops.cumsum(row) ** 2, x)
    assert tape.jacobian(y, x).shape == (2, 2, 2, 2)
    assert tape.jacobian(s, x).shape == (2, 2)
    assert tape.jacobian(y, [x])[0].shape == (2, 2, 2, 2)
    assert tape.jacobian(C(1.0), x) is None
    np.testing.assert_array_equal(tape.jacobian(C(1.0), x, unconnected_gradients="zero"), np.zeros((2, 2)))
    rows = tape.batch_jacobian(z, x)
    np.testing.assert_array_equal(rows[1], [[6, 0], [14, 14]])
    whole = tape.jacobian(z, x)
    np.testing.assert_array_equal(rows, np.stack([whole.numpy()[i, :, i] for i in range(2)]))


# tf.py_function, tf.numpy_function


def test_python_functions_of_tensors_and_of_arrays() -> None:
    x = tf.Variable(3.0)
    with tf.GradientTape() as tape:
        y = tf.py_function(lambda a, b: a * a + b, [x, 1.0], tf.float32)
    assert (float(y), float(tape.gradient(y, x))) == (10.0, 6.0)
    with tf.GradientTape() as tape:
        y = tf.numpy_function(lambda a: np.sort(a)[::-1].copy(), [x * C([1.0, 2.0])], tf.float32)
    assert y.numpy().tolist() == [6.0, 3.0]
    assert tape.gradient(y, x) is None
    first, second = tf.py_function(lambda a: (a + 1, [1, 2]), [C(2)], [tf.int32, tf.int64])
    assert (int(first), second.numpy().tolist(), str(second.dtype)) == (3, [1, 2], "int64")
    assert tf.py_function(lambda a: None, [C(1)], None) is None
    assert tf.numpy_function(lambda: None, [], []) == []
    data = tf.data.Dataset.range(3).map(lambda n: tf.py_function(lambda v: v * 10, [n], tf.int64))
    assert [int(v) for v in data] == [0, 10, 20]


def test_what_a_python_function_returns_is_what_was_promised() -> None:
    with pytest.raises(ValueError, match="returned float32, and Tout says int32"):
        tf.py_function(lambda a: a, [1.5], tf.int32)
    with pytest.raises(ValueError, match="expected 2 results, as Tout says, got Tensor"):
        tf.py_function(lambda a: a, [1.5], [tf.float32, tf.float32])
    with pytest.raises(ValueError, match="got 1 results"):
        tf.numpy_function(lambda a: [a], [1.5], [tf.float32, tf.float32])
