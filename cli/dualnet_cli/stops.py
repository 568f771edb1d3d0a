"""Ctrl-C and SIGTERM: stop where nothing is lost, instead of in the middle of a step."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

from dualnet.callbacks import Callback


class Stopped(KeyboardInterrupt):
    """A stop at once: before training, or on the second Ctrl-C."""

    def __init__(self, exit_code: int) -> None:
        super().__init__()
        self.exit_code = exit_code


class StopRequests:
    """While this context lasts, SIGINT and SIGTERM are noted and acted upon.

    mode: "at once": raise ``Stopped``.
    "after the batch": note the first one, for ``StopWhenAsked`` to end the training; raise at the second.
    "never": only note it; for the moments in which files are written.
    """

    def __init__(self) -> None:
        self.exit_code = 0
        self.mode = "at once"
        self._before: dict[int, Any] = {}

    def __enter__(self) -> StopRequests:
        if threading.current_thread() is threading.main_thread():  # Python allows handlers only there
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        first = self.exit_code == 0
        self.note(128 + number)
        if self.mode == "at once" or (self.mode == "after the batch" and not first):
            raise Stopped(self.exit_code)

    def note(self, exit_code: int) -> None:
        """Ask for a stop; the first reason given decides the exit code."""
        self.exit_code = self.exit_code or exit_code


class StopWhenAsked(Callback):
    """Ends ``fit`` after the batch during which a stop was asked for; callbacks finish their work."""

    def __init__(self, requests: StopRequests) -> None:
        super().__init__()
        self.requests = requests

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if self.requests.exit_code:
            self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if self.requests.exit_code:
            self.model.stop_training = True
