"""`Animation`: a callback that shows how a model learns."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..callbacks.callback import Callback
from . import figures
from .animation import animate, check_file
from .classifier_plots import checked_samples, draw_boundary, grid_of, plane, predictions

_KINDS = ("decision_boundary", "regression", "loss")
_MOST_FRAMES = 60
_RESOLUTION = 120


class Animation(Callback):
    """Records what a model says after its epochs, and writes it as an animation when `fit` ends.

    >>> model.fit(x, y, epochs=100, callbacks=[keras.visualization.Animation("learning.gif", x, y)])

    There is a frame before the first epoch, one every few epochs, and one after the last. A training that is interrupted or that
    fails leaves no file; `write` then writes what was recorded.

    Args:
        to_file: ends in `.gif`, or in `.html` for a page with buttons and a slider, which holds its pictures itself.
        x, y: samples to show. Two columns of `x` are the plane of a decision boundary, one column is the axis of a regression line.
            Not needed for the loss.
        kind: `"decision_boundary"`, `"regression"`, or `"loss"`, the curves of the loss alone; by default what fits `x`. Beside the
            first two stands the curve of the loss.
        every: epochs between two frames; by default as many as make at most 60 frames.
        class_names: of the classes of a decision boundary, for the legend.
        seconds: that a frame is shown.
        dpi: pixels per inch.

    Raises:
        ImportError: matplotlib, the extra `plot`, is not installed.
        ValueError: the samples do not fit the kind, or the file has another suffix.
    """

    def __init__(
        self,
        to_file: Any,
        x: Any = None,
        y: Any = None,
        kind: str | None = None,
        every: int | None = None,
        class_names: Sequence[str] | None = None,
        seconds: float = 0.12,
        dpi: float = 80,
    ) -> None:
        super().__init__()
        figures.matplotlib("Animation")
        self.to_file = os.fspath(check_file(to_file))
        self.kind = _kind(kind, x)
        if every is not None and (isinstance(every, bool) or not isinstance(every, int) or every < 1):
            raise ValueError(f"every must be a number of epochs of at least 1, got {every!r}")
        self.every, self.seconds, self.dpi = every, seconds, dpi
        self.class_names = None if class_names is None else list(class_names)
        if self.kind == "decision_boundary":
            self._x, self._classes, self._labels = checked_samples(x, y)
            if (
                self.class_names is not None
                and self._classes is not None
                and len(self.class_names) <= self._classes.max()
            ):
                raise ValueError(
                    f"y has {self._classes.max() + 1} classes, but there are only {len(self.class_names)} class_names"
                )
            self._sides = plane(self._x, _RESOLUTION, 0.15)
            self._inputs = grid_of(self._sides)
        elif self.kind == "regression":
            self._x, self._y, self._inputs = _line_samples(x, y)
        self._clear()

    def _clear(self) -> None:
        self._frames: list[tuple[int, Any]] = []  # epochs done, and what the model said then
        self._losses: dict[str, list[float]] = {"loss": [], "val_loss": []}

    def on_train_begin(self, logs: Any = None) -> None:
        self._clear()
        self._record(0)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        for name, values in self._losses.items():
            values.append(float((logs or {}).get(name, math.nan)))
        done = len(self._losses["loss"])
        epochs = (self.params or {}).get("epochs") or 1
        if done % (self.every or max(1, math.ceil(epochs / _MOST_FRAMES))) == 0:
            self._record(done)

    def on_train_end(self, logs: Any = None) -> None:
        done = len(self._losses["loss"])
        if self._frames[-1][0] != done:
            self._record(done)
        self.write()

    def _record(self, done: int) -> None:
        self._frames.append((done, None if self.kind == "loss" else predictions(self.model, self._inputs)))

    def write(self) -> Any:
        """Write what was recorded so far to the file. Returns its path."""
        if not self._losses["loss"]:
            raise ValueError("there is nothing to show: no epoch is complete yet")
        return animate(self._figures(), self.to_file, self.seconds, dpi=self.dpi)

    # -- drawing ---------------------------------------------------------------------------------------------------

    def _figures(self) -> Iterator[Any]:
        panels = 1 if self.kind == "loss" else 2
        figure = figures.new_figure("Animation", 0.4 + 4.3 * panels, 3.6, self.dpi, layout="constrained")
        for done, output in self._frames:
            figure.clear()
            axes = [figure.add_subplot(1, panels, n + 1) for n in range(panels)]
            self._draw_losses(axes[-1], done)
            if self.kind == "decision_boundary":
                draw_boundary(axes[0], self._sides, output, self._x, self._classes, self._labels, self.class_names)
            elif self.kind == "regression":
                self._draw_line(axes[0], output)
            epochs = len(self._losses["loss"])
            loss = f"   loss {self._losses['loss'][done - 1]:.4g}" if done else ""
            # The width of the text is the same in all frames, or the layout would jump.
            figure.suptitle(f"epoch {done:>{len(str(epochs))}} of {epochs}{loss}", fontsize=10.5, x=0.02, ha="left")
            yield figure

    def _draw_losses(self, axes: Any, done: int) -> None:
        drawn = [v for values in self._losses.values() for v in values if math.isfinite(v)]
        for (name, values), colour in zip(self._losses.items(), (figures.TRAIN, figures.VALIDATION)):
            if any(map(math.isfinite, values)):
                label = "training" if name == "loss" else "validation"
                axes.plot(range(1, len(values) + 1), values, color=colour, linewidth=1.0, alpha=0.25)
                axes.plot(range(1, done + 1), values[:done], color=colour, linewidth=1.8, label=label)
                axes.plot([done] * bool(done), values[done - 1 : done], "o", color=colour, markersize=5)
        if drawn and min(drawn) > 0 and max(drawn) > 50 * min(drawn):
            axes.set_yscale("log")
        axes.set_xlim(0.5, max(len(self._losses["loss"]), 1) + 0.5)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.set_xlabel("epoch", fontsize=9, color=figures.MUTED)
        axes.set_ylabel("loss", fontsize=9, color=figures.MUTED)
        if any(map(math.isfinite, self._losses["val_loss"])):
            axes.legend(fontsize=8.5, frameon=False, loc="upper right")
        figures.plain(axes)

    def _draw_line(self, axes: Any, output: Any) -> None:
        if output.shape[1] != 1:
            raise ValueError(f"a regression line needs a model with one output, this one has {output.shape[1]}")
        axes.scatter(self._x, self._y, s=14, color="#888888", edgecolor="white", linewidth=0.5)
        axes.plot(self._inputs[:, 0], output[:, 0], color=figures.CLASSES[5], linewidth=2)
        spread = float(np.ptp(self._y)) or 1.0
        axes.set_xlim(self._inputs[0, 0], self._inputs[-1, 0])
        axes.set_ylim(self._y.min() - 0.15 * spread, self._y.max() + 0.15 * spread)
        axes.set_xlabel("x", fontsize=9, color=figures.MUTED)
        axes.set_ylabel("y", fontsize=9, color=figures.MUTED)
        figures.plain(axes)


def _kind(kind: str | None, x: Any) -> str:
    if kind is not None:
        if kind not in _KINDS:
            raise ValueError(f"kind must be one of {', '.join(_KINDS)}, got {kind!r}")
        return kind
    if x is None:
        return "loss"
    values = figures.to_numpy(x)
    return "decision_boundary" if values.ndim == 2 and values.shape[1] == 2 else "regression"


def _line_samples(x: Any, y: Any) -> tuple[Any, Any, Any]:
    """Samples as two vectors, and the inputs at which the line is drawn."""
    if x is None or y is None:
        raise ValueError("a regression line needs the samples: pass x and y")
    xs, ys = (np.asarray(figures.to_numpy(v), np.float64) for v in (x, y))
    if xs.size != len(xs) or ys.size != len(ys) or len(xs) != len(ys) or not len(xs):
        raise ValueError(f"x and y must be of one length, (n,) or (n, 1), got shapes {xs.shape} and {ys.shape}")
    margin = 0.05 * (float(np.ptp(xs)) or 1.0)
    inputs = np.linspace(xs.min() - margin, xs.max() + margin, 200)[:, None].astype(np.float32)
    return xs.reshape(-1), ys.reshape(-1), inputs
