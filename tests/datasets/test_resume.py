"""Large files: what was received before a transfer broke off is not received again; and mirrors of the user."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dualnet.datasets import download
from dualnet.datasets.download import DataError
from dualnet.datasets.hashed import fetch_file

CONTENT = b"".join(hashlib.sha256(b"%d" % i).digest() for i in range(20_000))
HALF = len(CONTENT) // 2 // 65_536 * 65_536  # whole blocks of the half that arrives
NAME = "weights.h5"
Listing = Callable[[Path], list[str]]


def fetch(*urls: str, **options: Any) -> bytes:
    file_hash = hashlib.sha256(CONTENT).hexdigest()
    options = {"folder": "models", "max_bytes": None, "cache": "", "resume": True, **options}
    return fetch_file(NAME, urls, file_hash, lambda file: file.read(), **options)


@pytest.fixture(autouse=True)
def served(server: Any) -> Any:
    server.files[NAME] = CONTENT
    return server


@pytest.fixture
def folder(cache: Path) -> Path:
    (cache / "models").mkdir(parents=True)
    return cache / "models"


def leave(folder: Path, content: bytes, seconds_ago: float) -> Path:
    """A part as a process leaves it that was ended."""
    part = folder / f".{NAME}.{os.urandom(6).hex()}.part"
    part.write_bytes(content)
    os.utime(part, (time.time() - seconds_ago,) * 2)
    return part


def test_another_mirror_sends_the_rest(server: Any, folder: Path, files_below: Listing) -> None:
    assert fetch(server.url("breaks", NAME), server.url("range", NAME)) == CONTENT
    assert server.headers["Range"] == f"bytes={HALF}-"
    assert files_below(folder) == [NAME]


def test_the_next_call_goes_on(server: Any, folder: Path, files_below: Listing) -> None:
    with pytest.raises(DataError, match="the connection broke off"):
        fetch(server.url("breaks", NAME))
    (part,) = files_below(folder)
    assert (folder / part).stat().st_size == HALF
    with pytest.raises(DataError, match="HTTP 404"):
        fetch(server.url("missing", NAME))  # does not throw it away
    assert fetch(server.url("range", NAME)) == CONTENT
    assert server.headers["Range"] == f"bytes={HALF}-"
    assert files_below(folder) == [NAME]


def test_after_an_interruption(
    server: Any, folder: Path, files_below: Listing, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(url: str, part: Path, progress: Any, **options: Any) -> None:
        part.write_bytes(CONTENT[:1000])
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(download, "transfer", interrupted)
        with pytest.raises(KeyboardInterrupt):
            fetch(server.url("range", NAME))
    assert fetch(server.url("range", NAME)) == CONTENT
    assert server.headers["Range"] == "bytes=1000-"
    assert files_below(folder) == [NAME]


def test_a_part_that_another_process_writes_to_is_left_alone(server: Any, folder: Path, files_below: Listing) -> None:
    part = leave(folder, CONTENT[:1000], seconds_ago=5)
    assert fetch(server.url("range", NAME)) == CONTENT
    assert "Range" not in server.headers
    assert files_below(folder) == sorted([part.name, NAME])


def test_the_largest_part_that_was_left_is_continued(server: Any, folder: Path) -> None:
    leave(folder, CONTENT[:1000], seconds_ago=3600)
    leave(folder, CONTENT[:3000], seconds_ago=3600)
    assert fetch(server.url("range", NAME)) == CONTENT
    assert server.headers["Range"] == "bytes=3000-"


def test_a_complete_part_is_not_downloaded(server: Any, folder: Path, files_below: Listing) -> None:
    leave(folder, CONTENT, seconds_ago=3600)
    assert fetch(server.url("range", NAME)) == CONTENT
    assert server.asked.total() == 0
    assert files_below(folder) == [NAME]


@pytest.mark.parametrize("how", ["good", "redirect", "other-range", "range"])
@pytest.mark.parametrize("part", [CONTENT[:1000], b"x" * 1000, CONTENT + b"x"], ids=["good", "damaged", "too long"])
def test_whatever_was_left_the_file_is_right(
    server: Any, folder: Path, how: str, part: bytes, files_below: Listing
) -> None:
    """From servers that send parts, send all, redirect, or send another part than was asked for."""
    leave(folder, part, seconds_ago=3600)
    second = [server.url("good", NAME)] if how == "other-range" else []
    assert fetch(server.url(how, NAME), *second) == CONTENT
    assert files_below(folder) == [NAME]


def test_a_wrong_file_is_not_kept(server: Any, folder: Path, files_below: Listing) -> None:
    with pytest.raises(DataError, match="expected sha256"):
        fetch(server.url("wrong", NAME))
    assert files_below(folder) == []


# -- where files are looked for ------------------------------------------------------------------------------------


def test_mirrors_of_the_user_come_first(server: Any, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server.files[f"models/{NAME}"] = CONTENT
    monkeypatch.setenv("DUALNET_MIRRORS", f"{server.url('missing', '')} {server.url('good', '')}")
    assert fetch(server.url("silent", NAME)) == CONTENT
    assert list(server.asked) == [f"/missing/models/{NAME}", f"/good/models/{NAME}"]


def test_a_copy_in_another_folder(server: Any, tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(CONTENT)
    folders = [tmp_path / "none", tmp_path]
    assert fetch(server.url("good", NAME), other_folders=folders) == CONTENT
    assert server.asked.total() == 0
    (tmp_path / NAME).write_bytes(b"something else")
    assert fetch(server.url("good", NAME), other_folders=folders) == CONTENT
    assert server.asked.total() == 1
