"""What is shown while training: a bar per epoch on a terminal, a plain line per epoch elsewhere."""

from __future__ import annotations

import math
import os
import sys
import time
from typing import Any

import click
from rich.console import Console
from rich.live import Live
from rich.text import Text

from dualnet.callbacks import Callback

from .stops import StopRequests
from .streams import EXIT_BROKEN_PIPE, mute_stdout

_SHORTEST_BAR, _LONGEST_BAR = 8, 30  # characters
_INTERVAL = 0.1  # seconds between two drawings of the bar; more often costs training time and shows nothing new


def make(samples: int, device: str, requests: StopRequests, quiet: bool) -> Progress:
    """The display that suits where the output goes."""
    on_terminal = sys.stdout.isatty() and os.environ.get("TERM", "dumb") not in ("dumb", "unknown", "")
    kind = Progress if quiet else BarProgress if on_terminal else LineProgress
    return kind(samples, device, requests)


class Progress(Callback):
    """Measures epochs and shows nothing. A context manager, so that the terminal is left tidy whatever happens.

    samples: in one epoch. device: to be shown.
    """

    def __init__(self, samples: int, device: str, requests: StopRequests) -> None:
        super().__init__()
        self.samples, self.device, self.requests = samples, device, requests
        self.epochs = self.steps = 0
        self.rate = 0.0
        self._done = 0  # batches of this epoch
        self._begin = self._trained = 0.0

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def say(self, text: str) -> None:
        """A line of its own, above whatever is being drawn."""

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.epochs, self.steps = self.params["epochs"], self.params["steps"]

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._begin = time.perf_counter()
        self._trained = 0.0

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._done = batch + 1

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._trained = time.perf_counter() - self._begin

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        seconds = time.perf_counter() - self._begin
        # Validation is left out: the rate is that of training, and can be compared between configs.
        self.rate = self._samples_done() / max(self._trained or seconds, 1e-9)
        self.show_epoch(epoch, seconds, logs or {})

    def _samples_done(self) -> float:
        return self.samples * self._done / (self.steps or self._done or 1)

    def show_epoch(self, epoch: int, seconds: float, logs: dict[str, Any]) -> None:
        """Show one finished epoch."""

    def epoch_fields(self, epoch: int, seconds: float, logs: dict[str, Any]) -> list[str]:
        """The parts of the line about an epoch, most important first."""
        label = f"epoch {epoch + 1:>{len(str(self.epochs))}}/{self.epochs}"
        return [label, *metric_fields(logs), duration(seconds), f"{thousands(self.rate)} samples/s"]


class LineProgress(Progress):
    """A line per epoch, without control characters."""

    def say(self, text: str) -> None:
        try:
            click.echo(text)
        except BrokenPipeError:
            self._lost()

    def show_epoch(self, epoch: int, seconds: float, logs: dict[str, Any]) -> None:
        self.say("  ".join(self.epoch_fields(epoch, seconds, logs)))

    def _lost(self) -> None:
        """The reader has gone (``| head``): stop as for Ctrl-C, so that nothing trained is lost, and write no more."""
        self.requests.note(EXIT_BROKEN_PIPE)
        mute_stdout()


