"""Which weights a step changes: freezing, sharing, and the flat buffers that the weights live in."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import layers, ops
from dualnet.core.tensor import Tensor
from dualnet.core.variables import Variable, buffer_slices, pack

RNG = np.random.default_rng(0)
X = RNG.normal(size=(16, 3)).astype("float32")
Y = RNG.normal(size=(16, 2)).astype("float32")
OPTIMIZERS: dict[str, Any] = {
    "sgd": lambda: dualnet.optimizers.SGD(0.1, momentum=0.9),
    "adam": lambda: dualnet.optimizers.Adam(0.1),
    "rmsprop": lambda: dualnet.optimizers.RMSprop(0.1, centered=True, momentum=0.5),
}
every_optimizer = pytest.mark.parametrize("optimizer", OPTIMIZERS)


def network(**names: Any) -> Any:
    stack = [layers.Dense(4, "tanh", name="a"), layers.Dense(4, "tanh", name="b"), layers.Dense(2, name="c")]
    return dualnet.Sequential([dualnet.Input((3,)), *stack])


def changed(model: Any, train: Any) -> list[bool]:
    """For each weight, whether training changed it."""
    before = model.get_weights()
    train()
    return [bool((a != b).any()) for a, b in zip(before, model.get_weights())]


def step(model: Any, times: int = 2) -> Any:
    return lambda: [model.train_on_batch(X, Y) for _ in range(times)]


@every_optimizer
@pytest.mark.parametrize("frozen", ["a", "b", "c"])
def test_freezing_before_compile(optimizer: str, frozen: str) -> None:
    model = network()
    model.get_layer(frozen).trainable = False
    model.compile(OPTIMIZERS[optimizer](), "mse")
    expected = [layer.name != frozen for layer in model.layers for _ in range(2)]
    assert changed(model, step(model)) == expected
    assert len(model.trainable_weights) == 4


@every_optimizer
@pytest.mark.parametrize("frozen", ["a", "b", "c"])
def test_freezing_after_training_without_compile(optimizer: str, frozen: str) -> None:
    """The optimizer knows all weights, with momentum and old gradients: those of the frozen layer must not be used."""
    model = network()
    model.compile(OPTIMIZERS[optimizer](), "mse")
    assert changed(model, step(model)) == [True] * 6
    model.get_layer(frozen).trainable = False
    expected = [layer.name != frozen for layer in model.layers for _ in range(2)]
    assert changed(model, step(model)) == expected
    with pytest.warns(UserWarning, match="changed since compile"):
        assert changed(model, lambda: model.fit(X, Y, verbose=0)) == expected
    model.get_layer(frozen).trainable = True
    assert changed(model, step(model)) == [True] * 6


def test_unfreezing_needs_a_new_compile() -> None:
    model = network()
    model.layers[0].trainable = False
    model.compile("adam", "mse")
    step(model)()
    model.layers[0].trainable = True
    with pytest.raises(ValueError, match="optimizer"):
        step(model)()
    model.compile("adam", "mse")
    assert changed(model, step(model)) == [True] * 6


def test_freezing_everything_warns() -> None:
    model = network()
    model.trainable = False
    model.compile("sgd", "mse")
    with pytest.warns(UserWarning, match="no trainable weights"):
        loss = model.fit(X, Y, verbose=0).history["loss"][0]
    assert loss == pytest.approx(model.evaluate(X, Y, verbose=0), rel=1e-5)


def test_the_penalty_of_a_frozen_layer_comes_and_goes() -> None:
    model = dualnet.Sequential(
        [dualnet.Input((3,)), layers.Dense(2, kernel_regularizer=lambda w: 100.0 + 0 * ops.sum(w))]
    )
    model.add(layers.Dense(2))
    model.compile(dualnet.optimizers.SGD(0.0), "mse")
    step(model)()
    assert model.evaluate(X, Y, verbose=0) > 100
    model.layers[0].trainable = False
    assert model.evaluate(X, Y, verbose=0) < 100
    model.layers[0].trainable = True
    assert model.evaluate(X, Y, verbose=0) > 100
    assert model.train_on_batch(X, Y) > 100


@every_optimizer
def test_a_weight_the_loss_does_not_depend_on(optimizer: str) -> None:
    """It stays as it is, with a warning, once; the others move as if it were not there."""

    class Partly(dualnet.Model):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.unused, self.b = layers.Dense(4, "tanh"), layers.Dense(4), layers.Dense(2)

        def call(self, x: Any) -> Any:
            self.unused(x)
            return self.b(self.a(x))

    model = Partly()
    model(X)
    model.compile(OPTIMIZERS[optimizer](), "mse")
    with pytest.warns(UserWarning, match="does not depend on .*without a gradient they stay") as caught:
        assert changed(model, step(model)) == [True, True, False, False, True, True]
    assert len(caught) == 1


def gan() -> tuple[Any, Any, Any]:
    generator = dualnet.Sequential([dualnet.Input((3,)), layers.Dense(4, "tanh"), layers.Dense(2)])
    discriminator = dualnet.Sequential([dualnet.Input((2,)), layers.Dense(4, "tanh"), layers.Dense(1)])
    both = dualnet.Sequential([generator, discriminator])
    return generator, discriminator, both


@every_optimizer
def test_two_models_that_share_layers_and_take_turns(optimizer: str) -> None:
    """As in a GAN: the result is that of separate models that hand each other their weights."""
    generator, discriminator, both = gan()
    discriminator.compile(OPTIMIZERS[optimizer](), "mse")
    discriminator.train_on_batch(Y, X[:, :1])
    discriminator.trainable = False
    both.compile(OPTIMIZERS[optimizer](), "mse")

    def turn(real: bool) -> Any:
        if real:
            discriminator.trainable = True
            return lambda: discriminator.train_on_batch(Y, X[:, :1])
        discriminator.trainable = False
        return lambda: both.train_on_batch(X, X[:, :1])

    for real in (False, True, True, False, True, False):
        moved_g = generator.get_weights()
        assert changed(discriminator, turn(real)) == [real] * 4
        assert [bool((a != b).any()) for a, b in zip(moved_g, generator.get_weights())] == [not real] * 4
    views = [(v.buffer.values[v.offset : v.offset + v.size].reshape(v.shape), v) for v in both.weights]
    for view, v in views:
        np.testing.assert_array_equal(Tensor(view).numpy(), v.numpy())
        assert Tensor(view)._shares(v.data)


def test_one_loop_with_two_tapes() -> None:
    """The same GAN with gradient tapes: each optimizer changes its own weights only."""
    generator, discriminator, _ = gan()
    optimizers = dualnet.optimizers.Adam(0.05), dualnet.optimizers.Adam(0.05)

    def update(model: Any, optimizer: Any) -> None:
        with dualnet.GradientTape() as tape:
            loss = ops.mean(ops.square(discriminator(generator(X))))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))

    for _ in range(3):
        before = discriminator.get_weights()
        assert changed(generator, lambda: update(generator, optimizers[0])) == [True] * 4
        for a, b in zip(before, discriminator.get_weights()):
            np.testing.assert_array_equal(a, b)
        assert changed(discriminator, lambda: update(discriminator, optimizers[1])) == [True] * 4


def test_a_layer_used_twice_gets_both_gradients() -> None:
    shared = layers.Dense(3, "tanh")
    x = dualnet.Input((3,))
    model = dualnet.Model(x, layers.Dense(2)(shared(shared(x))))
    assert len(model.weights) == 4
    model.compile(dualnet.optimizers.SGD(1.0), "mse")
    before = model.get_weights()
    with dualnet.GradientTape() as tape:
        loss = ops.mean(ops.square(model(X) - Y))
    expected = [g.numpy() for g in tape.gradient(loss, model.trainable_variables)]
    model.train_on_batch(X, Y)
    for a, b, g in zip(before, model.get_weights(), expected):
        np.testing.assert_allclose(a - b, g, atol=1e-6)


def test_packing_keeps_values_and_makes_views() -> None:
    values = [np.ones((2, 3)), np.arange(4), np.full((), 7), np.zeros((0, 2)), np.arange(5)]
    dtypes = ["float32", "float32", "float64", "float32", "float32"]
    variables = [Variable(v, dtype=d, name=f"v{i}") for i, (v, d) in enumerate(zip(values, dtypes))]
    pack(variables)
    buffers = [v.buffer for v in variables]
    pack(variables[::-1])  # what has a place keeps it
    assert [v.buffer for v in variables] == buffers
    assert len({id(h) for h in buffers}) == 2
    for v, value in zip(variables, values):
        np.testing.assert_array_equal(v.numpy(), value)
        assert v.grad.shape == v.shape
        v.assign(value + 1)
        stored = Tensor(v.buffer.values[v.offset : v.offset + v.size])
        np.testing.assert_array_equal(stored.numpy(), (value + 1).reshape(-1))
    assert [[v.name for v in run.variables] for run in buffer_slices(variables)] == [["v0", "v1"], ["v2"], ["v3", "v4"]]
    assert [[v.name for v in run.variables] for run in buffer_slices([*variables[:2], *variables[3:]])] == [
        ["v0", "v1", "v3", "v4"]
    ]
    assert [[v.name for v in run.variables] for run in buffer_slices([variables[4], variables[0]])] == [["v4"], ["v0"]]


def test_models_of_two_dtypes_train() -> None:
    model = dualnet.Sequential([layers.Dense(3, dtype="float64"), layers.Dense(3), layers.Dense(2, dtype="float64")])
    model(X)
    model.compile("adam", "mse")
    assert changed(model, lambda: model.fit(X, Y, verbose=0)) == [True] * 6
    assert [str(w.dtype) for w in model.get_weights()] == ["float64"] * 2 + ["float32"] * 2 + ["float64"] * 2


def test_packed_weights_survive_everything_that_sets_them() -> None:
    """set_weights, assign and constraints write into the buffer; none replaces it."""
    model = network()
    model.compile("adam", "mse")
    step(model)()
    buffer = model.weights[0].buffer.values
    model.set_weights([w * 0 + 2 for w in model.get_weights()])
    assert (buffer == 2).all()
    model.layers[1].kernel.assign_add(np.ones((4, 4)))
    assert (buffer == 3).sum() == 16
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert changed(model, step(model)) == [True] * 6
