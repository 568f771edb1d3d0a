"""``history.png``: how loss and metrics went, epoch by epoch."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path
from typing import Any

_TRAIN, _VALIDATION = "#3b6ea5", "#d9722e"


def available() -> bool:
    """Whether matplotlib (the extra ``plot``) is installed."""
    return importlib.util.find_spec("matplotlib") is not None


def draw(rows: list[dict[str, float]], title: str, path: Path) -> None:
    """One panel per metric, loss first, training and validation in each.

    rows: a dict per epoch as in ``metrics.csv``.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    names = panel_names(rows)
    columns = 2 if len(names) == 4 else min(len(names), 3)
    lines = math.ceil(len(names) / columns)
    # Built from objects and not through pyplot: no window system, no state left behind.
    figure = Figure(figsize=(1.0 + 4.2 * columns, 0.6 + 3.0 * lines), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=11)
    epochs = [int(row["epoch"]) for row in rows]
    for number, name in enumerate(names):
        axes = figure.add_subplot(lines, columns, number + 1)
        marker = "o" if len(rows) <= 20 else ""
        for key, label, colour in ((name, "training", _TRAIN), (f"val_{name}", "validation", _VALIDATION)):
            if key in rows[0]:
                values = [row.get(key, math.nan) for row in rows]
                axes.plot(epochs, values, marker=marker, ms=3, lw=1.6, color=colour, label=label)
        _dress(axes, name, rows)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=7, steps=[1, 2, 5, 10]))
    figure.savefig(path, format="png")


def panel_names(rows: list[dict[str, float]]) -> list[str]:
    """The metrics to show, loss first; at most six, so that each stays readable."""
    names = [n for n in rows[0] if n not in ("epoch", "seconds") and not n.startswith("val_")]
    return sorted(names, key=lambda name: name != "loss")[:6]


def _dress(axes: Any, name: str, rows: list[dict[str, float]]) -> None:
    axes.set_title(name.replace("_", " "), fontsize=10, loc="left")
    axes.set_xlabel("epoch", fontsize=9)
    axes.tick_params(labelsize=8)
    axes.grid(alpha=0.25, lw=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    shown = [row[key] for row in rows for key in (name, f"val_{name}") if math.isfinite(row.get(key, math.nan))]
    # A loss that falls through several orders of magnitude is a flat line on a linear scale.
    if name in ("loss", "learning_rate") and shown and min(shown) > 0 and max(shown) / min(shown) > 50:
        axes.set_yscale("log")
    if f"val_{name}" in rows[0]:
        axes.legend(fontsize=8, frameon=False)
