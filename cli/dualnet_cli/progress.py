"""Progress display of a training: a bar per epoch on a terminal, a plain line per epoch elsewhere."""

from __future__ import annotations

import errno
import math
import os
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import click
from rich.console import Console
from rich.live import Live
from rich.text import Text

from dualnet.callbacks import Callback

from .stops import EXIT_HANGUP, StopRequests
from .streams import EXIT_BROKEN_PIPE, mute_closed_terminals, mute_stdout

_SHORTEST_BAR, _LONGEST_BAR = 8, 30  # characters
_INTERVAL = 0.1  # seconds between two redraws of the bar; more often costs training time


def create(samples: int, device: str, requests: StopRequests, quiet: bool) -> Progress:
    """The display for the current stdout: none, a bar, or plain lines."""
    on_terminal = sys.stdout.isatty() and os.environ.get("TERM", "dumb") not in ("dumb", "unknown", "")
    display_class = Progress if quiet else BarProgress if on_terminal else LineProgress
    return display_class(samples, device, requests)


class Progress(Callback, AbstractContextManager["Progress"]):
    """Measures epochs and displays nothing. A context manager, so that the terminal is always restored.

    samples: per epoch. device: to display.
    """

    def __init__(self, samples: int, device: str, requests: StopRequests) -> None:
        super().__init__()
        self.samples, self.device, self.requests = samples, device, requests
        self.epochs = self.steps = 0
        self.rate = 0.0
        self._batches_done = 0  # in this epoch
        self._batches_before = 0  # of them in the process that was stopped in it
        self._is_first_batch = True
        self._epoch_start = self._training_seconds = 0.0

    def __exit__(self, *_: object) -> None:
        pass

    def print_line(self, text: str) -> None:
        """Print a line above the display."""

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.epochs, self.steps = self.params["epochs"], self.params["steps"]

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._epoch_start = time.perf_counter()
        self._training_seconds = 0.0
        self._batches_done = self._batches_before = 0
        self._is_first_batch = True

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if self._is_first_batch:
            self._batches_before, self._is_first_batch = batch, False
        self._batches_done = batch + 1

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._training_seconds = time.perf_counter() - self._epoch_start

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        seconds = time.perf_counter() - self._epoch_start
        # Without validation: the training rate, which is comparable between configs.
        self.rate = self._samples_done() / max(self._training_seconds or seconds, 1e-9)
        self.show_epoch(epoch, seconds, logs or {})

    def _samples_done(self) -> float:
        """In this process."""
        return self.samples * (self._batches_done - self._batches_before) / (self.steps or self._batches_done or 1)

    def show_epoch(self, epoch: int, seconds: float, logs: dict[str, Any]) -> None:
        """Display a finished epoch."""

    def epoch_fields(self, epoch: int, seconds: float, logs: dict[str, Any]) -> list[str]:
        """The fields of the line about an epoch, most important first."""
        label = f"epoch {epoch + 1:>{len(str(self.epochs))}}/{self.epochs}"
        return [label, *metric_fields(logs), duration(seconds), f"{thousands(self.rate)} samples/s"]


@contextmanager
def _stopping_without_output(requests: StopRequests) -> Iterator[None]:
    """Stop as for Ctrl-C, so that nothing trained is lost, and print no more, when nobody reads the output any more."""
    try:
        yield
    except BrokenPipeError:  # "| head"
        requests.request(EXIT_BROKEN_PIPE)
        mute_stdout()
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        requests.request(EXIT_HANGUP)  # the terminal was closed
        mute_closed_terminals()


class LineProgress(Progress):
    """A line per epoch, without control characters."""

    def print_line(self, text: str) -> None:
        with _stopping_without_output(self.requests):
            click.echo(text)

    def show_epoch(self, epoch: int, seconds: float, logs: dict[str, Any]) -> None:
        self.print_line("  ".join(self.epoch_fields(epoch, seconds, logs)))


