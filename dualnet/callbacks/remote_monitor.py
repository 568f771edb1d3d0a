"""RemoteMonitor: the results of every epoch, sent to a web server."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from typing import Any

from .callback import Callback

TIMEOUT = 10  # seconds that training waits for a server at most


class RemoteMonitor(Callback):
    """Posts the results of every epoch, with its number as ``epoch``, to a server.

    Args:
        root: of the server, starting with http:// or https://.
        path: on the server.
        field: name of the form field that holds the results as JSON.
        headers: of the requests, a dictionary.
        send_as_json: send the results as the body, of type application/json, and not as a form.

    A server that cannot be reached, or says no, gives a warning; training goes on.
    """

    def __init__(
        self,
        root: str = "http://localhost:9000",
        path: str = "/publish/epoch/end/",
        field: str = "data",
        headers: Mapping[str, str] | None = None,
        send_as_json: bool = False,
    ) -> None:
        super().__init__()
        if not root.startswith(("http://", "https://")):
            raise ValueError(f"RemoteMonitor: root must start with http:// or https://, got {root!r}")
        self.root = root
        self.path = path
        self.field = field
        self.headers = headers
        self.send_as_json = send_as_json

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        results = {"epoch": epoch, **{name: _plain(value) for name, value in (logs or {}).items()}}
        text = json.dumps(results)
        from urllib.error import HTTPError
        from urllib.parse import urlencode
        from urllib.request import Request, urlopen

        body = text if self.send_as_json else urlencode({self.field: text})
        kind = "application/json" if self.send_as_json else "application/x-www-form-urlencoded"
        headers = {"Content-Type": kind, **(self.headers or {})}
        request = Request(self.root + self.path, body.encode(), headers, method="POST")
        try:
            with urlopen(request, timeout=TIMEOUT):
                pass
        except HTTPError as error:
            warnings.warn(f"RemoteMonitor: {self.root}{self.path} answered {error.code} {error.reason}", stacklevel=3)
        except OSError as error:
            warnings.warn(f"Could not reach RemoteMonitor root server at {self.root} ({error})", stacklevel=3)


def _plain(value: Any) -> Any:
    """A number, or nested lists of them, of an array or tensor."""
    if not hasattr(value, "tolist"):
        return value
    return value.item() if value.size == 1 else value.tolist()
