"""Tiny Shakespeare: what `load_data` returns. How it is fetched stands in `test_keras_sets.py`."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dualnet.datasets import shakespeare
from dualnet.datasets.download import DataError
from tests.datasets.small_sets import SPEECHES

REAL_DATA = os.environ.get("DUALNET_DATA_DIR", "")
Serve = Callable[..., Callable[..., Any]]


def test_it_is_one_string(serve: Serve, cache: Path) -> None:
    assert serve("shakespeare")() == SPEECHES.decode()


def test_other_bytes_are_refused(serve: Serve, cache: Path) -> None:
    with pytest.raises(DataError, match="expected a text in ASCII, found byte 0xe9"):
        serve("shakespeare", content=b"Cafius \xe9")()


def test_a_path_is_refused() -> None:
    with pytest.raises(ValueError, match="name"):
        shakespeare.load_data("../tinyshakespeare.txt")


@pytest.mark.skipif(
    not Path(REAL_DATA, "text", "tinyshakespeare.txt").is_file(),
    reason="DUALNET_DATA_DIR names no folder with text/tinyshakespeare.txt",
)
def test_the_real_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUALNET_DATA_DIR", REAL_DATA)
    text = shakespeare.load_data()
    assert len(text) == 1115394
    assert len(set(text)) == 65
    assert text.startswith("First Citizen:\nBefore we proceed any further, hear me speak.")
