"""Cora: what is in it where it is, and what is said where it is not."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dualnet.datasets import cora
from dualnet.datasets.download import ContentError, DataError
from tests.datasets.small_sets import npz

FOLDER = os.environ.get("DUALNET_DATA_DIR")  # which a fixture takes away from the tests of this folder
GOOD: dict[str, Any] = {
    "feature_rows": np.array([0, 2]),
    "feature_cols": np.array([3, 1]),
    "labels": np.array([0, 1]),
    "edges": np.array([[1, 0]]),
    "train": np.array([0]),
    "val": np.array([1]),
    "test": np.array([2]),
}


def test_the_real_one(monkeypatch: pytest.MonkeyPatch) -> None:
    if FOLDER is None or not (Path(FOLDER) / "cora" / "cora.npz").exists():
        pytest.skip("DUALNET_DATA_DIR names no folder with cora/cora.npz")
    monkeypatch.setenv("DUALNET_DATA_DIR", FOLDER)
    graph = cora.load_data()
    assert (graph.features.shape, graph.features.sum()) == ((2708, 1433), 49216)
    assert np.bincount(graph.labels).tolist() == [351, 217, 418, 818, 426, 298, 180]  # in the order of SUBJECTS
    assert np.bincount(graph.labels[graph.train]).tolist() == [20] * 7
    assert (len(graph.edges), len(graph.validation), len(graph.test)) == (5278, 500, 1000)
    assert (graph.edges[:, 0] < graph.edges[:, 1]).all()


WRONG: list[tuple[dict[str, Any], str]] = [
    ({}, "expected content with sha256"),
    ({"labels": np.array([0.5])}, r"expected labels to be whole numbers, found \(1,\) float64"),
    ({"feature_rows": np.array([0, 2708])}, "expected words of 2,708 articles"),
    ({"edges": np.array([[0, 1, 2]])}, "pairs of them, found others"),
    ({"edges": np.array([0, 1])}, "expected edges to be whole numbers"),
]


@pytest.mark.parametrize(("change", "message"), WRONG)
def test_another_file(change: dict[str, Any], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cora").mkdir()
    (tmp_path / "cora" / "cora.npz").write_bytes(npz(**{**GOOD, **change}))
    monkeypatch.setenv("DUALNET_DATA_DIR", str(tmp_path))
    with pytest.raises(ContentError, match=message):
        cora.load_data()


def test_it_says_where_the_file_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUALNET_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("DUALNET_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("DUALNET_MIRRORS", raising=False)
    with pytest.raises(DataError, match="no public copy to download: put it there"):
        cora.load_data()
