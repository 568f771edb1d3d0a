"""The transfer of a single file to disk, with a progress bar on a terminal and readable errors."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

TIMEOUT = (10.0, 30.0)  # seconds to connect, and between two parts of the response
_CHUNK = 1 << 16


class TransferError(Exception):
    """A failed transfer; `transient` if a retry may help."""

    def __init__(self, reason: str, *, transient: bool = False) -> None:
        super().__init__(reason)
        self.transient = transient


class Progress:
    """Shows the received bytes, on a terminal only, and limits them to `max_bytes`.

    pooch uses `total`, `update`, `reset` and `close`.
    """

    def __init__(self, label: str, max_bytes: int | None = None) -> None:
        self.label = label
        self.max_bytes = max_bytes
        self.received = 0
        self.offset = 0  # bytes that an earlier transfer received
        self._total = 0
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Progress:
        if sys.stderr is not None and sys.stderr.isatty():
            from rich import progress
            from rich.console import Console

            self._bar = progress.Progress(
                progress.TextColumn("{task.description}", markup=False),
                progress.BarColumn(),
                progress.DownloadColumn(),
                progress.TransferSpeedColumn(),
                progress.TimeRemainingColumn(),
                console=Console(stderr=True),
            )
            self._bar.start()
            self._task = self._bar.add_task(self.label, total=None)
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    @property
    def total(self) -> int:
        return self._total

    @total.setter
    def total(self, total: int) -> None:
        self._total = self.offset + total if total else 0
        self.reset()
        self._check_size(self._total)

    def update(self, n: int) -> None:
        self.received += n
        # pooch counts whole chunks.
        self._check_size(self.received - _CHUNK)
        if self._bar is not None:
            shown = min(self.received, self._total) if self._total else self.received
            self._bar.update(self._task, completed=shown)

    def reset(self) -> None:
        self.received = self.offset
        if self._bar is not None:
            self._bar.reset(self._task, total=self._total or None, completed=self.offset)

    def close(self) -> None:
        """Does nothing: the next mirror continues the same bar."""

    def _check_size(self, n: int) -> None:
        if self.max_bytes is not None and n > self.max_bytes:
            raise TransferError(f"sends more than the expected {self.max_bytes:,} bytes")


def transfer(url: str, part: Path, progress: Progress, *, resume: bool = False) -> None:
    """Download `url` into the file `part`, which is truncated first.

    With `resume`, what is in `part` is taken for the beginning of the file, and the rest asked for; a server that cannot
    send a part of a file sends it from the beginning.

    Raises:
        TransferError: the download failed or is incomplete.
        OSError: `part` cannot be written.
    """
    scheme = urlsplit(url).scheme.lower()
    if scheme in ("http", "https"):
        _http(url, part, progress, part.stat().st_size if resume else 0)
    elif scheme == "file":
        _copy(url, part, progress)
    else:
        raise TransferError(f"{scheme or 'no'} address; expected http, https or file")


def _copy(url: str, part: Path, progress: Progress) -> None:
    from urllib.request import url2pathname

    source = url2pathname(urlsplit(url).path)
    progress.offset = 0
    try:
        progress.total = os.stat(source).st_size
        file = open(source, "rb")  # noqa: SIM115 (errors of the target must not be reported as errors of the source)
    except OSError as error:
        raise TransferError(f"{source} cannot be read ({error.strerror})") from error
    with file, open(part, "wb") as out:
        shutil.copyfileobj(file, out, _CHUNK)
    progress.update(progress.total)


def _http(url: str, part: Path, progress: Progress, offset: int) -> None:
    import pooch

    # Compression during transfer would change the bytes and hide their number.
    headers = {"User-Agent": "dualnet", "Accept-Encoding": "identity"}
    if offset:
        headers["Range"] = f"bytes={offset}-"

    def begin(response: Any, **kwargs: Any) -> None:
        """Go on behind what there is, if the server sends that; otherwise from the beginning."""
        status, sent = response.status_code, response.headers.get("Content-Range", "")
        if status in (200, 416) or (status == 206 and not sent.startswith(f"bytes {offset}-")):
            file.truncate(0)
            progress.offset = 0

    get = pooch.HTTPDownloader(
        progressbar=progress, chunk_size=_CHUNK, timeout=TIMEOUT, headers=headers, hooks={"response": begin}
    )
    progress.offset = offset
    progress.total = 0
    with open(part, "ab") as file, _readable_errors(progress):
        get(url, file, None)


@contextlib.contextmanager
def _readable_errors(progress: Progress) -> Iterator[None]:
    from requests import exceptions as http

    try:
        yield
    except http.HTTPError as error:
        status = error.response.status_code if error.response is not None else 0
        transient = status in (408, 416, 429) or status >= 500
        raise TransferError(f"answered HTTP {status}", transient=transient) from error
    except http.ConnectTimeout as error:
        raise TransferError(f"no answer within {TIMEOUT[0]:g} s") from error
    except http.ReadTimeout as error:
        raise TransferError(f"no answer within {TIMEOUT[1]:g} s", transient=True) from error
    except http.SSLError as error:
        raise TransferError("the secure connection was refused (certificate or TLS)") from error
    except http.ProxyError as error:
        raise TransferError("the proxy did not connect") from error
    except http.TooManyRedirects as error:
        raise TransferError("redirects without end") from error
    except (http.ChunkedEncodingError, http.ContentDecodingError) as error:
        raise TransferError("the connection broke off", transient=True) from error
    except http.ConnectionError as error:
        # requests says the same of a host that cannot be reached and of a transfer that stalls.
        if progress.received > progress.offset or progress.total:
            raise TransferError("the connection stalled", transient=True) from error
        raise TransferError("no connection") from error
    except http.RequestException as error:
        first = str(error).partition("\n")[0]
        raise TransferError(f"{type(error).__name__}: {first}") from error
