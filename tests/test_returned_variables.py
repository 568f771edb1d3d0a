"""What returns its input unchanged returns the value that a variable has then, not the variable, which would change later."""

from __future__ import annotations

import numpy as np
import pytest

import dualnet
from dualnet import layers, ops


class Own(layers.Layer):
    """Returns its weight, and its input."""

    def build(self, input_shape: object) -> None:
        self.w = self.add_weight((3,), initializer="ones")

    def call(self, x: object) -> object:
        return [self.w, {"x": x}]


def _functional() -> dualnet.Model:
    x = layers.Input((3,))
    return dualnet.Model(x, x)


RETURNS = {
    "Identity": lambda v: layers.Identity()(v),
    "Identity of a structure": lambda v: layers.Identity()({"a": v, "b": [v]}),
    "Dropout": lambda v: layers.Dropout(0.5)(v),
    "Dropout of nothing": lambda v: layers.Dropout(0.0)(v, training=True),
    "GaussianNoise": lambda v: layers.GaussianNoise(0.1)(v),
    "Lambda": lambda v: layers.Lambda(lambda x: x)(v),
    "ActivityRegularization": lambda v: layers.ActivityRegularization(0.1)(v),
    "Sequential": lambda v: dualnet.Sequential([layers.Input((3,)), layers.Identity()])(v),
    "functional model": lambda v: _functional()(v),
    "layer of the user": lambda v: Own()(v),
    "cond": lambda v: ops.cond(True, lambda: v, lambda: v * 2),
    "switch": lambda v: ops.switch(0, [lambda x: x, lambda x: x * 2], v),
    "switch of one": lambda v: ops.switch(ops.convert_to_tensor(0), [lambda x: x], v),
    "while_loop": lambda v: ops.while_loop(lambda i, x: i < 1, lambda i, x: (i + 1, v), (0, v)),
    "fori_loop": lambda v: ops.fori_loop(0, 0, lambda i, x: x, v),
    "scan": lambda v: ops.scan(lambda c, x: (v, x), 0.0, v),
}


@pytest.mark.parametrize("name", RETURNS)
def test_it_does_not_change_with_the_variable(name: str) -> None:
    v = dualnet.Variable(np.ones((2, 3), "float32"))
    held = dualnet.tree.flatten(RETURNS[name](v))
    before = [y.numpy() for y in held]
    v.assign(np.full((2, 3), 7.0))
    assert not any(isinstance(y, dualnet.Variable) for y in held)
    for y, value in zip(held, before):
        np.testing.assert_array_equal(y.numpy(), value)


@pytest.mark.parametrize("name", ["Identity", "Lambda", "functional model", "cond", "switch", "fori_loop"])
def test_the_gradient_reaches_the_variable(name: str) -> None:
    v = dualnet.Variable(np.ones((2, 3), "float32"))
    with dualnet.GradientTape() as tape:
        y = ops.sum(RETURNS[name](v) ** 2)
    np.testing.assert_array_equal(tape.gradient(y, v).numpy(), np.full((2, 3), 2.0))
