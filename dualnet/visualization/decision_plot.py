"""What a model with two inputs decides all over the plane."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..utils.numerical_utils import class_ids
from . import figures


def plot_decision_boundary(
    model: Any,
    x: Any,
    y: Any = None,
    class_names: Sequence[str] | None = None,
    resolution: int = 200,
    margin: float = 0.15,
    title: str | None = None,
    to_file: Any = None,
    dpi: float = 120,
    ax: Any = None,
) -> Any:
    """Draw what a model with two inputs decides all over the plane, and the samples on it.

    With one output between 0 and 1 the shade tells how sure it is, and the line is where it says 0.5; with one that is
    any number, the line is at 0. With an output per class, or class ids, each class has its colour.

    Args:
        model: anything with `predict(x)`: a model, a `Perceptron`, an estimator of scikit-learn.
        x: samples `(n, 2)`; they set the part of the plane that is drawn.
        y: their classes: ids, -1 and 1, or one hot rows. Without them the samples are grey.
        class_names: for the legend; the ids when None.
        resolution: points along each side at which the model is asked.
        margin: around the samples, as a share of their spread.
        title, to_file, dpi, ax: as for `plot_confusion_matrix`.

    Returns:
        A matplotlib figure, which a notebook shows by itself.

    Raises:
        ImportError: matplotlib, the extra `plot`, is not installed.
        ValueError: `x` has not two columns, or a length differs.
    """
    figures.matplotlib("plot_decision_boundary")
    x = np.asarray(figures.host(x), np.float64)
    if x.ndim != 2 or x.shape[1] != 2 or not len(x):
        raise ValueError(f"x must have two columns, samples (n, 2), got shape {x.shape}")
    classes, known = (None, []) if y is None else _numbered(figures.host(y))
    if classes is not None and len(classes) != len(x):
        raise ValueError(f"x and y must be of one length, got {len(x)} and {len(classes)}")
    low, high = x.min(axis=0), x.max(axis=0)
    spread = np.where(high > low, high - low, 1.0)
    sides = [np.linspace(a - margin * s, b + margin * s, resolution) for a, b, s in zip(low, high, spread)]
    grid = np.stack(np.meshgrid(*sides), axis=-1).reshape(-1, 2).astype(np.float32)
    output = _predict(model, grid)

    axes = figures.axes_of("plot_decision_boundary", ax, 5.0, 4.3, dpi)
    shape = (resolution, resolution)
    one_column = output.shape[1] == 1 and output.dtype.kind == "f"
    if one_column and output.min() >= 0 and output.max() <= 1:
        _shades(axes, sides, output.reshape(shape))
        count = 2
    else:
        if one_column and (output != np.round(output)).any():  # a score: the larger label from 0 on
            output = np.concatenate([-output, output], axis=1)
        decided, answers = _numbered(output)
        known = known if len(known) >= len(answers) else answers
        count = len(known)
        _regions(axes, sides, decided.reshape(shape), output, count)
    if classes is None:
        axes.scatter(*x.T, s=16, color="#555555", edgecolor="white", linewidth=0.6, zorder=3)
    else:
        names = [str(label) for label in known] if class_names is None else list(class_names)
        if len(names) <= classes.max():
            raise ValueError(f"y has {classes.max() + 1} classes, but there are only {len(names)} class_names")
        for k in range(max(count, len(names))):
            if (classes == k).any():
                colour = figures.CLASSES[k % len(figures.CLASSES)]
                axes.scatter(
                    *x[classes == k].T, s=20, color=colour, edgecolor="white", linewidth=0.7, label=names[k], zorder=3
                )
        axes.legend(fontsize=8.5, frameon=True, framealpha=0.9, edgecolor="none", title=None)
    axes.set_xlim(sides[0][0], sides[0][-1])
    axes.set_ylim(sides[1][0], sides[1][-1])
    axes.set_xlabel("x[:, 0]", fontsize=9, color=figures.MUTED)
    axes.set_ylabel("x[:, 1]", fontsize=9, color=figures.MUTED)
    figures.plain(axes)
    if title:
        axes.set_title(title, fontsize=10.5, loc="left")
    if to_file is not None:
        figures.save(axes.figure, to_file, dpi)
    return axes.figure


def _shades(axes: Any, sides: list[Any], probability: Any) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    colours = LinearSegmentedColormap.from_list("two", [figures.CLASSES[0], "#ffffff", figures.CLASSES[1]])
    _fill(axes, sides, probability, cmap=colours, alpha=0.5, vmin=0, vmax=1, interpolation="bilinear")
    if probability.min() < 0.5 < probability.max():
        axes.contour(*sides, probability, levels=[0.5], colors=[figures.INK], linewidths=1.3)


def _regions(axes: Any, sides: list[Any], decided: Any, output: Any, count: int) -> None:
    from matplotlib.colors import ListedColormap

    colours = ListedColormap([figures.CLASSES[k % len(figures.CLASSES)] for k in range(count)])
    _fill(axes, sides, decided, cmap=colours, alpha=0.3, vmin=-0.5, vmax=count - 0.5, interpolation="nearest")
    for k in np.unique(decided) if (decided != decided[0, 0]).any() else ():
        # By how much a class leads is zero just where another takes over; class ids alone make steps.
        lead = np.where(decided == k, 1.0, -1.0)
        if output.shape[1] > 1:
            lead = (output[:, k] - np.delete(output, k, axis=1).max(axis=1)).reshape(decided.shape)
        axes.contour(*sides, lead, levels=[0.0], colors=["white"], linewidths=1.2)


def _fill(axes: Any, sides: list[Any], values: Any, **options: Any) -> None:
    extent = (sides[0][0], sides[0][-1], sides[1][0], sides[1][-1])
    axes.imshow(values, extent=extent, origin="lower", aspect="auto", **options)


def _numbered(labels: Any) -> tuple[Any, list[int]]:
    """Labels counted from 0, and what each number stands for. Labels that are -1 and 1 are two classes."""
    flat = labels.reshape(len(labels), -1)
    if flat.shape[1] == 1 and set(np.unique(flat).tolist()) <= {-1, 1} and flat.min() < 0:
        return (flat[:, 0] > 0).astype(np.int64), [-1, 1]
    ids = class_ids(labels, "labels")
    return ids, list(range(max(2, int(ids.max()) + 1)))


def _predict(model: Any, x: Any) -> Any:
    """What a model says, as (n, outputs), without a progress bar."""
    takes = inspect.signature(model.predict).parameters
    output = np.asarray(figures.host(model.predict(x, verbose=0) if "verbose" in takes else model.predict(x)))
    if output.ndim > 2 or len(output) != len(x):
        raise ValueError(f"the model must give one row per sample, it gave shape {output.shape} for {len(x)} samples")
    return output.reshape(len(x), -1)
