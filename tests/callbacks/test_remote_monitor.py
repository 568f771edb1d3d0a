"""RemoteMonitor against a server of the test's own."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs

import numpy as np
import pytest

import dualnet
from dualnet import callbacks as cb
from dualnet import layers


class Server(HTTPServer):
    got: list[tuple[str, dict[str, str], str]]
    status = 200


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.got.append((self.path, dict(self.headers), body))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server(("127.0.0.1", 0), Handler)
    server.got = []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def root(server: Server) -> str:
    return f"http://127.0.0.1:{server.server_port}"


def test_results_as_a_form(server: Server) -> None:
    model = dualnet.Sequential([dualnet.Input((3,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    x, y = np.ones((8, 3)), np.ones((8, 1))
    history = model.fit(x, y, epochs=2, verbose=0, callbacks=[cb.RemoteMonitor(root(server), headers={"X-Run": "7"})])
    assert len(server.got) == 2
    for epoch, (path, headers, body) in enumerate(server.got):
        assert path == "/publish/epoch/end/"
        assert headers["X-Run"] == "7"
        assert headers["Content-Type"] == "application/x-www-form-urlencoded"
        (data,) = parse_qs(body)["data"]
        assert json.loads(data) == {"epoch": epoch, "loss": history.history["loss"][epoch]}


def test_results_as_json(server: Server) -> None:
    monitor = cb.RemoteMonitor(root(server), path="/x", send_as_json=True)
    monitor.on_epoch_end(3, {"a": np.float32(0.5), "b": np.arange(1), "c": np.array([1, 2]), "d": dualnet.ops.ones(2)})
    ((path, headers, body),) = server.got
    assert (path, headers["Content-Type"]) == ("/x", "application/json")
    assert json.loads(body) == {"epoch": 3, "a": 0.5, "b": 0, "c": [1, 2], "d": [1.0, 1.0]}


def test_a_server_that_says_no(server: Server) -> None:
    server.status = 503
    with pytest.warns(UserWarning, match="answered 503"):
        cb.RemoteMonitor(root(server)).on_epoch_end(0, {})


def test_a_server_that_is_not_there(server: Server) -> None:
    there = root(server)
    server.server_close()
    with pytest.warns(UserWarning, match="Could not reach RemoteMonitor root server at http://127.0.0.1"):
        cb.RemoteMonitor(there).on_epoch_end(0, {"loss": 0.5})


def test_other_schemes_are_refused() -> None:
    with pytest.raises(ValueError, match="must start with http"):
        cb.RemoteMonitor("file:///etc/passwd")
