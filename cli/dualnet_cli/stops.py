"""Ctrl-C, SIGTERM and SIGHUP (the terminal was closed): stop between two steps, so that no work is lost."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

from dualnet.callbacks import Callback, Checkpoint

from .streams import mute_closed_terminals

_HANGUP = getattr(signal, "SIGHUP", None)  # which Windows does not have
EXIT_HANGUP = 128 + 1


def _handled() -> list[int]:
    hangup = [] if _HANGUP is None or signal.getsignal(_HANGUP) == signal.SIG_IGN else [_HANGUP]
    return [signal.SIGINT, signal.SIGTERM, *hangup]


class Stopped(KeyboardInterrupt):
    """An immediate stop: before training, or on the second Ctrl-C."""

    def __init__(self, exit_code: int) -> None:
        super().__init__()
        self.exit_code = exit_code


class StopRequests:
    """A context that handles SIGINT, SIGTERM and, unless it is ignored as under ``nohup``, SIGHUP.

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
            for number in _handled():
                self._before[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        first = self.exit_code == 0
        if number == _HANGUP:
            mute_closed_terminals()
        self.request(128 + number)
        if self.mode == "at once" or (self.mode == "after the batch" and not first):
            raise Stopped(self.exit_code)

    def request(self, exit_code: int) -> None:
        """Request a stop; the first request determines the exit code."""
        self.exit_code = self.exit_code or exit_code


class StopOnRequest(Callback):
    """Ends ``fit`` after the batch during which a stop was requested; callbacks still finish.

    checkpoint: what ends it, so that the run can go on from there; None for a run without checkpoints.
    """

    def __init__(self, requests: StopRequests, checkpoint: Checkpoint | None) -> None:
        super().__init__()
        self.requests, self.checkpoint = requests, checkpoint

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._stop_if_requested()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._stop_if_requested()

    def _stop_if_requested(self) -> None:
        if self.requests.exit_code and self.checkpoint is not None:
            self.checkpoint.stop()
        elif self.requests.exit_code:
            self.model.stop_training = True
