"""`fetch`: a data set file from a local folder, the cache or the network, checked each time."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dualnet.datasets import download
from dualnet.datasets.download import ContentError, DataError

# Incompressible, so that halves and flipped bits reach the packed stream.
CONTENT = b"".join(hashlib.sha256(b"%d" % i).digest() for i in range(8000))
PACKED = gzip.compress(CONTENT, mtime=0)
NAME = "file.gz"
Listing = Callable[[Path], list[str]]


def fetch(*urls: str, **changed: Any) -> bytes:
    arguments: dict[str, Any] = {
        "sha256": hashlib.sha256(CONTENT).hexdigest(),
        "size": len(CONTENT),
        "folder": "set",
        "gzipped": True,
    }
    return bytes(download.fetch(NAME, urls, **{**arguments, **changed}))


@pytest.fixture(autouse=True)
def served(server: Any) -> Any:
    server.files[NAME] = PACKED
    return server


@pytest.fixture
def cached(cache: Path) -> Path:
    return cache / "datasets" / "set" / NAME


@pytest.mark.parametrize("how", ["good", "redirect", "breaks-once", "busy-once", "drips"])
def test_gets_checks_and_keeps_the_file(server: Any, cache: Path, cached: Path, how: str, files_below: Listing) -> None:
    assert fetch(server.url(how, NAME)) == CONTENT
    assert cached.read_bytes() == PACKED
    assert files_below(cache) == [os.path.join("datasets", "set", NAME)]
    asked = server.asked.total()
    assert fetch(server.url(how, NAME)) == CONTENT
    assert server.asked.total() == asked  # the cache answered


def test_a_file_that_is_not_packed(server: Any) -> None:
    server.files[NAME] = CONTENT
    assert fetch(server.url("good", NAME), gzipped=False) == CONTENT


def test_asks_for_the_bytes_as_they_are(server: Any) -> None:
    fetch(server.url("good", NAME))
    assert server.headers["Accept-Encoding"] == "identity"
    assert server.headers["User-Agent"] == "dualnet"


def test_damage_at_every_byte_is_detected_or_harmless(tmp_path: Path) -> None:
    content = b"the same again and again, " * 40
    packed, sha256 = gzip.compress(content, mtime=0), hashlib.sha256(content).hexdigest()
    detected = 0
    for i in range(len(packed)):
        for bit in range(8):
            damaged = packed[:i] + bytes([packed[i] ^ 1 << bit]) + packed[i + 1 :]
            (tmp_path / "file").write_bytes(damaged)
            try:
                got = download.read_checked(tmp_path / "file", sha256, len(content), gzipped=True)
            except ContentError:
                detected += 1
            else:
                assert got == content
    assert detected > 8 * len(packed) * 0.8  # the rest are dates and flags in the header


def test_a_server_that_decompresses(server: Any) -> None:
    server.files[NAME] = CONTENT
    assert fetch(server.url("good", NAME)) == CONTENT


FAILURES = {
    "missing": "answered HTTP 404",
    "busy": "answered HTTP 503",
    "breaks": "the connection broke off",
    "silent": "no answer within 0.3 s",
    "stalls": "the connection stalled",
    "circle": "redirects without end",
    "short": "found a damaged gzip file",
    "wrong": "found a damaged gzip file",
    "portal": "found 26 bytes",
    "long": "sends more than the expected",
    "endless": "sends more than the expected",
    "huge": "sends more than the expected",
}


@pytest.mark.parametrize("how", FAILURES)
def test_a_bad_mirror_is_one_clear_line_and_leaves_nothing(
    server: Any, cache: Path, how: str, files_below: Listing
) -> None:
    start = time.monotonic()
    with pytest.raises(DataError) as caught:
        fetch(server.url(how, NAME))
    assert time.monotonic() - start < 5  # the server itself gives up after 20 s
    message = str(caught.value)
    assert FAILURES[how] in message
    assert f"{NAME} is not in the cache {cache}" in message
    assert "connect to the network, put the file there, or set DUALNET_DATA_DIR to a folder that has set/" in message
    assert "\n" not in message
    assert files_below(cache) == []
    tries = {"busy": 2, "breaks": 2, "silent": 2, "stalls": 2, "circle": 31}.get(how, 1)
    assert server.asked[f"/{how}/{NAME}"] == tries


@pytest.mark.parametrize("how", FAILURES)
def test_the_next_mirror_steps_in(server: Any, cached: Path, how: str) -> None:
    assert fetch(server.url(how, NAME), server.url("good", NAME)) == CONTENT
    assert cached.read_bytes() == PACKED
    if how != "circle":
        assert server.asked[f"/{how}/{NAME}"] == 1  # a good mirror comes before a second chance


def test_offline(server: Any) -> None:
    server.http.server_close()  # nothing listens there any more
    with pytest.raises(DataError, match="no connection; connect to the network"):
        fetch(server.url("good", NAME))


def test_a_wrong_hash_names_both(server: Any) -> None:
    other = hashlib.sha256(b"other").hexdigest()
    detected = hashlib.sha256(CONTENT).hexdigest()
    expected = f"expected 256,000 bytes with sha256 {other[:16]}..., found sha256 {detected[:16]}..."
    with pytest.raises(DataError, match=re.escape(expected)):
        fetch(server.url("good", NAME), sha256=other)


def test_secrets_in_an_address_stay_out_of_the_message() -> None:
    with pytest.raises(DataError) as caught:
        fetch("http://me:password@127.0.0.1:9/file.gz?token=t0ken")
    assert "http://127.0.0.1:9/file.gz: no connection" in str(caught.value)
    assert "password" not in str(caught.value)
    assert "t0ken" not in str(caught.value)


@pytest.mark.parametrize("change", ["cut", "flipped", "empty", "other", "more", "folder"])
def test_a_wrong_cached_file_is_replaced_with_a_warning(server: Any, cached: Path, change: str) -> None:
    cached.parent.mkdir(parents=True)
    damage(cached, change)
    if change == "folder":
        with pytest.warns(UserWarning, match="unreadable"), pytest.raises(DataError):
            fetch(server.url("good", NAME))
        return
    with pytest.warns(UserWarning, match="expected 256,000 bytes.*downloading it again"):
        assert fetch(server.url("good", NAME)) == CONTENT
    assert cached.read_bytes() == PACKED


def damage(path: Path, change: str) -> None:
    middle = len(PACKED) // 2
    if change == "folder":
        path.mkdir()
        return
    path.write_bytes(
        {
            "cut": PACKED[:-1],
            "flipped": PACKED[:middle] + bytes([PACKED[middle] ^ 1]) + PACKED[middle + 1 :],
            "empty": b"",
            "other": gzip.compress(CONTENT[::-1]),
            "more": gzip.compress(CONTENT + b"."),
        }[change]
    )


def test_a_failed_download_keeps_the_cached_file(server: Any, cache: Path, cached: Path, files_below: Listing) -> None:
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"a file of the user's")
    with (
        pytest.warns(UserWarning, match="downloading it again"),
        pytest.raises(DataError, match=r"the copy there is wrong, delete it: expected.*HTTP 404"),
    ):
        fetch(server.url("missing", NAME))
    assert cached.read_bytes() == b"a file of the user's"
    assert len(files_below(cache)) == 1


def test_local_data_comes_first(server: Any, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data" / "set").mkdir(parents=True)
    (tmp_path / "data" / "set" / NAME).write_bytes(gzip.compress(CONTENT, 1))  # packed differently
    monkeypatch.setenv("DUALNET_DATA_DIR", str(tmp_path / "data"))
    assert fetch(server.url("good", NAME)) == CONTENT
    assert server.asked.total() == 0
    assert not cache.exists()


@pytest.mark.parametrize("change", ["cut", "flipped", "empty", "other", "more", "folder"])
def test_wrong_local_data_is_an_error_and_stays(
    server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    path = tmp_path / "data" / "set" / NAME
    path.parent.mkdir(parents=True)
    damage(path, change)
    monkeypatch.setenv("DUALNET_DATA_DIR", str(tmp_path / "data"))
    with pytest.raises(ContentError, match=r"expected 256,000 bytes.*found.*unset DUALNET_DATA_DIR"):
        fetch(server.url("good", NAME))
    assert path.exists()
    assert server.asked.total() == 0


def test_local_data_without_the_file_falls_through(
    server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DUALNET_DATA_DIR", str(tmp_path))
    with pytest.raises(DataError, match=re.escape(f"is not in {tmp_path / 'set'} (DUALNET_DATA")):
        fetch(server.url("missing", NAME))
    assert fetch(server.url("good", NAME)) == CONTENT


def test_a_local_folder_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUALNET_DATA_DIR", "/no/such/folder")
    with pytest.raises(DataError, match="DUALNET_DATA_DIR is '/no/such/folder', not a folder"):
        fetch("http://127.0.0.1:9/file.gz")


def test_a_cache_that_cannot_be_written(server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("DUALNET_CACHE_DIR", str(tmp_path / "file"))
    with pytest.raises(DataError, match=r"cannot be written.*DUALNET_CACHE_DIR"):
        fetch(server.url("good", NAME))


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_full_disk_keeps_the_cached_file(
    server: Any,
    cache: Path,
    cached: Path,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    files_below: Listing,
) -> None:
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"old")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, step, full)
    with (
        pytest.warns(UserWarning, match="downloading it again"),
        pytest.raises(DataError, match=r"cannot be written \(No space left on device\); free"),
    ):
        fetch(server.url("good", NAME))
    assert cached.read_bytes() == b"old"
    assert len(files_below(cache)) == 1


def test_an_interrupt_leaves_nothing(
    server: Any, cache: Path, monkeypatch: pytest.MonkeyPatch, files_below: Listing
) -> None:
    def stop(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(download, "read_checked", stop)
    with pytest.raises(KeyboardInterrupt):
        fetch(server.url("good", NAME))
    assert files_below(cache) == []


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/a", "..\\a", "a\0b"])
def test_a_name_is_not_a_path(name: str) -> None:
    with pytest.raises(ValueError, match="expected a plain file name"):
        download.fetch(name, ["http://127.0.0.1:9/"], "0" * 64, 1, folder="set")


def test_where_the_cache_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DUALNET_CACHE_DIR", "~/here")
    assert download.cache_dir() == Path.home() / "here"
    monkeypatch.delenv("DUALNET_CACHE_DIR")
    if sys.platform not in ("win32", "darwin"):
        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
        assert download.cache_dir() == Path.home() / ".cache" / "dualnet"
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        assert download.cache_dir() == tmp_path / "dualnet"
    import pooch

    if sys.platform != "win32":
        assert download.cache_dir() == Path(pooch.os_cache("dualnet"))
