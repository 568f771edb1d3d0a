"""What it costs to build and load models that are nested deeply: counted, as times depend on the machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dualnet import Input, Model, ops
from dualnet.layers.base.tracking import WeightTracking
from dualnet.saving import api, hdf5


def nested(depth: int) -> Model:
    """A model that calls a model that calls a model."""
    model: Any = None
    for _ in range(depth):
        x = Input((2,))
        model = Model(x, ops.relu(x if model is None else model(x)))
    return model


def calls(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, run: Any) -> int:
    """How often a function is called meanwhile."""
    count, function = [], getattr(owner, name)
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, lambda *args, **options: (count.append(1), function(*args, **options))[1])
        run()
    return len(count)


def test_building_looks_at_each_layer_once_for_each_call(monkeypatch: pytest.MonkeyPatch) -> None:
    few, many = (calls(monkeypatch, WeightTracking, "_sublayers", lambda n=n: nested(n)) for n in (8, 32))
    assert many < 25 * few, "four times as deep: sixteen times as much, not sixty-four times"


def test_loading_checks_each_group_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    counts = []
    for depth in (4, 16):
        nested(depth).save(tmp_path / "m.keras")
        load = lambda: api.load_model(tmp_path / "m.keras")  # noqa: E731
        counts.append(calls(monkeypatch, hdf5, "_check_attributes", load))
    assert counts[1] < 5 * counts[0]
