"""Every test of the command works in an empty folder of its own, on the CPU unless it says otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    import dualnet

    before, warned = dualnet.config.get_device(), dualnet.config.are_training_warnings_enabled()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DUALNET_DEBUG", raising=False)
    yield
    dualnet.config.set_device(before)
    if warned:
        dualnet.config.enable_training_warnings()
