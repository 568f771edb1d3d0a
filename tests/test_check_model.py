"""dualnet.testing.check_model: right layers pass, a wrong gradient is found, and the model is left as it was."""

from __future__ import annotations

from typing import Any

import numpy as np

import dualnet
from dualnet import layers, ops, primitive
from dualnet.testing import check_model


@primitive
def wrong_square(xp: Any, x: Any) -> Any:
    return x * x, lambda dy: dy * x  # the factor 2 is missing


class WrongSquare(layers.Layer):
    def call(self, inputs: Any) -> Any:
        return wrong_square(inputs)


def network(*more: Any) -> Any:
    dualnet.utils.set_random_seed(3)
    return dualnet.Sequential(
        [
            dualnet.Input((5,)),
            layers.Dense(7, activation="tanh", kernel_regularizer="l2"),
            layers.Dropout(0.3),
            *more,
            layers.Dense(2),
        ]
    )


def samples() -> Any:
    return np.random.default_rng(0).normal(size=(6, 5)).astype("float32")


def test_right_layers_pass() -> None:
    rows = check_model(network(), samples())
    assert [(r.kind, r.what, r.shape) for r in rows] == [
        ("Dense", "input", (6, 5)),
        ("Dense", "kernel", (5, 7)),
        ("Dense", "bias", (7,)),
        ("Dropout", "input", (6, 7)),
        ("Dense", "input", (6, 7)),
        ("Dense", "kernel", (7, 2)),
        ("Dense", "bias", (2,)),
    ]
    assert all(r.ok and r.error < 1e-8 for r in rows)


def test_a_wrong_gradient_is_detected_and_no_other_layer_is_blamed() -> None:
    wrong = [r for r in check_model(network(WrongSquare(name="mine")), samples()) if not r.ok]
    assert [r.layer for r in wrong] == ["mine"]
    assert wrong[0].error > 0.1


def test_the_model_is_left_as_it_was() -> None:
    model = network()
    model.compile("adam", "mse")
    model.fit(samples(), np.zeros((6, 2)), verbose=0)
    before, homes = model.get_weights(), [v.data for v in model.weights]
    counter = model.layers[1].seed_generator.counter
    check_model(model, samples())
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights()))
    assert all(v.data is data for v, data in zip(model.weights, homes))  # still views of the flat buffer
    assert model.layers[1].seed_generator.counter == counter
    assert dualnet.config.floatx() == "float32"
    assert model.layers[0].dtype == "float32"
    assert str(model(samples()).dtype) == "float32"


def test_functional_models_with_ops_and_shared_layers() -> None:
    a, b = dualnet.Input((3,)), dualnet.Input((3,))
    shared = layers.Dense(4, activation="relu")
    model = dualnet.Model([a, b], layers.Dense(1)(ops.concatenate([shared(a), shared(b) * 2], axis=-1)))
    x = [np.random.default_rng(i).normal(size=(4, 3)) for i in range(2)]
    rows = check_model(model, x)
    assert len(rows) == 6
    assert all(r.ok for r in rows)


def test_steps_aside_from_kinks() -> None:
    """A ReLU at exactly 0, equal maxima: no false errors, and it says how much was left out."""
    dualnet.utils.set_random_seed(0)
    model = dualnet.Sequential(
        [dualnet.Input((6, 6, 1)), layers.Conv2D(3, 3, activation="relu"), layers.MaxPooling2D(2), layers.ReLU()]
    )
    x = np.zeros((2, 6, 6, 1), "float32")
    x[0, 2:, 2:] = np.random.default_rng(0).normal(size=(4, 4, 1))
    rows = check_model(model, x)
    assert all(r.ok and r.error < 1e-6 for r in rows)
    assert all(0 < r.skipped < r.outputs for r in rows if r.what != "kernel")
    assert [r.outputs for r in rows] == [96, 96, 96, 24, 24]
    for row in check_model(model, np.zeros((2, 6, 6, 1), "float32")):  # nothing but kinks
        assert row.ok


def test_a_wrong_gradient_beside_kinks_is_detected() -> None:
    @primitive
    def wrong_relu(xp: Any, x: Any) -> Any:
        return xp.maximum(x, 0), lambda dy: dy * (x > 0) * 0.999

    class WrongReLU(layers.Layer):
        def call(self, inputs: Any) -> Any:
            return wrong_relu(inputs)

    x = np.array([[0.0, 1.0, -1.0, 2.0]], "float32")
    (row,) = check_model(dualnet.Sequential([dualnet.Input((4,)), WrongReLU()]), x)
    assert not row.ok
    assert row.skipped == 1
