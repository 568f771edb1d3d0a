"""Nested tapes, ``grad`` of ``grad``, Jacobians: against formulas, and against finite differences of whole networks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dualnet as K
from dualnet import GradientTape, layers, ops


def test_powers() -> None:
    x = K.Variable(3.0)
    with GradientTape() as third, GradientTape() as second:
        with GradientTape() as first:
            y = x**4
        g = first.gradient(y, x)
        h = second.gradient(g, x)
    assert (float(g), float(h), float(third.gradient(h, x))) == (108.0, 108.0, 72.0)


def test_grad_of_grad() -> None:
    f = K.grad(K.grad(K.grad(lambda x: x**5)))
    assert float(f(2.0)) == 240.0
    value, slope = K.value_and_grad(K.grad(ops.sin))(0.5)
    np.testing.assert_allclose([float(value), float(slope)], [np.cos(0.5), -np.sin(0.5)], rtol=1e-6)


def test_the_inner_gradient_is_of_other_variables() -> None:
    w, x = K.Variable([1.0, 2.0]), K.Variable([3.0, 4.0])
    with GradientTape() as outer:
        with GradientTape() as inner:
            y = ops.sum(w * w * x * x * x)
        g = ops.sum(inner.gradient(y, x))  # 3 w^2 x^2
    np.testing.assert_allclose(outer.gradient(g, w).numpy(), [6 * 9, 12 * 16])  # 6 w x^2


def critic(kind: str) -> K.Model:
    K.utils.set_random_seed(1)
    if kind == "dense":
        hidden = [
            layers.Dense(8, activation="tanh"),
            layers.LayerNormalization(),
            layers.Dense(4, activation="softplus"),
        ]
        return K.Sequential([K.Input((5,)), *hidden, layers.Dense(1)])
    return K.Sequential([
        K.Input((6, 6, 2)),
        layers.Conv2D(3, 3, strides=2, padding="same", activation="gelu"),
        layers.AveragePooling2D(2, padding="same"),
        layers.Conv2DTranspose(2, 2, strides=2),
        layers.DepthwiseConv2D(2),
        layers.MaxPooling2D(2),
        layers.Flatten(),
        layers.Dense(1),
    ])  # fmt: skip


def penalty(model: K.Model, x: np.ndarray) -> K.Tensor:
    """(|d score / d x| - 1)^2, as in WGAN-GP (arXiv:1704.00028)."""
    inputs = ops.convert_to_tensor(x)
    with GradientTape() as tape:
        tape.watch(inputs)
        score = model(inputs, training=True)
    g = ops.reshape(tape.gradient(score, inputs), (len(x), -1))
    return ops.mean(ops.square(ops.sqrt(ops.sum(ops.square(g), axis=1)) - 1.0))


@pytest.mark.parametrize("kind", ["dense", "convolution"])
def test_gradient_penalty_of_a_network(kind: str) -> None:
    K.config.set_floatx("float64")
    try:
        model = critic(kind)
        x = np.random.default_rng(0).normal(size=(3, *model.input_shape[1:]))
        with GradientTape() as tape:
            loss = penalty(model, x)
        grads = tape.gradient(loss, model.trainable_variables, unconnected_gradients="zero")
        for v, g in zip(model.trainable_variables, grads):
            direction = np.cos(np.arange(v.size) * 1.7).reshape(v.shape)
            value, losses = v.numpy(), []
            for step in (1e-5, -1e-5):
                v.assign(value + step * direction)
                losses.append(float(penalty(model, x)))
            v.assign(value)
            expected = (losses[0] - losses[1]) / 2e-5
            np.testing.assert_allclose((g.numpy() * direction).sum(), expected, rtol=1e-5, atol=1e-8, err_msg=v.path)
    finally:
        K.config.set_floatx("float32")


def test_a_gan_with_penalty_trains() -> None:
    """The critic's loss goes down under Adam; every step takes a gradient of a gradient."""
    model, x = critic("dense"), np.random.default_rng(0).normal(size=(16, 5)).astype("float32")
    optimizer, losses = K.optimizers.Adam(0.01), []
    for _ in range(30):
        with GradientTape() as tape:
            loss = penalty(model, x)
        optimizer.apply_gradients(
            zip(tape.gradient(loss, model.trainable_variables, unconnected_gradients="zero"), model.trainable_variables)
        )
        losses.append(float(loss))
    assert losses[-1] < 0.2 * losses[0]


def test_jacobian_and_hessian() -> None:
    x = K.Variable(np.arange(1.0, 4.0, dtype="float32"))
    with GradientTape() as tape:
        y = ops.stack([x[0] * x[1], x[2] ** 2])
    np.testing.assert_array_equal(tape.jacobian(y, x).numpy(), [[2, 1, 0], [0, 0, 6]])
    with GradientTape() as outer:
        with GradientTape() as inner:
            y = x[0] * x[1] * x[2]
        g = inner.gradient(y, x)
    np.testing.assert_array_equal(outer.jacobian(g, x).numpy(), [[0, 3, 2], [3, 0, 1], [2, 1, 0]])


