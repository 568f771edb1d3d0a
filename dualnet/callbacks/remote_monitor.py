"""RemoteMonitor: the results of every epoch, sent to a web server."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..core.warning import warn
from .callback import Callback

TIMEOUT = 10  # seconds that training waits for a server, at most


class RemoteMonitor(Callback):
    """Posts the results of every epoch, with its number as ``epoch``, to a server.

    Args:
        root: URL of the server, starting with http:// or https://.
        path: path on the server.
        field: name of the form field that holds the results as JSON.
        headers: additional HTTP headers.
        send_as_json: send the results as the body, of type application/json, and not as a form.

    If the server cannot be reached, or answers with an error, a warning is issued and training continues.
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
        results = {"epoch": epoch, **{name: _to_python(value) for name, value in (logs or {}).items()}}
        text = json.dumps(results)
        from urllib.error import HTTPError
        from urllib.parse import urlencode
        from urllib.request import Request, urlopen

        body = text if self.send_as_json else urlencode({self.field: text})
        content_type = "application/json" if self.send_as_json else "application/x-www-form-urlencoded"
        headers = {"Content-Type": content_type, **(self.headers or {})}
        request = Request(self.root + self.path, body.encode(), headers, method="POST")
        try:
            with urlopen(request, timeout=TIMEOUT):
                pass
        except HTTPError as error:
            warn(f"RemoteMonitor: {self.root}{self.path} answered {error.code} {error.reason}")
        except OSError as error:
            warn(f"Could not reach RemoteMonitor root server at {self.root} ({error})")


def _to_python(value: Any) -> Any:
    """An array or tensor as a number or nested lists; other values unchanged."""
    if not hasattr(value, "tolist"):
        return value
    return value.item() if value.size == 1 else value.tolist()
