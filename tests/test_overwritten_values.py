"""Gradients are those of the values that the forward pass saw, and what a user holds does not change, whatever is overwritten."""

from __future__ import annotations

import numpy as np
import pytest

import dualnet as K
from dualnet import GradientTape, ops

SHAPE = (2, 3)


class Node:
    """The oracle: a value nobody can change, and its gradient function. Plain reverse mode on copies."""

    def __init__(self, value, parents=(), vjps=()):
        self.value, self.parents, self.vjps = np.array(value), parents, vjps

    def gradients(self):
        order, seen = [], set()

        def visit(node):
            if id(node) not in seen:
                seen.add(id(node))
                for parent in node.parents:
                    visit(parent)
                order.append(node)

        visit(self)
        grads = {id(self): np.ones_like(self.value)}
        for node in reversed(order):
            for parent, vjp in zip(node.parents, node.vjps):
                dx = vjp(grads[id(node)])
                grads[id(parent)] = grads[id(parent)] + dx if id(parent) in grads else dx
        return grads


def _oracle(name, a, b):
    x, y = a.value, b.value
    if name == "multiply":
        return Node(x * y, (a, b), (lambda d: d * y, lambda d: d * x))
    if name == "add":
        return Node(x + y, (a, b), (lambda d: d, lambda d: d))
    if name == "tanh":
        return Node(np.tanh(x), (a,), (lambda d: d * (1 - np.tanh(x) ** 2),))
    if name == "product":  # x y^T x
        p, q = x @ y.T, x
        return Node(
            p @ q,
            (a, b),
            (lambda d: (d @ q.T) @ y + p.T @ d, lambda d: (d @ q.T).T @ x),
        )
    return Node(x, (a,), (lambda d: d,))


OPS = {
    "multiply": lambda a, b: a * b,
    "add": lambda a, b: a + b,
    "tanh": lambda a, b: ops.tanh(a),
    "product": lambda a, b: ops.matmul(ops.matmul(a, ops.transpose(b)), a),
    "reshape": lambda a, b: ops.reshape(ops.reshape(a, (6,)), SHAPE),
    "transpose": lambda a, b: ops.transpose(ops.transpose(a)),
    "slices": lambda a, b: ops.concatenate([a[:1], a[1:]], axis=0),
    "cast": lambda a, b: ops.cast(a, "float64"),
    "stack": lambda a, b: ops.unstack(ops.stack([a, b]))[0],
}

HOLD = {
    "reshape": lambda v: ops.reshape(v, (6,)),
    "row": lambda v: v[0],
    "cast": lambda v: ops.cast(v, v.dtype),
    "stop_gradient": ops.stop_gradient,
    "tensor": ops.convert_to_tensor,
    "transpose": ops.transpose,
    "transpose of a reshape": lambda v: ops.transpose(ops.reshape(v, (3, 2))),
    "expand_dims": lambda v: ops.expand_dims(v, 0),
    "split": lambda v: ops.split(v, 2, axis=0)[1],
    "value": lambda v: v.value,
    "array": lambda v: ops.reshape(v, (6,)).numpy(),
    "asarray": lambda v: np.asarray(v),
    "broadcast": lambda v: ops.broadcast_to(v, (4, *SHAPE)),
    "flip": lambda v: ops.flip(v, 0),
    "diagonal": ops.diagonal,
}


def _host(x):
    return np.array(x.numpy() if hasattr(x, "numpy") else x)


