"""`plot_history`: loss and metrics by epoch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from . import figures

_LOG_FROM = 50  # ratio of values from which a linear scale would show a flat line


def plot_history(
    history: dict[str, list[float]],
    epochs: dict[str, list[int]],
    metrics: Sequence[str] | None = None,
    title: str | None = None,
    to_file: Any = None,
    dpi: float = 120,
) -> Any:
    """A figure with a panel for the loss and each metric, with training and validation curves.

    history: name -> values. epochs: name -> the epochs of these values, from 0. metrics: the panels, in this order; by
    default all, the loss first.
    """
    names = list(metrics) if metrics is not None else _panels(history)
    unknown = [name for name in names if name not in history and f"val_{name}" not in history]
    if unknown:
        raise ValueError(f"there is no {unknown[0]!r} in the history; there are {', '.join(_panels(history))}")
    if not names:
        raise ValueError("there is nothing to plot: no epoch is complete yet. Call fit first")
    columns = 2 if len(names) == 4 else min(len(names), 3)
    rows = math.ceil(len(names) / columns)
    figure = figures.new_figure(
        "history.plot()", 0.9 + 4.0 * columns, 0.4 + 2.9 * rows, dpi, shown=to_file is None, layout="constrained"
    )
    if title:
        figure.suptitle(title, fontsize=12)
    for number, name in enumerate(names, 1):
        _draw(figure.add_subplot(rows, columns, number), name, history, epochs)
    return figures.finish(figure, to_file, dpi)


def _panels(history: dict[str, list[float]]) -> list[str]:
    names = dict.fromkeys(name.removeprefix("val_") for name in history)
    return sorted(names, key=lambda name: (name != "loss", not name.endswith("_loss")))


def _draw(axes: Any, name: str, history: dict[str, list[float]], epochs: dict[str, list[int]]) -> None:
    ticker = figures.matplotlib("history.plot()").ticker
    drawn: list[float] = []
    for key, label, colour in ((name, "training", figures.TRAIN), (f"val_{name}", "validation", figures.VALIDATION)):
        if key not in history:
            continue
        values = [float(value) for value in history[key]]
        numbers = epochs.get(key, [])
        increasing = len(numbers) == len(values) and all(a < b for a, b in pairwise(numbers))
        # The values of several calls of fit are numbered consecutively.
        x = [epoch + 1 for epoch in numbers] if increasing else list(range(1, len(values) + 1))
        marker = "o" if len(values) <= 20 else ""
        axes.plot(x, values, marker=marker, markersize=3.5, linewidth=1.7, color=colour, label=label)
        drawn += [value for value in values if math.isfinite(value)]
    axes.set_title(name.replace("_", " "), fontsize=10.5, loc="left", color=figures.INK)
    axes.set_xlabel("epoch", fontsize=9, color=figures.MUTED)
    axes.grid(color="#e6e6e6", linewidth=0.7)
    axes.set_axisbelow(True)
    figures.plain(axes)
    may_use_log = name.endswith("loss") or name == "learning_rate"
    if may_use_log and drawn and min(drawn) > 0 and max(drawn) / min(drawn) > _LOG_FROM:
        axes.set_yscale("log")
    axes.xaxis.set_major_locator(ticker.MaxNLocator(integer=True, nbins=8, steps=[1, 2, 5, 10]))
    if f"val_{name}" in history:
        axes.legend(fontsize=8.5, frameon=False)
