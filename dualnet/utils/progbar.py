"""The progress bar of ``fit``, ``evaluate`` and ``predict``."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable
from typing import Any

from ..tree import flatten
from .io_utils import can_encode, in_notebook, on_terminal, print_msg

Values = Iterable[tuple[str, Any]]

_BOLD, _GREEN, _WHITE, _PLAIN = "\x1b[1m", "\x1b[32m", "\x1b[37m", "\x1b[0m"


class Progbar:
    """Displays the number of completed steps, their time, and values such as losses.

    On a terminal or in a notebook the bar is redrawn in place; elsewhere (a pipe, a file) one plain line is printed at
    the end. The environment variable NO_COLOR disables colours.

    Args:
        target: number of steps, None if unknown.
        width: width of the bar, in characters.
        verbose: 0 silent, 1 bar, 2 one line at the end.
        interval: minimum time between two redraws, in seconds.
        stateful_metrics: names of values of which the latest is displayed; the others are averaged over the steps.
        stateless_metrics: the opposite: names of values to average; of the others the latest is displayed. Only one of
            the two may be passed. By default all are averaged.
        unit_name: name of a step.
    """

    def __init__(
        self,
        target: int | None,
        width: int = 20,
        verbose: int = 1,
        interval: float = 0.05,
        stateful_metrics: Iterable[str] | None = None,
        stateless_metrics: Iterable[str] | None = None,
        unit_name: str = "step",
    ) -> None:
        if stateful_metrics is not None and stateless_metrics is not None:
            raise ValueError(
                "stateful_metrics and stateless_metrics exclude each other: name the values of which to show the latest, "
                "or the values to average, not both"
            )
        self.target = target
        self.width = width
        self.verbose = verbose
        self.interval = interval
        self.unit_name = unit_name
        self.stateful_metrics = set(stateful_metrics or ())
        self.stateless_metrics = None if stateless_metrics is None else set(stateless_metrics)
        self._terminal = on_terminal()
        self.redraws = verbose == 1 and (self._terminal or in_notebook())
        self._colour = self.redraws and not os.environ.get("NO_COLOR")
        self._full, self._empty = "━━" if can_encode("━") else "=-"
        if not self._colour and self._full != "=":
            self._empty = "╌" if can_encode("╌") else " "  # without colours the shapes must differ
        self._seen = 0
        self._values: dict[str, tuple[Any, int]] = {}  # name -> sum, count
        self._start = time.perf_counter()
        self._after_first: float | None = None
        self._next_draw = self._start
        self._drawn_width = 0

    def due(self) -> bool:
        """Whether an update now would redraw. If not, it may be skipped unless its values are to be averaged."""
        return self.redraws and time.perf_counter() >= self._next_draw

    def update(self, current: int, values: Values | None = None, finalize: bool | None = None) -> None:
        """Report that ``current`` steps are completed.

        Args:
            values: pairs (name, value of the step).
            finalize: whether this is the last update; by default, if the target is reached. The values of a last update
                without new steps are totals, which are displayed without averaging.
        """
        is_total = finalize is True and current == self._seen
        if finalize is None:
            finalize = self.target is not None and current >= self.target
        for name, value in values or ():
            self._add_value(name, value, current, is_total)
        self._seen = current
        now = time.perf_counter()
        if current == 1 and self._after_first is None:
            self._after_first = now
        if finalize:
            if self.redraws:
                self._draw(current, now, True)
            elif self.verbose:
                print_msg(self._line(current, now))
        elif self.redraws and now >= self._next_draw:
            self._draw(current, now, False)
            self._next_draw = now + self.interval

    def add(self, n: int, values: Values | None = None) -> None:
        """Report that ``n`` more steps are completed."""
        self.update(self._seen + n, values)

    def _add_value(self, name: str, value: Any, current: int, is_total: bool) -> None:
        stateless = self.stateless_metrics
        averaged = name not in self.stateful_metrics if stateless is None else name in stateless
        if not averaged or is_total or isinstance(value, str):
            self._values[name] = (value, 1)
            return
        if isinstance(value, (list, tuple, dict)):
            value = _mean(value)
        steps = max(current - self._seen, 1)
        total, count = self._values.get(name, (0.0, 0))
        self._values[name] = (total + value * steps, count + steps)

    def _line(self, current: int, now: float) -> str:
        return f"{current}/{self.target or 'Unknown'} - {now - self._start:.0f}s - {self._rate(current, now)}{self._metrics()}"

    def _draw(self, current: int, now: float, finalize: bool) -> None:
        clock = f"{now - self._start:.0f}s"
        if self.target:
            count = f"{current:>{len(str(self.target))}}/{self.target}"
            done = min(self.width, int(self.width * current / self.target))
            gap, full, empty = " ", self._full * done, self._empty * (self.width - done)
            if not finalize:
                clock = _clock(self._seconds_per_step(current, now) * (self.target - current))
        else:
            count, gap, full, empty = f"{current:>7}/Unknown", "", "", ""
        tail = f" {self._rate(current, now)}{self._metrics()}"
        width = len(f"{count}{gap}{full}{empty} {clock}{tail}")
        if self._terminal and not finalize:
            # A bar that wraps into a second row cannot be redrawn in place.
            columns = shutil.get_terminal_size().columns - 1
            if width > columns:
                tail = tail[: max(0, len(tail) - (width - columns))]
                width = min(width, columns)
        if self._colour:
            count, clock = f"{_BOLD}{count}{_PLAIN}", f"{_BOLD}{clock}{_PLAIN}"
            full = full and f"{_GREEN}{full}{_PLAIN}"
            empty = empty and f"{_WHITE}{empty}{_PLAIN}"
        erase = " " * (self._drawn_width - width)
        print_msg(f"\r{count}{gap}{full}{empty} {clock}{tail}{erase}", line_break=finalize)
        self._drawn_width = 0 if finalize else width

    def _metrics(self) -> str:
        return "".join(f" - {name}: {_number(total, n)}" for name, (total, n) in self._values.items())

    def _seconds_per_step(self, current: int, now: float) -> float:
        """The mean time of a step, without the first one if there are more, since it includes setup."""
        if current > 1 and self._after_first is not None:
            return (now - self._after_first) / (current - 1)
        return (now - self._start) / current if current else 0.0

    def _rate(self, current: int, now: float) -> str:
        seconds = self._seconds_per_step(current, now)
        if seconds >= 1 or seconds == 0:
            return f"{seconds:.0f}s/{self.unit_name}"
        if seconds >= 1e-3:
            return f"{seconds * 1e3:.0f}ms/{self.unit_name}"
        return f"{seconds * 1e6:.0f}us/{self.unit_name}"


def _clock(seconds: float) -> str:
    """'45s', '1:02', '1:01:02'"""
    whole = int(seconds)
    if whole > 3600:
        return f"{whole // 3600}:{whole % 3600 // 60:02d}:{whole % 60:02d}"
    return f"{whole // 60}:{whole % 60:02d}" if whole > 60 else f"{whole}s"


def _number(total: Any, count: int) -> str:
    if isinstance(total, str):
        return total
    mean = _mean(total) / count
    return f"{mean:.4f}" if abs(mean) > 1e-3 else f"{mean:.4e}"


def _mean(value: Any) -> float:
    """The value as a number; the mean of several numbers (a score per class)."""
    if isinstance(value, (list, tuple, dict)):
        numbers = [_mean(part) for part in flatten(value)]
        return sum(numbers) / len(numbers) if numbers else float("nan")
    return float(value.mean() if getattr(value, "ndim", 0) else value)
