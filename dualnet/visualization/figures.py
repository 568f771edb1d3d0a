"""What all plots have in common: figures without a window, colours, saving. matplotlib is the extra `plot`."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import numpy as np

from ..core.tensor import Tensor

TRAIN, VALIDATION = "#3b6ea5", "#d9722e"
INK, MUTED, WRONG = "#222222", "#6b6b6b", "#b3261e"
# Distinct also for the colour-blind, and in grey (Okabe and Ito).
CLASSES = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#999999", "#f0e442")
_MAX_PIXELS = 60_000  # of one side; the drawing library ends at 65,536


def matplotlib(who: str) -> Any:
    """matplotlib with its `figure` and `ticker`. Raises ImportError that says how to get it."""
    try:
        import matplotlib
        import matplotlib.figure
        import matplotlib.ticker
    except ImportError as error:
        raise ImportError(f"{who} needs matplotlib: pip install 'dualnet[plot]'") from error
    return matplotlib


def new_figure(who: str, width: float, height: float, dpi: float = 120, **options: Any) -> Any:
    """A figure of some inches. It belongs to no window and needs no closing; a notebook shows it by itself."""
    library = matplotlib(who)
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure = _figure_class(library)(figsize=(width, height), dpi=dpi, facecolor="white", **options)
    FigureCanvasAgg(figure)
    if options.get("layout") == "constrained":
        figure.get_layout_engine().set(w_pad=0.09, h_pad=0.08)  # inches, so that nothing touches the border
    return figure


def _figure_class(library: Any) -> Any:
    class Figure(library.figure.Figure):  # type: ignore[misc]
        def _repr_png_(self) -> bytes:
            stream = io.BytesIO()
            self.savefig(stream, format="png")
            return stream.getvalue()

    return Figure


def axes_of(who: str, ax: Any, width: float, height: float, dpi: float) -> Any:
    """The axes to draw in: those given, or the only ones of a new figure."""
    if ax is not None:
        return ax
    return new_figure(who, width, height, dpi, layout="constrained").add_subplot()


def save(figure: Any, to_file: Any, dpi: float) -> None:
    """Write a figure to a file, whose ending tells the format; if that fails, an earlier file stays."""
    from ..saving.atomic import atomic_write

    path = Path(os.fspath(to_file))
    kind = path.suffix[1:].lower() or "png"
    known = figure.canvas.get_supported_filetypes()
    if kind not in known:
        raise ValueError(f"{path} ends in .{kind}: expected one of {', '.join(sorted(known))}")
    longest = max(figure.get_size_inches()) * dpi
    stream = io.BytesIO()
    figure.savefig(stream, format=kind, dpi=min(dpi, dpi * _MAX_PIXELS / longest))
    with atomic_write(path) as file:
        file.write(stream.getvalue())


def plain(axes: Any) -> None:
    """Leave out the frame at the top and on the right."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#999999")
    axes.tick_params(labelsize=8, color="#999999")


def host(values: Any) -> Any:
    """Arrays, tensors and lists as NumPy arrays."""
    if isinstance(values, Tensor):
        return values.numpy()
    if hasattr(values, "get") and hasattr(values, "__cuda_array_interface__"):
        return values.get()
    return np.asarray(values)
