"""Sorting, quantiles, indexing, segments, joining and blocks against Keras: frozen results, and Keras itself where it is installed."""

from __future__ import annotations

from typing import Any

import pytest

import dualnet
from tests import parity

from . import indexing_cases

FROZEN = parity.frozen(indexing_cases.__file__)


@pytest.mark.parametrize("name", indexing_cases.CASES)
def test_results_are_those_of_keras(name: str) -> None:
    parity.assert_close(parity.run(indexing_cases.CASES[name], dualnet), FROZEN[name], 1e-5, 1e-6, name)


@pytest.mark.parametrize("name", indexing_cases.CASES)
def test_keras_still_gives_them(name: str, keras: Any) -> None:
    parity.assert_close(parity.run(indexing_cases.CASES[name], keras), FROZEN[name], 1e-5, 1e-6, name)


def test_every_case_is_frozen() -> None:
    assert list(FROZEN) == list(indexing_cases.CASES)