class BarProgress(Progress):
    """A bar for the current epoch and, above it, a line per finished epoch."""

    def __init__(self, samples: int, device: str, requests: StopRequests) -> None:
        super().__init__(samples, device, requests)
        self.console = Console(file=sys.stdout, highlight=False, soft_wrap=True)
        # Redrawn from the training loop: a refresh thread would compete with the training.
        self.live = Live(console=self.console, auto_refresh=False, transient=True, redirect_stderr=True)
        self._next_draw = math.inf
        self._epoch = 0
        self._elapsed_epochs = 0.0
        self._drawn = False

    def __enter__(self) -> Progress:
        self.live.start()
        return self

    def __exit__(self, *_: object) -> None:
        with _stopping_without_output(self.requests):
            self.live.stop()

    def print_line(self, text: str) -> None:
        with _stopping_without_output(self.requests):
            self.console.print(Text(text))

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        super().on_epoch_begin(epoch, logs)
        self._epoch = epoch
        self._next_draw = self._epoch_start + _INTERVAL

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        super().on_train_batch_end(batch, logs)
        now = time.perf_counter()
        if now < self._next_draw:
            return
        self._next_draw = now + _INTERVAL
        # The logs are read only here, since that copies numbers from the device.
        self._draw(now - self._epoch_start, metric_fields(logs or {}))

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        super().on_test_begin(logs)
        if self._training_seconds > _INTERVAL:  # shorter epochs have no bar
            self._draw(self._training_seconds, ["validating"])

    def _draw(self, seconds: float, fields: list[str]) -> None:
        done = self._batches_done
        steps = self.steps or done
        per_step = seconds / max(done - self._batches_before, 1)
        left = per_step * (steps - done)
        rate = self._samples_done() / max(seconds, 1e-9)
        epochs_left = self.epochs - self._epoch - 1
        total = left + epochs_left * max(self._elapsed_epochs, per_step * steps)
        parts = [*fields, f"ETA {clock(left)}", self.device, f"{thousands(rate)} samples/s"]
        parts += [f"all epochs {clock(total)}"] if epochs_left else []
        label = f"epoch {self._epoch + 1:>{len(str(self.epochs))}}/{self.epochs}"
        with _stopping_without_output(self.requests):
            self.live.update(bar_line(self.console, label, done, steps, parts), refresh=True)
        self._drawn = True

    def show_epoch(self, epoch: int, seconds: float, logs: dict[str, Any]) -> None:
        self._elapsed_epochs = seconds
        first, *fields = self.epoch_fields(epoch, seconds, logs)
        with _stopping_without_output(self.requests):
            if self._drawn:  # otherwise the full bar would stay below the line until the next redraw
                self.live.update(Text(""), refresh=True)
                self._drawn = False
            self.console.print(Text(first + _join_fitting(fields, self.console.width - len(first))))


def bar_line(console: Console, label: str, done: int, steps: int, parts: list[str]) -> Text:
    """One line: label, bar, count, and as many of the parts as fit the width."""
    available = console.width - len(label) - _SHORTEST_BAR - 2
    count = f"  {done:>{len(str(steps))}}/{steps}"
    fitting = _join_fitting(parts, available - len(count))
    text = count + fitting
    if not fitting:  # too narrow for both: the metrics matter more than the count
        text = _join_fitting(parts, available) or count
    width = max(_SHORTEST_BAR, min(_LONGEST_BAR, console.width - len(label) - 2 - len(text)))
    full = width * done // steps
    filled, empty = ("#", ".") if console.options.ascii_only else ("\N{BOX DRAWINGS HEAVY HORIZONTAL}",) * 2
    line = Text(f"{label}  ", no_wrap=True, overflow="crop", end="")
    line.append(filled * full, style="green" if done == steps else "cyan")
    # Without colours both parts would look the same.
    line.append((" " if console.no_color else empty) * (width - full), style="bright_black")
    line.append(text)
    return line


def _join_fitting(parts: list[str], width: int) -> str:
    """As many of the parts as fit, each preceded by two spaces."""
    text = ""
    for part in parts:
        if len(text) + 2 + len(part) > width:
            break
        text += f"  {part}"
    return text


def ordered(logs: dict[str, Any]) -> list[str]:
    """The names of logs: the loss first, validation metrics last."""
    return sorted(logs, key=lambda name: (name.startswith("val_"), name.removeprefix("val_") != "loss"))


def metric_fields(logs: dict[str, Any]) -> list[str]:
    """'loss 0.1234', 'accuracy 0.9876' ..."""
    return [f"{name} {number(logs[name])}" for name in ordered(logs)]


def number(value: Any) -> str:
    """Four decimals, or scientific notation for small and large numbers."""
    try:
        value = float(value)
    except (TypeError, ValueError):  # a metric with several values, such as a score per class
        return "[" + " ".join(number(v) for v in value) + "]"
    return f"{value:.4f}" if value == 0 or 1e-3 <= abs(value) < 1e6 or math.isnan(value) else f"{value:.3e}"


def thousands(value: float) -> str:
    """'12,300': three significant digits."""
    if value >= 1000:
        value = round(value, 2 - int(math.log10(value)))
    return f"{value:,.0f}"


def duration(seconds: float) -> str:
    """'0.4 ms', '45 ms', '3.2 s', '2:05'"""
    if seconds < 0.0995:
        return f"{seconds * 1000:.0f} ms" if seconds >= 0.00995 else f"{seconds * 1000:.1f} ms"
    return f"{seconds:.1f} s" if seconds < 60 else clock(seconds)


def clock(seconds: float) -> str:
    """'0:07', '12:30', '1:02:03'"""
    whole = math.ceil(seconds)
    minutes, hours = whole // 60 % 60, whole // 3600
    return f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"
