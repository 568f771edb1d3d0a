"""The perceptron: what one neuron can learn, and what it cannot."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from dualnet.models import Perceptron

INPUTS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], "float32")
GATES = {"and": [0, 0, 0, 1], "or": [0, 1, 1, 1], "nand": [1, 1, 1, 0], "first": [0, 0, 1, 1], "never": [0, 0, 0, 0]}
XOR = [0, 1, 1, 0]


@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize("low", [0, -1])
def test_learns_what_a_line_can_part(backend: Any, gate: str, low: int) -> None:
    labels = [label or low for label in GATES[gate]]
    perceptron = Perceptron(eta=0.1, epochs=50)
    assert perceptron.fit(INPUTS, labels) is perceptron
    assert perceptron.predict(INPUTS).tolist() == labels
    assert perceptron.errors[-1] == 0
    assert 0 not in perceptron.errors[:-1]  # it stops when it makes no mistake
    bias, *weights = Perceptron(eta=0.5).fit(INPUTS, labels).weights
    assert [(bias + x @ weights >= 0) for x in INPUTS] == [label == 1 for label in labels]


def test_the_rule_by_hand() -> None:
    # Epoch 1 of AND from zeros, eta 1: (0,0) answered 1: bias -1. (0,1), (1,0) right. (1,1) answered 0: all +1.
    perceptron = Perceptron(eta=1, epochs=1).fit(INPUTS, GATES["and"])
    assert perceptron.weights.tolist() == [0, 1, 1]
    assert perceptron.errors == [2]
    # Labels of -1 and 1 make steps twice as large.
    assert Perceptron(eta=1, epochs=1).fit(INPUTS, [-1, -1, -1, 1]).weights.tolist() == [0, 2, 2]


def test_eta_scales_the_weights() -> None:
    a, b = (Perceptron(eta=eta).fit(INPUTS, GATES["nand"]) for eta in (1, 0.1))
    np.testing.assert_allclose(b.weights, 0.1 * a.weights, rtol=1e-6)
    assert a.errors == b.errors


def test_xor_goes_round_in_circles_for_ever() -> None:
    # What happens in an epoch depends on the weights alone. Once they come back, they come back for ever: no number of
    # epochs teaches it XOR.
    seen: dict[tuple[float, ...], int] = {}
    for epochs in itertools.count(1):
        perceptron = Perceptron(eta=1, epochs=epochs).fit(INPUTS, XOR)
        assert len(perceptron.errors) == epochs
        assert min(perceptron.errors) > 0
        weights = tuple(perceptron.weights.tolist())
        if weights in seen:
            break
        seen[weights] = epochs
        assert epochs < 50
    period = epochs - seen[weights]
    assert period >= 1
    for k in (1, 2, 7):
        again = Perceptron(eta=1, epochs=epochs + k * period).fit(INPUTS, XOR)
        assert tuple(again.weights.tolist()) == weights
        assert again.predict(INPUTS).tolist() != XOR


def test_no_weights_at_all_give_xor() -> None:
    # Adding what XOR asks for (0,1) and (1,0) contradicts what it asks for (0,0) and (1,1), for every weight.
    perceptron = Perceptron(epochs=1).fit(INPUTS, XOR)
    for weights in np.random.default_rng(0).normal(size=(300, 3)):
        perceptron._weights = weights.astype("float32")
        assert perceptron.predict(INPUTS).tolist() != XOR


def test_a_wide_margin_bounds_the_mistakes() -> None:
    rng = np.random.default_rng(1)
    x = rng.uniform(-1, 1, (200, 5))
    truth = np.array([0.3, 1.0, -2.0, 0.5, 1.5, -1.0])
    z = truth[0] + x @ truth[1:]
    x, z = x[np.abs(z) > 0.5], z[np.abs(z) > 0.5]
    perceptron = Perceptron(eta=0.01, epochs=500).fit(x, (z > 0).astype(int))
    assert perceptron.errors[-1] == 0
    np.testing.assert_array_equal(perceptron.predict(x), z > 0)
    longest, margin = np.linalg.norm(np.c_[np.ones(len(x)), x], axis=1).max(), np.abs(z).min()
    assert sum(perceptron.errors) <= (longest * np.linalg.norm(truth) / margin) ** 2 + 1  # Novikoff, 1962


def test_columns_and_lists_are_taken() -> None:
    expected = Perceptron().fit(INPUTS, GATES["or"])
    model = Perceptron().fit(INPUTS.tolist(), [[label] for label in GATES["or"]])
    np.testing.assert_array_equal(model.weights, expected.weights)
    assert model.predict([[1, 1]]).tolist() == [1]
    model.fit(INPUTS, GATES["and"])  # begins anew
    np.testing.assert_array_equal(model.weights, Perceptron().fit(INPUTS, GATES["and"]).weights)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Perceptron(eta=0), "eta must be above 0"),
        (lambda: Perceptron(epochs=0), "epochs must be a positive whole number"),
        (lambda: Perceptron().predict(INPUTS), "call fit first"),
        (lambda: Perceptron().weights, "call fit first"),
        (lambda: Perceptron().fit(INPUTS[0], [0]), r"x must be samples \(samples, inputs\), got shape \(2,\)"),
        (lambda: Perceptron().fit(INPUTS, [0, 1]), r"a label for each of 4 samples, got shape \(2,\)"),
        (lambda: Perceptron().fit(INPUTS, [0, 1, 2, 1]), r"the labels 0 and 1, or -1 and 1, got \[0.0, 1.0, 2.0\]"),
        (lambda: Perceptron().fit(INPUTS, [-1, 0, 1, 1]), "the labels 0 and 1"),
        (lambda: Perceptron().fit(INPUTS * np.nan, XOR), "NaN or infinity"),
        (lambda: Perceptron().fit(INPUTS, XOR).predict([[1, 2, 3]]), "has 2 inputs, x has 3"),
    ],
)
def test_mistakes_are_said(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