class Program:
    """A random program, run in dualnet and in the oracle at once."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.variables = [K.Variable(self._draw(), dtype="float64") for _ in range(3)]
        self.state = K.Variable(self._draw(), dtype="float64", trainable=False)
        self.array = self._draw()
        self.optimizers = [K.optimizers.SGD(0.1), K.optimizers.Adam(0.1)]
        self.held = []
        if self.rng.random() < 0.5:
            self.optimizers[1].build(self.variables)

    def _draw(self):
        return self.rng.normal(size=SHAPE)

    def overwrite(self):
        choice, v = self.rng.integers(8), self.variables[self.rng.integers(3)]
        if choice == 0:
            v.assign(self._draw())
        elif choice == 1:
            v.assign_add(self._draw())
        elif choice == 2:
            v.assign_sub(self._draw())
        elif choice == 3:
            self.optimizers[0].apply([self._draw() for _ in self.variables], self.variables)
        elif choice == 4:
            self.optimizers[1].apply([ops.convert_to_tensor(self._draw()) for _ in self.variables], self.variables)
        elif choice == 5:
            self.array[...] = self._draw()
        elif choice == 6:
            self.state.assign(self.state * 0.5 + 1.0)
        else:
            self.array *= 2
        if self.rng.random() < 0.3:
            w = [*self.variables, self.state][self.rng.integers(4)]
            name = list(HOLD)[self.rng.integers(len(HOLD))]
            x = HOLD[name](w)
            self.held.append((name, x, _host(x)))

    def run(self):
        with GradientTape(persistent=True) as tape:
            leaves, pool = {}, []
            for _ in range(self.rng.integers(4, 14)):
                if self.rng.random() < 0.35:
                    self.overwrite()
                source = self.rng.integers(6)
                if source < 3 or not pool:
                    v = self.variables[source % 3]
                    leaf = Node(v.numpy())
                    leaves.setdefault(source % 3, []).append(leaf)
                    pool.append((v, leaf))
                    a = pool.pop()
                elif source == 3:
                    a = (self.state, Node(self.state.numpy()))
                elif source == 4:
                    a = (self.array, Node(self.array))
                else:
                    a = pool[self.rng.integers(len(pool))]
                v = self.rng.integers(3)
                b_leaf = Node(self.variables[v].numpy())
                leaves.setdefault(v, []).append(b_leaf)
                b = (self.variables[v], b_leaf)
                name = list(OPS)[self.rng.integers(len(OPS))]
                if isinstance(a[0], np.ndarray) and name not in ("multiply", "add"):
                    name = "multiply"
                pool.append((OPS[name](a[0], b[0]), _oracle(name, a[1], b[1])))
            total, node = pool[0]
            for t, n in pool[1:]:
                total, node = total + t, _oracle("add", node, n)
        for _ in range(3):
            self.overwrite()
        present = [v.numpy() for v in self.variables]
        want = node.gradients()
        for _ in range(2):
            for i, v in enumerate(self.variables):
                got = tape.gradient(total, v)
                expected = sum((want[id(leaf)] for leaf in leaves.get(i, ()) if id(leaf) in want), np.zeros(SHAPE))
                assert np.allclose(0 if got is None else got.numpy(), expected, rtol=1e-9, atol=1e-9)
            assert all(
                np.array_equal(p, v.numpy()) for p, v in zip(present, self.variables)
            )  # gradient() moves nothing
            self.overwrite()
            present = [v.numpy() for v in self.variables]
        for name, x, value in self.held:
            assert np.array_equal(_host(x), value), name


@pytest.mark.parametrize("block", range(10))
def test_random_programs(block):
    for seed in range(50):
        try:
            Program([block, seed]).run()
        except AssertionError as error:
            raise AssertionError(f"program {block}, {seed}") from error


def test_second_derivatives_after_a_variable_was_packed() -> None:
    """The first update of an optimizer moves variables into its buffer."""
    w = K.Variable(2.0, dtype="float64")
    with GradientTape(persistent=True) as outer:
        with GradientTape(persistent=True) as tape:
            y = w**3
            w.assign(5.0)
            z = w**3
        K.optimizers.SGD(0.1).apply([1.0], [w])
        dy, dz = tape.gradient(y, w), tape.gradient(z, w)
    w.assign(7.0)
    assert [float(dy), float(dz)] == [12, 75]
    assert [float(outer.gradient(dy, w)), float(outer.gradient(dz, w))] == [12, 30]
    assert float(w) == 7


def test_a_custom_gradient_that_reads_a_variable() -> None:
    w, x = K.Variable(2.0, dtype="float64"), K.Variable(3.0, dtype="float64")

    @ops.custom_gradient
    def product(a):
        return a * w, lambda upstream: upstream * w * 100

    with GradientTape() as tape:
        y = product(x)
    w.assign(7.0)
    assert float(tape.gradient(y, x)) == 200
    assert float(w) == 7
