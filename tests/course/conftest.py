"""Every cell begins as a fresh notebook would, with a seed: the same numbers in every run."""

from __future__ import annotations

import pytest

import dualnet


@pytest.fixture(autouse=True)
def fresh_notebook() -> None:
    dualnet.utils.clear_session()
    dualnet.utils.set_random_seed(1)
