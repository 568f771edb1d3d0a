"""A web server on this machine with good, bad and slow files, and an empty cache for each test."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest


class Server:
    """Serves `files`, in the way the first part of the address says."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: Counter[str] = Counter()
        self.headers: dict[str, str] = {}  # of the last request
        self.gate = threading.Barrier(6)  # opens when so many are there
        self.released = threading.Event()  # ends the slow answers when the test is over
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.answer(self)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def url(self, how: str, name: str) -> str:
        return f"http://127.0.0.1:{self.http.server_port}/{how}/{name}"

    def close(self) -> None:
        self.released.set()
        self.http.shutdown()
        self.thread.join()
        self.http.server_close()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        self.asked[request.path] += 1
        self.headers = dict(request.headers)
        _, how, name = request.path.split("/", 2)
        body = self.files.get(name)
        count = self.asked[request.path]
        if body is None or how == "missing":
            request.send_error(404)
        elif how == "busy" or (how == "busy-once" and count == 1):
            request.send_error(503)
        elif how == "redirect":
            request.send_response(302)
            request.send_header("Location", f"/good/{name}")
            request.end_headers()
        elif how == "circle":
            request.send_response(302)
            request.send_header("Location", request.path)
            request.end_headers()
        elif how == "silent":
            self.released.wait(20)
        elif how == "breaks" or (how == "breaks-once" and count == 1):
            self.send(request, len(body), body[: len(body) // 2])
        elif how == "stalls":
            self.send(request, len(body), body[: len(body) // 2])
            self.released.wait(20)
        elif how == "together":
            self.gate.wait(20)
            self.send(request, len(body), body)
        elif how == "drips":
            self.send(request, len(body), b"")
            step = len(body) // 5 + 1
            for start in range(0, len(body), step):
                time.sleep(0.03)
                request.wfile.write(body[start : start + step])
        elif how == "huge":
            self.send(request, 1 << 40, b"")
            self.released.wait(20)
        elif how == "short":
            self.send(request, len(body) // 2, body[: len(body) // 2])
        elif how == "wrong":
            self.send(request, len(body), body[:-1] + bytes([body[-1] ^ 1]))
        elif how == "long":
            self.send(request, len(body) + (1 << 20), body + bytes(1 << 20))
        elif how == "endless":
            request.send_response(200)
            request.end_headers()
            try:
                while not self.released.is_set():
                    request.wfile.write(bytes(1 << 16))
            except OSError:
                pass
        elif how == "range":  # the part that is asked for
            start = int(request.headers.get("Range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))
            if start >= len(body):
                request.send_error(416)
            else:
                self.send(request, len(body) - start, body[start:], f"bytes {start}-{len(body) - 1}/{len(body)}")
        elif how == "other-range":
            self.send(request, len(body) - 1, body[1:], f"bytes 1-{len(body) - 1}/{len(body)}")
        elif how == "portal":
            page = b"<html>please log in</html>"
            self.send(request, len(page), page)
        else:
            self.send(request, len(body), body)

    @staticmethod
    def send(request: BaseHTTPRequestHandler, length: int, body: bytes, content_range: str | None = None) -> None:
        request.send_response(206 if content_range else 200)
        if content_range:
            request.send_header("Content-Range", content_range)
        request.send_header("Content-Length", str(length))
        request.end_headers()
        request.wfile.write(body)
        request.wfile.flush()


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.close()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, no local data, no proxy between the test and its server, no long waits."""
    from dualnet.datasets import download, transfer

    folder = tmp_path / "cache"
    monkeypatch.setenv("DUALNET_CACHE_DIR", str(folder))
    monkeypatch.delenv("DUALNET_DATA_DIR", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(download, "RETRY_WAIT", 0.01)
    monkeypatch.setattr(transfer, "TIMEOUT", (2.0, 0.3))
    return folder


@pytest.fixture
def files_below() -> Callable[[Path], list[str]]:
    """Lists every file below a folder, hidden ones too, as relative paths."""

    def listed(folder: Path) -> list[str]:
        return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())

    return listed


@pytest.fixture
def serve(server: Server, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Callable[..., Any]]:
    """Serves a small set in the given ways, one mirror each, and returns the function that loads it."""
    from tests.datasets.small_sets import SETS

    def prepare(key: str, *sources: str, content: bytes | None = None) -> Callable[..., Any]:
        small = SETS[key]
        content = small.content if content is None else content
        server.files[small.name] = content
        algorithm = small.hash.removeprefix("_INDEX").removeprefix("_").lower()
        digest = hashlib.new(algorithm, content).hexdigest()
        assert len(getattr(small.module, small.hash)) == len(digest)
        monkeypatch.setattr(small.module, small.hash, digest)
        monkeypatch.setattr(
            small.module, small.urls, tuple(server.url(how, small.name) for how in sources or ("good",))
        )
        return getattr(small.module, small.load)

    return prepare
