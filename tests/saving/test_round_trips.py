"""A part of the round trips with Keras: one model of each kind. ``python -m tests.saving.round_trips`` takes all of them."""

from __future__ import annotations

from typing import Any

import pytest

from .round_trips import MODELS, both_ways

SOME = (
    "nested models",
    "a shared model",
    "subclassed model inside",
    "rnn of stacked cells",
    "bidirectional of two",
    "multi head attention",
    "residual network",
    "time distributed model",
    "frozen layer",
)


@pytest.mark.parametrize("name", SOME)
def test_both_ways(name: str, keras: Any) -> None:
    for trip in both_ways(keras, name, (".keras", ".h5")):
        assert trip.passed, trip


def test_there_is_a_model_of_every_kind() -> None:
    assert len(MODELS) >= 80
