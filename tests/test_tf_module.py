"""``tf.Module``: which variables it finds, in which order, and their names; as TensorFlow 2.21 does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dualnet as tf


class Inner(tf.Module):
    def __init__(self) -> None:
        super().__init__()
        self.w = tf.Variable(7.0, name="w")

    @tf.Module.with_name_scope
    def __call__(self, x: Any) -> Any:
        if not hasattr(self, "q"):
            self.q = tf.Variable(8.0, name="q")
        return x * self.q


class Outer(tf.Module):
    def __init__(self, name: str | None = None) -> None:
        super().__init__(name=name)
        with self.name_scope:
            self.b = tf.Variable(1.0, name="bb")
        self.z = [tf.Variable(2.0), {"k": tf.Variable(3.0, trainable=False)}]
        self.sub = Inner()
        self.again = self.b
        self.a = tf.Variable(5.0)


def test_variables_are_found_in_order() -> None:
    m = Outer()
    m.sub(1.0)
    assert [float(v) for v in m.variables] == [5, 1, 2, 3, 8, 7]
    assert [float(v) for v in m.trainable_variables] == [5, 1, 2, 8, 7]
    assert [float(v) for v in m.non_trainable_variables] == [3]
    assert m.submodules == (m.sub,)
    assert (m.b.path, m.sub.q.path, m.sub.w.path) == ("outer/bb", "inner/q", "w")
    assert (m.name, m.name_scope.name, Outer("net").name) == ("outer", "outer/", "net")


class MyHTTPModule(tf.Module):
    pass


class NoSuper(tf.Module):
    def __init__(self) -> None:
        self.x = tf.Variable(1.0)


def test_names() -> None:
    assert MyHTTPModule().name == "my_http_module"
    with pytest.raises(ValueError, match="'a b' is no name of a module"):
        MyHTTPModule("a b")
    assert len(NoSuper().variables) == 1
    with pytest.raises(AttributeError, match=r"NoSuper.__init__ should call super\(\).__init__\(\) first"):
        NoSuper().name  # noqa: B018


def test_layers_are_submodules() -> None:
    class Network(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = [tf.keras.layers.Dense(4, activation="relu"), tf.keras.layers.BatchNormalization()]
            self.frozen = tf.keras.layers.Dense(2, trainable=False)

        def __call__(self, x: Any) -> Any:
            for layer in self.layers:
                x = layer(x)
            return self.frozen(x)

    network = Network()
    network(np.ones((2, 3)))
    assert network.submodules == (network.frozen, *network.layers)
    assert len(network.variables) == 2 + 2 + 4
    assert len(network.trainable_variables) == 2 + 2
    assert len(network.non_trainable_variables) == 2 + 2


def test_modules_that_hold_each_other() -> None:
    a, b = MyHTTPModule(), MyHTTPModule()
    a.b, b.a = b, a  # type: ignore[attr-defined]
    b.v = tf.Variable(1.0)  # type: ignore[attr-defined]
    assert a.submodules == (b,)
    assert len(a.variables) == 1


def test_training() -> None:
    class Linear(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w, self.b = tf.Variable(tf.zeros([2, 1])), tf.Variable([0.0])

        def __call__(self, x: Any) -> Any:
            return tf.matmul(x, self.w) + self.b

    x = np.random.default_rng(0).normal(size=(64, 2)).astype("float32")
    y = x @ np.array([[2.0], [-1.0]], "float32") + 0.5
    model, optimizer = Linear(), tf.optimizers.SGD(0.3)
    for _ in range(60):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((model(x) - y) ** 2)
        grads = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(grads, model.trainable_variables))
    np.testing.assert_allclose(model.w.numpy()[:, 0], [2, -1], atol=1e-3)
    np.testing.assert_allclose(model.b.numpy(), [0.5], atol=1e-3)