def test_batch_jacobian() -> None:
    x = ops.convert_to_tensor(np.random.default_rng(0).normal(size=(4, 3)).astype("float32"))
    v, expected = x.numpy(), np.zeros((4, 2, 3), "float32")
    expected[:, 0, 0], expected[:, 0, 1], expected[:, 1, 2] = v[:, 1], v[:, 0], 2 * v[:, 2]
    with GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = ops.stack([x[:, 0] * x[:, 1], x[:, 2] ** 2], axis=1)
    np.testing.assert_allclose(tape.batch_jacobian(y, x).numpy(), expected, rtol=1e-6)
    full = tape.jacobian(y, x).numpy()
    np.testing.assert_allclose(full[np.arange(4), :, np.arange(4)], expected, rtol=1e-6)
    with pytest.raises(ValueError, match="first axis"):
        tape.batch_jacobian(y, x[:2])


def test_a_custom_gradient_is_differentiated_too() -> None:
    @ops.custom_gradient
    def cube(x):
        return x**3, lambda dy: dy * 3.0 * x**2

    x = K.Variable(2.0)
    with GradientTape() as outer:
        with GradientTape() as inner:
            y = cube(x)
        g = inner.gradient(y, x)
    assert float(g) == 12.0
    assert float(outer.gradient(g, x)) == 12.0


def test_what_has_no_second_derivative_says_so_and_only_then() -> None:
    x = K.Variable(np.arange(8.0, dtype="float32"))
    with GradientTape() as outer:
        with GradientTape() as inner:
            real, imaginary = ops.rfft(x)
            y = ops.sum(real**2 + imaginary**2)
        g = inner.gradient(y, x)
        total = ops.sum(g)
    assert g.shape == (8,)  # the first derivative is there
    with pytest.raises(NotImplementedError, match=r"fft.*cannot be differentiated once more"):
        outer.gradient(total, x)


def test_a_gradient_inside_the_block_of_its_own_tape() -> None:
    """As in TensorFlow: slower, but right."""
    x = K.Variable(3.0)
    with GradientTape(persistent=True) as tape:
        y = x * x
        g = tape.gradient(y, x)
        z = g * x  # 2 x^2
    assert float(tape.gradient(z, x)) == 12.0
    assert float(tape.gradient(y, x)) == 6.0


def test_stateful_layers_run_once() -> None:
    """The gradient of a gradient runs formulas again; the moving statistics are updated by the forward pass alone."""
    layer = layers.BatchNormalization(momentum=0.5)
    x = ops.convert_to_tensor(np.random.default_rng(0).normal(size=(6, 3)).astype("float32"))
    layer.build(x.shape)
    with GradientTape() as outer:
        with GradientTape() as inner:
            inner.watch(x)
            y = ops.sum(layer(x, training=True) ** 3)
        g = inner.gradient(y, x)
        loss = ops.sum(g * g)
    outer.gradient(loss, layer.gamma)
    np.testing.assert_allclose(layer.moving_mean.numpy(), 0.5 * x.numpy().mean(0), rtol=1e-5)


def test_the_mask_of_a_dropout_is_the_same_in_the_second_pass() -> None:
    x = ops.convert_to_tensor(np.ones((4, 50), "float32"))
    layer = layers.Dropout(0.5, seed=3)
    with GradientTape() as outer:
        outer.watch(x)
        with GradientTape() as inner:
            inner.watch(x)
            y = layer(x, training=True)
            total = ops.sum(y**3)
        g = ops.sum(inner.gradient(total, x))
    second = outer.gradient(g, x).numpy()
    np.testing.assert_allclose(second, 48.0 * (y.numpy() > 0))  # 6 (2x) 2^2 where it is not dropped


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (lambda x: ops.fft((x, x))[0], "fft.fft"),
        (lambda x: ops.rfft(x)[0], "fft.rfft"),
        (lambda x: ops.irfft((x, x)), "fft.irfft"),
        (lambda x: ops.correlate(x, x), "convolve"),
    ],
)
def test_the_error_says_what_the_op_uses(function: Any, name: str) -> None:
    x = K.Variable(np.arange(1.0, 9.0, dtype="float32"))
    with GradientTape() as outer:
        with GradientTape() as inner:
            y = ops.sum(function(x) ** 2)
        g = ops.sum(inner.gradient(y, x) ** 2)
    with pytest.raises(
        NotImplementedError, match=rf"the op '\w+' .*uses numpy.{name}, .*: write this part .* with other ops"
    ):
        outer.gradient(g, x)
