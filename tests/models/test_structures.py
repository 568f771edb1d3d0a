"""Losses, metrics and weights for several outputs: as Keras takes them, and what it has no name or no word for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dualnet
from tests import parity

from . import structure_cases
from .structure_cases import A, B, W, X, arranged, functional, run, subclassed

FROZEN = parity.frozen(structure_cases.__file__)
# Where an output has no loss, what leads to it alone is not trained.
pytestmark = pytest.mark.filterwarnings("ignore:the loss does not depend on")
every_case = pytest.mark.parametrize("name", structure_cases.CASES)


@every_case
def test_as_keras_did(name: str) -> None:
    parity.assert_close(parity.run(structure_cases.CASES[name], dualnet), FROZEN[name], rtol=1e-5, atol=1e-6)


@every_case
def test_keras_still_does(name: str, keras: Any) -> None:
    parity.assert_close(parity.run(structure_cases.CASES[name], keras), FROZEN[name], rtol=1e-5, atol=1e-6)


def test_losses_of_the_same_name_are_both_shown() -> None:
    """Keras shows the last one only."""
    history = run(dualnet, "list", subclassed, loss="mse")
    by_output = run(dualnet, "list", loss="mse")
    assert list(history) == ["loss", "mse_loss", "mse_loss_1"]
    weighted = [a + b for a, b in zip(history["mse_loss"], history["mse_loss_1"])]
    np.testing.assert_allclose(weighted, history["loss"], rtol=1e-6)
    assert list(by_output) == ["a_loss", "b_loss", "loss"]


def test_several_losses_of_one_output_are_shown_together() -> None:
    history = run(dualnet, "list", loss=["mse", ["mse", "mae"]])
    alone = run(dualnet, "list", loss=["mse", None])
    np.testing.assert_allclose(
        [a + b for a, b in zip(history["a_loss"], history["b_loss"])], history["loss"], rtol=1e-6
    )
    np.testing.assert_allclose(history["a_loss"][0], alone["loss"][0], rtol=1e-6)


def test_metrics_of_nested_outputs() -> None:
    arguments = {"p": (["mae"], ["mse"]), "q": ["mae"]}
    for make, names in ((functional, ["a_mae", "b_mse", "a_mae_1"]), (subclassed, ["mae", "mse", "mae_1"])):
        history = run(dualnet, "nested", make, loss={"q": "mse"}, metrics=arguments)
        assert sorted(history) == sorted(["loss", *names])


def test_a_name_is_a_loss_of_one_output_at_any_depth() -> None:
    history = run(dualnet, "nested", loss={"p": "mse"}, loss_weights={"p": 2.0})
    total = [2 * (a + b) for a, b in zip(history["p/a_loss"], history["p/b_loss"])]
    np.testing.assert_allclose(history["loss"], total, rtol=1e-6)
    each = run(dualnet, "nested", loss="mse", loss_weights={"p": (1.0, 2.0), "q": 3.0})
    total = [a + 2 * b + 3 * q for a, b, q in zip(each["p/a_loss"], each["p/b_loss"], each["q_loss"])]
    np.testing.assert_allclose(each["loss"], total, rtol=1e-6)


@pytest.mark.parametrize(
    ("structure", "arguments", "error", "message"),
    [
        ("list", {"loss": ["mse"] * 3}, ValueError, r"loss has 3 entries, the model has 2 outputs \(a, b\)"),
        ("list", {"loss": {"a": "mse", "c": "mse"}}, ValueError, r"Expected keys \['a', 'b'\] in loss.*found \['c'\]"),
        ("dict", {"loss": {"p": "mse", "c": "mse"}}, KeyError, r"'c'.*in the `loss` argument, can't be found"),
        ("nested", {"loss": {"p": {"a": "mse"}}}, KeyError, r"'a'.*its outputs are no dictionary"),
        ("nested", {"loss": {"p": ("mse",)}}, ValueError, r"1 entries, 'p' has 2 outputs \(p/a, p/b\)"),
        ("one", {"loss": ["mse", "mae"]}, ValueError, r"loss has 2 entries, the model has one output \(a\)"),
        ("one", {"loss": "mse", "loss_weights": [1.0, 2.0]}, ValueError, "loss_weights has 2 entries"),
        ("list", {"loss": ["mse", ["mse", "mae"]], "loss_weights": [1.0, [1.0]]}, ValueError, "1 entries where loss"),
        ("list", {"loss": "mse", "metrics": ["mae"]}, ValueError, r"Invalid `metrics`: it has 1 entries for 2 outputs"),
        ("dict", {"loss": "mse", "metrics": {"c": "mae"}}, ValueError, r"Invalid `metrics`: it names .*\['c'\]"),
        ("list", {"loss": "mse", "metrics": {"c": "mae"}}, ValueError, r"Invalid `metrics`: it names .*\['c'\]"),
        ("dict", {"loss": "mse", "y": {"p": A}}, ValueError, "a loss for the output q, but y has nothing for it"),
        ("dict", {"loss": "mse", "y": {"p": A, "q": B, "r": B}}, ValueError, r"y names the outputs \['r'\]"),
        ("list", {"loss": "mse", "y": A}, ValueError, "but y is a single array"),
        ("list", {"loss": "mse", "y": [A, B, B]}, ValueError, "y has 3 entries, the model has 2 outputs"),
        (
            "list",
            {"loss": ["mse", None], "metrics": {"b": "mae"}, "y": {"a": A}},
            ValueError,
            "for the output b, but y lacks it",
        ),
    ],
)
def test_mismatches_are_reported(
    structure: str, arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        run(dualnet, structure, **arguments)


def test_a_loss_of_several_outputs_takes_one_array_of_weights() -> None:
    both = structure_cases.distance(dualnet)
    with pytest.raises(ValueError, match="takes one array of sample weights"):
        run(dualnet, "tuple", loss=[both, (None, None)], sample_weight=arranged("tuple", W, W + 1))
    assert run(dualnet, "tuple", loss=[both, (None, None)], sample_weight=W)["loss"][0] > 0


def test_outputs_without_names_cannot_be_named() -> None:
    with pytest.raises(ValueError, match="the outputs of this model have no names"):
        run(dualnet, "list", subclassed, loss={"a": "mse"})


def test_a_missing_label_is_fine_where_there_is_no_loss() -> None:
    assert list(run(dualnet, "dict", loss={"p": "mse"}, y={"p": A})) == ["loss"]
    model = functional(dualnet, "dict")
    model.compile("sgd", {"p": "mse", "q": None})
    assert model.evaluate(X, {"p": A}, verbose=0) > 0