class BarProgress(Progress):
    """A bar for the epoch at hand and, above it, a line for every epoch that is done."""

    def __init__(self, samples: int, device: str, requests: StopRequests) -> None:
        super().__init__(samples, device, requests)
        self.console = Console(file=sys.stdout, highlight=False, soft_wrap=True)
        # Drawn by hand from the training loop: a drawing thread would take turns with the training.
        self.live = Live(console=self.console, auto_refresh=False, transient=True, redirect_stderr=True)
        self._next = math.inf
        self._epoch = 0
        self._elapsed_epochs = 0.0
        self._drawn = False

    def __enter__(self) -> Progress:
        self.live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.live.stop()

    def say(self, text: str) -> None:
        self.console.print(Text(text))

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        super().on_epoch_begin(epoch, logs)
        self._epoch = epoch
        self._next = self._begin + _INTERVAL

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._done = batch + 1
        now = time.perf_counter()
        if now < self._next:
            return
        self._next = now + _INTERVAL
        # Only here are the logs looked at: reading them fetches numbers from the device.
        self._draw(now - self._begin, metric_fields(logs or {}))

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        super().on_test_begin(logs)
        if self._trained > _INTERVAL:  # shorter epochs have no bar that could stand still during validation
            self._draw(self._trained, ["validating"])

    def _draw(self, seconds: float, fields: list[str]) -> None:
        done = self._done
        steps = self.steps or done
        left = seconds / done * (steps - done)
        rate = self._samples_done() / max(seconds, 1e-9)
        epochs_left = self.epochs - self._epoch - 1
        total = left + epochs_left * max(self._elapsed_epochs, seconds / done * steps)
        parts = [*fields, f"ETA {clock(left)}", self.device, f"{thousands(rate)} samples/s"]
        parts += [f"all epochs {clock(total)}"] if epochs_left else []
        label = f"epoch {self._epoch + 1:>{len(str(self.epochs))}}/{self.epochs}"
        self.live.update(bar_line(self.console, label, done, steps, parts), refresh=True)
        self._drawn = True

    def show_epoch(self, epoch: int, seconds: float, logs: dict[str, Any]) -> None:
        self._elapsed_epochs = seconds
        if self._drawn:  # or else the full bar would stand below the line until the next drawing
            self.live.update(Text(""), refresh=True)
            self._drawn = False
        line = fitted(self.epoch_fields(epoch, seconds, logs), self.console.width)
        self.console.print(Text(line))


def bar_line(console: Console, label: str, done: int, steps: int, parts: list[str]) -> Text:
    """One line: label, bar, count, and as many of the parts as the width allows, the first ones first."""
    room = console.width - len(label) - _SHORTEST_BAR - 2
    count = f"  {done:>{len(str(steps))}}/{steps}"
    fitting = _fitting(parts, room - len(count))
    text = count + fitting
    if not fitting:  # too narrow for both: how well it goes matters more than how many batches are done
        text = _fitting(parts, room) or count
    width = max(_SHORTEST_BAR, min(_LONGEST_BAR, console.width - len(label) - 2 - len(text)))
    full = width * done // steps
    mark, rest = ("#", ".") if console.options.ascii_only else ("\N{BOX DRAWINGS HEAVY HORIZONTAL}",) * 2
    line = Text(f"{label}  ", no_wrap=True, overflow="crop", end="")
    line.append(mark * full, style="green" if done == steps else "cyan")
    # Without colours both halves would look the same.
    line.append((" " if console.no_color else rest) * (width - full), style="bright_black")
    line.append(text)
    return line


def _fitting(parts: list[str], width: int) -> str:
    """As many of the parts as fit, each with two spaces before it; nothing when the first is too long."""
    text = ""
    for part in parts:
        if len(text) + 2 + len(part) > width:
            break
        text += f"  {part}"
    return text


def fitted(fields: list[str], width: int) -> str:
    """The first fields that fit, two spaces between them; the first is always there."""
    return fields[0] + _fitting(fields[1:], width - len(fields[0]))


def metric_fields(logs: dict[str, Any]) -> list[str]:
    """'loss 0.1234', 'accuracy 0.9876' ...: the loss first, those of the validation last."""

    def rank(name: str) -> tuple[bool, bool]:
        return name.startswith("val_"), name.removeprefix("val_") != "loss"

    return [f"{name} {number(logs[name])}" for name in sorted(logs, key=rank)]


def number(value: Any) -> str:
    """Four decimals, or as many digits for small numbers."""
    try:
        value = float(value)
    except (TypeError, ValueError):  # a metric with several values, such as a score per class
        return "[" + " ".join(number(v) for v in value) + "]"
    return f"{value:.4f}" if value == 0 or 1e-3 <= abs(value) < 1e6 or math.isnan(value) else f"{value:.3e}"


def thousands(value: float) -> str:
    """12,345, at most three digits that matter."""
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
