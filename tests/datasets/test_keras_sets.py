"""Sets of one file, most of which Keras loads too: found, downloaded, checked and kept."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dualnet.datasets import reuters
from dualnet.datasets.download import ContentError, DataError
from tests.datasets.small_sets import SETS

Serve = Callable[..., Callable[..., Any]]


@pytest.mark.parametrize("key", SETS)
def test_downloads_once(serve: Serve, server: Any, cache: Path, key: str) -> None:
    load = serve(key)
    first = load()
    cached = cache / "datasets" / SETS[key].folder / SETS[key].name
    assert cached.read_bytes() == SETS[key].content
    assert server.asked.total() == 1
    np.testing.assert_equal(load(), first)
    assert server.asked.total() == 1


SOURCES = {
    "missing": "answered HTTP 404",
    "breaks": "the connection broke off",
    "short": "expected (sha256|md5) ",
    "wrong": "expected (sha256|md5) ",
    "portal": r"found (sha256|md5) [0-9a-f]{16}\.\.\. in 26 bytes",
}


@pytest.mark.parametrize("how", SOURCES)
@pytest.mark.parametrize("key", SETS)
def test_a_bad_server_is_one_clear_line_and_leaves_nothing(serve: Serve, cache: Path, key: str, how: str) -> None:
    with pytest.raises(DataError, match=SOURCES[how]) as caught:
        serve(key, how)()
    message = str(caught.value)
    assert message.startswith(f"{SETS[key].name} is not in the cache {cache}")
    assert message.endswith(
        f"or set DUALNET_DATA_DIR to a folder that has {Path(SETS[key].folder, SETS[key].name).as_posix()}"
    )
    assert "\n" not in message
    assert [path for path in cache.rglob("*") if path.is_file()] == []
    serve(key, how, "good")()  # the next mirror steps in


@pytest.mark.parametrize("key", SETS)
def test_local_files(serve: Serve, server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    load = serve(key)
    path = tmp_path / SETS[key].folder / SETS[key].name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(SETS[key].content)
    monkeypatch.setenv("DUALNET_DATA_DIR", str(tmp_path))
    load()
    assert server.asked.total() == 0
    path.write_bytes(SETS[key].content[:-1])
    with pytest.raises(ContentError, match=f"{re.escape(str(path))}: expected .*unset DUALNET_DATA_DIR"):
        load()


@pytest.mark.parametrize("key", SETS)
def test_a_damaged_cache_is_replaced_with_a_warning(serve: Serve, cache: Path, key: str) -> None:
    load = serve(key)
    cached = cache / "datasets" / SETS[key].folder / SETS[key].name
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"damaged")
    with pytest.warns(UserWarning, match="downloading it again"):
        load()
    assert cached.read_bytes() == SETS[key].content


def test_more_than_expected_is_refused(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reuters, "_MAX_BYTES", 1 << 20)
    with pytest.raises(DataError, match="sends more than the expected"):
        serve("reuters", "endless")()
