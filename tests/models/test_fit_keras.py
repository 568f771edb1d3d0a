"""Training gives the history and the weights that Keras gives, in a fixed order of the data."""

from __future__ import annotations

from typing import Any

import pytest

import dualnet
from tests import parity

from . import fit_cases

FROZEN = parity.frozen(fit_cases.__file__)
every_case = pytest.mark.parametrize("name", fit_cases.CASES)


def compare(got: Any, expected: Any) -> None:
    if isinstance(expected, dict) and "weights" in expected:
        # Keras computes Adam's bias correction in float32, where 1 - 0.999 is off by 1e-5.
        parity.assert_close(got["weights"], expected["weights"], rtol=1e-5, atol=1e-5)
        got, expected = got["history"], expected["history"]
    parity.assert_close(got, expected, rtol=1e-5, atol=1e-6)


@every_case
def test_as_keras_did(name: str) -> None:
    compare(parity.run(fit_cases.CASES[name], dualnet), FROZEN[name])


@every_case
def test_keras_still_does(name: str, keras: Any) -> None:
    compare(parity.run(fit_cases.CASES[name], keras), FROZEN[name])
