"""Common parts of all plots: figures without a window, colours, saving. matplotlib is the extra `plot`."""

from __future__ import annotations

import io
import itertools
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..core.tensor import Tensor

TRAIN, VALIDATION = "#3b6ea5", "#d9722e"
INK, MUTED, WRONG = "#222222", "#6b6b6b", "#b3261e"
# Distinguishable with colour blindness and in grey (Okabe and Ito).
CLASSES = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#999999", "#f0e442")
_MAX_PIXELS = 60_000  # of one side; Agg is limited to 65,536


def matplotlib(caller: str) -> Any:
    """Import matplotlib with `figure` and `ticker`; the ImportError names the caller and how to install it."""
    try:
        import matplotlib
        import matplotlib.figure
        import matplotlib.ticker
    except ImportError as error:
        raise ImportError(f"{caller} needs matplotlib: pip install 'dualnet[plot]'") from error
    return matplotlib


def new_figure(caller: str, width: float, height: float, dpi: float = 120, shown: bool = False, **options: Any) -> Any:
    """A figure of a size in inches, without a window: it need not be closed, and a notebook displays it.

    Args:
        shown: whether it is to be among the figures of ``pyplot``, if the program uses that, so that ``plt.show()`` shows it.
    """
    library = matplotlib(caller)
    cls = _figure_class(library)
    options |= {"figsize": (width, height), "dpi": dpi, "facecolor": "white"}
    pyplot = sys.modules.get("matplotlib.pyplot")
    if shown and pyplot is not None and "inline" not in library.get_backend():  # a notebook would show it twice
        figure = pyplot.figure(FigureClass=cls, **options)
    else:
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        figure = cls(**options)
        FigureCanvasAgg(figure)
    if options.get("layout") == "constrained":
        figure.get_layout_engine().set(w_pad=0.09, h_pad=0.08)  # inches: a margin at the border
    return figure


def _figure_class(library: Any) -> Any:
    class Figure(library.figure.Figure):  # type: ignore[misc]
        def _repr_png_(self) -> bytes:
            stream = io.BytesIO()
            self.savefig(stream, format="png")
            return stream.getvalue()

    return Figure


def axes_of(caller: str, ax: Any, width: float, height: float, dpi: float, shown: bool = False) -> Any:
    """The axes to draw in: `ax`, or those of a new figure."""
    if ax is not None:
        return ax
    return new_figure(caller, width, height, dpi, shown, layout="constrained").add_subplot()


def finish(figure: Any, to_file: Any, dpi: float) -> Any:
    """Return the figure, after saving it atomically to a file, whose suffix is the format, unless that is None."""
    from ..saving.atomic import atomic_write

    if to_file is None:
        return figure
    path = Path(os.fspath(to_file))
    suffix = path.suffix[1:].lower() or "png"
    supported = figure.canvas.get_supported_filetypes()
    if suffix not in supported:
        raise ValueError(f"{path} ends in .{suffix}: expected one of {', '.join(sorted(supported))}")
    longest = max(figure.get_size_inches()) * dpi
    stream = io.BytesIO()
    figure.savefig(stream, format=suffix, dpi=min(dpi, dpi * _MAX_PIXELS / longest))
    with atomic_write(path) as file:
        file.write(stream.getvalue())
    return figure


def plain(axes: Any) -> None:
    """Hide the frame at the top and on the right."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#999999")
    axes.tick_params(labelsize=8, color="#999999")


def line_styles(skip: int = 0) -> Iterator[dict[str, Any]]:
    """Colours and dashes of curves, which go on without end: curves of one colour differ in their dashes."""
    for number in itertools.count(skip):
        dashes = ("-", "--", ":", "-.")[number // (len(CLASSES) - 1) % 4]
        yield {"color": CLASSES[number % (len(CLASSES) - 1)], "linestyle": dashes, "linewidth": 1.8}


def to_numpy(values: Any) -> Any:
    """Arrays, tensors and lists as NumPy arrays."""
    if isinstance(values, Tensor):
        return values.numpy()
    if hasattr(values, "get") and hasattr(values, "__cuda_array_interface__"):
        return values.get()
    return np.asarray(values)
