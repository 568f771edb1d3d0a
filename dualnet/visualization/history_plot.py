"""How loss and metrics went, epoch by epoch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from . import figures

_LOG_FROM = 50  # a loss that falls to a fiftieth is a flat line on a linear scale


def plot_history(
    history: dict[str, list[float]],
    epochs: dict[str, list[int]],
    metrics: Sequence[str] | None = None,
    title: str | None = None,
    to_file: Any = None,
    dpi: float = 120,
) -> Any:
    """A figure with a panel for the loss and one for every metric: training and validation in each.

    history: name -> values. epochs: name -> the epochs of these values, counted from 0. metrics: the panels, in this
    order; all, the loss first, when None.
    """
    names = list(metrics) if metrics is not None else _panels(history)
    unknown = [name for name in names if name not in history and f"val_{name}" not in history]
    if unknown:
        raise ValueError(f"there is no {unknown[0]!r} in the history; there are {', '.join(_panels(history))}")
    if not names:
        raise ValueError("there is nothing to plot: no epoch is complete yet. Call fit first")
    columns = 2 if len(names) == 4 else min(len(names), 3)
    rows = math.ceil(len(names) / columns)
    figure = figures.new_figure("history.plot()", 0.9 + 4.0 * columns, 0.4 + 2.9 * rows, dpi, layout="constrained")
    if title:
        figure.suptitle(title, fontsize=12)
    for place, name in enumerate(names, 1):
        _draw(figure.add_subplot(rows, columns, place), name, history, epochs)
    if to_file is not None:
        figures.save(figure, to_file, dpi)
    return figure


def _panels(history: dict[str, list[float]]) -> list[str]:
    names = dict.fromkeys(name.removeprefix("val_") for name in history)
    return sorted(names, key=lambda name: (name != "loss", not name.endswith("_loss")))


def _draw(axes: Any, name: str, history: dict[str, list[float]], epochs: dict[str, list[int]]) -> None:
    ticker = figures.matplotlib("history.plot()").ticker
    shown: list[float] = []
    for key, label, colour in ((name, "training", figures.TRAIN), (f"val_{name}", "validation", figures.VALIDATION)):
        if key not in history:
            continue
        values = [float(value) for value in history[key]]
        places = _places(epochs.get(key, []), len(values))
        marker = "o" if len(values) <= 20 else ""
        axes.plot(places, values, marker=marker, markersize=3.5, linewidth=1.7, color=colour, label=label)
        shown += [value for value in values if math.isfinite(value)]
    axes.set_title(name.replace("_", " "), fontsize=10.5, loc="left", color=figures.INK)
    axes.set_xlabel("epoch", fontsize=9, color=figures.MUTED)
    axes.grid(color="#e6e6e6", linewidth=0.7)
    axes.set_axisbelow(True)
    figures.plain(axes)
    falls = name.endswith("loss") or name == "learning_rate"
    if falls and shown and min(shown) > 0 and max(shown) / min(shown) > _LOG_FROM:
        axes.set_yscale("log")
    axes.xaxis.set_major_locator(ticker.MaxNLocator(integer=True, nbins=8, steps=[1, 2, 5, 10]))
    if f"val_{name}" in history:
        axes.legend(fontsize=8.5, frameon=False)


def _places(epochs: list[int], count: int) -> list[int]:
    """Where the values stand, counted from 1: one after the other if they are from several calls of fit."""
    rising = len(epochs) == count and all(a < b for a, b in pairwise(epochs))
    return [epoch + 1 for epoch in epochs] if rising else list(range(1, count + 1))
