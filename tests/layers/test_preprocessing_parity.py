"""Text, categories and other preprocessing against Keras: results frozen beside this file, and asked anew where TensorFlow,
which Keras needs for them, is installed."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest

import dualnet
from tests import parity

from . import preprocessing_cases, text_cases

MODULES = {"text": text_cases, "preprocessing": preprocessing_cases}
FROZEN = {name: parity.frozen(str(module.__file__)) for name, module in MODULES.items()}
CASES = [(name, case) for name, module in MODULES.items() for case in module.CASES]


@pytest.mark.parametrize(("module", "name"), CASES)
def test_results_are_those_of_keras(module: str, name: str) -> None:
    got = parity.run(MODULES[module].CASES[name], dualnet)
    parity.assert_close(got, FROZEN[module][name], 2e-6, 1e-6, name)


@pytest.mark.keras
@pytest.mark.skipif(importlib.util.find_spec("tensorflow") is None, reason="Keras needs TensorFlow for these layers")
@pytest.mark.parametrize(("module", "name"), CASES)
def test_keras_still_gives_them(module: str, name: str) -> None:
    keras: Any = pytest.importorskip("keras")
    parity.assert_close(parity.run(MODULES[module].CASES[name], keras), FROZEN[module][name], 2e-6, 1e-6, name)


@pytest.mark.parametrize("module", MODULES)
def test_every_case_is_frozen(module: str) -> None:
    assert list(FROZEN[module]) == list(MODULES[module].CASES)
