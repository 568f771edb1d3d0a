"""Ctrl-C and SIGTERM: stop between two steps, so that no work is lost."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

from dualnet.callbacks import Callback


class Stopped(KeyboardInterrupt):
    """An immediate stop: before training, or on the second Ctrl-C."""

    def __init__(self, exit_code: int) -> None:
        super().__init__()
        self.exit_code = exit_code


class StopRequests:
    """A context that handles SIGINT and SIGTERM.

    mode: "at once": raise ``Stopped``.
    "after the batch": record the first one, for ``StopOnRequest`` to end the training; raise at the second.
    "never": only record it; while files are being written.
    """

    def __init__(self) -> None:
        self.exit_code = 0
        self.mode = "at once"
        self._before: dict[int, Any] = {}

    def __enter__(self) -> StopRequests:
        if threading.current_thread() is threading.main_thread():  # the only thread that may set handlers
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        first = self.exit_code == 0
        self.request(128 + number)
        if self.mode == "at once" or (self.mode == "after the batch" and not first):
            raise Stopped(self.exit_code)

    def request(self, exit_code: int) -> None:
        """Request a stop; the first request determines the exit code."""
        self.exit_code = self.exit_code or exit_code


class StopOnRequest(Callback):
    """Ends ``fit`` after the batch during which a stop was requested; callbacks still finish."""

    def __init__(self, requests: StopRequests) -> None:
        super().__init__()
        self.requests = requests

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if self.requests.exit_code:
            self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if self.requests.exit_code:
            self.model.stop_training = True
