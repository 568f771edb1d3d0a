"""Devices that can record steps, and programs run both ways."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import dualnet_backends as backends
import numpy as np
import pytest

import dualnet
from tests.backends.rerun import Rerun
from tests.conftest import DEVICES


@pytest.fixture(params=[d for d in DEVICES if d != "cpu"])
def device(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A device that can record steps."""
    backend = backends.get(request.param)
    if not backend.can_record:
        monkeypatch.setattr(backend, "can_record", True, raising=False)
        monkeypatch.setattr(backend, "recording", lambda i, n: Rerun(backend, i, n), raising=False)
    with backends.device(request.param):
        yield request.param
    dualnet.config.enable_graphs()


def both(program: Callable[[], Any]) -> None:
    """Run a program with recordings and without: it gives the same, bit for bit."""
    results = []
    for switch in (dualnet.config.enable_graphs, dualnet.config.disable_graphs):
        switch()
        dualnet.utils.set_random_seed(7)
        results.append(program())
    np.testing.assert_equal(*results)
