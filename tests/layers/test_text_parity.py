"""Text and categories against Keras: results frozen beside this file, and asked anew where TensorFlow is installed."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest

import dualnet
from tests import parity

from . import text_cases

FROZEN = parity.frozen(text_cases.__file__)


@pytest.mark.parametrize("name", text_cases.CASES)
def test_results_are_those_of_keras(name: str) -> None:
    parity.assert_close(parity.run(text_cases.CASES[name], dualnet), FROZEN[name], 1e-6, 1e-7, name)


@pytest.mark.keras
@pytest.mark.skipif(importlib.util.find_spec("tensorflow") is None, reason="Keras needs TensorFlow for these layers")
@pytest.mark.parametrize("name", text_cases.CASES)
def test_keras_still_gives_them(name: str) -> None:
    keras: Any = pytest.importorskip("keras")
    parity.assert_close(parity.run(text_cases.CASES[name], keras), FROZEN[name], 1e-6, 1e-7, name)


def test_every_case_is_frozen() -> None:
    assert list(FROZEN) == list(text_cases.CASES)
