"""Callbacks, progress bar and summary do what Keras's do, in the scenarios written down beside this file."""

from __future__ import annotations

import pytest

import dualnet
from tests.callbacks import oracle
from tests.callbacks.scenarios import SCENARIOS
from tests.utils.screens import SCREENS

ALL = SCENARIOS | SCREENS


@pytest.mark.parametrize("name", ALL)
def test_same_as_keras(name: str) -> None:
    got, expected = oracle.as_json(ALL[name](dualnet)), oracle.frozen[name]
    if isinstance(expected, list):  # one at a time, for a readable message
        assert len(got) == len(expected) > 0
        for i, (ours, theirs) in enumerate(zip(got, expected)):
            assert ours == theirs, f"{name}[{i}]"
    assert got == expected


@pytest.mark.parametrize("name", ALL)
def test_frozen_results_are_those_of_keras(name: str) -> None:
    assert oracle.asked()[name] == oracle.frozen[name]
