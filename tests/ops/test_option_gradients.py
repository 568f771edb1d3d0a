"""Tensors given as options: their gradient is right, or asking for it raises; it is never None without a word."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from dualnet_backends import Backend

import dualnet
from dualnet import losses, ops, random
from dualnet.core.tensor import Tensor
from tests.ops.harness import ROWS

X = np.array([[-2.0], [-0.3], [0.5], [3.0]])
WEIGHTS = np.array([[1.0], [-2.0], [3.0], [4.0]])
WITH_NAN = np.array([np.nan, 1.0, np.inf, -np.inf])
ONES = np.ones_like(X)

# Each: a function of x (4, 1) and the options, and their values.
DIFFERENTIABLE: dict[str, tuple[Callable[..., Any], tuple[float, ...]]] = {
    "clip": (ops.clip, (-1.0, 2.0)),
    "clip, crossed": (ops.clip, (2.0, -1.0)),
    "clip, one limit": (lambda x, high: ops.clip(x, -1.0, high), (0.2,)),
    "leaky_relu": (lambda x, slope: ops.leaky_relu(x, negative_slope=slope), (0.2,)),
    "leaky_relu, by position": (ops.leaky_relu, (0.2,)),
    "elu": (ops.elu, (0.7,)),
    "celu": (ops.celu, (0.7,)),
    "soft_shrink": (ops.soft_shrink, (0.4,)),
    "squareplus": (ops.squareplus, (2.0,)),
    "threshold": (lambda x, other: ops.threshold(x, 0.2, other), (1.5,)),
    "huber": (lambda x, delta: losses.huber(X * 0, x, delta), (0.7,)),
    "quantile": (lambda x, q: x * ops.quantile(x, q), (0.35,)),
    "percentile": (lambda x, q: x * ops.percentile(x, q, axis=0), (35.0,)),
    "nanquantile": (lambda x, q: x * ops.nanquantile(x, q), (0.35,)),
    "pad": (lambda x, value: ops.pad(x, [[1, 1], [0, 0]], constant_values=value), (0.3,)),
    "full": (lambda x, value: x * ops.full((4, 1), value), (0.3,)),
    "full_like": (lambda x, value: x * ops.full_like(x, value), (0.3,)),
    "arange": (lambda x, start, step: x[:, 0] * ops.arange(start, start + 3.5 * step, step), (0.3, 2.0)),
    "nan_to_num": (
        lambda x, a, b, c: x[:, 0] * ops.nan_to_num(WITH_NAN, nan=a, posinf=b, neginf=c),
        (0.3, 1.0, 2.0),
    ),
    "random.normal": (lambda x, mean, std: x * random.normal((4, 1), mean, std, seed=3), (0.3, 2.0)),
    "random.truncated_normal": (lambda x, mean, std: x * random.truncated_normal((4, 1), mean, std, seed=3), (0.3, 2.0)),
    "random.uniform": (lambda x, low, high: x * random.uniform((4, 1), low, high, seed=3), (0.3, 2.0)),
    "layer_normalization": (lambda x, e: ops.layer_normalization(x, axis=0, epsilon=e), (0.3,)),
    "dot_product_attention": (
        lambda x, scale: ops.dot_product_attention(*[ops.reshape(x, (1, 4, 1, 1))] * 3, scale=scale),
        (0.3,),
    ),
    "focal loss": (
        lambda x, a, g: losses.binary_focal_crossentropy(ONES, ops.sigmoid(x), apply_class_balancing=True, alpha=a, gamma=g),
        (0.3, 2.0),
    ),
    "label smoothing": (lambda x, s: losses.binary_crossentropy(ONES, ops.sigmoid(x), label_smoothing=s), (0.2,)),
}  # fmt: skip

UNKNOWN: dict[str, tuple[Callable[..., Any], tuple[float, ...]]] = {
    "dropout": (lambda x, rate: random.dropout(x, rate, seed=3), (0.5,)),
    "gamma": (lambda x, alpha: x * random.gamma((4, 1), alpha, seed=3), (1.5,)),
    "beta": (lambda x, a, b: x * random.beta((4, 1), a, b, seed=3), (1.5, 2.0)),
    "i0": (lambda x, a: x * ops.i0(a), (1.5,)),
}


def total(f: Callable[..., Any], x: Any, options: list[Any]) -> Any:
    y = ops.reshape(f(x, *options), (-1,))
    weights = np.cos(np.arange(y.shape[0], dtype="float64"))
    return ops.sum(y * dualnet.ops.convert_to_tensor(weights, dtype=y.dtype))


@pytest.fixture
def float64() -> Any:
    before = dualnet.config.floatx()
    dualnet.config.set_floatx("float64")
    yield
    dualnet.config.set_floatx(before)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("tracked", [False, True], ids=["x is data", "x is a weight"])
@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_gradient_of_an_option(name: str, tracked: bool) -> None:
    f, values = DIFFERENTIABLE[name]
    x = dualnet.Variable(X, trainable=tracked, dtype="float64")
    options = [dualnet.Variable(v, dtype="float64") for v in values]
    with dualnet.GradientTape() as tape:
        y = total(f, x, options)
    np.testing.assert_allclose(float(y), float(total(f, X, list(values))), rtol=1e-12)
    got = tape.gradient(y, [*options, x] if tracked else options)
    for i, value in enumerate(values):
        ends = []
        for h in (1e-6, -1e-6):
            moved = [dualnet.ops.convert_to_tensor(v, dtype="float64") for v in values]
            moved[i] = dualnet.ops.convert_to_tensor(value + h, dtype="float64")
            ends.append(float(total(f, X, moved)))
        np.testing.assert_allclose(
            float(got[i]), (ends[0] - ends[1]) / 2e-6, rtol=1e-5, atol=1e-8, err_msg=f"option {i}"
        )
    if tracked:
        with dualnet.GradientTape() as tape:
            y = total(f, x, list(values))
        np.testing.assert_allclose(got[-1].numpy(), tape.gradient(y, x).numpy(), rtol=1e-9, atol=1e-12)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("name", UNKNOWN)
def test_unknown_gradients_raise_when_they_are_requested(name: str) -> None:
    f, values = UNKNOWN[name]
    x = dualnet.Variable(X, dtype="float64")
    options = [dualnet.Variable(v, dtype="float64") for v in values]
    with dualnet.GradientTape(persistent=True) as tape:
        y = total(f, x, options)
    np.testing.assert_allclose(float(y), float(total(f, X, [np.float64(v) for v in values])), rtol=1e-12)
    with dualnet.GradientTape() as plain:
        z = total(f, x, list(values))
    np.testing.assert_allclose(tape.gradient(y, x).numpy(), plain.gradient(z, x).numpy(), rtol=1e-12)
    with pytest.raises(NotImplementedError, match="is not known"):
        tape.gradient(y, options)


def test_a_slope_is_trained() -> None:
    class Slope(dualnet.Layer):
        def build(self, input_shape: Any) -> None:
            self.slope = self.add_weight(shape=(), initializer="ones")

        def call(self, x: Any) -> Any:
            return ops.leaky_relu(x, negative_slope=self.slope)

    model = dualnet.Sequential([dualnet.layers.Input((1,)), Slope()])
    model.compile(dualnet.optimizers.SGD(0.1), "mse")
    x = np.linspace(-2, 2, 64, dtype="float32")[:, None]
    y = np.where(x > 0, x, 0.25 * x)
    model.fit(x, y, epochs=60, verbose=0)
    np.testing.assert_allclose(float(model.layers[-1].slope), 0.25, atol=1e-3)


# What is constant by intent, and what is sampled at a jump.
CONSTANT = {"stop_gradient", "tokens_below", "_histogram", "histogram", "heaviside"}
CONSTANT |= {"quantile", "percentile", "nanquantile", "nanpercentile"}  # by their methods "lower" and "higher"


@pytest.mark.parametrize("row", [r for r in ROWS if r.name not in CONSTANT], ids=lambda row: row.name)
def test_no_input_is_without_gradient_in_silence(backend: Backend, row: Any) -> None:
    """An input of which no gradient comes back does not change the result, or asking for its gradient raises."""
    random_numbers = np.random.default_rng(7)
    for sample, args in row.draws():
        chosen = [i for i, x in enumerate(args) if isinstance(x, np.ndarray) and x.dtype.kind == "f"]
        for i in chosen:
            tensors = [Tensor(backend.asarray(x)) if isinstance(x, np.ndarray) else x for x in args]
            tensors[i].tracked = True
            try:
                with dualnet.GradientTape() as tape:
                    outputs = floats(row(*tensors, **sample.options))
                if tape.gradient(outputs, tensors[i]) is not None:
                    continue
            except NotImplementedError:
                continue
            tensors[i] = Tensor(backend.asarray(args[i] + 1e-6 * random_numbers.standard_normal(args[i].shape)))
            moved = floats(row(*tensors, **sample.options))
            for a, b in zip(outputs, moved):
                a, b = a.numpy(), b.numpy()
                changed = np.sum(np.abs(a - b) > 1e-8) if a.shape == b.shape else 0
                assert changed == 0, (
                    f"{sample}: argument {i} has no gradient, but {changed} elements of the result depend on it"
                )


def floats(outputs: Any) -> list[Any]:
    return [y for y in dualnet.tree.flatten(outputs) if isinstance(y, Tensor) and y.data.dtype.kind == "f"]
