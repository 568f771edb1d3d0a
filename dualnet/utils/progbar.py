"""The progress bar of ``fit``, ``evaluate`` and ``predict``."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from typing import Any

from ..tree import flatten
from .io_utils import can_encode, in_notebook, on_terminal, print_msg

Values = Iterable[tuple[str, Any]]

_BOLD, _GREEN, _WHITE, _PLAIN = "\x1b[1m", "\x1b[32m", "\x1b[37m", "\x1b[0m"


class Progbar:
    """Shows how many steps are done, the time they take, and values such as losses.

    On a terminal or in a notebook the bar is redrawn in place; elsewhere (a pipe, a file) there is
    one plain line at the end. Colours are left out when the environment variable NO_COLOR is set.

    Args:
        target: number of steps, None when unknown.
        width: of the bar, in characters.
        verbose: 0 silent, 1 bar, 2 one line at the end.
        interval: least time between two drawings, in seconds.
        stateful_metrics: names of the values shown as they came last; the others are averaged over
            the steps.
        stateless_metrics: the opposite: names of the values to average; the others are shown as
            they came last. Only one of the two can be given. With neither, all are averaged.
        unit_name: what a step is called.
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
                "stateful_metrics and stateless_metrics exclude each other: name the values to show as they are, "
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
            self._empty = "╌" if can_encode("╌") else " "  # without colours the two must differ by shape
        self._seen = 0
        self._values: dict[str, tuple[Any, int]] = {}  # name -> sum, count
        self._begin = time.perf_counter()
        self._after_first: float | None = None
        self._next = self._begin  # when the bar may be drawn again
        self._drawn_width = 0

    def due(self) -> bool:
        """Whether a report now would draw. If not, it may be skipped, unless its values are to be averaged."""
        return self.redraws and time.perf_counter() >= self._next

    def update(self, current: int, values: Values | None = None, finalize: bool | None = None) -> None:
        """Report that ``current`` steps are done.

        values: pairs (name, value of the step). finalize: whether this is the last report; by
        default, when the target is reached. Values of a last report about no new steps are shown as
        they are, not averaged: they are those of the whole.
        """
        whole = finalize is True and current == self._seen
        if finalize is None:
            finalize = self.target is not None and current >= self.target
        for name, value in values or ():
            self._note(name, value, current, whole)
        self._seen = current
        now = time.perf_counter()
        if current == 1 and self._after_first is None:
            self._after_first = now
        if finalize:
            if self.redraws:
                self._draw(current, now, True)
            elif self.verbose:
                print_msg(self._line(current, now))
        elif self.redraws and now >= self._next:
            self._draw(current, now, False)
            self._next = now + self.interval

    def add(self, n: int, values: Values | None = None) -> None:
        """Report that ``n`` more steps are done."""
        self.update(self._seen + n, values)

    def _note(self, name: str, value: Any, current: int, whole: bool) -> None:
        if self.stateless_metrics is None:
            averaged = name not in self.stateful_metrics
        else:
            averaged = name in self.stateless_metrics
        if not averaged or whole or isinstance(value, str):
            self._values[name] = (value, 1)
            return
        if isinstance(value, (list, tuple, dict)):
            value = _mean(value)
        steps = max(current - self._seen, 1)
        total, count = self._values.get(name, (0.0, 0))
        self._values[name] = (total + value * steps, count + steps)

    def _line(self, current: int, now: float) -> str:
        done = f"{current}/{self.target}" if self.target else f"{current}/Unknown"
        return f"{done} - {now - self._begin:.0f}s - {self._rate(current, now)}{self._metrics()}"

    def _draw(self, current: int, now: float, finalize: bool) -> None:
        clock = f"{now - self._begin:.0f}s"
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
            import shutil

            room = shutil.get_terminal_size().columns - 1
            if width > room:
                tail = tail[: max(0, len(tail) - (width - room))]
                width = min(width, room)
        if self._colour:
            count, clock = f"{_BOLD}{count}{_PLAIN}", f"{_BOLD}{clock}{_PLAIN}"
            full = full and f"{_GREEN}{full}{_PLAIN}"
            empty = empty and f"{_WHITE}{empty}{_PLAIN}"
        head = f"{count}{gap}{full}{empty} {clock}"
        erase = " " * (self._drawn_width - width)
        print_msg(f"\r{head}{tail}{erase}", line_break=finalize)
        self._drawn_width = 0 if finalize else width

    def _metrics(self) -> str:
        return "".join(f" - {name}: {_number(total, n)}" for name, (total, n) in self._values.items())

    def _seconds_per_step(self, current: int, now: float) -> float:
        """The mean time of a step, without the first one if there are more: it includes what is only set up once."""
        if current > 1 and self._after_first is not None:
            return (now - self._after_first) / (current - 1)
        return (now - self._begin) / current if current else 0.0

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
    """The value as a number; of several numbers (a score per class) their mean."""
    if isinstance(value, (list, tuple, dict)):
        numbers = [_mean(part) for part in flatten(value)]
        return sum(numbers) / len(numbers) if numbers else float("nan")
    return float(value.mean() if getattr(value, "ndim", 0) else value)
