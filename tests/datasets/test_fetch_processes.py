"""`fetch` from several processes at once, when killed, and on a terminal."""

from __future__ import annotations

import hashlib
import io
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dualnet.datasets import download

CONTENT = b"".join(hashlib.sha256(b"%d" % i).digest() for i in range(8000))
SHA256 = hashlib.sha256(CONTENT).hexdigest()
NAME = "file.bin"
Listing = Callable[[Path], list[str]]


def fetch(*urls: str) -> bytes:
    return bytes(download.fetch(NAME, urls, SHA256, len(CONTENT), folder="set"))


@pytest.fixture(autouse=True)
def served(server: Any) -> Any:
    server.files[NAME] = CONTENT
    return server


@pytest.fixture
def cached(cache: Path) -> Path:
    return cache / "datasets" / "set" / NAME


CHILD = """
import sys
from dualnet.datasets import download
name, url, sha256, size = sys.argv[1:]
content = download.fetch(name, [url], sha256, int(size), folder="set")
print(len(content))
"""


def child(url: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", CHILD, NAME, url, SHA256, str(len(CONTENT))],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def test_several_processes_at_once(server: Any, cache: Path, cached: Path, files_below: Listing) -> None:
    children = [child(server.url("together", NAME)) for _ in range(server.gate.parties)]
    ends = [(*process.communicate(), process.returncode) for process in children]
    # Nothing on stderr: a bar is for a terminal.
    assert ends == [(f"{len(CONTENT)}\n", "", 0)] * server.gate.parties
    assert cached.read_bytes() == CONTENT
    assert len(files_below(cache)) == 1
    assert server.asked.total() == server.gate.parties  # none waited for another


def test_a_killed_process_leaves_no_incomplete_file(server: Any, cached: Path) -> None:
    process = child(server.url("stalls", NAME))
    while sum(part.stat().st_size for part in cached.parent.glob(".*.part")) == 0:
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.communicate()
    assert not cached.exists()
    server.released.set()
    assert fetch(server.url("good", NAME)) == CONTENT


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_on_a_terminal(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr(sys, "stderr", screen := Terminal())
    assert fetch(server.url("missing", NAME), server.url("drips", NAME)) == CONTENT
    shown = screen.getvalue()
    assert NAME in shown
    assert re.search(r"256\.\d/256\.\d kB", shown)


def test_no_bar_elsewhere(server: Any, capfd: pytest.CaptureFixture[str]) -> None:
    assert fetch(server.url("good", NAME)) == CONTENT
    assert capfd.readouterr() == ("", "")
